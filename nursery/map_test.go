package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

func upTo(n int) []int {
	items := make([]int, n)
	for i := range items {
		items[i] = i
	}
	return items
}

// sleepOr waits for d, or for the end of ctx, whose error it then returns.
func sleepOr(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// N14
func TestMapKeepsTheOrderAndTheBound(t *testing.T) {
	tests := []struct {
		name         string
		limit, items int
		takes        time.Duration
	}{
		{"no items", 3, 0, 0},
		{"one at a time", 1, 4, 10 * time.Second},
		{"fewer places than items", 2, 4, 6 * time.Second},
		{"more places than items", 9, 4, 4 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var running atomic.Int32
				began := time.Now()
				got, err := nursery.Map(t.Context(), tt.limit, upTo(tt.items), func(_ context.Context, i int) (string, error) {
					if n := int(running.Add(1)); n > tt.limit {
						t.Errorf("got %d at once, want at most %d", n, tt.limit)
					}
					defer running.Add(-1)
					time.Sleep(time.Duration(i+1) * time.Second)
					return fmt.Sprint(i), nil
				})
				want := []string{"0", "1", "2", "3"}[:tt.items]
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("got %v, %v, want %v", got, err, want)
				}
				if takes := time.Since(began); takes != tt.takes {
					t.Errorf("took %v, want %v", takes, tt.takes)
				}
			})
		})
	}
}

// N2, N3: the first failure cancels, and failures bear the items' numbers.
func TestMapFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		f := func(ctx context.Context, i int) (int, error) {
			calls.Add(1)
			switch i {
			case 4:
				return 0, errA
			case 5:
				<-ctx.Done()
				return 0, errB
			case 6:
				return 0, sleepOr(ctx, time.Hour)
			}
			return i, nil
		}
		began := time.Now()
		got, err := nursery.Map(t.Context(), 3, upTo(100), f)
		if got != nil || time.Since(began) > 0 {
			t.Errorf("got %v after %v, want nil at once", got, time.Since(began))
		}
		if n := calls.Load(); n > 7 {
			t.Errorf("got %d calls, want none begun after the failure", n)
		}
		// How far the workers are when the failure comes is up to the scheduler.
		for leaf := range nursery.Leaves(err) {
			if leaf != errA && leaf != errB {
				t.Errorf("got leaf %v", leaf)
			}
		}
		if m, ok := err.(*nursery.MultiError); ok {
			for _, f := range m.Failures {
				if want := map[int]error{5: errA, 6: errB}[f.Index]; f.Err != want {
					t.Errorf("got %v as %d, want %v", f.Err, f.Index, want)
				}
			}
		} else if err != errA {
			t.Errorf("got %v, want %v", err, errA)
		}
	})
}

// N3
func TestMapNumbersFailuresByItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := nursery.Map(t.Context(), 4, upTo(4), func(ctx context.Context, i int) (int, error) {
			time.Sleep(time.Second) // until all have begun
			switch i {
			case 0:
				return 0, nil
			case 1:
				return 0, errA
			case 2:
				exiting(ctx)
			}
			return 0, errB
		})
		for i, f := range multi(t, err).BySpawn() {
			if want := []error{errA, nursery.ErrGoexit, errB}[i]; f.Err != want || f.Index != i+2 {
				t.Errorf("got %v as %d, want %v as %d", f.Err, f.Index, want, i+2)
			}
		}
	})
}

// N5
func TestMapUnderAParentThatEnds(t *testing.T) {
	tests := []struct {
		name string
		end  time.Duration
		f    func(ctx context.Context, i int) (int, error)
		want error
	}{
		{"all has completed", time.Hour, func(_ context.Context, i int) (int, error) { time.Sleep(time.Second); return i, nil }, nil},
		{"calls heed it", time.Second, func(ctx context.Context, i int) (int, error) { return i, sleepOr(ctx, time.Minute) }, errC},
		{"calls ignore it, and items are left", time.Second, func(_ context.Context, i int) (int, error) { time.Sleep(time.Minute); return i, nil }, errC},
		{"no items are left, and calls ignore it", 90 * time.Second, func(_ context.Context, i int) (int, error) { time.Sleep(time.Minute); return i, nil }, nil},
		{"a real failure comes first", time.Second, func(context.Context, int) (int, error) { return 0, errA }, errA},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer time.AfterFunc(tt.end, func() { cancel(errC) }).Stop()
				got, err := nursery.Map(ctx, 1, upTo(2), tt.f)
				if err != tt.want || (got == nil) != (tt.want != nil) {
					t.Errorf("got %v, %v, want %v", got, err, tt.want)
				}
			})
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := nursery.Map(ctx, 2, upTo(3), func(context.Context, int) (int, error) { t.Error("ran"); return 0, nil }); got != nil || err != context.Canceled {
		t.Errorf("got %v, %v under a parent that had ended", got, err)
	}
}

func TestMapThatIsCancelledFromWithinIsNotComplete(t *testing.T) {
	got, err := nursery.Map(t.Context(), 1, upTo(3), func(ctx context.Context, i int) (int, error) {
		nursery.From(ctx).Cancel(errA)
		return i, nil
	})
	if got != nil || !errors.Is(cancelled(t, err), errA) {
		t.Errorf("got %v, %v", got, err)
	}
}

// N1: tasks that calls start are joined too, and come after the items.
func TestMapJoinsTheTasksOfCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := nursery.Map(t.Context(), 1, upTo(3), func(ctx context.Context, i int) (int, error) {
			if i == 2 {
				nursery.From(ctx).Go(func(context.Context) error { time.Sleep(time.Hour); return errA })
			}
			return i, nil
		})
		if err != errA || time.Since(began) != time.Hour {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
	})
}

// N9
func TestMapRaisesPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := raisedPanic(t, func() {
			nursery.Run(t.Context(), func(ctx context.Context, _ *nursery.Nursery) error {
				_, err := nursery.Map(ctx, 2, upTo(2), func(ctx context.Context, i int) (int, error) {
					if i == 1 {
						panic("boom")
					}
					return 0, sleepOr(ctx, time.Hour)
				})
				return err
			}, quiet())
		})
		if p.Value != "boom" || !strings.Contains(p.Stack(), "TestMapRaisesPanics") {
			t.Errorf("got %v\n%s", p.Value, p.Stack())
		}
	})
}
