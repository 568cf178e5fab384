package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// N15
func TestMovingTheDeadline(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	tests := []struct {
		name  string
		at    []time.Duration // when the deadline is moved, after the call
		to    []time.Duration // to when, after the call
		ends  time.Duration
		moved bool // the last time
	}{
		{"sooner", []time.Duration{ms(100)}, []time.Duration{ms(500)}, ms(500), true},
		{"later", []time.Duration{ms(100)}, []time.Duration{ms(5000)}, ms(5000), true},
		{"again and again", []time.Duration{ms(900), ms(1800), ms(2700)}, []time.Duration{ms(1900), ms(2800), ms(3700)}, ms(3700), true},
		{"later, then sooner", []time.Duration{ms(100), ms(200)}, []time.Duration{ms(5000), ms(250)}, ms(250), true},
		{"into the past", []time.Duration{ms(100)}, []time.Duration{ms(50)}, ms(100), true},
		{"to now", []time.Duration{ms(100)}, []time.Duration{ms(100)}, ms(100), true},
		{"beyond what surrounds it", []time.Duration{ms(100)}, []time.Duration{time.Hour}, time.Minute, true},
		{"when it has passed", []time.Duration{ms(1001)}, []time.Duration{ms(9000)}, ms(1000), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parent, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				began := time.Now()
				var movers sync.WaitGroup
				nursery.FailAfter(parent, time.Second, func(ctx context.Context) error {
					child, cancel := context.WithCancel(ctx)
					defer cancel()
					moved := false
					movers.Go(func() { // any goroutine may
						for i, at := range tt.at {
							time.Sleep(time.Until(began.Add(at)))
							moved = nursery.MoveDeadline(child, began.Add(tt.to[i]))
							if deadline, _ := ctx.Deadline(); moved && !deadline.Equal(began.Add(min(tt.to[i], time.Minute))) {
								t.Errorf("got deadline %v after move %d to %v", deadline.Sub(began), i, tt.to[i])
							}
							if past := !began.Add(tt.to[i]).After(time.Now()); past && ctx.Err() == nil {
								t.Error("got a context that has not ended after a move into the past")
							}
						}
					})
					<-child.Done()
					if got := time.Since(began); got != tt.ends {
						t.Errorf("got the end after %v, want %v", got, tt.ends)
					}
					movers.Wait()
					if moved != tt.moved {
						t.Errorf("got %v from MoveDeadline, want %v", moved, tt.moved)
					}
					return nil
				})
			})
		})
	}
}

// N15
func TestWhatMoveDeadlineMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		soon := time.Now().Add(time.Second)
		if nursery.MoveDeadline(t.Context(), soon) {
			t.Error("got true outside any time scope")
		}
		var over context.Context
		err := nursery.FailAfter(t.Context(), time.Hour, func(outer context.Context) error {
			err := nursery.FailAfter(outer, time.Minute, func(ctx context.Context) error {
				over = ctx
				return nursery.Run(ctx, starts(func(ctx context.Context) error {
					if !nursery.MoveDeadline(ctx, soon) { // through the nursery, to the innermost
						t.Error("got false inside")
					}
					return waits(ctx)
				}))
			})
			if got := timeout(t, err).After; got != time.Second || outer.Err() != nil {
				t.Errorf("got a time-out after %v, and outside %v", got, outer.Err())
			}
			return nil
		})
		if err != nil || nursery.MoveDeadline(over, time.Now().Add(time.Hour)) {
			t.Errorf("got %v, and true after the return", err)
		}
		late := timeout(t, nursery.Shield(t.Context(), time.Hour, func(ctx context.Context) error {
			nursery.MoveDeadline(ctx, time.Now().Add(time.Minute))
			return waits(ctx)
		}))
		if late.After != time.Minute {
			t.Errorf("got the shield's limit after %v, want a minute", late.After)
		}
	})
}

// N15: a scope inside does not rely on the deadline of one outside that may
// be moved.
func TestMovingTheOuterDeadlineLeavesTheInner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		nursery.FailAfter(t.Context(), time.Second, func(outer context.Context) error {
			late, err := nursery.MoveOnAfter(outer, time.Minute, func(ctx context.Context) error {
				if !nursery.MoveDeadline(outer, began.Add(time.Hour)) {
					t.Error("got false for the outer")
				}
				if deadline, _ := ctx.Deadline(); !deadline.Equal(began.Add(time.Minute)) {
					t.Errorf("got deadline %v inside, want its own", deadline.Sub(began))
				}
				return waits(ctx)
			})
			if !late || err != nil || time.Since(began) != time.Minute {
				t.Errorf("got %v, %v after %v", late, err, time.Since(began))
			}
			return nil
		})
	})
}

// liar tells a deadline that it does not keep.
type liar struct {
	context.Context
	deadline time.Time
}

func (l liar) Deadline() (time.Time, bool) { return l.deadline, true }

// N15
func TestAParentThatDoesNotKeepItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := nursery.FailAfter(liar{t.Context(), began.Add(time.Millisecond)}, time.Second, waits)
		if timeout(t, err); time.Since(began) > time.Second+time.Millisecond {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
	})
}

// N15, N22
func TestTheContextOfATimeScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, own := new(string), new(int) // the second of the type that context's own key has
		parent := context.WithValue(context.WithValue(t.Context(), key, "value"), own, "own")
		err := nursery.Run(parent, func(ctx context.Context, n *nursery.Nursery) error {
			return nursery.FailAfter(ctx, time.Second, func(ctx context.Context) error {
				child, cancel := context.WithCancel(ctx)
				defer cancel()
				fired := make(chan time.Time, 1)
				context.AfterFunc(child, func() { fired <- time.Now() })
				check := func() {
					if ctx.Value(key) != "value" || ctx.Value(own) != "own" || child.Value(own) != "own" || ctx.Value(new(int)) != nil {
						t.Error("got other values than the parent's")
					}
					if nursery.From(child) != n {
						t.Error("got another nursery, want the one around")
					}
				}
				check()
				if got := fmt.Sprint(ctx); got != "nursery.FailAfter" {
					t.Errorf("got %q", got)
				}
				deadline, ok := child.Deadline()
				if at := <-fired; !ok || !at.Equal(deadline) {
					t.Errorf("got the end at %v, want %v", at, deadline)
				}
				for _, c := range []context.Context{ctx, child} {
					if c.Err() != context.DeadlineExceeded || timeout(t, context.Cause(c)).After != time.Second {
						t.Errorf("got %v because of %v, want an exceeded deadline", c.Err(), context.Cause(c))
					}
				}
				check()
				return nil
			})
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// N15, N22
func TestATimeScopeEndsInTheParentsWords(t *testing.T) {
	deadline := func(ctx context.Context) (context.Context, func()) {
		ctx, cancel := context.WithTimeoutCause(ctx, time.Second, errA)
		t.Cleanup(cancel)
		return ctx, func() { time.Sleep(time.Second + time.Millisecond) }
	}
	cancelled := func(ctx context.Context) (context.Context, func()) {
		ctx, cancel := context.WithCancelCause(ctx)
		return ctx, func() { cancel(errA) }
	}
	alien := func(ctx context.Context) (context.Context, func()) {
		c := &foreign{Context: ctx, done: make(chan struct{})}
		return c, func() { c.end(errA) }
	}
	tests := []struct {
		name   string
		parent func(context.Context) (context.Context, func())
		err    error
	}{
		{"a parent with a deadline", deadline, context.DeadlineExceeded},
		{"a parent that is cancelled", cancelled, context.Canceled},
		{"a parent of another making", alien, errA},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parent, end := tt.parent(t.Context())
				nursery.MoveOnAfter(parent, time.Hour, func(ctx context.Context) error {
					child, cancel := context.WithCancel(ctx)
					defer cancel()
					end()
					if nursery.MoveDeadline(ctx, time.Now()) { // though nobody has noticed it yet
						t.Error("got true from MoveDeadline after the end")
					}
					<-child.Done()
					for _, c := range []context.Context{ctx, child} {
						if c.Err() != tt.err || context.Cause(c) != errA {
							t.Errorf("got %v because of %v, want %v because of %v", c.Err(), context.Cause(c), tt.err, errA)
						}
					}
					return nil
				})
			})
		})
	}
}

// N15, N22
func TestATimeScopeCostsNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nursery.Run(t.Context(), func(ctx context.Context, _ *nursery.Nursery) error {
			before := runtime.NumGoroutine()
			var nest func(ctx context.Context, depth int) error
			nest = func(ctx context.Context, depth int) error {
				child, cancel := context.WithCancel(ctx)
				defer cancel()
				defer context.AfterFunc(child, func() { t.Error("called after it was stopped") })()
				if depth > 0 {
					return nursery.FailAfter(child, time.Hour, func(ctx context.Context) error { return nest(ctx, depth-1) })
				}
				// The number is the process's; of ours there would be hundreds.
				if got := runtime.NumGoroutine(); got > before+50 {
					t.Errorf("got %d more goroutines, want none", got-before)
				}
				return nil
			}
			return nest(ctx, 200)
		})
	})
}

// N15: the deadline is moved, passes and is looked at, and the parent ends,
// all at once.
func TestATimeScopeUnderContention(t *testing.T) {
	for range 200 {
		parent, cancel := context.WithCancelCause(t.Context())
		var callers sync.WaitGroup
		late, err := nursery.MoveOnAfter(parent, 50*time.Microsecond, func(ctx context.Context) error {
			for i := range 4 {
				callers.Go(func() {
					for ctx.Err() == nil {
						nursery.MoveDeadline(ctx, time.Now().Add(time.Duration(50-10*i)*time.Microsecond))
						ctx.Deadline()
					}
					if context.Cause(ctx) == nil || ctx.Err() == nil {
						t.Error("got an end without a cause")
					}
				})
			}
			callers.Go(func() { time.Sleep(100 * time.Microsecond); cancel(errA) })
			waits(ctx)
			callers.Wait()
			return context.Cause(ctx)
		})
		if late == (err != nil) || err != nil && !errors.Is(err, errA) {
			t.Fatalf("got %v, %v", late, err)
		}
	}
}
