package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// parents are contexts that end with a cause, each in its way.
var parents = []struct {
	name  string
	open  func(ctx context.Context) (context.Context, func())
	cause error
	err   error
}{
	{"with a plain cancel", func(ctx context.Context) (context.Context, func()) {
		ctx, cancel := context.WithCancel(ctx)
		return ctx, cancel
	}, context.Canceled, context.Canceled},
	{"with a sentinel as cause", func(ctx context.Context) (context.Context, func()) {
		ctx, cancel := context.WithCancelCause(ctx)
		return ctx, func() { cancel(io.EOF) }
	}, io.EOF, context.Canceled},
	{"with a value as cause", func(ctx context.Context) (context.Context, func()) {
		ctx, cancel := context.WithCancelCause(ctx)
		return ctx, func() { cancel(statusError{"gone"}) }
	}, statusError{"gone"}, context.Canceled},
	{"with a deadline", func(ctx context.Context) (context.Context, func()) {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		return ctx, func() { <-ctx.Done(); cancel() }
	}, context.DeadlineExceeded, context.DeadlineExceeded},
	{"with a deadline and a cause", func(ctx context.Context) (context.Context, func()) {
		ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, io.EOF)
		return ctx, func() { <-ctx.Done(); cancel() }
	}, io.EOF, context.DeadlineExceeded},
	{"of a type of its own", func(context.Context) (context.Context, func()) {
		ctx := &foreign{done: make(chan struct{})}
		return ctx, func() { ctx.end(context.Canceled) }
	}, context.Canceled, context.Canceled},
	{"of a type of its own, with an error of its own", func(context.Context) (context.Context, func()) {
		ctx := &foreign{done: make(chan struct{})}
		return ctx, func() { ctx.end(errC) }
	}, errC, context.Canceled},
}

// N5
func TestTheParentsEndIsReturnedIfItCutWorkShort(t *testing.T) {
	tasks := []struct {
		name string
		task func(context.Context) error
		cut  bool
	}{
		{"returns the context's error", waits, true},
		{"returns the context's cause", waitsForCause, true},
		{"wraps the context's error", func(ctx context.Context) error { return fmt.Errorf("db: %w", waits(ctx)) }, true},
		{"returns a nested nursery's", func(ctx context.Context) error { return nursery.All(ctx, waits, waitsForCause) }, true},
		{"completes all the same", ignores, false},
		{"has a nested nursery complete all the same", func(ctx context.Context) error { return nursery.All(ctx, ignores, ignores) }, false},
	}
	for _, parent := range parents {
		for _, tt := range tasks {
			t.Run("a parent "+parent.name+", a task that "+tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, end := parent.open(t.Context())
					want := error(nil)
					if tt.cut {
						want = parent.cause
					}
					err := nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error {
						n.Go(tt.task)
						n.Go(tt.task)
						synctest.Wait()
						end()
						if c := cancelled(t, waitsForCause(ctx)); c.By != "the parent" || !errors.Is(c, parent.cause) {
							t.Errorf("got cause %v, want %v by the parent", c, parent.cause)
						}
						if got := ctx.Err(); got != parent.err {
							t.Errorf("got err %v, want %v", got, parent.err)
						}
						return nil
					})
					if err != want {
						t.Errorf("got %v, want %v", err, want)
					}
				})
			})
		}
	}
}

// N5
func TestTheParentsEndIsReturnedOnceBesideRealFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		err := nursery.Run(ctx, starts(
			waits,
			waitsForCause,
			func(ctx context.Context) error {
				waits(ctx)
				time.Sleep(time.Second)
				return errors.Join(errB, ctx.Err())
			},
			func(context.Context) error { cancel(errA); return nil },
		))
		m := multi(t, err)
		if len(m.Failures) != 2 || m.Failures[0] != (nursery.Failure{Err: errA, Index: -1}) || m.Failures[1].Err.Error() != "b failed" {
			t.Errorf("got %v, want the parent's cause and one failure", m)
		}
		if got := m.BySpawn()[0].Err; got != errA {
			t.Errorf("got %v first by spawn, want the parent's cause", got)
		}
	})
}

// N5
func TestAParentThatHasEndedBefore(t *testing.T) {
	for _, parent := range parents {
		t.Run(parent.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, end := parent.open(t.Context())
				end()
				ran := false
				if err := nursery.Run(ctx, starts(func(context.Context) error { ran = true; return nil })); err != nil || !ran {
					t.Errorf("got %v, ran %v, want nil, true", err, ran)
				}
				if err := nursery.Run(ctx, starts(waits)); err != parent.cause {
					t.Errorf("got %v, want %v", err, parent.cause)
				}
				bodyOnly := func(ctx context.Context, _ *nursery.Nursery) error { return ctx.Err() }
				if err := nursery.Run(ctx, bodyOnly); err != parent.cause {
					t.Errorf("got %v of the body, want %v", err, parent.cause)
				}
				if err := nursery.All(ctx, waitsForCause, waits); err != parent.cause {
					t.Errorf("got %v of All, want %v", err, parent.cause)
				}
			})
		})
	}
}

// N4, N5: what a task got from the outer context is an echo too.
func TestTheParentsOwnCauseIsAnEcho(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	body := func(context.Context, *nursery.Nursery) error {
		cancel(errA)
		return fmt.Errorf("wrapped: %w", context.Cause(ctx))
	}
	if got := nursery.Run(ctx, body); got != errA {
		t.Errorf("got %v, want %v bare", got, errA)
	}
}

// tally cannot be compared.
type tally []error

func (tally) Error() string { return "tally" }

// N4, N5: also one that is no pointer, whether it can be compared or not.
func TestTheParentsCauseMayBeAValue(t *testing.T) {
	tests := []struct {
		name         string
		cause, other error
	}{
		{"a struct", numbered{1}, numbered{2}},
		{"a number", syscall.ECONNRESET, syscall.EPIPE},
		{"a slice", tally{errA}, tally{errB}},
		{"a struct that holds one", holding{tally{errA}}, holding{tally{errB}}},
		{"a struct that holds one, or none", holding{tally{errA}}, holding{1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			returns := func(err error) error {
				return nursery.Run(ctx, func(context.Context, *nursery.Nursery) error {
					cancel(tt.cause)
					return err
				})
			}
			for _, echo := range []error{tt.cause, fmt.Errorf("wrapped: %w", tt.cause), errors.Join(tt.cause, tt.cause)} {
				if got := returns(echo); !reflect.DeepEqual(got, tt.cause) {
					t.Errorf("%v: got %v, want the cause bare", echo, got)
				}
				if got := nursery.FailAfter(ctx, time.Hour, failing(echo)); !reflect.DeepEqual(got, tt.cause) {
					t.Errorf("%v: got %v from FailAfter, want the cause bare", echo, got)
				}
			}
			if got := returns(errors.Join(tt.cause, tt.other)); len(multi(t, got).Failures) != 2 {
				t.Errorf("got %v, want the cause and the other", got)
			}
			if got := returns(tt.other); !reflect.DeepEqual(got, tt.other) {
				t.Errorf("got %v, want %v", got, tt.other)
			}
		})
	}
}

// N5
func TestAParentThatEndsAfterAFailureAddsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		err := nursery.Run(ctx, starts(waits, waitsForCause, func(context.Context) error { return errA }, func(ctx context.Context) error {
			waits(ctx)
			cancel()
			return ctx.Err()
		}))
		if err != errA {
			t.Errorf("got %v, want %v", err, errA)
		}
	})
}

// N5
func TestNestedNurseriesTellTheParentsEndOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		var nest func(depth int) func(context.Context) error
		nest = func(depth int) func(context.Context) error {
			if depth == 0 {
				return waitsForCause
			}
			return func(ctx context.Context) error { return nursery.All(ctx, nest(depth-1), waits, nest(depth-1)) }
		}
		time.AfterFunc(time.Second, func() { cancel(errA) })
		if got := nest(5)(ctx); got != errA {
			t.Errorf("got %v, want %v", got, errA)
		}
	})
}

// N5
func TestParentCauseGivesTheEndAnotherReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("client gone")
		option := nursery.ParentCause(func(cause error) error {
			if cause != context.Canceled {
				t.Errorf("got cause %v, want %v", cause, context.Canceled)
			}
			return gone
		})
		ctx, cancel := context.WithCancel(t.Context())
		err := nursery.Run(ctx, starts(
			waits,
			func(ctx context.Context) error {
				if err := waitsForCause(ctx); !errors.Is(err, gone) {
					t.Errorf("got cause %v, want %v", err, gone)
				}
				return gone
			},
			func(context.Context) error { cancel(); return nil },
		), option)
		if err != gone {
			t.Errorf("got %v, want %v once", err, gone)
		}
	})
}

// N5
func TestAParentCauseThatHasNothingToSayLeavesTheCause(t *testing.T) {
	tests := []struct {
		name string
		f    func(error) error
	}{
		{"returns nil", func(error) error { return nil }},
		{"panics", func(error) error { panic("no cause") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			captureLogs(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(errA)
			if got := nursery.Run(ctx, starts(waits), nursery.ParentCause(tt.f)); got != errA {
				t.Errorf("got %v, want %v", got, errA)
			}
		})
	}
}

// N5, N20: the function may ask the nursery it is called for.
func TestParentCauseMayUseTheNursery(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var n *nursery.Nursery
	err := nursery.Run(ctx, func(_ context.Context, opened *nursery.Nursery) error {
		n = opened
		n.Cancel(nil)
		cancel()
		return ctx.Err()
	}, nursery.ParentCause(func(cause error) error {
		n.Cancel(cause)
		_ = n.Tree()
		return errA
	}))
	if err != nil {
		t.Errorf("got %v, want nil: the nursery was cancelled before its parent", err)
	}
}

// N2, N5: a function that exits takes the goroutine of who asks away, and
// neither the cancellation that the others wait for nor the reason.
func TestAParentCauseThatExits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancelCause(t.Context())
		err := nursery.Run(parent, starts(
			waits,
			func(ctx context.Context) error {
				done := ctx.Done()
				cancel(errGone)
				<-done
				return errors.Unwrap(context.Cause(ctx))
			},
		), nursery.ParentCause(func(error) error { runtime.Goexit(); return nil }))
		if !errors.Is(err, errGone) || !errors.Is(err, nursery.ErrGoexit) || len(multi(t, err).Failures) != 2 {
			t.Errorf("got %v, want %v and %v", err, errGone, nursery.ErrGoexit)
		}
	})
}

// N1, N2, N5, N20: the function of ParentCause holds up no cancellation, is
// called once, by who wants to know, and is over when the join is.
func TestWhoWantsToKnowAsksTheFunctionOfParentCause(t *testing.T) {
	asks := func(ctx context.Context) error {
		<-ctx.Done()
		if cause := context.Cause(ctx); !errors.Is(cause, errB) {
			return fmt.Errorf("got cause %v", cause)
		}
		return nil
	}
	slow := func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Minute); return nil }
	tests := []struct {
		name  string
		opts  []nursery.Option
		tasks []func(context.Context) error
		after func(n *nursery.Nursery) // the parent's end, which nobody watches
		want  error
	}{
		{"nobody does", nil, nil, nil, nil},
		{"tasks do, at once", nil, []func(context.Context) error{asks, asks, asks}, nil, nil},
		{"a task is cut short", nil, []func(context.Context) error{waits, waitsForCause, waits}, nil, errB},
		{"what was queued is dropped", []nursery.Option{nursery.Limit(1)}, []func(context.Context) error{slow, slow}, nil, errB},
		{"nobody does, and the end of a drain's grace notices", nil, nil, func(n *nursery.Nursery) { n.Drain(time.Nanosecond); time.Sleep(time.Nanosecond); synctest.Wait() }, nil},
		{"the list of failures is asked for, and all at once", nil, []func(context.Context) error{
			waits, waits, func(ctx context.Context) error {
				<-ctx.Done()
				synctest.Wait()
				for range 2 {
					nursery.From(ctx).Go(func(ctx context.Context) error {
						for _, f := range nursery.From(ctx).Failures() {
							if f.Err != errB {
								return fmt.Errorf("got failure %v", f)
							}
						}
						return nil
					})
				}
				return nil
			}}, nil, errB},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls, running atomic.Int32
				words := nursery.ParentCause(func(error) error {
					defer running.Add(-1)
					calls.Add(1)
					running.Add(1)
					if stack := string(debug.Stack()); strings.Contains(stack, "follow") || strings.Contains(stack, "goFunc") {
						t.Errorf("called in a goroutine that nobody joins:\n%s", stack)
					}
					time.Sleep(time.Second)
					return errB
				})
				parent, end := context.WithCancel(t.Context())
				err := nursery.Run(parent, func(ctx context.Context, n *nursery.Nursery) error {
					for _, task := range tt.tasks {
						n.Go(task)
					}
					if tt.after == nil {
						ctx.Done() // so that the parent's end is noticed at once
					}
					synctest.Wait()
					ended := time.Now()
					end()
					if tt.after != nil {
						tt.after(n)
					}
					<-ctx.Done()
					if late := time.Since(ended); late >= time.Second {
						t.Errorf("cancelled %v after the parent", late)
					}
					return nil
				}, append(tt.opts, words)...)
				if err != tt.want || calls.Load() != 1 || running.Load() != 0 {
					t.Errorf("got %v, %d calls of which %d still ran; want %v, one that was over", err, calls.Load(), running.Load(), tt.want)
				}
			})
		})
	}
}

// N5: and once also where the nursery was cancelled before its parent was.
func TestParentCauseIsAskedOnceBesideAnotherCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, end := context.WithCancelCause(t.Context())
		calls := 0
		late := func(ctx context.Context) error { <-parent.Done(); return context.Cause(parent) }
		err := nursery.Run(parent, func(ctx context.Context, n *nursery.Nursery) error {
			n.Cancel(nil)
			n.Go(late)
			n.Go(late)
			end(errA)
			return nil
		}, nursery.ParentCause(func(error) error { calls++; return errB }))
		if err != errB || calls != 1 {
			t.Errorf("got %v after %d calls, want %v after one", err, calls, errB)
		}
	})
}

// N2, N5: the first cancellation counts, be it that of the parent, whose end nobody
// has looked at.
func TestTheParentsEndComesFirst(t *testing.T) {
	tests := map[string]func(parent context.Context, cancel func(), sibling func(context.Context) error){
		"before a Goexit of the body": func(parent context.Context, cancel func(), sibling func(context.Context) error) {
			_ = nursery.Run(parent, func(_ context.Context, n *nursery.Nursery) error {
				n.Go(sibling)
				cancel()
				runtime.Goexit()
				return nil
			})
		},
		"before a panic that is no failure to tell": func(parent context.Context, cancel func(), sibling func(context.Context) error) {
			_ = nursery.All(parent, func(context.Context) error { cancel(); panic(http.ErrAbortHandler) }, sibling)
		},
		"before a race is won": func(parent context.Context, cancel func(), sibling func(context.Context) error) {
			_, _ = nursery.Race(parent,
				func(context.Context) (int, error) { cancel(); return 1, nil },
				func(ctx context.Context) (int, error) { return 2, sibling(ctx) })
		},
	}
	for name, run := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parent, cancel := context.WithCancelCause(t.Context())
				over := make(chan struct{})
				go func() {
					defer close(over)
					defer func() { _ = recover() }()
					run(parent, func() { cancel(errGone) }, func(ctx context.Context) error {
						synctest.Wait()
						if c := cancelled(t, context.Cause(ctx)); c.By != "the parent" || !errors.Is(c, errGone) {
							t.Errorf("got cause %v, want the parent's end, which came first", c)
						}
						return nil
					})
				}()
				<-over
			})
		})
	}
}
