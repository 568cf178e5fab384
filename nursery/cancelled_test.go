package nursery_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// whoCancels are all ways to cancel a nursery, or some of its tasks: each returns
// the cause that it left. The parent can be ended.
var whoCancels = []struct {
	by             string
	failed, parent bool
	cause          func(ctx context.Context, end func()) error
}{
	{"task 1", true, false, within(func(n *nursery.Nursery, _ func()) { n.Go(failing(errA)) })},
	{"task price", true, false, within(func(n *nursery.Nursery, _ func()) { n.Go(panicking(errA), nursery.Name("price")) })},
	{"task 1", true, false, within(func(n *nursery.Nursery, _ func()) { n.Go(exiting) })},
	{"the body", true, false, within(func(n *nursery.Nursery, _ func()) { n.Fail(errA) })},
	{"the body", true, false, func(ctx context.Context, _ func()) (cause error) {
		exits(func() {
			nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error {
				n.Go(func(ctx context.Context) error { cause = waitsForCause(ctx); return nil })
				return exiting(ctx)
			}, quiet())
		})
		return cause
	}},
	{"the parent", false, true, within(func(_ *nursery.Nursery, end func()) { end() })},
	{"Cancel", false, false, within(func(n *nursery.Nursery, _ func()) { n.Cancel(errA) })},
	{"Drain", false, false, within(func(n *nursery.Nursery, _ func()) { n.Drain(time.Second) })},
	{"the close", false, false, func(ctx context.Context, _ func()) error {
		var n nursery.Nursery
		ended := n.Open(ctx)
		_ = n.Join()
		return context.Cause(ended)
	}},
	{"task 2", false, false, func(ctx context.Context, _ func()) (cause error) {
		_, _ = nursery.Race(ctx, func(ctx context.Context) (int, error) {
			cause = waitsForCause(ctx)
			return 0, cause
		}, func(context.Context) (int, error) { return 1, nil })
		return cause
	}},
	{"the loop", false, false, func(ctx context.Context, _ func()) (cause error) {
		for range nursery.MapSeq(ctx, 2, slices.Values([]int{0, 1}), func(ctx context.Context, i int) (int, error) {
			if i > 0 {
				cause = waitsForCause(ctx)
			}
			return i, nil
		}) {
			synctest.Wait()
			break
		}
		return cause
	}},
	{"the end of the tasks it helped", false, false, func(ctx context.Context, _ func()) (cause error) {
		_ = nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
			n.Go(func(ctx context.Context) error { cause = waitsForCause(ctx); return nil }, nursery.Helper())
			return nil
		})
		return cause
	}},
	{"Task.Cancel", false, false, func(ctx context.Context, _ func()) (cause error) {
		_ = nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
			task := nursery.Async(n, func(ctx context.Context) (int, error) { cause = waitsForCause(ctx); return 0, nil })
			synctest.Wait()
			task.Cancel(errA)
			return nil
		})
		return cause
	}},
	{"Start", false, false, func(ctx context.Context, _ func()) (cause error) {
		_ = nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error {
			soon, end := context.WithTimeout(ctx, time.Second)
			defer end()
			_, _ = nursery.Start(soon, n, func(ctx context.Context, _ func(int)) error { cause = waitsForCause(ctx); return nil })
			return nil
		})
		return cause
	}},
}

// within returns how a nursery was cancelled that cancel is called with.
func within(cancel func(n *nursery.Nursery, endParent func())) func(context.Context, func()) error {
	return func(ctx context.Context, end func()) (cause error) {
		var n nursery.Nursery
		own := n.Open(ctx, nursery.OnPanic(nursery.ReturnPanics), quiet())
		cancel(&n, end)
		cause = waitsForCause(own)
		_ = n.Join()
		return cause
	}
}

// A cause tells a failure from what somebody wanted, and both from the end of what
// is around. By is one of what its comment lists.
//
// N2
func TestACauseTellsAFailureFromACancellation(t *testing.T) {
	for _, tt := range whoCancels {
		t.Run(strings.ReplaceAll(tt.by, " ", "_"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, end := context.WithCancel(t.Context())
				defer end()
				c := cancelled(t, tt.cause(ctx, end))
				if c.By != tt.by || c.Failed() != tt.failed || c.ParentEnded() != tt.parent {
					t.Errorf("got by %q, failed %v, parent ended %v; want %q, %v, %v", c.By, c.Failed(), c.ParentEnded(), tt.by, tt.failed, tt.parent)
				}
			})
		})
	}
}
