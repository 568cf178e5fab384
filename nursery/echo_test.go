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

// clientError stands for *url.Error: net/http's client wraps the context's
// cause in one.
type clientError struct{ err error }

func (e *clientError) Error() string { return "Get: " + e.err.Error() }

func (e *clientError) Unwrap() error { return e.err }

// statusError stands for gRPC's status errors, which wrap nothing.
type statusError struct{ code string }

func (e statusError) Error() string { return "rpc error: code = " + e.code }

// wasLate is late for a deadline of its own, and cleans up until ctx has ended, too.
func wasLate(ctx context.Context) error {
	late, cancel := context.WithTimeout(ctx, -1)
	defer cancel()
	err := waits(late)
	<-ctx.Done()
	return fmt.Errorf("payment: %w", err)
}

// uncomparable would panic if it were compared with ==.
type uncomparable []string

func (uncomparable) Error() string { return "uncomparable" }

// Each row is what a task returns after its sibling failed with errA.
func TestEchoesOfAFailureAreDropped(t *testing.T) {
	tests := []struct {
		name string
		task func(ctx context.Context) error
		want string // of the MultiError's second failure; "": errA alone
	}{
		{"the context's error", waits, ""},         // N4
		{"the context's cause", waitsForCause, ""}, // N4
		{"the context's error, wrapped", func(ctx context.Context) error { return fmt.Errorf("db: %w", waits(ctx)) }, ""},          // N4
		{"the cause, as an HTTP client wraps it", func(ctx context.Context) error { return &clientError{waitsForCause(ctx)} }, ""}, // N4
		{"several echoes joined", func(ctx context.Context) error { return errors.Join(waits(ctx), waitsForCause(ctx)) }, ""},      // N4
		{
			"an echo joined with a failure", // N4
			func(ctx context.Context) error { return errors.Join(waits(ctx), errB) },
			"b failed",
		},
		{
			"echoes deep inside, wrapped, beside failures", // N4
			func(ctx context.Context) error {
				return fmt.Errorf("save: %w", errors.Join(errB, fmt.Errorf("rollback: %w", errors.Join(waits(ctx), errC))))
			},
			"save: b failed\nrollback: c failed",
		},
		{
			"two wrapped at once", // N4
			func(ctx context.Context) error { return fmt.Errorf("%w, then %w", waits(ctx), errB) },
			"b failed",
		},
		{"the first failure's value once more", func(ctx context.Context) error { waits(ctx); return errA }, "a failed"},                             // N4: a failure of its own
		{"a failure of another kind", func(ctx context.Context) error { waits(ctx); return errB }, "b failed"},                                       // N4
		{"an error that cannot be compared", func(ctx context.Context) error { waits(ctx); return uncomparable{} }, "uncomparable"},                  // N4
		{"a deadline of its own that passed before", wasLate, "payment: context deadline exceeded"},                                                  // N4
		{"a status it was not taught", func(ctx context.Context) error { waits(ctx); return statusError{"Canceled"} }, "rpc error: code = Canceled"}, // N4
		{
			"the cause of a child context", // N4
			func(ctx context.Context) error {
				ctx, cancel := context.WithCancelCause(ctx)
				defer cancel(nil)
				return waitsForCause(ctx)
			},
			"",
		},
		{
			"the cause of a child with a deadline", // N4
			func(ctx context.Context) error {
				ctx, cancel := context.WithTimeout(ctx, time.Hour)
				defer cancel()
				return waitsForCause(ctx)
			},
			"",
		},
		{
			"the own cause of a child context", // N4
			func(ctx context.Context) error {
				child, cancel := context.WithCancelCause(ctx)
				cancel(errB)
				waits(ctx)
				return context.Cause(child)
			},
			"b failed",
		},
		{
			"a nested nursery's cancellation", // N4
			func(ctx context.Context) error { return nursery.All(ctx, waits, waitsForCause) },
			"",
		},
		{
			"a nested nursery's failure beside its cancellation", // N4
			func(ctx context.Context) error {
				return nursery.All(ctx, waits, func(ctx context.Context) error { waits(ctx); return errB })
			},
			"b failed",
		},
		{
			"a nested nursery's failures beside its cancellation", // N4
			func(ctx context.Context) error {
				fails := func(after time.Duration) func(context.Context) error {
					return func(ctx context.Context) error { waits(ctx); time.Sleep(after); return errB }
				}
				return nursery.All(ctx, waits, fails(1), fails(2))
			},
			"nursery: 2 failures\n\t#2: b failed\n\t#3: b failed",
		},
		{
			"a panic's value that was a cancellation", // N4
			func(ctx context.Context) error {
				return nursery.Run(context.WithoutCancel(ctx), func(context.Context, *nursery.Nursery) error {
					panic(waits(ctx))
				}, nursery.OnPanic(nursery.ReturnPanics), quiet())
			},
			"nursery: panic: context canceled",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
					n.Go(tt.task)
					synctest.Wait()
					n.Go(failing(errA))
					return nil
				})
				if tt.want == "" {
					if err != errA {
						t.Errorf("got %v, want %v", err, errA)
					}
					return
				}
				m := multi(t, err)
				if len(m.Failures) != 2 || m.Failures[0].Err != errA {
					t.Fatalf("got %v, want two failures", m)
				}
				got := m.Failures[1].Err
				if p, ok := got.(*nursery.PanicError); ok {
					got = errors.New(p.LogValue().Group()[0].Value.String())
					tt.want = "context canceled"
				}
				if got.Error() != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				if _, isPanic := m.Failures[1].Err.(*nursery.PanicError); errors.Is(m, context.Canceled) && !isPanic {
					t.Error("the echo is still in it")
				}
			})
		})
	}
}

// N4: the cause then wraps several errors, and is still one echo.
func TestTheCauseThatIsAMultiErrorIsAnEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		both := func(ctx context.Context) error {
			fails := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
			return nursery.Run(context.WithoutCancel(ctx), starts(fails(errA), fails(errB)))
		}
		err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			n.Go(waitsForCause)
			n.Go(func(ctx context.Context) error { return fmt.Errorf("call: %w", &clientError{waitsForCause(ctx)}) })
			n.Go(func(ctx context.Context) error { return nursery.All(ctx, waitsForCause, waits) })
			synctest.Wait()
			n.Go(both)
			return nil
		})
		if m := multi(t, err); len(m.Failures) != 2 || m.Failures[0].Err == m.Failures[1].Err {
			t.Errorf("got %v, want the nested failures once", err)
		}
	})
}

// Only a context that has such an end says that a deadline has passed: that of the
// parent's, at any time, and no other.
//
// N4
func TestWhoseDeadlineHasPassed(t *testing.T) {
	tests := []struct {
		name    string
		limit   time.Duration // of the parent
		stopped bool          // the nursery is cancelled before
		want    error
	}{
		{"the parent's, which cancels", time.Minute, false, context.DeadlineExceeded},
		{"the parent's, after somebody had cancelled", time.Minute, true, nil},
		{"another's, after somebody had cancelled", time.Hour, true, context.DeadlineExceeded},
		{"another's", time.Hour, false, context.DeadlineExceeded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				above, cancel := context.WithTimeout(t.Context(), tt.limit)
				defer cancel()
				another, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				err := nursery.Run(above, func(_ context.Context, n *nursery.Nursery) error {
					if tt.stopped {
						n.Cancel(nil)
					}
					n.Go(func(context.Context) error {
						<-another.Done()
						synctest.Wait() // the parent's timer is of the same instant
						return another.Err()
					})
					return nil
				})
				if err != tt.want {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			})
		})
	}
}

// N4
func TestACancellationThatNobodyCausedIsAFailure(t *testing.T) {
	for _, want := range []error{context.Canceled, context.DeadlineExceeded, fmt.Errorf("db: %w", context.Canceled)} {
		if got := nursery.Run(t.Context(), starts(failing(want))); got != want {
			t.Errorf("got %v of a task, want %v", got, want)
		}
		got := nursery.Run(t.Context(), func(context.Context, *nursery.Nursery) error { return want })
		if got != want {
			t.Errorf("got %v of the body, want %v", got, want)
		}
	}
}

// N4: whose cancellation it is decides, not what it says.
func TestTheCancellationOfAnotherNurseryIsAFailure(t *testing.T) {
	var other error
	nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
		n.Cancel(errA)
		other = context.Cause(ctx)
		return nil
	})
	got := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
		n.Cancel(errA)
		n.Go(failing(other))
		return nil
	})
	if got != other {
		t.Errorf("got %v, want the other nursery's %v", got, other)
	}
}

// N4
func TestEchoesTeachesFurtherEchoes(t *testing.T) {
	is := func(code string) nursery.Option {
		return nursery.Echoes(func(err error) bool { return err == error(statusError{code}) })
	}
	run := func(t *testing.T, err error, cancel bool) error {
		t.Helper()
		return nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			if cancel {
				n.Cancel(nil)
			}
			return err
		}, is("Canceled"), is("Aborted"))
	}
	canceled, aborted := statusError{"Canceled"}, statusError{"Aborted"}
	tests := []struct {
		name   string
		err    error
		cancel bool
		want   error
	}{
		{"an echo it was taught", canceled, true, nil},
		{"a second one", aborted, true, nil},
		{"a wrapped one", fmt.Errorf("call: %w", canceled), true, nil},
		{"one of a nursery that is not cancelled", canceled, false, canceled},
		{"another status", statusError{"Internal"}, true, statusError{"Internal"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := run(t, tt.err, tt.cancel); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// N4
func TestAPanicInEchoesLosesNothing(t *testing.T) {
	logs := captureLogs(t)
	got := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
		n.Cancel(nil)
		n.Go(failing(errB))
		return nil
	}, nursery.Echoes(func(error) bool { panic("no echo") }))
	if got != errB {
		t.Errorf("got %v, want %v", got, errB)
	}
	logs.want(t, "panic in the function of Echoes", "no echo")
}
