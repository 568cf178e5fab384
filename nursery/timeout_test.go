package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// timeout returns err as the TimeoutError it has to be.
func timeout(t *testing.T, err error) *nursery.TimeoutError {
	t.Helper()
	late, ok := err.(*nursery.TimeoutError)
	if !ok {
		t.Fatalf("got %T %v, want a *TimeoutError", err, err)
	}
	return late
}

// dialError stands for what package net returns when a deadline that it took
// from a context has passed: no context error, but one that says it is one.
type dialError struct{}

func (dialError) Error() string        { return "i/o timeout" }
func (dialError) Is(target error) bool { return target == context.DeadlineExceeded }
func dials(ctx context.Context) error {
	<-ctx.Done()
	return &net.OpError{Op: "dial", Err: dialError{}}
}
func wrapsEcho(ctx context.Context) error { return fmt.Errorf("load: %w", waits(ctx)) }

// touchy panics when it is asked, being nil.
type touchy struct{ kind error }

func (e *touchy) Error() string        { return e.kind.Error() }
func (e *touchy) Is(target error) bool { return e.kind == target }

// Each row is what a function that has a second does with it: what MoveOnAfter
// says, and FailAfter. Of FailAfter's error the time-out stands for itself.
func TestATimeOutIsToldFromFailures(t *testing.T) {
	const late = "nursery: FailAfter: timed out after 1s"
	inTime := func(err error) func(context.Context) error {
		return func(context.Context) error { time.Sleep(999 * time.Millisecond); return err }
	}
	tests := []struct {
		name     string
		f        func(context.Context) error
		timedOut bool
		err      error
		fails    string
		took     time.Duration
	}{
		{"is done in time", inTime(nil), false, nil, "", 999 * time.Millisecond},                                                                                                  // N15
		{"fails in time", inTime(errA), false, errA, "a failed", 999 * time.Millisecond},                                                                                          // N15
		{"fails in time with a context error of its own", inTime(context.DeadlineExceeded), false, context.DeadlineExceeded, "context deadline exceeded", 999 * time.Millisecond}, // N15
		{"returns the context's error", waits, true, nil, late, time.Second},                                                                                                      // N15
		{"returns the context's cause", waitsForCause, true, nil, late, time.Second},                                                                                              // N15
		{"returns the context's error, wrapped", wrapsEcho, true, nil, late + ": load", time.Second},                                                                              // N15
		{"returns what package net makes of it", dials, true, nil, late + ": dial: i/o timeout", time.Second},                                                                     // N15
		{"returns nil although its time was up: that is done", ignores, false, nil, "", time.Second},                                                                              // N15
		{"ignores the end", func(context.Context) error { time.Sleep(time.Minute); return nil }, false, nil, "", time.Minute},                                                     // N15
		{"fails after its time was up", func(ctx context.Context) error { waits(ctx); return errA }, false, errA, "a failed", time.Second},                                        // N15
		{ // N15
			"returns the context's cause, wrapped twice", func(ctx context.Context) error {
				return fmt.Errorf("shop: %w", fmt.Errorf("charge card 7: %w", waitsForCause(ctx)))
			},
			true, nil, late + ": shop: charge card 7", time.Second,
		},
		{ // N15
			"returns several echoes", func(ctx context.Context) error { return errors.Join(wrapsEcho(ctx), wrapsEcho(ctx)) },
			true, nil, late, time.Second,
		},
		{ // N15
			"fails in cleaning up after its time was up", func(ctx context.Context) error { return errors.Join(waits(ctx), errA) },
			true, errA, late + "\na failed", time.Second,
		},
		{ // N15
			"has a nursery that is cut", func(ctx context.Context) error { return nursery.Run(ctx, starts(waits, waitsForCause)) },
			true, nil, late, time.Second,
		},
		{ // N15, N5
			"has a nursery that is cut, where a task fails besides", func(ctx context.Context) error {
				return nursery.Run(ctx, starts(waits, func(ctx context.Context) error { waits(ctx); return errA }))
			},
			true, errA, late + "\na failed", time.Second,
		},
		{ // N15
			"returns what cut a nursery of its own", func(ctx context.Context) (cause error) {
				nursery.Run(ctx, starts(func(ctx context.Context) error { cause = waitsForCause(ctx); return cause }))
				return cause
			},
			true, nil, late, time.Second,
		},
		{ // N15: that it was cancelled for another reason is no echo
			"returns what else cancelled a nursery of its own", func(ctx context.Context) (cause error) {
				nursery.Run(ctx, func(inner context.Context, n *nursery.Nursery) error {
					n.Cancel(errA)
					cause = context.Cause(inner)
					return waits(ctx)
				})
				return cause
			},
			false, errA, "nursery: cancelled by Cancel: a failed", time.Second,
		},
		{"returns a panic", func(ctx context.Context) error { return &nursery.PanicError{Value: waits(ctx)} }, false, context.DeadlineExceeded, (&nursery.PanicError{Value: context.DeadlineExceeded}).Error(), time.Second}, // N15: which is never an echo
		{"returns an error that panics", func(ctx context.Context) error { waits(ctx); return (*touchy)(nil) }, false, (*touchy)(nil), "<nil>", time.Second},                                                                 // N15
		{ // N15
			"returns its child's error when its own time is up in the same instant", func(ctx context.Context) error {
				deadline, _ := ctx.Deadline()
				child, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
				defer cancel()
				return waits(child)
			},
			true, nil, late, time.Second,
		},
	}
	for _, tt := range tests {
		t.Run("f "+tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for range 20 { // timers of the same instant fire in any order
					began := time.Now()
					timedOut, err := nursery.MoveOnAfter(t.Context(), time.Second, tt.f)
					if timedOut != tt.timedOut || !errors.Is(err, tt.err) || tt.err == nil && err != nil {
						t.Errorf("MoveOnAfter: got %v, %v; want %v, %v", timedOut, err, tt.timedOut, tt.err)
					}
					if took := time.Since(began); took != tt.took {
						t.Errorf("MoveOnAfter: got back after %v, want %v", took, tt.took)
					}
					err = nursery.FailAfter(t.Context(), time.Second, tt.f)
					if got := fmt.Sprint(err); got != tt.fails && (err != nil || tt.fails != "") {
						t.Errorf("FailAfter: got %q, want %q", got, tt.fails)
					}
					if late := (*nursery.TimeoutError)(nil); errors.As(err, &late) != tt.timedOut {
						t.Errorf("FailAfter: got %v, want a time-out: %v", err, tt.timedOut)
					}
				}
			})
		})
	}
}

// N15
func TestATimeoutErrorSaysWhoseTimeWasUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		late := timeout(t, nursery.FailAfter(t.Context(), time.Second, func(ctx context.Context) error {
			waits(ctx)
			cause = context.Cause(ctx)
			return ctx.Err()
		}))
		if late.Call != "FailAfter" || late.After != time.Second || cause != error(late) {
			t.Errorf("got %+v and cause %v", late, cause)
		}
		if !errors.Is(late, context.DeadlineExceeded) || errors.Is(late, context.Canceled) || !late.Timeout() {
			t.Errorf("got %v, want it to be an exceeded deadline", late)
		}
	})
}

// N15: what comes from outside is told from a time-out here.
func TestAnEndFromOutsideIsNoTimeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Millisecond, func() { cancel(errA) })
		if timedOut, err := nursery.MoveOnAfter(parent, time.Second, wrapsEcho); timedOut || err != errA {
			t.Errorf("got %v, %v while f ran; want the parent's cause", timedOut, err)
		}
		if err := nursery.FailAfter(parent, time.Second, waitsForCause); err != errA {
			t.Errorf("got %v after it had ended, want the parent's cause", err)
		}
		if err := nursery.FailAfter(parent, 0, waits); err != errA {
			t.Errorf("got %v with no time either, want the parent's cause", err)
		}
		if err := nursery.FailAfter(parent, time.Second, succeeds); err != nil {
			t.Errorf("got %v from work that was done all the same, want nil", err)
		}
		err := nursery.FailAfter(parent, time.Second, func(ctx context.Context) error { return errors.Join(errB, ctx.Err()) })
		if got := fmt.Sprint(err); got != "a failed\nb failed" || !errors.Is(err, errA) || !errors.Is(err, errB) {
			t.Errorf("got %q, want the parent's cause beside the failure", got)
		}
		err = nursery.FailAfter(parent, time.Second, func(context.Context) error { return errB })
		if err != errB {
			t.Errorf("got %v from a function that was not cut, want what it returned", err)
		}
		err = nursery.FailAfter(parent, time.Second, func(context.Context) error { return context.DeadlineExceeded })
		if err != context.DeadlineExceeded {
			t.Errorf("got %v from a function that some other deadline has cut, want what it returned", err)
		}
	})
}

// N15, N9, N10
func TestPanicsAndGoexitPassATimeScopeUntouched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inside context.Context
		calls := []func(f func(context.Context) error){
			func(f func(context.Context) error) { nursery.MoveOnAfter(t.Context(), time.Second, f) },
			func(f func(context.Context) error) { nursery.FailAfter(t.Context(), time.Second, f) },
			func(f func(context.Context) error) { nursery.Shield(t.Context(), time.Second, f) },
		}
		for i, call := range calls {
			if got := raised(func() { call(func(ctx context.Context) error { inside = ctx; panic(errA) }) }); got != errA {
				t.Errorf("call %d: got panic %v, want it as it was raised", i, got)
			}
			if !errors.Is(context.Cause(inside), nursery.ErrClosed) {
				t.Errorf("call %d: got cause %v, want the context ended", i, context.Cause(inside))
			}
			if !exits(func() { call(func(context.Context) error { runtime.Goexit(); return nil }) }) {
				t.Errorf("call %d: the Goexit was lost", i)
			}
		}
	})
}

// N15: the text of a time-out may be asked for, as the cause of a context, while
// the function that was cut short has its say. It stays the same error.
func TestATimeOutIsReadWhileItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		texts := make(chan string)
		err := nursery.FailAfter(t.Context(), time.Second, func(ctx context.Context) error {
			<-ctx.Done()
			cause = context.Cause(ctx)
			go func() { texts <- cause.Error() }()
			return fmt.Errorf("load: %w", cause)
		})
		const plain, told = "nursery: FailAfter: timed out after 1s", "nursery: FailAfter: timed out after 1s: load"
		if text := <-texts; text != plain && text != told {
			t.Errorf("got %q, want the time-out", text)
		}
		if err != cause || err.Error() != told {
			t.Errorf("got %v, want the cause, with what was said: %q", err, told)
		}
	})
}
