package nursery_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// sleepsFor is a function for MapSeq: item i takes i seconds.
func sleepsFor(ctx context.Context, i int) (int, error) {
	return i, sleepOr(ctx, time.Duration(i)*time.Second)
}

// N14
func TestMapSeqYieldsAsCompleted(t *testing.T) {
	tests := []struct {
		name  string
		limit int
		items []int
		want  []int
		takes time.Duration
	}{
		{"no items", 2, nil, nil, 0},
		{"all at once", 9, []int{3, 1, 2}, []int{1, 2, 3}, 3 * time.Second},
		{"two at once", 2, []int{5, 1, 2}, []int{1, 2, 5}, 5 * time.Second},
		{"one at a time", 1, []int{3, 1, 2}, []int{3, 1, 2}, 6 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seq := nursery.MapSeq(t.Context(), tt.limit, slices.Values(tt.items), sleepsFor)
				for range 2 { // each loop starts anew
					began := time.Now()
					var got []int
					for v, err := range seq {
						if err != nil {
							t.Errorf("got %v", err)
						}
						got = append(got, v)
					}
					if takes := time.Since(began); !slices.Equal(got, tt.want) || takes != tt.takes {
						t.Errorf("got %v after %v, want %v after %v", got, takes, tt.want, tt.takes)
					}
				}
			})
		})
	}
}

// N3, N5
func TestMapSeqYieldsAnErrorLast(t *testing.T) {
	fails := func(at int, err error) func(context.Context, int) (int, error) {
		return func(ctx context.Context, i int) (int, error) {
			if i == at {
				time.Sleep(time.Duration(i) * time.Second)
				return 0, err
			}
			return sleepsFor(ctx, i)
		}
	}
	tests := []struct {
		name  string
		f     func(context.Context, int) (int, error)
		want  []int
		err   error
		takes time.Duration
	}{
		{"one call fails", fails(2, errA), []int{1}, errA, 2 * time.Second},
		{"a call exits", func(ctx context.Context, i int) (int, error) {
			if i == 2 {
				exiting(ctx)
			}
			return sleepsFor(ctx, i)
		}, nil, nursery.ErrGoexit, 0},
		{"the context ends", sleepsFor, []int{1, 2, 3}, errC, 3500 * time.Millisecond},
		{"a call cancels", func(ctx context.Context, i int) (int, error) {
			if i == 3 {
				nursery.From(ctx).Cancel(errB)
			}
			return sleepsFor(ctx, i)
		}, nil, errB, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer time.AfterFunc(3500*time.Millisecond, func() { cancel(errC) }).Stop()
				began := time.Now()
				var got []int
				var failed error
				for v, err := range nursery.MapSeq(ctx, 9, slices.Values([]int{1, 2, 3, 4}), tt.f) {
					if failed != nil {
						t.Errorf("got %v, %v after the error", v, err)
					}
					if failed = err; err == nil {
						got = append(got, v)
					}
				}
				if takes := time.Since(began); !slices.Equal(got, tt.want) || !errors.Is(failed, tt.err) || takes != tt.takes {
					t.Errorf("got %v, %v after %v, want %v, %v after %v", got, failed, takes, tt.want, tt.err, tt.takes)
				}
			})
		})
	}
}

// N3: the reader is the body, so that calls are numbered as items are.
func TestMapSeqNumbersFailuresByItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, err := range nursery.MapSeq(t.Context(), 2, slices.Values([]error{errA, errB}), func(_ context.Context, e error) (int, error) {
			time.Sleep(time.Second) // until both have begun
			return 0, e
		}) {
			for i, f := range multi(t, err).BySpawn() {
				if want := []error{errA, errB}[i]; f.Err != want || f.Index != i+1 {
					t.Errorf("got %v as %d, want %v as %d", f.Err, f.Index, want, i+1)
				}
			}
		}
	})
}

// N5: under a parent that has ended nothing is begun.
func TestMapSeqUnderAParentThatHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errC)
	for range 20 {
		for _, err := range nursery.MapSeq(ctx, 2, slices.Values(upTo(3)), func(context.Context, int) (int, error) {
			t.Error("a call began")
			return 0, nil
		}) {
			if err != errC {
				t.Errorf("got %v, want %v", err, errC)
			}
		}
	}
}

// naturals yields 0, 1, 2 … and counts how many were taken.
func naturals(taken *int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
			*taken++
		}
	}
}

// N1
func TestMapSeqLeftEarlyCancelsAndJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reports
		began := time.Now()
		taken := 0
		nursery.Run(t.Context(), func(ctx context.Context, _ *nursery.Nursery) error {
			for v, err := range nursery.MapSeq(ctx, 3, naturals(&taken), func(ctx context.Context, i int) (int, error) {
				if i == 0 {
					return i, nil
				}
				waits(ctx)
				time.Sleep(time.Second) // the clean-up is waited for
				return 0, errA
			}) {
				if v != 0 || err != nil {
					t.Errorf("got %v, %v", v, err)
				}
				break
			}
			return nil
		}, r.observe())
		if takes := time.Since(began); takes > time.Second {
			t.Errorf("took %v, want at most a second", takes)
		}
		if taken > 5 {
			t.Errorf("got %d items read, want at most 5", taken)
		}
		for _, err := range r.errors() {
			if err != errA {
				t.Errorf("got report %v, want %v", err, errA)
			}
		}
	})
}

func TestMapSeqHoldsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		taken := 0
		for range nursery.MapSeq(t.Context(), 3, naturals(&taken), func(_ context.Context, i int) (int, error) { return i, nil }) {
			time.Sleep(time.Hour)
			synctest.Wait()
			break
		}
		// One is in the loop, three wait to be, one has no place yet.
		if taken > 5 {
			t.Errorf("got %d items read by a loop that has one, want at most 5", taken)
		}
	})
}

// N9, N10: what happens in the loop's body is the caller's own.
func TestMapSeqWhoseLoopPanicsOrExits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := 0
		loop := func(body func()) func() {
			return func() {
				nursery.Run(t.Context(), func(ctx context.Context, _ *nursery.Nursery) error {
					for range nursery.MapSeq(ctx, 2, slices.Values(upTo(2)), func(ctx context.Context, i int) (int, error) {
						if i == 1 {
							waits(ctx)
							ended++
						} else {
							time.Sleep(time.Second) // until the other has begun
						}
						return i, nil
					}) {
						body()
					}
					return nil
				}, quiet())
			}
		}
		if p := raisedPanic(t, loop(func() { panic("mine") })); p.Value != "mine" {
			t.Errorf("got panic %v, want mine", p.Value)
		}
		if !exits(loop(func() { exiting(t.Context()) })) {
			t.Error("the exit was lost")
		}
		if ended != 2 {
			t.Errorf("got %d calls joined, want 2", ended)
		}
	})
}

// N9
func TestMapSeqRaisesPanics(t *testing.T) {
	over := func(ctx context.Context, items iter.Seq[int], leave bool) {
		nursery.Run(ctx, func(ctx context.Context, _ *nursery.Nursery) error {
			for range nursery.MapSeq(ctx, 2, items, func(ctx context.Context, i int) (int, error) {
				if i == 1 {
					waits(ctx)
					panic("call")
				}
				time.Sleep(time.Second) // until the other has begun
				return i, nil
			}) {
				if leave {
					break
				}
				nursery.From(ctx).Cancel(nil)
			}
			return nil
		}, quiet())
	}
	synctest.Test(t, func(t *testing.T) {
		if p := raisedPanic(t, func() { over(t.Context(), slices.Values(upTo(2)), false) }); p.Value != "call" {
			t.Errorf("got panic %v, want call", p.Value)
		}
		broken := func(yield func(int) bool) { panic("items") }
		if p := raisedPanic(t, func() { over(t.Context(), broken, false) }); p.Value != "items" {
			t.Errorf("got panic %v, want items", p.Value)
		}
		begun := func(yield func(int) bool) { yield(1); yield(0) }
		if p := raisedPanic(t, func() { over(t.Context(), begun, true) }); p.Value != "call" {
			t.Errorf("got panic %v out of a loop that was left, want call", p.Value)
		}
	})
}
