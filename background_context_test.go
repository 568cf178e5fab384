package creche_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

type traceKey struct{}

// traced adds what middleware adds to a request's context: a value, and a
// deadline.
func traced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), traceKey{}, "trace-1"), time.Minute)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// checkDetached fails t unless ctx is as a background task's should be.
func checkDetached(t *testing.T, ctx context.Context, a *creche.App) {
	t.Helper()
	if got := ctx.Value(traceKey{}); got != "trace-1" {
		t.Errorf("the value: got %v, want trace-1", got)
	}
	if at, ok := ctx.Deadline(); ok {
		t.Errorf("got deadline %v, want none", at)
	}
	if err, cause := ctx.Err(), context.Cause(ctx); err != nil || cause != nil {
		t.Errorf("got %v because of %v, want a context that has not ended", err, cause)
	}
	if creche.ExchangeOf(ctx) != nil {
		t.Error("got the exchange of a request that is over, want none")
	}
	background := nursery.From(ctx)
	seen := make(chan *nursery.Nursery, 1)
	wantErr(t, a.Go(context.Background(), "another", func(ctx context.Context) error {
		seen <- nursery.From(ctx)
		return nil
	}), nil)
	if other := <-seen; background == nil || other != background {
		t.Errorf("got nursery %p, want the application's, %p", background, other)
	}
	child, cancel := context.WithCancelCause(ctx)
	cancel(errStop)
	if got := context.Cause(child); got != errStop {
		t.Errorf("a child's cause: got %v, want %v", got, errStop)
	}
}

func startByHandler(ctx context.Context, _ *creche.App, task func(context.Context) error) error {
	return creche.Go(ctx, "job", task)
}

// backgroundStarts are the ways from a request into the background.
var backgroundStarts = []struct {
	name  string
	bare  bool // no middleware
	start func(ctx context.Context, a *creche.App, task func(context.Context) error) error
}{
	{name: "started by the handler", start: startByHandler},
	{name: "started by a handler without middleware", bare: true, start: startByHandler},
	{name: "started through the App", start: func(ctx context.Context, a *creche.App, task func(context.Context) error) error {
		return a.Go(ctx, "job", task)
	}},
	{name: "started by a task of the request", start: func(ctx context.Context, _ *creche.App, task func(context.Context) error) error {
		return nursery.All(ctx, func(ctx context.Context) error { return creche.Go(ctx, "job", task) })
	}},
	{name: "started by a task whose request has failed", start: func(ctx context.Context, _ *creche.App, task func(context.Context) error) error {
		ctx, cancel := context.WithCancelCause(ctx)
		cancel(errStop)
		return creche.Go(ctx, "job", task)
	}},
	{name: "started by another background task", start: func(ctx context.Context, _ *creche.App, task func(context.Context) error) error {
		return creche.Go(ctx, "first", func(ctx context.Context) error { return creche.Go(ctx, "job", task) })
	}},
}

// B1
func TestABackgroundTaskOutlivesItsRequest(t *testing.T) {
	for _, tt := range backgroundStarts {
		in(t, tt.name, func(t *testing.T) {
			s := prepared(creche.Options{})
			over := make(chan struct{})
			var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				wantErr(t, tt.start(r.Context(), s.App, func(ctx context.Context) error {
					checkDetached(t, ctx, s.App)
					<-over
					time.Sleep(time.Hour)
					checkDetached(t, ctx, s.App)
					s.note("task is waiting")
					return s.untilCancelled(ctx, "task")
				}), nil)
				_, _ = io.WriteString(w, "Started")
			})
			if !tt.bare {
				h = s.Middleware(h)
			}
			s.start(t, s.listener, traced(h))
			wantReply(t, <-s.ask(t), http.StatusOK, "Started")
			close(over)
			time.Sleep(2 * time.Hour)
			s.mu.Lock()
			if len(s.events) != 1 {
				t.Errorf("got events %q, want the task waiting", s.events)
			}
			s.events = nil
			s.mu.Unlock()
			s.begin(s.leave)
			wantErr(t, s.end(), nil)
			s.wantEvents(t, "0s task is to finish", "20s task cancelled for the shutdown", "20s stopped")
			s.seen.wantOnce(t)
		})
	}
}

// B1
func TestBackgroundTasksRunBeforeTheServerDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := prepared(creche.Options{})
		ran := false
		wantErr(t, s.Go(t.Context(), "early", func(context.Context) error { ran = true; return nil }), nil)
		wantErr(t, s.Go(t.Context(), "long", func(ctx context.Context) error {
			s.untilDraining(ctx, "task", time.Second)
			return nil
		}), nil)
		synctest.Wait()
		if !ran {
			t.Error("the task has not run")
		}
		s.start(t, s.listener, http.NotFoundHandler())
		s.begin(s.leave)
		wantErr(t, s.end(), nil)
		s.wantEvents(t, "0s task is to finish", "1s task done", "1s stopped")
	})
}

// A task belongs to the application whose middleware is the innermost.
//
// B1
func TestBackgroundTasksOfTwoApplications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outer, outerSeen := watched(creche.Options{})
		inner, innerSeen := watched(creche.Options{})
		fails := func(context.Context) error { return errStop }
		h := inner.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			wantErr(t, creche.Go(r.Context(), "inner", func(ctx context.Context) error {
				wantErr(t, creche.Go(ctx, "of inner", fails), nil)
				return outer.Go(ctx, "of outer", fails)
			}), nil)
		}))
		srv := nurserytest.NewServer(t, outer.Middleware(h))
		wantReply(t, get(t, srv), http.StatusOK, "")
		synctest.Wait()
		innerSeen.wantOnce(t, errStop)
		outerSeen.wantOnce(t, errStop)
		if got := outerSeen.reports()[0].Task; got != "of outer" {
			t.Errorf("got task %q, want the outer application's", got)
		}
	})
}

// inWhich are contexts that a task of ctx may start its successor in, and that
// have no values of their own.
var inWhich = []struct {
	name string
	call func(ctx context.Context, f func(ctx context.Context) error) error
}{
	{"itself", func(ctx context.Context, f func(context.Context) error) error { return f(ctx) }},
	{"within a time", func(ctx context.Context, f func(context.Context) error) error {
		return nursery.FailAfter(ctx, time.Minute, f)
	}},
	{"in a shield", func(ctx context.Context, f func(context.Context) error) error {
		return nursery.Shield(ctx, time.Minute, f)
	}},
	{"in a nursery", func(ctx context.Context, f func(context.Context) error) error { return nursery.All(ctx, f) }},
	{"in a task with a handle", func(ctx context.Context, f func(context.Context) error) error {
		return nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error {
			_, err := nursery.Async(n, func(ctx context.Context) (any, error) { return nil, f(ctx) }).Wait(ctx)
			return err
		})
	}},
	{"in a task that says when it is ready", func(ctx context.Context, f func(context.Context) error) error {
		return nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error {
			_, err := nursery.Start(ctx, n, func(ctx context.Context, ready func(any)) error {
				ready(nil)
				return f(ctx)
			})
			return err
		})
	}},
	{"in helpers", func(ctx context.Context, f func(context.Context) error) error {
		return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
			nursery.Async(n, func(ctx context.Context) (any, error) { return nil, f(ctx) }, nursery.Helper())
			return nil
		})
	}},
	{"in several of them", func(ctx context.Context, f func(context.Context) error) error {
		return nursery.Timeout(func(ctx context.Context) error {
			return nursery.All(ctx, func(ctx context.Context) error { return nursery.Shield(ctx, time.Minute, f) })
		}, time.Minute)(ctx)
	}},
}

// A task that starts its successor for ever must not keep all that went before
// it.
//
// B1
func TestATaskThatStartsItsSuccessor(t *testing.T) {
	const generations = 30_000
	for _, tt := range inWhich {
		t.Run(tt.name, func(t *testing.T) {
			app, seen := watched(creche.Options{})
			done := make(chan uint64)
			left := generations
			var next func(ctx context.Context) error
			next = func(ctx context.Context) error {
				if left--; left > 0 {
					return tt.call(ctx, func(ctx context.Context) error { return creche.Go(ctx, "next", next) })
				}
				if got := ctx.Value(traceKey{}); got != "trace-1" {
					t.Errorf("got value %v, want trace-1", got)
				}
				done <- heap()
				return nil
			}
			before := heap()
			wantErr(t, app.Go(context.WithValue(t.Context(), traceKey{}, "trace-1"), "first", next), nil)
			if after := <-done; after > before+1<<20 {
				t.Errorf("got %d KiB more on the heap, want no more than for one task", (after-before)>>10)
			}
			seen.wantOnce(t)
		})
	}
}

// What a task has added it keeps.
//
// B1
func TestASuccessorHasTheValuesOfItsPredecessor(t *testing.T) {
	for _, tt := range inWhich {
		in(t, tt.name, func(t *testing.T) {
			app, seen := watched(creche.Options{})
			wantErr(t, app.Go(t.Context(), "first", func(ctx context.Context) error {
				return tt.call(context.WithValue(ctx, traceKey{}, "trace-1"), func(ctx context.Context) error {
					return creche.Go(ctx, "next", func(ctx context.Context) error {
						checkDetached(t, ctx, app)
						return nil
					})
				})
			}), nil)
			synctest.Wait()
			seen.wantOnce(t)
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestBackgroundMisusePanics(t *testing.T) {
	var none context.Context
	task := func(context.Context) error { return errors.New("must not run") }
	app := creche.New(creche.Options{})
	tests := []struct {
		name, want string
		call       func() error
	}{
		{
			"a context of no application",
			"creche: Go: this context belongs to no application: hand it the request's, behind the middleware, or call App.Go",
			func() error { return creche.Go(context.Background(), "job", task) },
		},
		{"a nil context", "creche: Go: nil context", func() error { return creche.Go(none, "job", task) }},
		{"a nil context for an App", "creche: Go: nil context", func() error { return app.Go(none, "job", task) }},
		{"a nil context for a shutdown", "creche: Shutdown: nil context", func() error { return app.Shutdown(none) }},
		{"a nil task", "creche: Go: nil task", func() error { return app.Go(t.Context(), "job", nil) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if got := recover(); got != tt.want {
					t.Errorf("got panic %v, want %v", got, tt.want)
				}
			}()
			_ = tt.call()
		})
	}
}

// B1: the deadline of the work that it was started in is not a background task's.
func TestBackgroundTasksMoveNoDeadline(t *testing.T) {
	app, seen := watched(creche.Options{})
	wantErr(t, nursery.FailAfter(t.Context(), time.Hour, func(ctx context.Context) error {
		moved := make(chan bool, 1)
		err := app.Go(ctx, "job", func(ctx context.Context) error {
			moved <- nursery.MoveDeadline(ctx, time.Now())
			return nil
		})
		if <-moved {
			t.Error("got true from MoveDeadline, want false")
		}
		return errors.Join(err, ctx.Err())
	}), nil)
	seen.wantOnce(t)
}

// B1: what is in a context of somebody else's is under that one's lock.
func TestGoReadsNothingOfForeignContexts(t *testing.T) {
	app, seen := watched(creche.Options{})
	foreign := &movingContext{now: context.Background()}
	n := new(nursery.Nursery)
	n.Open(t.Context())
	n.Go(func(context.Context) error {
		for range 1000 {
			foreign.move(context.WithValue(context.Background(), traceKey{}, "trace-1"))
		}
		return nil
	})
	for range 1000 {
		wantErr(t, app.Go(foreign, "job", func(context.Context) error { return nil }), nil)
	}
	wantErr(t, n.Join(), nil)
	seen.wantOnce(t)
}

// movingContext is a context that is another one from time to time.
type movingContext struct {
	mu  sync.Mutex
	now context.Context
}

func (c *movingContext) move(to context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = to
}

func (c *movingContext) current() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *movingContext) Deadline() (time.Time, bool) { return c.current().Deadline() }
func (c *movingContext) Done() <-chan struct{}       { return c.current().Done() }
func (c *movingContext) Err() error                  { return c.current().Err() }
func (c *movingContext) Value(key any) any           { return c.current().Value(key) }
