package nursery_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/creche-go/creche/nursery"
)

var trioScopes = []trioCase{
	{"a scope is shielded", func(t *testing.T) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		err := nursery.Shield(ended, time.Minute, func(ctx context.Context) error {
			time.Sleep(time.Second)
			if ctx.Err() != nil {
				t.Errorf("got %v from behind the shield", ctx.Err())
			}
			if late, err := nursery.MoveOnAfter(ctx, time.Second, waits); !late || err != nil {
				t.Errorf("got %v, %v: a scope inside the shield still ends", late, err)
			}
			return waits(ctx)
		})
		wantTimeout(t, err, "Shield")
		if time.Since(began) != time.Minute {
			t.Errorf("ended after %v, want the limit", time.Since(began))
		}
	}},
	{"a shield is lifted", func(t *testing.T) {
		began := time.Now()
		err := nursery.Shield(t.Context(), time.Minute, func(ctx context.Context) error {
			nursery.MoveDeadline(ctx, time.Now())
			return waits(ctx)
		})
		wantTimeout(t, err, "Shield")
		if time.Since(began) != 0 {
			t.Errorf("ended after %v, want at once", time.Since(began))
		}
	}},
	{"a nursery is shielded", func(t *testing.T) {
		finished := false
		wantBare(t, nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			n.Cancel(nil)
			return nursery.Shield(ctx, time.Hour, func(ctx context.Context) error {
				return nursery.Run(ctx, starts(func(ctx context.Context) error {
					time.Sleep(time.Minute)
					finished = ctx.Err() == nil
					return nil
				}))
			})
		}), nil)
		if !finished {
			t.Error("the task behind the shield was cancelled")
		}
	}},
	{"one task is shielded until the others are done", func(t *testing.T) {
		began := time.Now()
		wantBare(t, nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(func(ctx context.Context) error {
				<-ctx.Done()
				if time.Since(began) != time.Minute {
					t.Errorf("the helper was cancelled after %v, want a minute", time.Since(began))
				}
				return ctx.Err()
			}, nursery.Helper())
			n.Go(func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(time.Minute)
				return ctx.Err()
			})
			n.Cancel(nil)
			return nil
		}), nil)
	}},
	{"a scope is cancelled before it is entered", func(t *testing.T) {
		ended, cancel := context.WithCancelCause(t.Context())
		cancel(errGone)
		entered := false
		wantBare(t, nursery.Run(ended, func(ctx context.Context, _ *nursery.Nursery) error {
			entered = true
			return waits(ctx)
		}), errGone)
		if !entered {
			t.Error("the body did not run")
		}
	}},
	{"a scope is cancelled from elsewhere", func(t *testing.T) {
		began := time.Now()
		wantBare(t, nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			time.AfterFunc(time.Second, func() { n.Cancel(nil) })
			return waits(ctx)
		}), nil)
		if time.Since(began) != time.Second {
			t.Errorf("ended after %v, want 1s", time.Since(began))
		}
	}},
	{"a scope is cancelled after its end", func(t *testing.T) {
		var left context.Context
		wantBare(t, nursery.Run(t.Context(), func(ctx context.Context, _ *nursery.Nursery) error { left = ctx; return nil }), nil)
		nursery.From(left).Cancel(errA)
		if cause := context.Cause(left); !errors.Is(cause, nursery.ErrClosed) || errors.Is(cause, errA) {
			t.Errorf("got cause %v, want that it closed", cause)
		}
	}},
	{"a scope is entered twice", func(t *testing.T) {
		var n nursery.Nursery
		n.Open(t.Context())
		if v := raised(func() { n.Open(t.Context()) }); v == nil {
			t.Error("a nursery was opened twice")
		}
		wantBare(t, n.Join(), nil)
		if v := raised(func() { n.Open(t.Context()) }); v == nil {
			t.Error("a closed nursery was opened again")
		}
	}},
	{"scopes are left in the wrong order", func(t *testing.T) {
		var outer, inner nursery.Nursery
		inner.Open(outer.Open(t.Context()))
		inner.Go(waits)
		wantBare(t, outer.Join(), nil)
		if err := inner.Join(); !errors.Is(err, nursery.ErrClosed) {
			t.Errorf("got %v, want that the outer closed", err)
		}
	}},
	{"five thousand scopes are nested", func(t *testing.T) {
		wantBare(t, nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			return nested(ctx, 5000, func(ctx context.Context) error { n.Cancel(nil); return waits(ctx) })
		}), nil)
	}},
	{"a task is started from within a scope", func(t *testing.T) {
		wantBare(t, nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			late, err := nursery.MoveOnAfter(ctx, time.Second, func(ctx context.Context) error {
				n.Go(func(ctx context.Context) error { time.Sleep(time.Minute); return ctx.Err() })
				return waits(ctx)
			})
			if !late || err != nil {
				t.Errorf("got %v, %v, want the spawner timed out", late, err)
			}
			return nil
		}), nil)
	}},
}

// nested runs f in so many nurseries, each in the body of the one around it.
func nested(ctx context.Context, depth int, f func(context.Context) error) error {
	if depth == 0 {
		return f(ctx)
	}
	return nursery.Run(ctx, func(ctx context.Context, _ *nursery.Nursery) error { return nested(ctx, depth-1, f) })
}

var trioTime = []trioCase{
	{"time is up for what is welcome", func(t *testing.T) {
		late, err := nursery.MoveOnAfter(t.Context(), time.Second, waits)
		if !late || err != nil {
			t.Errorf("got %v, %v, want true, nil", late, err)
		}
	}},
	{"time is up for what is needed", func(t *testing.T) {
		err := nursery.FailAfter(t.Context(), time.Second, waits)
		wantTimeout(t, err, "FailAfter")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want a context.DeadlineExceeded", err)
		}
	}},
	{"work is done though its time is up", func(t *testing.T) {
		late, err := nursery.MoveOnAfter(t.Context(), time.Second, func(context.Context) error {
			time.Sleep(time.Minute)
			return nil
		})
		if late || err != nil {
			t.Errorf("got %v, %v, want false, nil", late, err)
		}
	}},
	{"a deadline is moved", func(t *testing.T) {
		began := time.Now()
		late, err := nursery.MoveOnAfter(t.Context(), time.Second, func(ctx context.Context) error {
			nursery.MoveDeadline(ctx, time.Now().Add(time.Hour))
			time.Sleep(time.Minute)
			if ctx.Err() != nil {
				t.Errorf("got %v after the deadline was moved away", ctx.Err())
			}
			nursery.MoveDeadline(ctx, began)
			return ctx.Err()
		})
		if !late || err != nil || time.Since(began) != time.Minute {
			t.Errorf("got %v, %v after %v, want true, nil after a minute", late, err, time.Since(began))
		}
	}},
	{"a scope has no time at all", func(t *testing.T) {
		for _, d := range []time.Duration{0, -time.Second} {
			entered := false
			late, err := nursery.MoveOnAfter(t.Context(), d, func(ctx context.Context) error { entered = true; return waits(ctx) })
			if !late || err != nil || !entered {
				t.Errorf("%v: got %v, %v, entered %v, want all true and no error", d, late, err, entered)
			}
		}
	}},
	{"two scopes end at once", func(t *testing.T) {
		var inner bool
		outer, err := nursery.MoveOnAfter(t.Context(), time.Second, func(ctx context.Context) (err error) {
			inner, err = nursery.MoveOnAfter(ctx, time.Second, waits)
			return err
		})
		if !outer || inner || err != nil {
			t.Errorf("got outer %v, inner %v, %v, want the outer's time up", outer, inner, err)
		}
	}},
	{"an inner scope ends, and the outer before anybody looked", func(t *testing.T) {
		var inner bool
		outer, err := nursery.MoveOnAfter(t.Context(), 2*time.Second, func(ctx context.Context) (err error) {
			inner, err = nursery.MoveOnAfter(ctx, time.Second, func(ctx context.Context) error {
				time.Sleep(time.Minute)
				return ctx.Err()
			})
			return err
		})
		if outer || !inner || err != nil {
			t.Errorf("got outer %v, inner %v, %v, want the inner's time up", outer, inner, err)
		}
	}},
	{"the deadline in force is asked for", checkDeadlines},
}

func checkDeadlines(t *testing.T) {
	began := time.Now()
	in := func(ctx context.Context, what string, want time.Duration) {
		t.Helper()
		if at, ok := ctx.Deadline(); !ok || at.Sub(began) != want {
			t.Errorf("%s: got %v, %v, want in %v", what, at.Sub(began), ok, want)
		}
	}
	if _, ok := t.Context().Deadline(); ok {
		t.Error("got a deadline where there is none")
	}
	err := nursery.FailAfter(t.Context(), 5*time.Second, func(outer context.Context) error {
		return nursery.FailAfter(outer, 10*time.Second, func(ctx context.Context) error {
			in(ctx, "the outer is sooner", 5*time.Second)
			nursery.MoveDeadline(ctx, began.Add(3*time.Second))
			in(ctx, "the inner was moved", 3*time.Second)
			nursery.MoveDeadline(ctx, began.Add(10*time.Second))
			nursery.MoveDeadline(outer, began)
			in(ctx, "the outer has ended", 0)
			return nursery.Shield(ctx, 10*time.Second, func(ctx context.Context) error {
				in(ctx, "behind a shield", 10*time.Second)
				return nil
			})
		})
	})
	wantBare(t, err, nil)
}
