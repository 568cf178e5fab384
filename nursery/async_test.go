package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// N13
func TestATaskHasAResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var task *nursery.Task[int]
		err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			task = nursery.Async(n, func(context.Context) (int, error) { time.Sleep(time.Minute); return 7, nil })
			short, cancel := context.WithTimeoutCause(ctx, time.Second, errGone)
			defer cancel()
			if v, err := task.Wait(short); v != 0 || err != errGone {
				t.Errorf("got %d, %v from a wait that ended, want 0, %v", v, err, errGone)
			}
			for range 2 {
				n.Go(func(ctx context.Context) error {
					if v, err := task.Wait(ctx); v != 7 || err != nil {
						t.Errorf("got %d, %v, want 7, nil", v, err)
					}
					return nil
				})
			}
			return nil
		})
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if v, late := task.Wait(over); err != nil || v != 7 || late != nil {
			t.Errorf("got %v, then %d, %v after the join, want nil, 7, nil", err, v, late)
		}
		task.Cancel(errA) // does nothing
		if v, err := task.Wait(t.Context()); v != 7 || err != nil {
			t.Errorf("got %d, %v after a late Cancel, want 7, nil", v, err)
		}
	})
}

// N13
func TestATaskIsCancelledAlone(t *testing.T) {
	tests := []struct {
		name   string
		task   func(context.Context) (int, error)
		wait   func(error) bool // what Wait returns
		joined error
	}{
		{"and heeds it", func(ctx context.Context) (int, error) { return 1, waits(ctx) }, isCancelledBy(errA), nil},
		{"and says the cause", func(ctx context.Context) (int, error) { return 1, waitsForCause(ctx) }, isCancelledBy(errA), nil},
		{"and wraps it", func(ctx context.Context) (int, error) { return 1, fmt.Errorf("wrapped: %w", waits(ctx)) }, isCancelledBy(errA), nil},
		{"and has a result all the same", func(ctx context.Context) (int, error) { return 7, ignores(ctx) }, func(err error) bool { return err == nil }, nil},
		{"and fails otherwise", func(ctx context.Context) (int, error) { return 1, errors.Join(waits(ctx), errB) }, func(err error) bool { return errors.Is(err, errB) && !errors.Is(err, errA) }, errB},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				joined := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
					sibling := nursery.Async(n, func(ctx context.Context) (string, error) {
						time.Sleep(time.Minute)
						return "well", ctx.Err()
					})
					task := nursery.Async(n, tt.task)
					time.Sleep(time.Second)
					task.Cancel(errA)
					task.Cancel(errC) // the first counts
					_, err := task.Wait(context.Background())
					if !tt.wait(err) {
						t.Errorf("got %v from Wait", err)
					}
					if tt.joined == nil {
						if v, err := sibling.Wait(ctx); v != "well" || err != nil {
							t.Errorf("got %q, %v from the sibling, want well, nil", v, err)
						}
					}
					return nil
				})
				if !errors.Is(joined, tt.joined) || errors.Is(joined, errA) {
					t.Errorf("got %v from the join, want %v", joined, tt.joined)
				}
			})
		})
	}
}

func isCancelledBy(reason error) func(error) bool {
	return func(err error) bool {
		c, ok := err.(*nursery.Cancelled)
		return ok && errors.Is(err, reason) && errors.Is(err, context.Canceled) && c.By == "Task.Cancel"
	}
}

// N13: what a handle tells is no second failure of whoever passes it on, but
// it is one in another nursery.
func TestAFailureToldByAHandleIsFiledOnce(t *testing.T) {
	several := func(ctx context.Context) (int, error) {
		return 0, nursery.Run(ctx, starts(failing(errA), failing(errB)))
	}
	single := func(context.Context) (int, error) { return 0, errA }
	passings := map[string]func(error) error{
		"as it is": func(err error) error { return err },
		"wrapped":  func(err error) error { return fmt.Errorf("wrapped: %w", err) },
	}
	for how, pass := range passings {
		for name, task := range map[string]func(context.Context) (int, error){"single": single, "several": several} {
			t.Run(name+" "+how, func(t *testing.T) {
				var told, elsewhere error
				err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
					h := nursery.Async(n, task, nursery.Name("task"))
					_, told = h.Wait(context.Background())
					elsewhere = nursery.Run(context.Background(), starts(failing(pass(told))))
					n.Go(failing(pass(told)))
					n.Go(failing(errors.Join(errC, pass(told))))
					return pass(told)
				})
				if !errors.Is(told, errA) || told.Error() != filed(err, "task").Error() {
					t.Errorf("got %v from Wait, want what the task failed with", told)
				}
				if !errors.Is(elsewhere, errA) {
					t.Errorf("got %v from another nursery, want the failure", elsewhere)
				}
				m := multi(t, err)
				if len(m.Failures) != 2 || m.Failures[0].Task != "task" || !errors.Is(m.Failures[1].Err, errC) || errors.Is(m.Failures[1].Err, errA) {
					t.Errorf("got %+v, want the task's failure and c alone", err)
				}
			})
		}
	}
}

// N3, N13: also when a time scope on the way has stripped it of what looks like
// an echo there.
func TestWhatAHandleTellsIsKnownOutsideATimeScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			h := nursery.Async(n, func(context.Context) (int, error) {
				return 0, errors.Join(context.Canceled, fmt.Errorf("wrapped: %w", errA))
			})
			n.Go(func(ctx context.Context) error {
				_, err := nursery.MoveOnAfter(ctx, time.Hour, func(ctx context.Context) error {
					_ = waits(ctx)
					_, err := h.Wait(context.Background())
					return err
				})
				return fmt.Errorf("passed on: %w", err)
			})
			return nil
		})
		failures := slices.Collect(nursery.Leaves(err))
		if len(failures) != 2 || !errors.Is(failures[1], errA) {
			t.Errorf("got %q, want what the task failed with, once", failures)
		}
	})
}

// filed returns what task has failed with, by what Run returned.
func filed(err error, task string) error {
	if m, ok := err.(*nursery.MultiError); ok {
		for _, f := range m.Failures {
			if f.Task == task {
				return f.Err
			}
		}
	}
	return err
}

// N9, N10, N11, N13
func TestAHandleTellsHowItsTaskEnded(t *testing.T) {
	returns := nursery.OnPanic(nursery.ReturnPanics)
	tests := []struct {
		name string
		task func(context.Context) (int, error)
		opts []nursery.Option
		want error
	}{
		{"by an error", func(context.Context) (int, error) { return 1, errA }, nil, errA},
		{"by a Goexit", func(ctx context.Context) (int, error) { return 1, exiting(ctx) }, nil, nursery.ErrGoexit},
		{"by a panic", func(context.Context) (int, error) { panic(errA) }, []nursery.Option{returns, quiet()}, errA},
		{"by an error that is kept apart", func(context.Context) (int, error) { return 1, errA }, []nursery.Option{nursery.Isolate(), quiet()}, errA},
		{"with the nursery", func(ctx context.Context) (int, error) {
			nursery.From(ctx).Cancel(errB)
			return 1, ctx.Err()
		}, nil, errB},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
				v, err := nursery.Async(n, tt.task).Wait(context.Background())
				if v != 0 || !errors.Is(err, tt.want) {
					t.Errorf("got %d, %v, want 0, %v", v, err, tt.want)
				}
				return nil
			}, tt.opts...)
		})
	}
}

// N5, N13
func TestTheParentsEndCutsATaskWithAHandleShort(t *testing.T) {
	tests := []struct {
		name string
		task func(context.Context) (int, error)
		want []error
	}{
		{"that heeds it", func(ctx context.Context) (int, error) { return 1, waits(ctx) }, []error{errGone}},
		{"that fails as well", func(ctx context.Context) (int, error) { return 1, errors.Join(waits(ctx), errA) }, []error{errGone, errA}},
		{"that has a result all the same", func(ctx context.Context) (int, error) { return 1, ignores(ctx) }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			parent, cancel := context.WithCancelCause(t.Context())
			err := nursery.Run(parent, func(_ context.Context, n *nursery.Nursery) error {
				nursery.Async(n, tt.task)
				cancel(errGone)
				return nil
			})
			for _, want := range tt.want {
				if !errors.Is(err, want) {
					t.Errorf("got %v, want %v", err, want)
				}
			}
			if len(tt.want) == 0 && err != nil || errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want nil", err)
			}
		})
	}
}

// N5, N13: the first cancellation counts. To cancel a task that has been cancelled
// with all others is no reason for what it left undone.
func TestATaskIsCancelledAloneTooLate(t *testing.T) {
	tests := []struct {
		name   string
		first  func(n *nursery.Nursery, cancelParent context.CancelCauseFunc)
		opts   []nursery.TaskOption
		by     string // what Wait returns
		joined error
	}{
		{"after the parent's end", func(_ *nursery.Nursery, cancel context.CancelCauseFunc) { cancel(errGone) }, nil, "the parent", errGone},
		{"after the nursery's", func(n *nursery.Nursery, _ context.CancelCauseFunc) { n.Cancel(errB) }, nil, "Cancel", nil},
		{"after its dismissal", nil, []nursery.TaskOption{nursery.Helper()}, "the end of the tasks it helped", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parent, cancel := context.WithCancelCause(t.Context())
				var task *nursery.Task[int]
				joined := nursery.Run(parent, func(_ context.Context, n *nursery.Nursery) error {
					task = nursery.Async(n, func(ctx context.Context) (int, error) {
						<-ctx.Done()
						time.Sleep(time.Minute) // it takes long to stop
						return 0, ctx.Err()
					}, tt.opts...)
					time.AfterFunc(time.Second, func() { task.Cancel(errA) })
					if tt.first != nil {
						tt.first(n, cancel)
						task.Cancel(errA) // nobody has noticed the end yet
					}
					return nil
				})
				if joined != tt.joined {
					t.Errorf("got %v from the join, want %v", joined, tt.joined)
				}
				_, err := task.Wait(t.Context())
				if c := cancelled(t, err); c.By != tt.by {
					t.Errorf("got %v from Wait, want that it was cancelled by %s", err, tt.by)
				}
			})
		})
	}
}

// N11, N13
func TestAHandleOfADroppedTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(ignores)
			task := nursery.Async(n, func(context.Context) (int, error) { t.Error("a dropped task ran"); return 1, nil })
			synctest.Wait()
			n.Cancel(nil)
			v, err := task.Wait(context.Background())
			if v != 0 || !errors.Is(err, nursery.ErrDropped) {
				t.Errorf("got %d, %v, want 0, %v", v, err, nursery.ErrDropped)
			}
			return err // an echo, for nothing has failed
		}, nursery.Limit(1))
		if err != nil {
			t.Errorf("got %v, want nil", err)
		}
	})
}

// N8, N13
func TestAsyncAfterTheEndPanics(t *testing.T) {
	var closed *nursery.Nursery
	_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error { closed = n; return nil })
	got := fmt.Sprint(raised(func() {
		nursery.Async(closed, func(context.Context) (int, error) { t.Error("the task ran"); return 1, nil })
	}))
	if want := "nursery: Async after the nursery closed: tasks may be started until the join has ended"; got != want {
		t.Errorf("got panic %q, want %q", got, want)
	}
}

// N13, N22
func TestTheContextOfATaskWithAHandle(t *testing.T) {
	key := new(int)
	parent := context.WithValue(t.Context(), key, "value")
	_ = nursery.Run(parent, func(outer context.Context, n *nursery.Nursery) error {
		var own context.Context
		task := nursery.Async(n, func(ctx context.Context) (int, error) {
			own = ctx
			if nursery.From(ctx) != n || ctx.Value(key) != "value" {
				t.Error("the context has lost its nursery or its values")
			}
			return 1, nil
		})
		_, err := task.Wait(context.Background())
		if c := cancelled(t, context.Cause(own)); !errors.Is(c, nursery.ErrClosed) || outer.Err() != nil {
			t.Errorf("got cause %v, nursery %v, want the context to end with the task alone", c, outer.Err())
		}
		return err
	})
}

// N9, N13: a panic is no echo, though the parent ended for the same reason.
func TestAPanicOfATaskWithAHandleIsNoEcho(t *testing.T) {
	for _, start := range []bool{false, true} {
		parent, cancel := context.WithCancelCause(t.Context())
		cancel(http.ErrAbortHandler)
		v := raised(func() {
			err := nursery.Run(parent, func(_ context.Context, n *nursery.Nursery) error {
				if !start {
					nursery.Async(n, func(context.Context) (int, error) { panic(http.ErrAbortHandler) })
					return nil
				}
				_, err := nursery.Start(context.Background(), n, func(context.Context, func(int)) error { panic(http.ErrAbortHandler) })
				return err
			})
			t.Errorf("started %v: got %v, want the panic", start, err)
		})
		if p, ok := v.(*nursery.PanicError); ok { // the body's, that Start raised in
			v = p.Value
		}
		if v != http.ErrAbortHandler {
			t.Errorf("started %v: got panic %v, want %v", start, v, http.ErrAbortHandler)
		}
	}
}

// N13, N23: in a nursery that isolates a failure is reported once as well.
func TestAFailureToldByAHandleIsReportedOnce(t *testing.T) {
	fails := map[string]func(context.Context) (int, error){
		"an error":        func(context.Context) (int, error) { return 0, errA },
		"several":         func(ctx context.Context) (int, error) { return 0, nursery.All(ctx, failing(errA), failing(errB)) },
		"a panic":         func(context.Context) (int, error) { panic(errA) },
		"a panic's value": func(context.Context) (int, error) { return 0, fmt.Errorf("wrapped: %w", errA) },
	}
	for name, fail := range fails {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen reports
				err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
					h := nursery.Async(n, fail)
					n.Go(func(context.Context) error { _, err := h.Wait(context.Background()); return err })
					n.Go(func(context.Context) error {
						_, err := h.Wait(context.Background())
						return errors.Join(errC, fmt.Errorf("wrapped: %w", err))
					})
					return nil
				}, nursery.Isolate(), seen.observe())
				got := seen.errors()
				if err != nil || len(got) != 2 || !errors.Is(got[0], errA) || !errors.Is(got[1], errC) || errors.Is(got[1], errA) {
					t.Errorf("got %v and reports %v, want nil, the task's failure and c alone", err, got)
				}
			})
		})
	}
}

// N3, N13, N23: a failure that has not cancelled the nursery is a reason to cancel it for
// the body and a critical task that end because of it.
func TestAFailureThatWasToldStillEndsWhoMustNotFail(t *testing.T) {
	handed := func(n *nursery.Nursery, opts ...nursery.TaskOption) func(context.Context) error {
		h := nursery.Async(n, func(context.Context) (int, error) { return 0, errA }, opts...)
		return func(ctx context.Context) error { _, err := h.Wait(ctx); return err }
	}
	tests := []struct {
		name string
		opt  nursery.Option
		body func(ctx context.Context, n *nursery.Nursery) error
	}{
		{"the body", nursery.Isolate(), func(ctx context.Context, n *nursery.Nursery) error { return handed(n)(ctx) }},
		{"a critical task", nursery.Isolate(), func(_ context.Context, n *nursery.Nursery) error { n.Go(handed(n), nursery.Critical()); return nil }},
		{"any task, if none is isolated", nursery.OnCritical(func(nursery.Failure) {}), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(handed(n, nursery.Critical()))
			return nil
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
					n.Go(waits) // for ever, if nobody cancels
					return tt.body(ctx, n)
				}, tt.opt, quiet())
				if !errors.Is(err, errA) {
					t.Errorf("got %v, want %v", err, errA)
				}
			})
		})
	}
}

// N13: what Filter leaves of what a handle told is still that.
func TestAFailureToldByAHandleMayBeFiltered(t *testing.T) {
	err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
		h := nursery.Async(n, func(ctx context.Context) (int, error) {
			return 0, nursery.Run(ctx, starts(failing(errA), failing(errB)))
		})
		_, err := h.Wait(context.Background())
		rest := nursery.Filter(err, func(leaf error) bool { return leaf != errA })
		if !errors.Is(rest, errB) || errors.Is(rest, errA) {
			t.Errorf("got %v, want b alone", rest)
		}
		return rest
	})
	if got := slices.Collect(nursery.Leaves(err)); len(got) != 2 {
		t.Errorf("got %+v, want the task's failure alone", err)
	}
}

// N13: a handle never tells a result that there is not, though a function that
// was asked about the failure takes the goroutine away.
func TestAHandleOfATaskWhoseFailureIsNeverJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Cancel(nil)
			_, err := nursery.Async(n, func(context.Context) (int, error) { return 7, errA }).Wait(context.Background())
			if err != errA {
				t.Errorf("got %v, want %v", err, errA)
			}
			return nil
		}, nursery.Echoes(func(error) bool { runtime.Goexit(); return false }))
	})
}
