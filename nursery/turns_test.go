package nursery_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// N15: the time counts from when the task runs.
func TestTimeoutOfATask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(func(context.Context) error { time.Sleep(time.Minute); return nil })
			n.Go(nursery.Timeout(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, time.Second), nursery.Name("late"))
			return nil
		}, nursery.Limit(1))
		var late *nursery.TimeoutError
		if !errors.As(err, &late) || late.After != time.Second {
			t.Errorf("got %v, want a time-out of a second", err)
		}
		if got := time.Since(began); got != 61*time.Second {
			t.Errorf("it took %v, want a minute in the queue and a second", got)
		}
	})
}

// Of one key one task runs at a time, in order, whatever the tasks end with;
// those of other keys are not held up.
func TestTurns(t *testing.T) {
	ends := map[string]func(){
		"a return": func() {},
		"a panic":  func() { panic("boom") },
		"a Goexit": runtime.Goexit,
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var turns nursery.Turns
				var order []int
				var running, others atomic.Int32
				began := time.Now()
				_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
					for i := range 10 {
						n.Go(turns.Take("a", func(context.Context) error {
							if running.Add(1) > 1 {
								t.Error("two at a time")
							}
							time.Sleep(time.Second)
							order = append(order, i)
							running.Add(-1)
							end()
							return nil
						}))
						synctest.Wait() // or they begin to wait in any order
						n.Go(turns.Take(i, func(context.Context) error { others.Add(1); return nil }))
					}
					return nil
				}, nursery.Isolate(), nursery.OnPanic(nursery.ReturnPanics), nursery.Observe(func(context.Context, nursery.Report) {}))
				if want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(order, want) || time.Since(began) != 10*time.Second {
					t.Errorf("got order %v in %v, want that of starting in 10s", order, time.Since(began))
				}
				if got := others.Load(); got != 10 {
					t.Errorf("got %d tasks of other keys, want 10", got)
				}
			})
		})
	}
}

// A task that is cancelled while it waits does not run, is no failure, and is
// in nobody's way.
func TestTurnsOfACancelledNursery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns nursery.Turns
		var dropped atomic.Int32
		ran := 0
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			for range 3 {
				task := turns.Take("a", func(ctx context.Context) error { ran++; <-ctx.Done(); time.Sleep(time.Second); return nil })
				n.Go(func(ctx context.Context) error {
					err := task(ctx)
					if errors.Is(err, nursery.ErrDropped) && errors.Is(err, context.Canceled) {
						dropped.Add(1)
					}
					return err
				})
			}
			synctest.Wait()
			n.Cancel(nil)
			return nil
		})
		if err != nil || ran != 1 || dropped.Load() != 2 {
			t.Errorf("got %v, %d run and %d dropped, want nil, 1 and 2", err, ran, dropped.Load())
		}
		again := false
		_ = turns.Take("a", func(context.Context) error { again = true; return nil })(t.Context())
		if !again {
			t.Error("the key was not given back")
		}
	})
}

// N11: to take thousands out of a line copies no line.
func TestTurnsOfManyWhoAreCancelled(t *testing.T) {
	const waiting = 5000
	synctest.Test(t, func(t *testing.T) {
		var turns nursery.Turns
		var before, after runtime.MemStats
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			others := make(chan struct{})
			n.Go(turns.Take("a", func(context.Context) error { <-others; return nil }))
			synctest.Wait()
			for range waiting {
				n.Go(turns.Take("a", func(context.Context) error { return errors.New("it ran") }))
			}
			synctest.Wait()
			runtime.ReadMemStats(&before)
			n.Cancel(nil)
			synctest.Wait()
			runtime.ReadMemStats(&after)
			close(others)
			return nil
		})
		if err != nil {
			t.Errorf("got %v, want nil", err)
		}
		if each := (after.TotalAlloc - before.TotalAlloc) / waiting; each > 1000 { // a line of them has 40 000
			t.Errorf("to leave the line took %d bytes each, want a few hundred at most", each)
		}
	})
}

// The end of a context counts before a turn that is there as well: a task that was
// told to end begins nothing.
func TestTurnsOfAContextThatHasEnded(t *testing.T) {
	var turns nursery.Turns
	task := turns.Take("a", func(context.Context) error { return errors.New("it ran") })
	tests := map[string]func(*testing.T) error{
		"the key is free": func(t *testing.T) error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return task(ctx)
		},
		"turn and end come together": func(t *testing.T) (err error) {
			ctx, cancel := context.WithCancel(t.Context())
			pass, passed := make(chan struct{}), make(chan struct{})
			_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
				hold := turns.Take("a", func(context.Context) error { <-pass; return nil })
				n.Go(func(ctx context.Context) error { defer close(passed); return hold(ctx) })
				synctest.Wait()
				err = task(&doneHook{ctx, func() { cancel(); close(pass); <-passed }})
				return nil
			})
			return err
		},
	}
	for name, call := range tests {
		t.Run(name, func(t *testing.T) {
			for range 20 { // or chance would do
				synctest.Test(t, func(t *testing.T) {
					if err := call(t); !errors.Is(err, nursery.ErrDropped) || !errors.Is(err, context.Canceled) {
						t.Errorf("got %v, want that it was dropped by the end", err)
					}
				})
			}
		})
	}
}

// doneHook is a context that calls hook when somebody is about to wait for its end.
type doneHook struct {
	context.Context
	hook func()
}

func (c *doneHook) Done() <-chan struct{} {
	c.hook()
	return c.Context.Done()
}

// Turns that come and contexts that end at the same moment lose no turn.
func TestTurnsUnderContention(t *testing.T) {
	var turns nursery.Turns
	var running, ran atomic.Int32
	for range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		_ = nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
			for i := range 20 {
				n.Go(turns.Take(i%2, func(context.Context) error {
					if running.Add(1) > 2 {
						t.Error("more than one of a key at a time")
					}
					if ran.Add(1)%7 == 0 {
						cancel()
					}
					running.Add(-1)
					return nil
				}))
			}
			return nil
		})
		cancel()
	}
	for key := range 2 {
		_ = turns.Take(key, func(context.Context) error { return nil })(t.Context()) // hangs if a turn was lost
	}
}

func TestTurnsAndTimeoutMisuse(t *testing.T) {
	var turns nursery.Turns
	task := func(context.Context) error { return nil }
	tests := []struct {
		want string
		call func()
	}{
		{"nursery: Timeout: nil task", func() { nursery.Timeout(nil, time.Second) }},
		{"nursery: Timeout: limit of 0s: want more than 0", func() { nursery.Timeout(task, 0) }},
		{"nursery: Take: nil task", func() { turns.Take("a", nil) }},
		{"nursery: Take: key NaN, which is not equal to itself", func() { turns.Take(math.NaN(), task) }},
		{"runtime error: hash of unhashable type []int", func() { turns.Take([]int{}, task) }},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			defer func() {
				got := recover()
				if err, ok := got.(error); ok {
					got = err.Error()
				}
				if got != tt.want {
					t.Errorf("got panic %v, want %v", got, tt.want)
				}
			}()
			tt.call()
		})
	}
}
