package nursery_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

type racer = func(context.Context) (string, error)

// arrives is a racer that takes so many seconds, or heeds the end of its
// context.
func arrives(seconds int, v string, err error) racer {
	return func(ctx context.Context) (string, error) {
		if err := sleepOr(ctx, time.Duration(seconds)*time.Second); err != nil {
			return "", err
		}
		return v, err
	}
}

// N14
func TestRaceReturnsTheFirstSuccess(t *testing.T) {
	stubborn := func(ctx context.Context) (string, error) {
		waits(ctx)
		time.Sleep(5 * time.Second)
		return "late", errC
	}
	exits := func(ctx context.Context) (string, error) { time.Sleep(time.Second); return "", exiting(ctx) }
	tests := []struct {
		name   string
		racers []racer
		want   string
		err    error
		takes  int // seconds
	}{
		{"alone", []racer{arrives(1, "a", nil)}, "a", nil, 1},
		{"the fastest", []racer{arrives(9, "a", nil), arrives(2, "b", nil)}, "b", nil, 2},
		{"after a failure", []racer{arrives(1, "", errA), arrives(3, "b", nil)}, "b", nil, 3},
		{"losers are joined, and their failures dropped", []racer{stubborn, arrives(3, "b", nil)}, "b", nil, 8},
		{"alone, failing", []racer{arrives(1, "", errA)}, "", errA, 1},
		{"an exit is the end of it", []racer{exits, arrives(3, "b", nil)}, "", nursery.ErrGoexit, 1},
		{"the parent ends", []racer{arrives(99, "a", nil), arrives(99, "b", nil)}, "", errB, 20},
		{"the parent ends and one arrives all the same", []racer{arrives(99, "a", nil), func(context.Context) (string, error) { time.Sleep(30 * time.Second); return "b", nil }}, "b", nil, 30},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer time.AfterFunc(20*time.Second, func() { cancel(errB) }).Stop()
				began := time.Now()
				got, err := nursery.Race(ctx, tt.racers...)
				if takes := int(time.Since(began) / time.Second); got != tt.want || err != tt.err || takes != tt.takes {
					t.Errorf("got %q, %v after %d s, want %q, %v after %d", got, err, takes, tt.want, tt.err, tt.takes)
				}
			})
		})
	}
}

// N3
func TestRaceThatNobodyWinsReturnsAllFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer time.AfterFunc(20*time.Second, func() { cancel(errC) }).Stop()
		_, err := nursery.Race(ctx, arrives(2, "", errA), arrives(99, "", nil), arrives(1, "", errB))
		fs := multi(t, err).Failures
		want := []nursery.Failure{{Err: errB, Index: 3}, {Err: errA, Index: 1}, {Err: errC, Index: -1}}
		for i := range want {
			if len(fs) != len(want) || fs[i] != want[i] {
				t.Fatalf("got %v, want %v", fs, want)
			}
		}
	})
}

// N3: what cancels a race, such as a Goexit, has its place among those who lost.
func TestRaceKeepsTheOrderOfFailing(t *testing.T) {
	exits := func(seconds int) racer {
		return func(context.Context) (string, error) {
			time.Sleep(time.Duration(seconds) * time.Second)
			runtime.Goexit()
			return "", nil
		}
	}
	ignoring := func(seconds int, err error) racer {
		return func(context.Context) (string, error) {
			time.Sleep(time.Duration(seconds) * time.Second)
			return "", err
		}
	}
	synctest.Test(t, func(t *testing.T) {
		_, err := nursery.Race(t.Context(), ignoring(3, errB), exits(2), ignoring(1, errA), exits(4), exits(5), ignoring(6, errC))
		var order []int
		for _, f := range multi(t, err).Failures {
			order = append(order, f.Index)
		}
		if want := []int{3, 2, 1, 4, 5, 6}; !slices.Equal(order, want) {
			t.Errorf("got failures of tasks %v, want %v", order, want)
		}
	})
}

// N18: what has failed in a race may be asked at any time, its end included.
func TestRaceEndsWhileItsFailuresAreRead(t *testing.T) {
	const exiting = 50
	for range 20 {
		parent, cancel := context.WithCancelCause(t.Context())
		begun, over := make(chan *nursery.Nursery), make(chan struct{})
		var reader sync.WaitGroup
		reader.Go(func() {
			n := <-begun
			for {
				select {
				case <-over:
					return
				default:
					n.Failures()
				}
			}
		})
		filed := func(ctx context.Context, count int) { // returns when so many have been
			for len(nursery.From(ctx).Failures()) < count {
				runtime.Gosched()
			}
		}
		tasks := []racer{
			func(ctx context.Context) (string, error) {
				begun <- nursery.From(ctx)
				filed(ctx, exiting)
				cancel(errGone)
				return "", errGone // files the parent's end, as the last
			},
			func(ctx context.Context) (string, error) { filed(ctx, exiting+1); return "won", nil },
		}
		for range exiting { // so that there is something to read
			tasks = append(tasks, func(context.Context) (string, error) { runtime.Goexit(); return "", nil })
		}
		_, err := nursery.Race(parent, tasks...)
		close(over)
		reader.Wait()
		if fs := multi(t, err).Failures; len(fs) != exiting {
			t.Fatalf("got %v, want the exits", err)
		}
	}
}

// N2: losers can tell why they were cancelled.
func TestRaceCancelsTheLosers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		nursery.Race(t.Context(), arrives(1, "a", nil), func(ctx context.Context) (string, error) {
			cause = waitsForCause(ctx)
			return "", cause
		})
		if c := cancelled(t, cause); c.By != "task 1" || !errors.Is(c, context.Canceled) {
			t.Errorf("got %v", c)
		}
	})
}

func TestRaceThatIsCancelledFromWithinHasNoWinner(t *testing.T) {
	_, err := nursery.Race(t.Context(), func(ctx context.Context) (string, error) {
		nursery.From(ctx).Cancel(errA)
		return "", ctx.Err()
	})
	if !errors.Is(cancelled(t, err), errA) {
		t.Errorf("got %v", err)
	}
}

// N9: a panic is raised whoever won.
func TestRaceRaisesPanics(t *testing.T) {
	tests := []struct {
		name string
		task racer
	}{
		{"before the end", func(context.Context) (string, error) { panic("boom") }},
		{"of a loser", func(ctx context.Context) (string, error) { waits(ctx); panic("boom") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := raisedPanic(t, func() {
					nursery.Run(t.Context(), func(ctx context.Context, _ *nursery.Nursery) error {
						_, err := nursery.Race(ctx, tt.task, arrives(1, "a", nil), arrives(0, "", errA))
						return err
					}, quiet())
				})
				if p.Value != "boom" {
					t.Errorf("got %v", p.Value)
				}
			})
		})
	}
}
