package creche_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

var errBoom = errors.New("shop: boom: secret")

// boom and leave are found in stacks by their names.
func boom(context.Context) error { panic(errBoom) }

func leave(context.Context) error {
	runtime.Goexit()
	return nil
}

// R6
func TestPanicsAreAnsweredAndReported(t *testing.T) {
	tests := []struct {
		name    string
		handler func(w http.ResponseWriter, r *http.Request) error
	}{
		{"the handler panics", func(_ http.ResponseWriter, r *http.Request) error { return boom(r.Context()) }},
		{"the handler panics after it wrote", func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("X-Inner", "1")
			io.WriteString(w, "ok")
			return boom(r.Context())
		}},
		{"a task panics", func(w http.ResponseWriter, r *http.Request) error {
			startTask(r, boom)
			_, err := io.WriteString(w, "ok")
			return err
		}},
		{"a task panics while its siblings wait", func(_ http.ResponseWriter, r *http.Request) error {
			startTask(r, func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			})
			startTask(r, boom)
			<-r.Context().Done()
			return context.Cause(r.Context())
		}},
		{"a nested nursery's task panics", func(_ http.ResponseWriter, r *http.Request) error {
			return nursery.All(r.Context(), boom, func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			})
		}},
		{"a nested nursery's task panics in a task", func(_ http.ResponseWriter, r *http.Request) error {
			startTask(r, func(ctx context.Context) error {
				return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
					n.Go(boom)
					return nil
				})
			})
			return nil
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			protocols(t, func(t *testing.T, opts ...nurserytest.ServerOption) {
				t.Helper()
				synctest.Test(t, func(t *testing.T) {
					app, seen := watched(creche.Options{})
					srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(tt.handler)), opts...)
					got := get(t, srv)
					wantReply(t, got, http.StatusInternalServerError, "Internal Server Error")
					if got.header.Get("X-Inner") != "" || strings.Contains(got.body, "boom") {
						t.Errorf("got %v %v, with something of the handler's", got, got.header)
					}
					seen.wantOnce(t, errBoom)
					wantStack(t, seen, "_test.boom")
				})
			})
		})
	}
}

func wantStack(t *testing.T, seen *witness, function string) {
	t.Helper()
	for _, r := range seen.reports() {
		var p *nursery.PanicError
		if !errors.As(r.Err, &p) || !strings.Contains(p.Stack(), function) {
			t.Errorf("got report %v, want a panic with %s in its stack", r.Err, function)
		}
	}
}

// R6
func TestPanicIsForTheRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rule := errorhandlers.On(func(w http.ResponseWriter, _ *http.Request, p *nursery.PanicError) error {
			http.Error(w, "we are sorry", http.StatusBadGateway)
			return nil
		})
		app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{rule}})
		srv := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			startTask(r, boom)
		})))
		wantReply(t, get(t, srv), http.StatusBadGateway, "we are sorry")
		seen.wantOnce(t, errBoom)
	})
}

// A panic(nil) and values that are no errors are panics like any other.
//
// R6
func TestPanicValues(t *testing.T) {
	for name, value := range map[string]any{"nil": nil, "a string": "x", "a struct": struct{ f func() }{}, "a slice": []int{1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, seen := watched(creche.Options{})
				srv := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
					panic(value)
				})))
				wantReply(t, get(t, srv), http.StatusInternalServerError, "Internal Server Error")
				if got := len(seen.reports()); got != 1 {
					t.Errorf("got %d reports, want 1", got)
				}
			})
		})
	}
}

// R6
func TestGoexitIsAnsweredAndReported(t *testing.T) {
	handlers := map[string]http.HandlerFunc{
		"of the handler": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "ok")
			_ = leave(r.Context())
		},
		"of a task": func(w http.ResponseWriter, r *http.Request) {
			startTask(r, leave)
			io.WriteString(w, "ok")
		},
	}
	layers := map[string]func(app, other *creche.App, h http.Handler) http.Handler{
		"": func(app, _ *creche.App, h http.Handler) http.Handler { return app.Middleware(h) },
		" in two layers": func(app, _ *creche.App, h http.Handler) http.Handler {
			return app.Middleware(app.Middleware(h))
		},
		" in two applications": func(app, other *creche.App, h http.Handler) http.Handler {
			return app.Middleware(other.Middleware(h))
		},
	}
	for name, h := range handlers {
		for where, layer := range layers {
			t.Run(name+where, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					app, seen := watched(creche.Options{})
					other := creche.New(creche.Options{Observe: seen.observe})
					srv := nurserytest.NewServer(t, layer(app, other, h))
					wantReply(t, get(t, srv), http.StatusInternalServerError, "Internal Server Error")
					seen.wantOnce(t, nursery.ErrGoexit)
				})
			})
		}
	}
}

// A panic is one failure whatever its value wraps: neither echoes of a
// cancellation nor an ErrAbortHandler in it make it anything else.
//
// R3, R6
func TestPanicsWithSeveralErrors(t *testing.T) {
	tests := map[string]func(r *http.Request) error{
		"two errors": func(*http.Request) error { return errors.Join(errSoldOut, errBoom) },
		"echoes of the scope's cancellation": func(r *http.Request) error {
			nursery.From(r.Context()).Cancel(nil)
			return errors.Join(context.Cause(r.Context()), r.Context().Err())
		},
		"an ErrAbortHandler among them": func(*http.Request) error { return errors.Join(errBoom, http.ErrAbortHandler) },
	}
	for name, value := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, seen := watched(creche.Options{})
				srv := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					io.WriteString(w, "ok")
					panic(value(r))
				})))
				wantReply(t, get(t, srv), http.StatusInternalServerError, "Internal Server Error")
				if got := seen.reports(); len(got) != 1 || got[0].Kind() != "panic" {
					t.Errorf("got %v, want one report of a panic", got)
				}
			})
		})
	}
}

// R6: a panic that a nested nursery returned, and the handler wrapped.
func TestPanicsThatWereReturnedAreReportedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{})
		srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			return fmt.Errorf("loading: %w", nursery.Run(r.Context(), func(context.Context, *nursery.Nursery) error {
				panic(errBoom)
			}, nursery.OnPanic(nursery.ReturnPanics)))
		})))
		wantReply(t, get(t, srv), http.StatusInternalServerError, "Internal Server Error")
		seen.wantOnce(t, errBoom)
	})
}

// A Goexit goes on when a panic on its way is recovered.
//
// R6
func TestGoexitWhoseCleanUpPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{})
		srv := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "ok")
			defer func() { _ = boom(r.Context()) }()
			_ = leave(r.Context())
		})))
		wantReply(t, get(t, srv), http.StatusInternalServerError, "Internal Server Error")
		seen.wantOnce(t, nursery.ErrGoexit, errBoom)
	})
}

// HTTP/2 cannot be told from the handler's goroutine that a response is whole
// when that goroutine goes away; but it must not look whole either, unless it
// is the error's.
//
// R6
func TestGoexitOverHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{})
		srv := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "ok")
			_ = leave(r.Context())
		})), nurserytest.HTTP2())
		if got := get(t, srv); got.err == nil && got.status != http.StatusInternalServerError {
			t.Errorf("got %v, want an error or 500", got)
		}
		seen.wantOnce(t, nursery.ErrGoexit)
	})
}

// R6
func TestAbortHandlerPassesThrough(t *testing.T) {
	abort := func(context.Context) error { panic(http.ErrAbortHandler) }
	tests := []struct {
		name    string
		handler func(w http.ResponseWriter, r *http.Request) error
		want    []error
	}{
		{"from the handler", func(w http.ResponseWriter, r *http.Request) error {
			io.WriteString(w, "ok")
			return abort(r.Context())
		}, nil},
		{"from the handler, after the commit", func(w http.ResponseWriter, r *http.Request) error {
			w.(http.Flusher).Flush()
			return abort(r.Context())
		}, nil},
		{"from a task", func(_ http.ResponseWriter, r *http.Request) error {
			startTask(r, abort)
			return nil
		}, nil},
		{"from a task of a nested nursery", func(_ http.ResponseWriter, r *http.Request) error {
			return nursery.All(r.Context(), abort, soldOutLater)
		}, []error{errSoldOut}},
		{"beside a failure, which is reported", func(_ http.ResponseWriter, r *http.Request) error {
			startTask(r, soldOutLater)
			return abort(r.Context())
		}, []error{errSoldOut}},
		{"beside a panic, which is reported once", func(_ http.ResponseWriter, r *http.Request) error {
			startTask(r, boom)
			return abort(r.Context())
		}, []error{errBoom}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, seen := watched(creche.Options{})
				var raised any
				inner := app.Middleware(app.Middleware(creche.Handler(tt.handler)))
				srv := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer func() {
						raised = recover()
						panic(raised)
					}()
					inner.ServeHTTP(w, r)
				}))
				if got := ask(t, srv.Client(), http.MethodPost, srv.URL); got.err == nil {
					t.Errorf("got %v, want a cut connection", got)
				}
				if raised != http.ErrAbortHandler { // bare, as servers compare it
					t.Errorf("got panic %v, want http.ErrAbortHandler", raised)
				}
				seen.wantOnce(t, tt.want...)
			})
		})
	}
}

// R6
func TestRepanicHandsPanicsToTheRoutersRecoverer(t *testing.T) {
	tests := []struct {
		name    string
		handler func(w http.ResponseWriter, r *http.Request) error
		want    []error
	}{
		{"a handler's panic", func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("X-Inner", "1")
			io.WriteString(w, "ok")
			return boom(r.Context())
		}, []error{errBoom}},
		{"a task's panic", func(_ http.ResponseWriter, r *http.Request) error {
			startTask(r, boom)
			return nil
		}, []error{errBoom}},
		{"a panic beside a failure, which is reported", func(_ http.ResponseWriter, r *http.Request) error {
			startTask(r, soldOutLater)
			return boom(r.Context())
		}, []error{errBoom, errSoldOut}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, seen := watched(creche.Options{Repanic: true})
				var recovered any
				inner := app.Middleware(app.Middleware(creche.Handler(tt.handler)))
				srv := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer func() {
						recovered = recover()
						http.Error(w, "recovered", http.StatusBadGateway)
					}()
					inner.ServeHTTP(w, r)
				}))
				got := get(t, srv)
				wantReply(t, got, http.StatusBadGateway, "recovered")
				if got.header.Get("X-Inner") != "" {
					t.Error("got a header of the response that panicked")
				}
				p, ok := recovered.(*nursery.PanicError)
				if !ok || p.Value != errBoom || !strings.Contains(p.Stack(), "_test.boom") {
					t.Errorf("got panic %v, want a *PanicError with the panic's own stack", recovered)
				}
				seen.wantOnce(t, tt.want...)
			})
		})
	}
}

// R6: an error is none of the recoverer's business.
func TestRepanicLeavesErrorsToTheRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := watched(creche.Options{Repanic: true, Errors: []errorhandlers.Rule{conflict}})
		srv := nurserytest.NewServer(t, app.Middleware(failing(errSoldOut)))
		wantReply(t, get(t, srv), http.StatusConflict, "all gone")
	})
}

// A panic in the observer must not take the answer with it.
func TestObserverPanicsAreLoggedOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		app := creche.New(creche.Options{Logger: muted, Observe: func(context.Context, nursery.Report) {
			calls.Add(1)
			panic("observer")
		}})
		srv := nurserytest.NewServer(t, app.Middleware(failing(errBoom)))
		wantReply(t, get(t, srv), http.StatusInternalServerError, "Internal Server Error")
		if calls.Load() != 1 {
			t.Errorf("got %d calls of the observer, want 1", calls.Load())
		}
	})
}

// askingLog is a handler of logs that panics at errors: if it finds a value, or always.
type askingLog struct {
	slog.Handler
	key any
}

func (h askingLog) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError && (h.key == nil || ctx.Value(h.key) != nil) {
		panic("the log is broken")
	}
	return h.Handler.Handle(ctx, r)
}

// Nor must a panic of the logger, wherever it comes from; what it was to tell is
// told without the context, or by the logger of the process.
//
// R6, B2
func TestALoggerThatPanics(t *testing.T) {
	for name, key := range map[string]any{"for a value of the request": http.ServerContextKey, "at all errors": nil} {
		in(t, name, func(t *testing.T) {
			var logged bytes.Buffer
			text := slog.NewTextHandler(&logged, nil)
			before := slog.Default()
			slog.SetDefault(slog.New(text))
			t.Cleanup(func() { slog.SetDefault(before) })
			s := prepared(creche.Options{})
			s.App = creche.New(creche.Options{
				IgnoreSignals: true, Logger: slog.New(askingLog{text, key}),
				Observe: func(context.Context, nursery.Report) { panic("in the observer") },
			})
			go func() { s.ended <- s.Serve(t.Context(), s.listener, s.Middleware(failing(errBoom))) }()
			answer := s.ask(t)
			wantReply(t, <-answer, http.StatusInternalServerError, "Internal Server Error")
			wantErr(t, s.Go(t.Context(), "job", func(context.Context) error { return errPlain }), nil)
			synctest.Wait()
			s.Stop(nil)
			wantErr(t, s.end(), nil)
			s.client.CloseIdleConnections()
			for _, want := range []string{errBoom.Error(), errPlain.Error(), "in the observer", "the log is broken"} {
				if got := logged.String(); !strings.Contains(got, want) {
					t.Errorf("got log %q, want %q in it", got, want)
				}
			}
		})
	}
}
