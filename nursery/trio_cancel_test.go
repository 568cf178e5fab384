package nursery_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

var trioCancellation = []trioCase{
	{"a nursery is cancelled", func(t *testing.T) {
		wantBare(t, nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			n.Go(waits)
			n.Go(waitsForCause)
			n.Cancel(errA)
			return waits(ctx)
		}), nil)
	}},
	{"a nursery is cancelled twice", func(t *testing.T) {
		wantBare(t, nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			n.Cancel(errA)
			n.Cancel(errB)
			if cause := context.Cause(ctx); !errors.Is(cause, errA) || errors.Is(cause, errB) {
				t.Errorf("got cause %v, want the first", cause)
			}
			return waits(ctx)
		}), nil)
	}},
	{"a cancelled task waits again", func(t *testing.T) {
		began := time.Now()
		wantBare(t, nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			n.Cancel(nil)
			return errors.Join(waits(ctx), waits(ctx))
		}), nil)
		if time.Since(began) != 0 {
			t.Errorf("it waited %v", time.Since(began))
		}
	}},
	{"a cancellation comes when the work is done", func(t *testing.T) {
		parent, cancel := context.WithCancel(t.Context())
		wantBare(t, nursery.Run(parent, func(_ context.Context, n *nursery.Nursery) error {
			n.Go(succeeds)
			synctest.Wait()
			n.Cancel(errA)
			cancel()
			return nil
		}), nil)
	}},
	{"a cancellation is made up", func(t *testing.T) {
		wantBare(t, nursery.Run(t.Context(), starts(failing(context.Canceled))), context.Canceled)
	}},
	{"a group passes the scopes that were cancelled", func(t *testing.T) {
		wantBare(t, nursery.Run(t.Context(), func(ctx context.Context, outer *nursery.Nursery) error {
			return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
				n.Go(waits)
				n.Go(waitsForCause)
				n.Cancel(nil)
				synctest.Wait()
				n.Go(waits)
				outer.Cancel(nil)
				n.Go(failing(errA))
				return nil
			})
		}), errA)
	}},
	{"a group without a cancellation passes a cancelled scope", func(t *testing.T) {
		own := errors.Join(errA, errB)
		late, err := nursery.MoveOnAfter(t.Context(), time.Second, func(ctx context.Context) error {
			<-ctx.Done()
			return own
		})
		wantBare(t, err, own)
		if late {
			t.Error("the time-out is told to have cut what failed for reasons of its own")
		}
		wantBare(t, nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Cancel(nil)
			return own
		}), own)
	}},
	{"a task is started in a cancelled nursery", func(t *testing.T) {
		began := false
		wantBare(t, nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Cancel(nil)
			n.Go(func(ctx context.Context) error { began = true; return waits(ctx) })
			return nil
		}), nil)
		if !began {
			t.Error("the task did not run")
		}
	}},
	{"tasks of tasks are cancelled", func(t *testing.T) {
		var heeded atomic.Int32
		leaf := func(ctx context.Context) error {
			defer heeded.Add(1)
			return waits(ctx)
		}
		worker := func(ctx context.Context) error { return nursery.All(ctx, leaf, leaf) }
		wantBare(t, nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(worker)
			n.Go(worker)
			synctest.Wait()
			n.Cancel(nil)
			return nil
		}), nil)
		if got := heeded.Load(); got != 4 {
			t.Errorf("got %d of 4 cancelled", got)
		}
	}},
	{"a task does not heed its cancellation", func(t *testing.T) {
		began := time.Now()
		wantBare(t, nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(func(context.Context) error { time.Sleep(time.Minute); return nil })
			n.Cancel(nil)
			return nil
		}), nil)
		if time.Since(began) != time.Minute {
			t.Errorf("joined after %v, want a minute", time.Since(began))
		}
	}},
	{"a nursery without work is opened in a cancelled scope", func(t *testing.T) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		wantBare(t, nursery.Run(ended, starts()), nil)
		wantBare(t, nursery.Run(ended, starts(succeeds)), nil)
		wantBare(t, nursery.Run(ended, func(context.Context, *nursery.Nursery) error { return errA }), errA)
	}},
}
