package creche_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// ring wraps one error, knot several: itself, for instance.
type (
	ring struct{ next error }
	knot struct{ kids []error }
)

func (*ring) Error() string     { return "ring" }
func (r *ring) Unwrap() error   { return r.next }
func (*knot) Error() string     { return "knot" }
func (k *knot) Unwrap() []error { return k.kids }

// endless are errors in which package errors would search for ever, or until
// the stack is full.
func endless() map[string]error {
	r, k := new(ring), new(knot)
	r.next = &ring{r}
	k.kids = []error{errPlain, k, &ring{k}}
	return map[string]error{"a ring": r, "branches that are a ring": k}
}

// ringless wraps err so many times.
func ringless(links int, err error) error {
	for range links {
		err = &ring{err}
	}
	return err
}

var errPlain = errors.New("plain")

// everyEndless runs test in a bubble for each of them.
func everyEndless(t *testing.T, test func(t *testing.T, bad error)) {
	for name, bad := range endless() {
		in(t, name, func(t *testing.T) { test(t, bad) })
	}
}

type failsToRead struct{ err error }

func (f failsToRead) Read([]byte) (int, error) { return 0, f.err }

// E8
func TestARequestWhoseBodyFailsWithoutEnd(t *testing.T) {
	everyEndless(t, func(t *testing.T, bad error) {
		app, seen := watched(creche.Options{})
		inner := app.Middleware(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			_, err := io.ReadAll(r.Body)
			return err
		}))
		srv := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body = io.NopCloser(failsToRead{bad})
			inner.ServeHTTP(w, r)
		}))
		wantReply(t, get(t, srv), http.StatusInternalServerError, "Internal Server Error")
		if got := len(seen.reports()); got != 1 {
			t.Errorf("got %d reports, want 1", got)
		}
	})
}

// E5: what wraps nothing but itself, or nothing at all, is answered and reported.
func TestARequestThatFailsWithoutLeaves(t *testing.T) {
	barren := new(knot)
	barren.kids = []error{barren, &ring{barren}}
	for name, bad := range map[string]error{"holds itself": barren, "is empty": &nursery.MultiError{}} {
		in(t, name, func(t *testing.T) {
			app, seen := watched(creche.Options{})
			srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(http.ResponseWriter, *http.Request) error { return bad })))
			wantReply(t, get(t, srv), http.StatusInternalServerError, "Internal Server Error")
			if got := seen.reports(); len(got) != 1 || got[0].Err != bad {
				t.Errorf("got reports %v, want the error", got)
			}
		})
	}
}

// R5, E8
func TestARequestThatEndsForACauseWithoutEnd(t *testing.T) {
	everyEndless(t, func(t *testing.T, bad error) {
		app, seen := watched(creche.Options{})
		inner := app.Middleware(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			<-r.Context().Done()
			return errors.Join(context.Cause(r.Context()), errJob)
		}))
		srv := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancelCause(r.Context())
			cancel(bad)
			inner.ServeHTTP(w, r.WithContext(ctx))
		}))
		wantReply(t, get(t, srv), http.StatusInternalServerError, "Internal Server Error")
		if len(seen.reports()) == 0 {
			t.Error("got no report, want the job's failure")
		}
	})
}

// E8: as a client that left, too.
func TestAClientThatLeavesAnErrorWithoutEnd(t *testing.T) {
	everyEndless(t, func(t *testing.T, bad error) {
		app, seen := watched(creche.Options{})
		ctx, leave := context.WithCancel(t.Context())
		srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			leave()
			<-r.Context().Done()
			return bad
		})))
		if got := ask(t, srv.Client(), http.MethodGet, srv.URL, func(r *http.Request) { *r = *r.WithContext(ctx) }); got.err == nil {
			t.Errorf("got %v, want none", got)
		}
		srv.Close()
		if got := len(seen.reports()); got != 1 {
			t.Errorf("got %d reports, want 1", got)
		}
	})
}

// B2, B7
func TestAStopOfWhatFailsWithoutEnd(t *testing.T) {
	everyEndless(t, func(t *testing.T, bad error) {
		s := prepared(creche.Options{Stopping: stages})
		fails := func(ctx context.Context) error {
			<-ctx.Done()
			return bad
		}
		s.Service("runs", creche.Service{Run: fails})
		s.Service("stops", creche.Service{Stop: func(context.Context) error { return bad }})
		s.start(t, s.listener, http.NotFoundHandler())
		wantErr(t, s.Go(t.Context(), "job", fails), nil)
		s.begin(func() { s.Stop(bad) })
		if err := s.end(); err == nil {
			t.Error("got nil, want the cause")
		}
		s.wantEvents(t, "18s stopped")
		if got := len(s.seen.reports()); got == 0 {
			t.Error("got no report, want the job's failure")
		}
	})
}

// B8: a start that fails does not hang either.
func TestAStartThatFailsWithoutEnd(t *testing.T) {
	everyEndless(t, func(t *testing.T, bad error) {
		s := prepared(creche.Options{})
		s.Service("starts", creche.Service{Start: func(context.Context) error { return bad }})
		s.start(t, s.listener, http.NotFoundHandler())
		if err := s.end(); err == nil || nursery.Is(err, context.Canceled) {
			t.Errorf("got %v, want the service's error", err)
		}
	})
}

// R5: as what a write failed with, too.
func TestAResponseThatFailsWithoutEnd(t *testing.T) {
	op := &net.OpError{Op: "write"}
	op.Err = &ring{op}
	sent := &net.OpError{Op: "write", Err: syscall.EPIPE}
	bad := endless()
	bad["an operation of itself"] = op
	bad["operations of one another"] = &net.OpError{Op: "proxy", Err: &ring{sent}}
	for name, err := range bad {
		in(t, name, func(t *testing.T) {
			app, seen := watched(creche.Options{Logger: muted})
			h := app.Middleware(creche.Handler(func(w http.ResponseWriter, _ *http.Request) error {
				_, _ = w.Write([]byte("ok"))
				_ = http.NewResponseController(w).Flush()
				_, err := w.Write([]byte("ok"))
				return err
			}))
			w := &unwritable{ResponseRecorder: httptest.NewRecorder(), err: err}
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			want := 1
			if _, left := err.(*net.OpError); left { // the client has
				want = 0
			}
			if got := len(seen.reports()); got != want {
				t.Errorf("got %d reports, want %d", got, want)
			}
		})
	}
}

// unwritable is a writer whose writes fail.
type unwritable struct {
	*httptest.ResponseRecorder
	err error
}

func (w *unwritable) Write([]byte) (int, error) { return 0, w.err }

// loop is a writer that wraps itself.
type loop struct{ http.ResponseWriter }

func (l loop) Unwrap() http.ResponseWriter { return l }

// R4
func TestAWriterThatWrapsItself(t *testing.T) {
	app, _ := watched(creche.Options{})
	inside := app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Middleware", "1") // by which the writers are gone through
		creche.Handler(func(w http.ResponseWriter, _ *http.Request) error {
			_, err := io.WriteString(w, "ok")
			return err
		})(loop{w}, r)
	}))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	w := httptest.NewRecorder()
	inside.ServeHTTP(w, r)
	if w.Body.String() != "ok" {
		t.Errorf("got %d %q, want the handler's answer", w.Code, w.Body)
	}

	outside := app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := w.(http.Pusher).Push("/", nil); err != http.ErrNotSupported {
			t.Errorf("got %v, want %v", err, http.ErrNotSupported)
		}
	}))
	r.ProtoMajor, r.ProtoMinor = 2, 0
	outside.ServeHTTP(loop{httptest.NewRecorder()}, r)
}
