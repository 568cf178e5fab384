package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// N15
func TestAShieldCannotBeCutFromOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := new(int) // of the type of package context's own
		parent, cancel := context.WithTimeout(context.WithValue(t.Context(), key, "value"), time.Millisecond)
		defer cancel()
		cleansUp := func(ctx context.Context) error {
			deadline, _ := ctx.Deadline()
			if got := ctx.Value(key); got != "value" || !deadline.Equal(time.Now().Add(time.Minute)) {
				t.Errorf("got value %v and deadline %v", got, deadline)
			}
			if got := context.Cause(ctx); got != nil {
				t.Errorf("got cause %v in a shield, want none", got)
			}
			time.Sleep(time.Second)
			return ctx.Err()
		}
		for _, when := range []string{"ends meanwhile", "has ended"} {
			if err := nursery.Shield(parent, time.Minute, cleansUp); err != nil {
				t.Errorf("got %v where the parent %s, want nil", err, when)
			}
		}
		if err := nursery.Shield(parent, time.Minute, func(context.Context) error { return parent.Err() }); err != parent.Err() {
			t.Errorf("got %v, want what f returned", err)
		}
		late := timeout(t, nursery.Shield(parent, time.Second, waits))
		if late.Call != "Shield" || late.After != time.Second {
			t.Errorf("got %v, want the limit told", late)
		}
		err := nursery.Shield(parent, time.Second, func(ctx context.Context) error { return errors.Join(waits(ctx), errA) })
		if got, want := fmt.Sprint(err), "nursery: Shield: timed out after 1s\na failed"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// N15, N17: in a nursery that is cancelled the shielded work is done, its own
// nursery with it, and it can see that it should be brief.
func TestAShieldInACancelledNursery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var done atomic.Int32
		works := func(ctx context.Context) error {
			time.Sleep(time.Second)
			done.Add(1)
			return ctx.Err()
		}
		err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			n.Drain(0)
			return nursery.Shield(ctx, time.Minute, func(ctx context.Context) error {
				if nursery.From(ctx) != n {
					t.Error("got another nursery, want the one around")
				}
				select {
				case <-nursery.Draining(ctx):
				default:
					t.Error("the drain cannot be seen")
				}
				return nursery.All(ctx, works, works)
			})
		})
		if err != nil || done.Load() != 2 {
			t.Errorf("got %v with %d done, want both", err, done.Load())
		}
	})
}
