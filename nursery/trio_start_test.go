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

// startIn calls Start in a nursery, and returns what comes of it and of the
// join.
func startIn(t *testing.T, task func(context.Context, func(int)) error) (value int, err, joined error) {
	joined = nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
		value, err = nursery.Start(ctx, n, task)
		return nil
	})
	return value, err, joined
}

// startEnded is startIn with a context that has ended with errGone.
func startEnded(t *testing.T, task func(context.Context, func(int)) error) (value int, err, joined error) {
	joined = nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
		ended, cancel := context.WithCancelCause(ctx)
		cancel(errGone)
		value, err = nursery.Start(ended, n, task)
		return nil
	})
	return value, err, joined
}

var trioStart = []trioCase{
	{"a task says that it is ready", func(t *testing.T) {
		began := time.Now()
		err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			v, err := nursery.Start(ctx, n, saysReady(7, func(context.Context) error { time.Sleep(time.Second); return nil }))
			if v != 7 || err != nil || time.Since(began) != time.Second || n.Len() != 1 {
				t.Errorf("got %d, %v after %v beside %d tasks, want 7, nil after 1s beside 1", v, err, time.Since(began), n.Len())
			}
			return nil
		})
		if err != nil || time.Since(began) != 2*time.Second {
			t.Errorf("got %v after %v, want nil after 2s", err, time.Since(began))
		}
	}},
	{"it fails before", func(t *testing.T) {
		v, err, joined := startIn(t, func(context.Context, func(int)) error { return errA })
		if v != 0 || err != errA || joined != nil {
			t.Errorf("got %d, %v and %v from the join, want a and nil", v, err, joined)
		}
	}},
	{"it fails before, with a group", func(t *testing.T) {
		own := errors.Join(errA, errB)
		_, err, joined := startIn(t, func(context.Context, func(int)) error { return own })
		wantBare(t, err, own)
		wantBare(t, joined, nil)
	}},
	{"it fails after", func(t *testing.T) {
		v, err, joined := startIn(t, saysReady(7, failing(errA)))
		if v != 7 || err != nil || joined != errA {
			t.Errorf("got %d, %v and %v from the join, want 7, nil and a", v, err, joined)
		}
	}},
	{"it ends without a word", func(t *testing.T) {
		_, err, joined := startIn(t, func(context.Context, func(int)) error { return nil })
		wantBare(t, err, nursery.ErrNotReady)
		wantBare(t, joined, nil)
	}},
	{"it says so twice", func(t *testing.T) {
		_, err, joined := startIn(t, func(_ context.Context, ready func(int)) error {
			ready(1)
			if v := raised(func() { ready(2) }); v == nil {
				t.Error("a second ready did not panic")
			}
			return nil
		})
		wantBare(t, err, nil)
		wantBare(t, joined, nil)
	}},
	{"start is cancelled before the task is ready", func(t *testing.T) {
		v, err, joined := startEnded(t, func(ctx context.Context, ready func(int)) error {
			ready(7)
			return ctx.Err()
		})
		if v != 0 || err != errGone || joined != nil {
			t.Errorf("got %d, %v and %v from the join, want gone and nil", v, err, joined)
		}
	}},
	{"start is cancelled, and the task succeeds all the same", func(t *testing.T) {
		v, err, joined := startEnded(t, func(_ context.Context, ready func(int)) error { ready(7); return nil })
		if v != 0 || err != errGone || joined != nil {
			t.Errorf("got %d, %v and %v from the join, want gone and nil", v, err, joined)
		}
	}},
	{"start is cancelled, and the task fails for another reason", func(t *testing.T) {
		_, err, joined := startEnded(t, func(_ context.Context, ready func(int)) error { ready(7); return errA })
		if !errors.Is(err, errA) || !errors.Is(err, errGone) || joined != nil {
			t.Errorf("got %v and %v from the join, want gone and a, and nil", err, joined)
		}
	}},
	{"the nursery was cancelled before", func(t *testing.T) {
		wantBare(t, nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			n.Cancel(errA)
			v, err := nursery.Start(context.WithoutCancel(ctx), n, func(ctx context.Context, ready func(int)) error { ready(7); return waits(ctx) })
			if v != 7 || err != nil {
				t.Errorf("got %d, %v of a task that is ready all the same, want 7, nil", v, err)
			}
			_, err = nursery.Start(ctx, n, func(ctx context.Context, _ func(int)) error { return waits(ctx) })
			if c := cancelled(t, err); c.By != "Cancel" {
				t.Errorf("got %v, want the cancellation", err)
			}
			return err
		}), nil)
	}},
	{"the nursery is cancelled before the task is ready", func(t *testing.T) {
		began := time.Now()
		wantBare(t, nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			time.AfterFunc(time.Second, func() { n.Cancel(errA) })
			_, err := nursery.Start(context.WithoutCancel(ctx), n, func(ctx context.Context, _ func(int)) error { return waits(ctx) })
			if c := cancelled(t, err); c.Unwrap() != errA || time.Since(began) != time.Second {
				t.Errorf("got %v after %v, want the cancellation after 1s", err, time.Since(began))
			}
			return nil
		}), nil)
	}},
	{"the nursery has closed", func(t *testing.T) {
		var closed *nursery.Nursery
		wantBare(t, nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error { closed = n; return nil }), nil)
		_, err := nursery.Start(t.Context(), closed, func(context.Context, func(int)) error { t.Error("the task ran"); return nil })
		wantBare(t, err, nursery.ErrClosed)
	}},
	{"a pending start keeps the nursery open", func(t *testing.T) {
		began := time.Now()
		wantBare(t, nursery.Run(t.Context(), func(_ context.Context, elsewhere *nursery.Nursery) error {
			err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
				elsewhere.Go(func(ctx context.Context) error {
					_, err := nursery.Start(ctx, n, saysReady(7, func(context.Context) error { time.Sleep(time.Minute); return nil }))
					return err
				})
				synctest.Wait()
				return nil
			})
			if err != nil || time.Since(began) != time.Minute+time.Second {
				t.Errorf("got %v after %v, want nil when the task has ended", err, time.Since(began))
			}
			return nil
		}), nil)
	}},
	{"the failure has a cause of its own", func(t *testing.T) {
		own := fmt.Errorf("cannot listen: %w", errA)
		_, err, _ := startIn(t, func(context.Context, func(int)) error { return own })
		if err != own || errors.Unwrap(err) != errA {
			t.Errorf("got %v, want %v as it was", err, own)
		}
	}},
}
