package nursery_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// N16
func TestHelpersEndWithTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var mu sync.Mutex
		ended := make(map[string]time.Duration)
		ends := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			ended[what] = time.Since(began)
		}
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			for range 2 {
				n.Go(func(ctx context.Context) error {
					<-ctx.Done()
					time.Sleep(time.Second) // and are joined
					ends("helper")
					return context.Cause(ctx)
				}, nursery.Helper())
			}
			n.Go(func(context.Context) error { time.Sleep(time.Minute); ends("task"); return nil })
			return nil
		})
		if err != nil || ended["task"] != time.Minute || ended["helper"] != time.Minute+time.Second || time.Since(began) != ended["helper"] {
			t.Errorf("got %v after %v, %v", err, time.Since(began), ended)
		}
	})
}

// N16
func TestHelpersAreShielded(t *testing.T) {
	tests := []struct {
		name string
		end  func(n *nursery.Nursery, cancelParent context.CancelCauseFunc)
		want error
	}{
		{"from a failure", func(n *nursery.Nursery, _ context.CancelCauseFunc) { n.Go(failing(errA)) }, errA},
		{"from Cancel", func(n *nursery.Nursery, _ context.CancelCauseFunc) { n.Cancel(errA) }, nil},
		{"from a hard drain", func(n *nursery.Nursery, _ context.CancelCauseFunc) { n.Drain(0) }, nil},
		{"from the parent's end", func(_ *nursery.Nursery, cancel context.CancelCauseFunc) { cancel(errGone) }, errGone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parent, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				began := time.Now()
				err := nursery.Run(parent, func(_ context.Context, n *nursery.Nursery) error {
					n.Go(func(ctx context.Context) error {
						<-ctx.Done()
						if got := time.Since(began); got != time.Hour {
							t.Errorf("the helper was cancelled after %v, want an hour", got)
						}
						if c := cancelled(t, context.Cause(ctx)); c.By != "the end of the tasks it helped" || ctx.Err() != context.Canceled {
							t.Errorf("got cause %v, err %v", c, ctx.Err())
						}
						return ctx.Err()
					}, nursery.Helper())
					n.Go(func(ctx context.Context) error {
						<-ctx.Done()
						time.Sleep(time.Until(began.Add(time.Hour))) // a clean-up that needs the helper
						return ctx.Err()
					})
					time.Sleep(time.Second)
					tt.end(n, cancel)
					return nil
				})
				if err != tt.want {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			})
		})
	}
}

// N16: what a helper fails with is a failure like any, also on its way out.
func TestHelpersThatFail(t *testing.T) {
	tests := []struct {
		name   string
		helper func(context.Context) error
		want   error
		panics bool
	}{
		{"before the others end", failing(errA), errA, false},
		{"when it is dismissed", func(ctx context.Context) error { return errors.Join(waits(ctx), errA) }, errA, false},
		{"by a Goexit", exiting, nursery.ErrGoexit, false},
		{"by a panic", panicking(errA), errA, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var err error
				v := raised(func() {
					err = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
						n.Go(tt.helper, nursery.Helper(), nursery.Name("helper"))
						n.Go(func(context.Context) error { time.Sleep(time.Second); return nil })
						return nil
					}, quiet())
				})
				if p, ok := v.(*nursery.PanicError); ok == tt.panics && ok {
					err = p
				}
				if !errors.Is(err, tt.want) || errors.Is(err, context.Canceled) {
					t.Errorf("got %v, raised %v, want %v", err, v, tt.want)
				}
			})
		})
	}
}

// N7, N16: helpers may start tasks, also while they are the last, and what
// they start is joined.
func TestTasksOfHelpers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ran := make(chan string, 3)
		says := func(what string, after time.Duration) func(context.Context) error {
			return func(context.Context) error { time.Sleep(after); ran <- what; return nil }
		}
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(func(ctx context.Context) error {
				n.Go(says("early", time.Second))
				<-ctx.Done()
				n.Go(says("late", time.Second))
				n.Go(func(ctx context.Context) error {
					if ctx.Err() == nil {
						t.Error("a helper that comes too late is not cancelled")
					}
					ran <- "helper"
					return ctx.Err()
				}, nursery.Helper())
				return nil
			}, nursery.Helper())
			synctest.Wait()
			return nil
		})
		if err != nil || len(ran) != 3 || time.Since(began) != 2*time.Second {
			t.Errorf("got %v, %d tasks after %v, want three after 2s", err, len(ran), time.Since(began))
		}
	})
}

// N8, N16
func TestANurseryOfHelpersAlone(t *testing.T) {
	var closed *nursery.Nursery
	err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
		closed = n
		for range 3 {
			n.Go(waits, nursery.Helper())
		}
		if got := n.Len(); got != 3 {
			t.Errorf("got Len %d, want 3", got)
		}
		return nil
	})
	if err != nil || closed.Len() != 0 {
		t.Errorf("got %v, Len %d, want nil, 0", err, closed.Len())
	}
	if err := closed.TryGo(succeeds, nursery.Helper()); err != nursery.ErrClosed {
		t.Errorf("got %v, want %v", err, nursery.ErrClosed)
	}
}

// N11, N16
func TestHelpersDoNotCountAgainstTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(waits, nursery.Helper())
			return n.TryGo(succeeds)
		}, nursery.Limit(1), nursery.Queue(0))
		if err != nil {
			t.Errorf("got %v, want nil", err)
		}
	})
}

// N16: a helper that comes and one that goes, again and again, while the
// ordinary tasks end.
func TestHelpersComeAndGoUnderRace(t *testing.T) {
	for range 2000 {
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			for range 3 {
				n.Go(func(context.Context) error {
					for range 3 {
						n.Go(waits, nursery.Helper())
						n.Go(succeeds, nursery.Helper())
						n.Go(succeeds)
					}
					return nil
				})
			}
			return nil
		})
		if err != nil {
			t.Fatalf("got %v", err)
		}
	}
}

// N13, N16
func TestAHandleOfAHelperThatWasDismissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heeds, completes *nursery.Task[int]
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			heeds = nursery.Async(n, func(ctx context.Context) (int, error) { return 7, waits(ctx) }, nursery.Helper())
			completes = nursery.Async(n, func(ctx context.Context) (int, error) { return 7, ignores(ctx) }, nursery.Helper())
			return nil
		})
		v, told := heeds.Wait(t.Context())
		if c := cancelled(t, told); err != nil || v != 0 || c.By != "the end of the tasks it helped" {
			t.Errorf("got %v, then %d, %v, want the dismissal", err, v, told)
		}
		if v, err := completes.Wait(t.Context()); v != 7 || err != nil {
			t.Errorf("got %d, %v of the one that had a result, want 7, nil", v, err)
		}
	})
}

// N8, N16: the context ends with the nursery where no helper is left to be
// dismissed, so that what hangs on it does.
func TestTheContextOfHelpersThatEndedEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var left context.Context
		_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(func(ctx context.Context) error { left = ctx; return nil }, nursery.Helper())
			synctest.Wait()
			if left.Err() != nil {
				t.Errorf("got %v while the body runs, want nil", left.Err())
			}
			return nil
		})
		if c := cancelled(t, context.Cause(left)); !errors.Is(c, nursery.ErrClosed) {
			t.Errorf("got cause %v, want %v", c, nursery.ErrClosed)
		}
	})
}
