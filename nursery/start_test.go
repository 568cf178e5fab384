package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// N7
func TestTasksMayBeStartedWhileAnythingRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ran := 0
		count := func(context.Context) error { ran++; return nil }
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(func(ctx context.Context) error {
				nursery.From(ctx).Go(count) // beside the body
				time.Sleep(time.Hour)
				n.Go(func(ctx context.Context) error { // during the join
					time.Sleep(time.Hour)
					return nursery.From(ctx).TryGo(count) // from the last one
				})
				return nil
			})
			time.Sleep(time.Second)
			return nil
		})
		if err != nil || ran != 2 {
			t.Errorf("got %v and %d tasks run, want nil and 2", err, ran)
		}
	})
}

// N7
func TestATaskOfACancelledNurseryFindsItsContextCancelled(t *testing.T) {
	var got error
	err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
		n.Cancel(errA)
		n.Go(func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				got = context.Cause(ctx)
			default:
			}
			return nil
		})
		return nil
	})
	if err != nil || !errors.Is(got, errA) {
		t.Errorf("got %v, cause %v, want nil, %v", err, got, errA)
	}
}

// N8
func TestAClosedNurseryRefusesTasks(t *testing.T) {
	var late context.Context
	nursery.Run(t.Context(), func(ctx context.Context, _ *nursery.Nursery) error {
		late = ctx
		return nil
	})
	ran := func(context.Context) error { t.Error("the task ran"); return nil }
	n := nursery.From(late)
	if err := n.TryGo(ran); err != nursery.ErrClosed {
		t.Errorf("got %v, want %v", err, nursery.ErrClosed)
	}
	const want = "nursery: Go after the nursery closed"
	if got := fmt.Sprint(raised(func() { n.Go(ran) })); !strings.HasPrefix(got, want) {
		t.Errorf("got panic %q, want %q", got, want)
	}
	if c := cancelled(t, context.Cause(late)); c.By != "the close" || !errors.Is(c, nursery.ErrClosed) || late.Err() != context.Canceled {
		t.Errorf("got cause %v, err %v", c, late.Err())
	}
	select {
	case <-late.Done():
	default:
		t.Error("the context is not done")
	}
	if got := n.Len(); got != 0 {
		t.Errorf("got Len %d, want 0", got)
	}
	var zero nursery.Nursery
	if err := zero.TryGo(ran); err != nursery.ErrClosed {
		t.Errorf("got %v of the zero Nursery, want %v", err, nursery.ErrClosed)
	}
}

// N8: each racer starts tasks until the nursery has closed under its hands,
// and then goes on trying.
func TestOfAMillionLateStartsNoneRuns(t *testing.T) {
	const racers, tries = 4, 5000
	attempts := 1_000_000
	if testing.Short() {
		attempts = racers * tries
	}
	t.Attr("did", fmt.Sprintf("%d starts that race with the close", attempts))
	for ; attempts > 0; attempts -= racers * tries {
		var closed atomic.Bool
		var started, ran atomic.Int64
		race := func(n *nursery.Nursery, going chan<- bool) {
			for i := range tries {
				err := n.TryGo(func(context.Context) error {
					if closed.Load() {
						t.Error("a task ran after the join")
					}
					ran.Add(1)
					return nil
				})
				switch {
				case err == nil:
					started.Add(1)
				case err != nursery.ErrClosed:
					t.Errorf("got %v, want %v", err, nursery.ErrClosed)
				}
				if i == 0 {
					going <- true
				}
				for err == nil && i > 20 && !closed.Load() { // let it close
					runtime.Gosched()
				}
			}
			going <- false
		}
		going := make(chan bool, racers)
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			for range racers {
				go race(n, going)
			}
			<-going
			return nil
		})
		closed.Store(true)
		for left := racers; left > 0; {
			if !<-going {
				left--
			}
		}
		if err != nil || started.Load() != ran.Load() {
			t.Fatalf("got %v, %d started, %d ran", err, started.Load(), ran.Load())
		}
	}
}

// N8
func TestLenCountsTheTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n *nursery.Nursery
		check := func(when string, want int) {
			t.Helper()
			if got := n.Len(); got != want {
				t.Errorf("%s: got Len %d, want %d", when, got, want)
			}
		}
		go func() {
			time.Sleep(90 * time.Second)
			check("while it is joined", 2)
		}()
		nursery.Run(t.Context(), func(_ context.Context, opened *nursery.Nursery) error {
			n = opened
			check("without tasks", 0)
			for i := range 3 {
				n.Go(func(context.Context) error { time.Sleep(time.Duration(i+1) * time.Minute); return nil })
			}
			check("with three", 3)
			return nil
		}, nursery.Limit(3))
		check("after the end", 0)
	})
}
