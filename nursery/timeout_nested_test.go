package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// N15: nested calls tell whose time was up.
func TestNestedTimeScopes(t *testing.T) {
	const short, long = time.Second, time.Minute
	tests := []struct {
		name         string
		outer, inner time.Duration
		late         bool   // what the outer MoveOnAfter tells
		want         string // from the inner FailAfter
	}{
		{"the inner one ends first", long, short, false, "nursery: FailAfter: timed out after 1s: load"},
		{"the outer one ends first", short, long, true, "nursery: MoveOnAfter: timed out after 1s"},
		{"both end in the same instant", short, short, true, "nursery: MoveOnAfter: timed out after 1s"},
		{"the inner one has no time", long, 0, false, "nursery: FailAfter: timed out after 0s: load"},
		{"the inner one has less than no time", long, -short, false, "nursery: FailAfter: timed out after 0s: load"},
		{"neither has any", 0, 0, true, "nursery: MoveOnAfter: timed out after 0s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for range 20 { // timers of the same instant fire in any order
					began := time.Now()
					var inner error
					late, err := nursery.MoveOnAfter(t.Context(), tt.outer, func(ctx context.Context) error {
						inner = nursery.FailAfter(ctx, tt.inner, wrapsEcho)
						return inner
					})
					if got := timeout(t, inner).Error(); got != tt.want {
						t.Errorf("got %q inside, want %q", got, tt.want)
					}
					if late != tt.late || !late && err != inner || late && err != nil {
						t.Errorf("got %v, %v outside; want %v", late, err, tt.late)
					}
					if got, want := time.Since(began), max(0, min(tt.outer, tt.inner)); got != want {
						t.Errorf("got back after %v, want %v", got, want)
					}
				}
			})
		})
	}
}

// N15: the first end counts, even when both are over before f returns.
func TestTheEndThatCameFirstCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(ctx context.Context) error { waits(ctx); time.Sleep(time.Minute); return ctx.Err() }
		outer, err := nursery.MoveOnAfter(t.Context(), 2*time.Second, func(ctx context.Context) error {
			inner, err := nursery.MoveOnAfter(ctx, time.Second, slow)
			if !inner || err != nil {
				t.Errorf("got %v, %v inside; want a time-out", inner, err)
			}
			return ctx.Err() // the outer end is not lost
		})
		if !outer || err != nil {
			t.Errorf("got %v, %v outside; want a time-out", outer, err)
		}
	})
}

// N15, N4: a time-out that a task returns is its failure.
func TestATimeOutIsAFailureOfTheNurseryAround(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failsLate := func(ctx context.Context) error {
			return fmt.Errorf("task: %w", nursery.FailAfter(ctx, time.Second, waits))
		}
		err := nursery.Run(t.Context(), starts(failsLate, waits))
		if late := (*nursery.TimeoutError)(nil); !errors.As(err, &late) || err.Error() != "task: "+late.Error() {
			t.Errorf("got %v, want the time-out alone", err)
		}
		// In a nursery that is already cancelled, too: the end of this one
		// came first, and the function was slow to notice.
		slow := func(ctx context.Context) error {
			return nursery.FailAfter(ctx, time.Second, func(ctx context.Context) error {
				time.Sleep(time.Minute)
				return ctx.Err()
			})
		}
		fails := func(context.Context) error { time.Sleep(2 * time.Second); return errA }
		m := multi(t, nursery.Run(t.Context(), starts(slow, fails)))
		if m.Failures[0].Err != errA || timeout(t, m.Failures[1].Err).After != time.Second {
			t.Errorf("got %v", m)
		}
		// What is cut from outside is none.
		if err := nursery.Run(t.Context(), starts(failsLate, failing(errA))); err != errA {
			t.Errorf("got %v, want the sibling's failure alone", err)
		}
	})
}

// N15, N4: a nursery inside a time scope whose task is late on its own account.
func TestATimeOutInsideIsNotTheOneOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inside error
		late, err := nursery.MoveOnAfter(t.Context(), time.Second, func(ctx context.Context) error {
			return nursery.Run(ctx, starts(waits, func(ctx context.Context) error {
				inside = nursery.FailAfter(ctx, time.Millisecond, waits)
				time.Sleep(time.Minute) // until the outer's time is up, too
				return inside
			}))
		})
		if !late || err != inside || timeout(t, err).After != time.Millisecond {
			t.Errorf("got %v, %v; want both time-outs", late, err)
		}
	})
}
