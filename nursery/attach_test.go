package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// N21
func TestAttachedFunctionsAreTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		key := new(int)
		var got error
		done := make(chan struct{})
		_ = nursery.Run(context.WithValue(t.Context(), key, "value"), func(ctx context.Context, n *nursery.Nursery) error {
			go func() {
				defer close(done)
				got = n.Attach("callback", func(ctx context.Context) error {
					if nursery.From(ctx) != n || ctx.Value(key) != "value" {
						t.Error("it has another context than tasks have")
					}
					time.Sleep(time.Second)
					if infos := n.Tree().Tasks; len(infos) != 2 || infos[0].Name != "callback" || n.Len() != 2 {
						t.Errorf("got %v listed, want callback first of two", infos)
					}
					return waits(ctx)
				})
			}()
			synctest.Wait()
			n.Go(func(context.Context) error { time.Sleep(time.Minute); n.Cancel(errA); return nil })
			return nil
		})
		<-done
		if got != context.Canceled || time.Since(began) != time.Minute {
			t.Errorf("got %v after %v, want it cancelled and joined after a minute", got, time.Since(began))
		}
	})
}

// N9, N10, N21
func TestAttachedFunctionsThatFail(t *testing.T) {
	tests := []struct {
		name   string
		f      func(context.Context) error
		opts   []nursery.Option
		err    error // that Attach returns
		raised error // that it panics with
		exits  bool
		joined error
	}{
		{"with an error", failing(errA), nil, errA, nil, false, errA},
		{"with a panic", panicking(errA), nil, nil, errA, false, errA},
		{"with a panic that is returned", panicking(errA), []nursery.Option{nursery.OnPanic(nursery.ReturnPanics)}, errA, nil, false, errA},
		{"with http.ErrAbortHandler", panicking(http.ErrAbortHandler), nil, nil, http.ErrAbortHandler, false, http.ErrAbortHandler},
		{"with a Goexit", exiting, nil, nil, nil, true, nursery.ErrGoexit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var joined error
				v := raised(func() {
					joined = nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
						var err error
						var v any
						exited := exits(func() { v = raised(func() { err = n.Attach("f", tt.f) }) })
						if raised, _ := v.(error); !errors.Is(err, tt.err) || !errors.Is(raised, tt.raised) || exited != tt.exits {
							t.Errorf("got %v, raised %v, exited %v, want %v, %v, %v", err, v, exited, tt.err, tt.raised, tt.exits)
						}
						<-ctx.Done()
						return nil
					}, append(tt.opts, quiet())...)
				})
				if err, ok := v.(error); ok {
					joined = err
				}
				if !errors.Is(joined, tt.joined) {
					t.Errorf("got %v from the join, want %v", joined, tt.joined)
				}
			})
		})
	}
}

// Who attaches to its own nursery fails with what it is told, as with what a
// handle tells.
//
// N3, N9, N21
func TestAFailureAttachedFromInsideIsFiledOnce(t *testing.T) {
	tests := []struct {
		name    string
		f       func(context.Context) error
		opt     nursery.Option
		reports int
	}{
		{"an error", failing(errA), nursery.Limit(10), 0},
		{"several", failing(errors.Join(errA, errB)), nursery.Limit(10), 0},
		{"a panic", panicking(errA), nursery.Limit(10), 1},
		{"a panic that is returned", panicking(errA), nursery.OnPanic(nursery.ReturnPanics), 1},
		{"an isolated error", failing(errA), nursery.Isolate(), 1},
		{"an isolated panic", panicking(errA), nursery.Isolate(), 1},
	}
	for _, tt := range tests {
		for _, where := range []string{"the body", "a task"} {
			t.Run(tt.name+", of "+where, func(t *testing.T) {
				var seen reports
				var inside *nursery.Nursery
				attaches := func(context.Context) error {
					if err := inside.Attach("f", tt.f); err != nil {
						return fmt.Errorf("attached: %w", err)
					}
					return nil
				}
				_ = raised(func() {
					_ = nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
						if inside = n; where == "the body" {
							return attaches(ctx)
						}
						n.Go(attaches)
						return nil
					}, tt.opt, seen.observe())
				})
				failures, want := inside.Failures(), 1
				isolated := strings.HasPrefix(tt.name, "an isolated")
				if isolated && where == "a task" {
					want = 0 // it is reported instead
				}
				if len(failures) != want || want == 1 && !isolated && failures[0].Task != "f" {
					t.Errorf("got %+v, want %d, of what was attached", failures, want)
				}
				if got := len(seen.all); got != tt.reports {
					t.Errorf("got reports %v, want %d", seen.all, tt.reports)
				}
			})
		}
	}
}

// What fails beside a panic on its way back through the nursery that has it is
// another failure, and the panic is still one.
//
// N3, N9, N21
func TestAPanicAttachedFromInsideComesBackWithOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen reports
		p := raisedPanic(t, func() {
			_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
				_ = n.Attach("outer", func(ctx context.Context) error {
					return nursery.All(ctx,
						func(context.Context) error { return n.Attach("x", func(context.Context) error { panic("boom") }) },
						func(ctx context.Context) error { _ = waits(ctx); return errB })
				})
				t.Error("Attach returned, want the panic raised")
				return nil
			}, seen.observe())
		})
		told := seen.list()
		leaves := slices.Collect(nursery.Leaves(p))
		if len(told) != 1 || len(leaves) != 2 || leaves[0] != told[0].Err || leaves[1] != errB {
			t.Errorf("got leaves %v and reports %v, want the panic once in each, and %v", leaves, told, errB)
		}
	})
}

// Whoever else attaches has an error that its own nursery does not know.
//
// N3, N21
func TestAFailureAttachedFromOutsideIsAFailureThereToo(t *testing.T) {
	var attached error
	outside := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
		attached = nursery.Run(context.Background(), func(_ context.Context, m *nursery.Nursery) error {
			n.Go(func(context.Context) error { return m.Attach("f", failing(errA)) })
			for n.Len() > 0 {
				runtime.Gosched()
			}
			return nil
		})
		return nil
	})
	for _, err := range []error{attached, outside} {
		if !errors.Is(err, errA) {
			t.Errorf("got %v, want %v", err, errA)
		}
	}
}

// N8, N11, N21
func TestAttachWhereThereIsNoPlace(t *testing.T) {
	var closed *nursery.Nursery
	err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
		closed = n
		n.Go(func(context.Context) error {
			err := n.Attach("inside", succeeds)
			if full := n.TryGo(succeeds); full != nursery.ErrFull {
				t.Errorf("got %v, want %v: what was attached has given back a place that it never had", full, nursery.ErrFull)
			}
			return err
		})
		return nil
	}, nursery.Limit(1), nursery.Queue(0))
	if err != nil {
		t.Errorf("got %v, want nil: what is attached does not count against the limit", err)
	}
	ran := func(context.Context) error { t.Error("it ran"); return nil }
	if err := closed.Attach("late", ran); err != nursery.ErrClosed {
		t.Errorf("got %v, want %v", err, nursery.ErrClosed)
	}
}
