package nursery_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

var trioFailures = []trioCase{
	{"the body fails", func(t *testing.T) {
		wantBare(t, nursery.Run(t.Context(), func(context.Context, *nursery.Nursery) error { return errA }), errA)
	}},
	{"a task fails", func(t *testing.T) {
		wantBare(t, nursery.Run(t.Context(), starts(failing(errA))), errA)
	}},
	{"a task fails beside one that waits", func(t *testing.T) {
		var seen error
		err := nursery.Run(t.Context(), starts(failing(errA), func(ctx context.Context) error {
			seen = waitsForCause(ctx)
			return seen
		}))
		wantBare(t, err, errA)
		if c := cancelled(t, seen); c.By != "task 1" || c.Unwrap() != errA {
			t.Errorf("got %v as the cause, want the failure of task 1", c)
		}
	}},
	{"the body and a task fail", func(t *testing.T) {
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(failing(errA))
			synctest.Wait()
			return errB
		})
		wantGroup(t, err, errA, errB)
	}},
	{"two tasks fail", func(t *testing.T) {
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(func(context.Context) error { time.Sleep(time.Second); return errA }, nursery.Name("late"))
			n.Go(failing(errB))
			return nil
		})
		wantGroup(t, err, errB, errA)
		if got := multi(t, err).BySpawn()[0]; got.Err != errA || got.Task != "late" {
			t.Errorf("got %+v first by spawn, want that of late", got)
		}
	}},
	{"a task fails while the body waits", func(t *testing.T) {
		err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			n.Go(failing(errA))
			return waits(ctx)
		})
		wantBare(t, err, errA)
	}},
	{"the body fails with a group of its own", func(t *testing.T) {
		own := errors.Join(errA, errB)
		wantBare(t, nursery.Run(t.Context(), func(context.Context, *nursery.Nursery) error { return own }), own)
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(func(ctx context.Context) error { <-ctx.Done(); return errC })
			return own
		})
		wantGroup(t, err, own, errC)
		if got := slices.Collect(nursery.Leaves(err)); !slices.Equal(got, []error{errA, errB, errC}) {
			t.Errorf("got leaves %v, want a, b, c", got)
		}
	}},
	{"a nursery below has one failure left", func(t *testing.T) {
		err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			n.Go(waits)
			n.Go(failing(errA))
			synctest.Wait()
			return nursery.Run(ctx, func(_ context.Context, below *nursery.Nursery) error {
				below.Go(waits)
				below.Go(failing(errB))
				n.Cancel(nil)
				return nil
			})
		})
		wantGroup(t, err, errA, errB)
	}},
	{"a nursery below has two failures", func(t *testing.T) {
		err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			n.Go(failing(errC))
			synctest.Wait()
			return nursery.All(context.WithoutCancel(ctx),
				func(ctx context.Context) error { <-ctx.Done(); return errA },
				failing(errB))
		})
		m := multi(t, err)
		if len(m.Failures) != 2 || m.Failures[0].Err != errC {
			t.Fatalf("got %v, want c and what is below", m)
		}
		wantGroup(t, m.Failures[1].Err, errB, errA)
	}},
	{"the body returns a value", func(t *testing.T) {
		began, value := time.Now(), 0
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(func(context.Context) error { time.Sleep(time.Minute); return nil })
			value = 7
			return nil
		})
		if err != nil || value != 7 || time.Since(began) != time.Minute {
			t.Errorf("got %d, %v after %v, want 7, nil after the join", value, err, time.Since(began))
		}
	}},
}
