package creche_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// adopting is an App whose every request is taken over by run.
func adopting(t *testing.T, run func(s *served, ctx context.Context, a *creche.Adopted)) *served {
	t.Helper()
	var s *served
	s = serving(t, creche.Options{Stopping: stages}, func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { _ = conn.Close() })
		if !creche.ExchangeOf(r.Context()).Adopt(r.Context(), func(ctx context.Context, a *creche.Adopted) { run(s, ctx, a) }) {
			t.Error("Adopt: got false, want true")
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
	})
	conn, err := s.listener.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: creche.test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return s
}

// W9, W13
func TestTheStopTakesAdoptedConnectionsThroughItsStages(t *testing.T) {
	in(t, "one that finishes when told to", func(t *testing.T) {
		s := adopting(t, func(s *served, ctx context.Context, _ *creche.Adopted) {
			s.untilDraining(ctx, "the connection", 3*time.Second)
		})
		s.begin(func() { s.Stop(nil) })
		wantErr(t, s.end(), nil)
		s.wantEvents(t, "0s the connection is to finish", "3s the connection done", "3s stopped")
		s.seen.wantOnce(t)
	})
	in(t, "one that has to be cancelled", func(t *testing.T) {
		s := adopting(t, func(s *served, ctx context.Context, a *creche.Adopted) {
			a.Report(nursery.Filter(s.untilCancelled(ctx, "the connection"), func(leaf error) bool {
				return !errors.Is(leaf, creche.ErrShutdown)
			}))
		})
		s.begin(func() { s.Stop(nil) })
		wantErr(t, s.end(), nil)
		s.wantEvents(t, "0s the connection is to finish", "10s the connection cancelled for the shutdown", "10s stopped")
		s.seen.wantOnce(t)
	})
	in(t, "one that ignores it is counted, and once", func(t *testing.T) {
		s := adopting(t, func(*served, context.Context, *creche.Adopted) { time.Sleep(time.Hour) })
		s.begin(func() { s.Stop(nil) })
		err := s.end()
		var left *creche.UnfinishedError
		if !errors.As(err, &left) || len(left.Connections) != 1 || len(left.Requests)+len(left.Tasks) != 0 {
			t.Errorf("got %+v, want one connection and nothing else", left)
		}
		s.wantEvents(t, "20s stopped")
		time.Sleep(time.Hour)
	})
}

// W13
func TestAnAdoptedConnectionSpeaksForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := adopting(t, func(_ *served, ctx context.Context, a *creche.Adopted) {
			a.Report(nil)
			a.Report(errStop)
			if got := a.Resolve(context.DeadlineExceeded); got == nil || got.Status != http.StatusServiceUnavailable {
				t.Errorf("Resolve: got %v, want the 503 of a deadline", got)
			}
			if got := ctx.Value(http.ServerContextKey); got == nil {
				t.Error("the request's values: got none")
			}
			<-nursery.Draining(ctx)
		})
		s.begin(func() { s.Stop(nil) })
		wantErr(t, s.end(), nil)
		s.seen.wantOnce(t, errStop)
	})
}

// The call is around the exchange here, in the nursery that the connection is then
// a task of: package nursery cannot tell that the connection is not inside of it.
//
// W13
func TestAnAdoptedConnectionMovesNoDeadlineOfOuterMiddleware(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		moved := make(chan bool, 1)
		s := prepared(creche.Options{})
		inner := s.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			x := creche.ExchangeOf(r.Context())
			x.Adopt(r.Context(), func(ctx context.Context, _ *creche.Adopted) { moved <- nursery.MoveDeadline(ctx, time.Now()) })
			time.Sleep(time.Second)
		}))
		s.start(t, s.listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = nursery.FailAfter(r.Context(), time.Minute, func(ctx context.Context) error {
				inner.ServeHTTP(w, r.WithContext(ctx))
				return nil
			})
		}))
		if got := <-s.ask(t); got.status != http.StatusOK || <-moved {
			t.Errorf("got %v, or moved the deadline, want 200 and false", got)
		}
		s.leave()
		wantErr(t, s.end(), nil)
	})
}

// userKey is of the type that context's own key has.
var userKey = new(int)

// What is handed on of a request is all that the application has put there,
// whatever the types of key and value, and nothing that leads to the request's
// own nursery, cancellation or deadline.
//
// B1, W13
func TestWhatOutlivesARequestHasTheValuesOfTheApplication(t *testing.T) {
	type poolKey struct{}
	synctest.Test(t, func(t *testing.T) {
		var pool nursery.Nursery
		pool.Open(t.Context())
		check := func(what string, ctx context.Context) {
			if got := ctx.Value(userKey); got != "alice" {
				t.Errorf("%s: got %v under a key that is a *int, want alice", what, got)
			}
			if got := ctx.Value(poolKey{}); got != &pool {
				t.Errorf("%s: got %v under a key of the application's, want its nursery", what, got)
			}
			if nursery.MoveDeadline(ctx, time.Now().Add(time.Hour)) {
				t.Errorf("%s: moved the deadline of what the handler was in", what)
			}
			child, cancel := context.WithCancel(ctx)
			defer cancel()
			<-child.Done()
			if cause := context.Cause(child); !errors.Is(cause, creche.ErrShutdown) {
				t.Errorf("%s: a child ended with %v, want the shutdown", what, cause)
			}
		}
		var s *served
		s = serving(t, creche.Options{Stopping: stages}, func(w http.ResponseWriter, r *http.Request) {
			_ = nursery.FailAfter(r.Context(), time.Minute, func(ctx context.Context) error {
				ctx = context.WithValue(context.WithValue(ctx, userKey, "alice"), poolKey{}, &pool)
				wantErr(t, s.Go(ctx, "task", func(ctx context.Context) error { check("a task", ctx); return nil }), nil)
				if !creche.ExchangeOf(ctx).Adopt(ctx, func(ctx context.Context, _ *creche.Adopted) { check("a connection", ctx) }) {
					t.Error("Adopt: got false, want true")
				}
				time.Sleep(time.Second)
				return nil
			})
		})
		if got := <-s.ask(t); got.status != http.StatusOK {
			t.Errorf("got %v, want 200", got)
		}
		s.begin(func() { s.Stop(nil) })
		wantErr(t, s.end(), nil)
		wantErr(t, pool.Join(), nil)
	})
}

// What is around the requests is the server's, unless middleware further out opens a
// nursery for each of them.
//
// W13
func TestAroundIsTheServersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept []context.Context
		own := prepared(creche.Options{Stopping: stages})
		own.start(t, own.listener, traced(own.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			kept = append(kept, creche.ExchangeOf(r.Context()).Around())
		}))))
		for range 2 {
			if got := <-own.ask(t); got.status != http.StatusOK {
				t.Errorf("got %v, want 200", got)
			}
		}
		around := kept[0]
		if around != kept[1] || nursery.Draining(around) != nursery.Draining(kept[1]) {
			t.Errorf("got %v and %v, want one for all requests", around, kept[1])
		}
		if got, ok := around.Deadline(); ok || around.Value(traceKey{}) != nil || around.Err() != nil {
			t.Errorf("got value %v, deadline %v and %v, want nothing of the request", around.Value(traceKey{}), got, around.Err())
		}
		own.begin(func() { own.Stop(nil) })
		wantErr(t, own.end(), nil)
		if cause := context.Cause(around); !errors.Is(cause, creche.ErrShutdown) {
			t.Errorf("got cause %v, want that of the server's end", cause)
		}
	})
	t.Run("in a server without a nursery", func(t *testing.T) {
		app := creche.New(creche.Options{})
		h := traced(app.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if got := creche.ExchangeOf(r.Context()).Around(); got != context.Background() {
				t.Errorf("got %v, want the background", got)
			}
		})))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	})
	t.Run("under a nursery for each request", func(t *testing.T) {
		app := creche.New(creche.Options{})
		h := app.Middleware(app.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			x := creche.ExchangeOf(r.Context())
			want := r.Context().Value(traceKey{})
			if got := nursery.From(x.Around()); got != want {
				t.Errorf("got nursery %p, want %p", got, want)
			}
		})))
		wantErr(t, nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			h.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithValue(ctx, traceKey{}, n)))
			return nil
		}), nil)
	})
}

// W13
func TestWhatFailsInAnAdoptedConnectionIsReported(t *testing.T) {
	errTask := errors.New("of a task")
	synctest.Test(t, func(t *testing.T) {
		s := adopting(t, func(s *served, ctx context.Context, _ *creche.Adopted) {
			_ = nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error {
				n.Go(func(context.Context) error { panic(errTask) })
				<-ctx.Done()
				return nil
			}, s.Observer(), nursery.OnPanic(nursery.ReturnPanics))
			panic(errStop)
		})
		s.seen.wantOnce(t, errTask, errStop)
		s.begin(func() { s.Stop(nil) })
		wantErr(t, s.end(), nil)
		s.wantEvents(t, "0s stopped")
	})
}

func TestSharedIsMadeOnce(t *testing.T) {
	type key struct{}
	app := creche.New(creche.Options{})
	made := 0
	for range 3 {
		if got := app.Shared(key{}, func() any { made++; return made }); got != 1 {
			t.Errorf("got %v, want the first", got)
		}
	}
	if other := creche.New(creche.Options{}).Shared(key{}, func() any { return "another" }); other != "another" {
		t.Errorf("got %v of another application", other)
	}
}

func TestReportsOfAnApp(t *testing.T) {
	errLost := errors.New("lost")
	var got []nursery.Report
	var log strings.Builder
	observe := func(_ context.Context, r nursery.Report) { got = append(got, r) }
	logger := slog.New(slog.NewTextHandler(&log, nil))
	for _, o := range []creche.Options{{Observe: observe, Logger: logger}, {Logger: logger}} {
		app := creche.New(o)
		app.Report(t.Context(), "sockets", nil)
		app.Report(t.Context(), "sockets", errLost)
	}
	if len(got) != 1 || got[0].Err != errLost || got[0].Nursery != "sockets" {
		t.Errorf("observed %v, want errLost of the sockets", got)
	}
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "nursery=sockets error=lost") {
		t.Errorf("logged %q, want errLost once", text)
	}
}

func TestWarningsOfAnApp(t *testing.T) {
	var log strings.Builder
	app := creche.New(creche.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	app.Warn(t.Context(), "outside", nil)
	app.Warn(t.Context(), "outside", errors.New("lost"))
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "level=WARN msg=outside error=lost\n") {
		t.Errorf("logged %q, want a line with the error, of no request", text)
	}
}

func TestMisuseOfAdopt(t *testing.T) {
	var none context.Context
	for want, call := range map[string]func(x *creche.Exchange){
		"creche: Adopt: nil context": func(x *creche.Exchange) { x.Adopt(none, func(context.Context, *creche.Adopted) {}) },
		"creche: App.Report: nil context": func(*creche.Exchange) {
			creche.New(creche.Options{}).Report(none, "", nil)
		},
		"creche: App.Warn: nil context": func(*creche.Exchange) {
			creche.New(creche.Options{}).Warn(none, "", nil)
		},
		"creche: Adopt: nil function": func(x *creche.Exchange) { x.Adopt(context.Background(), nil) },
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("got panic %v, want %q", got, want)
				}
			}()
			call(new(creche.Exchange))
		}()
	}
}
