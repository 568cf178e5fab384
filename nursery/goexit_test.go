package nursery_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// N10
func TestAGoexitOfATaskIsAFailure(t *testing.T) {
	tests := []struct {
		name string
		task func(context.Context) error
	}{
		{"of a task", exiting},
		{"of a deferred function", func(context.Context) error { defer runtime.Goexit(); return errA }},
		{"of a deferred function, in place of a panic", func(context.Context) error { defer runtime.Goexit(); panic(errA) }},
		{"of a task of a task", func(ctx context.Context) error { nursery.From(ctx).Go(exiting); return nil }},
		{"of t.FailNow", func(context.Context) error { new(testing.T).FailNow(); return nil }},
		{"of a nested nursery's body", func(ctx context.Context) error {
			return nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error { n.Go(waits); return exiting(ctx) })
		}},
		{"of All's last function", func(ctx context.Context) error { return nursery.All(ctx, waits, exiting) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := nursery.Run(t.Context(), starts(waits, tt.task, waits)); got != nursery.ErrGoexit {
					t.Errorf("got %v, want %v", got, nursery.ErrGoexit)
				}
			})
		})
	}
}

// N10: such a Goexit goes on after the panic has been recovered.
func TestAPanicInADeferredFunctionOfAGoexit(t *testing.T) {
	both := func(context.Context) error {
		defer panic(errA)
		runtime.Goexit()
		return nil
	}
	t.Run("of a worker that others wait for", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ran := false
			var seen reports
			err := nursery.Run(t.Context(), starts(both, func(context.Context) error { ran = true; return nil }),
				nursery.Limit(1), nursery.Isolate(), seen.observe())
			if err != nil || !ran || !errors.Is(seen.errors()[0], errA) {
				t.Errorf("got %v, next ran %v, reports %v", err, ran, seen.errors())
			}
		})
	})
	t.Run("of the body", func(t *testing.T) {
		var seen reports
		ended := false
		var late context.Context
		exited := exits(func() {
			nursery.Run(context.Background(), func(ctx context.Context, n *nursery.Nursery) error {
				late = ctx
				n.Go(func(ctx context.Context) error { ended = waits(ctx) != nil; return nil })
				return both(ctx)
			}, seen.observe())
		})
		if !exited || !ended || nursery.From(late).TryGo(succeeds) != nursery.ErrClosed || len(seen.list()) != 1 {
			t.Errorf("got exited %v, task ended %v, reports %v", exited, ended, seen.errors())
		}
	})
}

// N1, N10
func TestAGoexitOfTheBodyExitsTheCallerAfterTheJoin(t *testing.T) {
	fails := func(ctx context.Context) error {
		waits(ctx)
		time.Sleep(time.Minute)
		return errA
	}
	tests := []struct {
		name string
		run  func(ctx context.Context, seen *reports)
	}{
		{"the body of Run", func(ctx context.Context, seen *reports) {
			nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error {
				n.Go(fails)
				return exiting(ctx)
			})
		}},
		{"the last function of All", func(ctx context.Context, seen *reports) { nursery.All(ctx, fails, exiting) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen reports
				began := time.Now()
				nursery.Run(t.Context(), func(ctx context.Context, _ *nursery.Nursery) error {
					if !exits(func() { tt.run(ctx, &seen) }) {
						t.Error("the caller was not ended")
					}
					return nil
				}, seen.observe())
				if got := time.Since(began); got != time.Minute {
					t.Errorf("got ended after %v, want the join after %v", got, time.Minute)
				}
				if got := seen.errors(); len(got) != 1 || got[0] != errA {
					t.Errorf("got reports %v, want the task's failure", got)
				}
			})
		})
	}
}

// N10
func TestTheCancellationOfAGoexitSaysSo(t *testing.T) {
	var cause error
	exits(func() {
		nursery.Run(context.Background(), func(ctx context.Context, n *nursery.Nursery) error {
			n.Go(func(ctx context.Context) error { cause = waitsForCause(ctx); return nil })
			return exiting(ctx)
		})
	})
	if got, want := cause.Error(), "nursery: cancelled by the body: nursery: task called runtime.Goexit"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
