package nursery_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/creche-go/creche/nursery"
)

// closed reports whether c is.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// drains is a task that ends politely.
func drains(ctx context.Context) error {
	select {
	case <-nursery.Draining(ctx):
		return nil
	case <-ctx.Done():
		return errors.New("cancelled before drained")
	}
}

// N17, N20: waiting for the signal is durably blocking.
func TestDrainTellsEveryTaskBelow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var nest func(depth int) func(context.Context) error
		nest = func(depth int) func(context.Context) error {
			if depth == 0 {
				return drains
			}
			return func(ctx context.Context) error {
				ctx = context.WithValue(ctx, errA, depth)
				return nursery.Run(ctx, starts(drains, nest(depth-1), nest(depth-1)))
			}
		}
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(nest(4))
			n.Go(func(ctx context.Context) error {
				<-nursery.Draining(ctx)
				time.Sleep(time.Second)
				if ctx.Err() != nil {
					t.Error("cancelled within the grace")
				}
				nursery.From(ctx).Go(nest(1)) // still allowed, and told at once
				return nil
			})
			time.Sleep(time.Minute)
			n.Drain(time.Hour)
			return nil
		})
		if got, want := time.Since(began), time.Minute+time.Second; err != nil || got != want {
			t.Errorf("got %v after %v, want nil after %v", err, got, want)
		}
	})
}

// N17
func TestDrainCancelsAfterItsGrace(t *testing.T) {
	tests := []struct {
		name string
		ask  func(n *nursery.Nursery)
		want time.Duration // 0: not cancelled within a day
	}{
		{"of a minute", func(n *nursery.Nursery) { n.Drain(time.Minute) }, time.Minute},
		{"of zero, at once", func(n *nursery.Nursery) { n.Drain(0) }, time.Nanosecond},
		{"below zero, never", func(n *nursery.Nursery) { n.Drain(-1) }, 0},
		{"made shorter by a second call", func(n *nursery.Nursery) { n.Drain(time.Hour); n.Drain(time.Minute) }, time.Minute},
		{"not made longer by a second call", func(n *nursery.Nursery) { n.Drain(time.Minute); n.Drain(time.Hour) }, time.Minute},
		{"not undone by a second call", func(n *nursery.Nursery) { n.Drain(time.Minute); n.Drain(-1) }, time.Minute},
		{"set by a second call", func(n *nursery.Nursery) { n.Drain(-1); n.Drain(time.Minute) }, time.Minute},
		{"ended by a second call", func(n *nursery.Nursery) { n.Drain(time.Minute); n.Drain(0) }, time.Nanosecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
					tt.ask(n)
					if !closed(nursery.Draining(ctx)) {
						t.Error("not draining")
					}
					select {
					case <-ctx.Done():
						if c := cancelled(t, context.Cause(ctx)); c.By != "Drain" || !errors.Is(c, context.DeadlineExceeded) {
							t.Errorf("got cause %v by %q", c, c.By)
						}
					case <-time.After(24 * time.Hour):
					}
					return ctx.Err()
				})
				got := time.Since(began)
				if err != nil || tt.want == 0 && got != 24*time.Hour || tt.want != 0 && max(got, 1) != tt.want {
					t.Errorf("got %v after %v, want nil after %v", err, got, tt.want)
				}
			})
		})
	}
}

// N17
func TestTheSignalIsTheSameChannelEachTime(t *testing.T) {
	nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
		child, cancel := context.WithTimeout(ctx, time.Hour)
		defer cancel()
		first := nursery.Draining(ctx)
		if nursery.Draining(child) != first || closed(first) {
			t.Error("another channel for a derived context, or closed")
		}
		n.Drain(-1)
		if nursery.Draining(ctx) != first || !closed(first) {
			t.Error("another channel after Drain, or open")
		}
		return nil
	})
}

// N17
func TestTheSignalOfAClosedNursery(t *testing.T) {
	for _, asked := range []bool{true, false} {
		var late context.Context
		var signal <-chan struct{}
		nursery.Run(t.Context(), func(ctx context.Context, _ *nursery.Nursery) error {
			late = ctx
			if asked {
				signal = nursery.Draining(ctx)
			}
			return nil
		})
		if asked && !closed(signal) {
			t.Error("the close did not close the channel")
		}
		if !closed(nursery.Draining(late)) {
			t.Error("got an open channel of a closed nursery")
		}
		nursery.From(late).Drain(time.Hour) // no timer stays behind: the leak check would not see it, a bubble does
	}
	if nursery.Draining(t.Context()) != nil {
		t.Error("got a channel outside any nursery, want nil")
	}
}

// N17
func TestADrainDoesNotReachUpOrAside(t *testing.T) {
	nursery.Run(t.Context(), func(outer context.Context, _ *nursery.Nursery) error {
		return nursery.Run(outer, func(aside context.Context, _ *nursery.Nursery) error {
			nursery.Run(outer, func(ctx context.Context, n *nursery.Nursery) error {
				up, side := nursery.Draining(outer), nursery.Draining(aside)
				n.Drain(-1)
				if closed(up) || closed(side) || !closed(nursery.Draining(ctx)) {
					t.Error("the drain did not stay below")
				}
				return nil
			})
			return nil
		})
	})
}

// N17: detached work is still told.
func TestADrainReachesThroughForeignContexts(t *testing.T) {
	nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
		return nursery.Run(context.WithoutCancel(ctx), func(below context.Context, _ *nursery.Nursery) error {
			signal := nursery.Draining(below)
			n.Drain(-1)
			if !closed(signal) {
				t.Error("not told")
			}
			return nil
		})
	})
}

// N17: askers, a drain and closes race; nobody must be forgotten.
func TestTheSignalUnderContention(t *testing.T) {
	for range 100 {
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			for range 8 {
				n.Go(func(ctx context.Context) error { return nursery.All(ctx, drains, drains) })
				n.Go(func(ctx context.Context) error {
					return nursery.Run(ctx, func(ctx context.Context, _ *nursery.Nursery) error {
						nursery.Draining(ctx)
						return nil
					})
				})
			}
			n.Drain(-1)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// N17: who has been told nothing by the time it closes is forgotten above.
func TestAClosedNurseryIsForgottenAbove(t *testing.T) {
	_ = nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
		below := func() weak.Pointer[[1 << 16]byte] {
			v := new([1 << 16]byte)
			_ = nursery.Run(context.WithValue(ctx, v, v), func(ctx context.Context, _ *nursery.Nursery) error {
				nursery.Draining(ctx)
				return nil
			})
			return weak.Make(v)
		}
		kept := below()
		for range 3 {
			runtime.GC()
		}
		if kept.Value() != nil {
			t.Error("a nursery that has closed is still held")
		}
		return nil
	})
}
