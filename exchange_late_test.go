package creche_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

var errSoldOut = errors.New("shop: sold out: secret")

// conflict answers errSoldOut.
var conflict = errorhandlers.TranslateIs(errSoldOut, func(err error) error {
	return &errorhandlers.Problem{Status: http.StatusConflict, Detail: "all gone", Err: err}
})

// soldOutLater is a task that fails when the handler has long returned.
func soldOutLater(ctx context.Context) error {
	time.Sleep(time.Hour)
	return errSoldOut
}

func startTask(r *http.Request, task func(context.Context) error) {
	nursery.From(r.Context()).Go(task)
}

// R2
func TestLateFailureReplacesTheHeldResponse(t *testing.T) {
	tests := []struct {
		name    string
		handler http.HandlerFunc
	}{
		{"a task fails after the handler wrote 201", func(w http.ResponseWriter, r *http.Request) {
			startTask(r, soldOutLater)
			w.Header().Set("Etag", `"x"`)
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, "created")
		}},
		{"a task fails after the handler wrote as much as is held", func(w http.ResponseWriter, r *http.Request) {
			startTask(r, soldOutLater)
			io.WriteString(w, repeat(2048))
		}},
		{"a task fails after the handler wrote 204", func(w http.ResponseWriter, r *http.Request) {
			startTask(r, soldOutLater)
			w.WriteHeader(http.StatusNoContent)
		}},
		{"a task fails after the handler declared a length", func(w http.ResponseWriter, r *http.Request) {
			startTask(r, soldOutLater)
			w.Header().Set("Content-Length", "2")
			io.WriteString(w, "ok")
		}},
		{"a task fails after early hints", func(w http.ResponseWriter, r *http.Request) {
			startTask(r, soldOutLater)
			w.Header().Set("Link", "</a.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			io.WriteString(w, "ok")
		}},
		{"a task of a task fails", func(w http.ResponseWriter, r *http.Request) {
			startTask(r, func(ctx context.Context) error {
				time.Sleep(time.Minute)
				nursery.From(ctx).Go(soldOutLater)
				return nil
			})
			io.WriteString(w, "ok")
		}},
		{"the handler fails after it wrote", creche.Handler(func(w http.ResponseWriter, _ *http.Request) error {
			io.WriteString(w, "ok")
			return errSoldOut
		})},
		{"the handler wrote nothing", failing(errSoldOut).ServeHTTP},
		{"Fail is called for the exchange", func(w http.ResponseWriter, r *http.Request) {
			creche.ExchangeOf(r.Context()).Fail(errSoldOut)
			io.WriteString(w, "ok")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			protocols(t, func(t *testing.T, opts ...nurserytest.ServerOption) {
				t.Helper()
				synctest.Test(t, func(t *testing.T) {
					app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{conflict}})
					got := get(t, nurserytest.NewServer(t, app.Middleware(tt.handler), opts...))
					wantReply(t, got, http.StatusConflict, "all gone")
					for _, name := range []string{"Etag", "Link"} {
						if got.header.Get(name) != "" {
							t.Errorf("got %s %q of the discarded response", name, got.header.Get(name))
						}
					}
					if strings.Contains(got.body, "secret") {
						t.Errorf("got %q, with the error's text", got.body)
					}
					seen.wantOnce(t)
				})
			})
		})
	}
}

// committing are the ways to send a response before the handler's end.
var committing = []struct {
	name  string
	write func(w http.ResponseWriter)
}{
	{"more bytes than are held", func(w http.ResponseWriter) { io.WriteString(w, repeat(2049)) }},
	{"many more bytes than are held", func(w http.ResponseWriter) { io.WriteString(w, repeat(100_000)) }},
	{"a flush", func(w http.ResponseWriter) {
		io.WriteString(w, "ok")
		w.(http.Flusher).Flush()
	}},
	{"a flush before anything was written", func(w http.ResponseWriter) { w.(http.Flusher).Flush() }},
	{"a flush of the first bytes of a declared length", func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", "3")
		io.WriteString(w, "ok")
		w.(http.Flusher).Flush()
	}},
	{"a copy from a reader, over HTTP/1.1", func(w http.ResponseWriter) {
		_, _ = io.Copy(w, onlyReader{strings.NewReader(repeat(2049))})
	}},
	{"a declared trailer", func(w http.ResponseWriter) {
		w.Header().Set("Trailer", "X-Sum")
		io.WriteString(w, "ok")
		w.Header().Set("X-Sum", "1")
	}},
}

// failures are the ways to fail after that.
var failures = []struct {
	name string
	fail func(r *http.Request) error
	want error
}{
	{"a task fails", func(r *http.Request) error { startTask(r, soldOutLater); return nil }, errSoldOut},
	{"the handler fails", func(*http.Request) error { return errSoldOut }, errSoldOut},
	{"the handler panics", func(*http.Request) error { panic(errSoldOut) }, errSoldOut},
	{"a task panics", func(r *http.Request) error {
		startTask(r, func(context.Context) error { panic(errSoldOut) })
		return nil
	}, errSoldOut},
}

// R3
func TestFailureAfterTheCommitCutsTheResponse(t *testing.T) {
	for _, c := range committing {
		for _, f := range failures {
			t.Run(c.name+", then "+f.name, func(t *testing.T) {
				protocols(t, func(t *testing.T, opts ...nurserytest.ServerOption) {
					t.Helper()
					synctest.Test(t, func(t *testing.T) {
						cut(t, c.write, f.fail, f.want, opts...)
					})
				})
			})
		}
	}
}

// cut asks twice, so that the failing request comes on a connection that was
// used before: only then would Go's client repeat it.
func cut(t *testing.T, write func(http.ResponseWriter), fail func(*http.Request) error, want error, opts ...nurserytest.ServerOption) {
	t.Helper()
	var runs atomic.Int32
	app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{conflict}})
	srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if r.URL.Path == "/warm" {
			return nil
		}
		runs.Add(1)
		write(w)
		return fail(r)
	})), opts...)
	wantReply(t, ask(t, srv.Client(), http.MethodGet, srv.URL+"/warm"), http.StatusOK, "")
	got := get(t, srv)
	if got.err == nil {
		t.Errorf("got %v, which looks whole", got)
	}
	if got.status != http.StatusOK {
		t.Errorf("got status %d, want the 200 that had left", got.status)
	}
	if runs.Load() != 1 {
		t.Errorf("got %d runs of the handler, want 1", runs.Load())
	}
	seen.wantOnce(t, want)
}

// Without a way to cut what has not left, every failure has its answer.
//
// R3
func TestFailureWithNothingOnTheWireIsAnsweredOnce(t *testing.T) {
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			protocols(t, func(t *testing.T, opts ...nurserytest.ServerOption) {
				t.Helper()
				synctest.Test(t, func(t *testing.T) {
					var runs atomic.Int32
					app, seen := watched(creche.Options{})
					srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
						if r.URL.Path == "/warm" {
							return nil
						}
						runs.Add(1)
						io.WriteString(w, repeat(2048))
						return f.fail(r)
					})), opts...)
					wantReply(t, ask(t, srv.Client(), http.MethodGet, srv.URL+"/warm"), http.StatusOK, "")
					wantReply(t, get(t, srv), http.StatusInternalServerError, "Internal Server Error")
					if runs.Load() != 1 {
						t.Errorf("got %d runs of the handler, want 1", runs.Load())
					}
					seen.wantOnce(t, f.want)
				})
			})
		})
	}
}

// R2: what the handler set in the header goes with its response.
func TestDiscardKeepsTheHeadersOfOuterMiddleware(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := watched(creche.Options{Errors: []errorhandlers.Rule{conflict}})
		inner := app.Middleware(creche.Handler(func(w http.ResponseWriter, _ *http.Request) error {
			h := w.Header()
			h.Set("X-Kept", "spoilt")
			h.Add("X-Added", "inner")
			h.Del("X-Deleted")
			h["X-Values"][0] = "spoilt"
			h.Set("X-Inner", "inner")
			http.SetCookie(w, &http.Cookie{Name: "inner", Value: "1"})
			w.WriteHeader(http.StatusCreated)
			h.Set("X-Late", "inner")
			return errSoldOut
		}))
		srv := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("X-Kept", "outer")
			h.Set("X-Added", "outer")
			h.Set("X-Deleted", "outer")
			h["X-Values"] = []string{"1", "2"}
			h["X-Lower"] = nil
			http.SetCookie(w, &http.Cookie{Name: "outer", Value: "1"})
			inner.ServeHTTP(w, r)
		}))
		got := get(t, srv)
		wantReply(t, got, http.StatusConflict, "all gone")
		want := http.Header{
			"X-Kept": {"outer"}, "X-Added": {"outer"}, "X-Deleted": {"outer"}, "X-Values": {"1", "2"},
			"Set-Cookie": {"outer=1"}, "X-Inner": nil, "X-Late": nil,
		}
		for name, values := range want {
			if g, w := strings.Join(got.header[name], "|"), strings.Join(values, "|"); g != w {
				t.Errorf("%s: got %q, want %q", name, g, w)
			}
		}
	})
}

// wrapping is a writer such as middleware puts around another.
type wrapping struct{ http.ResponseWriter }

func (w wrapping) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// R2: what middleware set before the handler was called is no part of the
// response that the handler wrote, wherever the middleware stands.
func TestDiscardKeepsTheHeadersOfInnerMiddleware(t *testing.T) {
	tests := []struct {
		name string
		wrap func(w http.ResponseWriter) http.ResponseWriter
		want string
	}{
		{"that passes the writer on", func(w http.ResponseWriter) http.ResponseWriter { return w }, "*"},
		{"that wraps the writer", func(w http.ResponseWriter) http.ResponseWriter { return wrapping{w} }, "*"},
		{"that hides the writer", func(w http.ResponseWriter) http.ResponseWriter {
			return struct{ http.ResponseWriter }{w}
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, _ := watched(creche.Options{Errors: []errorhandlers.Rule{
					errorhandlers.OnIs(errSoldOut, func(w http.ResponseWriter, _ *http.Request, _ error) error {
						w.WriteHeader(http.StatusConflict)
						_, err := io.WriteString(w, "all gone")
						return err
					}),
				}})
				handler := creche.Handler(func(w http.ResponseWriter, _ *http.Request) error {
					w.Header().Set("X-Handler", "1")
					w.Header().Set("Access-Control-Allow-Origin", "spoilt")
					w.WriteHeader(http.StatusCreated)
					return errSoldOut
				})
				srv := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Access-Control-Allow-Origin", "*")
					w.Header().Set("Content-Encoding", "gzip") // of a body that is discarded
					handler(tt.wrap(w), r)
				})))
				got := get(t, srv)
				wantReply(t, got, http.StatusConflict, "all gone")
				for name, want := range map[string]string{
					"Access-Control-Allow-Origin": tt.want, "Content-Encoding": "", "X-Handler": "",
				} {
					if got := got.header.Get(name); got != want {
						t.Errorf("%s: got %q, want %q", name, got, want)
					}
				}
			})
		})
	}
}

// R2
func TestHoldSaysHowMuchIsHeld(t *testing.T) {
	tests := []struct {
		name       string
		hold, size int
		want       int
	}{
		{"as much as is held", 100, 100, http.StatusConflict},
		{"one byte more", 100, 101, http.StatusOK},
		{"never less than 64", 1, 64, http.StatusConflict},
		{"one byte more than 64", 1, 65, http.StatusOK},
		{"much more than by default", 1 << 20, 1 << 20, http.StatusConflict},
		{"the default", 0, 2048, http.StatusConflict},
		{"one byte more than the default", 0, 2049, http.StatusOK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, _ := watched(creche.Options{Hold: tt.hold, Errors: []errorhandlers.Rule{conflict}})
				srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(w http.ResponseWriter, _ *http.Request) error {
					for range tt.size {
						io.WriteString(w, "x")
					}
					return errSoldOut
				})))
				if got := get(t, srv); got.status != tt.want || (got.err != nil) != (tt.want == http.StatusOK) {
					t.Errorf("got %d (%v), want %d", got.status, got.err, tt.want)
				}
			})
		})
	}
}

// The name of the task that failed is part of the report, also where there is
// one failure, which comes bare.
//
// E4
func TestReportsNameTheTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{})
		srv := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			nursery.From(r.Context()).Go(soldOutLater, nursery.Name("book stock"))
		})))
		wantReply(t, get(t, srv), http.StatusInternalServerError, "Internal Server Error")
		if got := seen.reports(); len(got) != 1 || got[0].Task != "book stock" || got[0].Index != 1 {
			t.Errorf("got %v, want one report of the task's failure, with its name", got)
		}
	})
}

// R6: a Goexit's report has the stack, as a panic's has.
func TestReportsOfAGoexitHaveTheStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{})
		srv := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			nursery.From(r.Context()).Go(leave, nursery.Name("leaver"))
		})))
		wantReply(t, get(t, srv), http.StatusInternalServerError, "Internal Server Error")
		stack := ""
		for _, r := range seen.reports() {
			for _, attr := range r.LogAttrs() {
				if attr.Key == "stack" {
					stack += attr.Value.String()
				}
			}
		}
		if !strings.HasPrefix(stack, "github.com/creche-go/creche_test.leave(...)") {
			t.Errorf("got stack %q, want it to begin where Goexit was called", stack)
		}
	})
}
