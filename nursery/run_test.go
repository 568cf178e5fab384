package nursery_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// N1
func TestRunReturnsWhenTheLastTaskOfTasksHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended atomic.Int64
		var grow func(depth int) func(context.Context) error
		grow = func(depth int) func(context.Context) error {
			return func(ctx context.Context) error {
				if depth > 0 {
					nursery.From(ctx).Go(grow(depth - 1))
				}
				time.Sleep(time.Second)
				ended.Add(1)
				return nil
			}
		}
		began := time.Now()
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(func(ctx context.Context) error {
				time.Sleep(time.Minute)
				return grow(3)(ctx)
			})
			return nil
		})
		if err != nil {
			t.Errorf("got %v, want nil", err)
		}
		if got := ended.Load(); got != 4 {
			t.Errorf("got %d tasks ended, want 4", got)
		}
		if got, want := time.Since(began), time.Minute+time.Second; got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// N1
func TestRunWaitsForTasksThatIgnoreTheirCancellation(t *testing.T) {
	tests := []struct {
		name string
		end  func(ctx context.Context, n *nursery.Nursery) error
	}{
		{"the body fails", func(context.Context, *nursery.Nursery) error { return errA }},
		{"the body panics", func(context.Context, *nursery.Nursery) error { panic(errA) }},
		{"a task fails", starts(failing(errA))},
		{"a task panics", starts(panicking(errA))},
		{"a task exits", starts(exiting)},
		{"the nursery is cancelled", func(_ context.Context, n *nursery.Nursery) error { n.Cancel(errA); return nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended := false
				raised(func() {
					nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
						n.Go(func(context.Context) error {
							time.Sleep(time.Hour)
							ended = true
							return nil
						})
						return tt.end(ctx, n)
					}, quiet())
				})
				if !ended {
					t.Error("Run ended before its task")
				}
			})
		})
	}
}

// N2
func TestTheFirstFailureCancelsAtOnce(t *testing.T) {
	tests := []struct {
		name   string
		fail   func(context.Context) error
		by     string
		reason error
	}{
		{"an error", failing(errA), "task 2", errA},
		{"a panic", panicking(errA), "task 2", errA},
		{"a Goexit", exiting, "task 2", nursery.ErrGoexit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var cause error
				var after time.Duration
				raised(func() {
					nursery.Run(t.Context(), starts(
						func(ctx context.Context) error {
							cause = waitsForCause(ctx)
							after = time.Since(began)
							return nil
						},
						func(ctx context.Context) error {
							time.Sleep(time.Second)
							return tt.fail(ctx)
						},
						func(context.Context) error { time.Sleep(time.Minute); return nil },
					), quiet())
				})
				if after != time.Second {
					t.Errorf("got cancelled after %v, want %v", after, time.Second)
				}
				if c := cancelled(t, cause); c.By != tt.by || !errors.Is(c, tt.reason) {
					t.Errorf("got cause %v by %q, want %v by %q", c, c.By, tt.reason, tt.by)
				}
			})
		})
	}
}

// N2
func TestCancelledSaysWho(t *testing.T) {
	tests := []struct {
		name string
		opts []nursery.Option
		task []nursery.TaskOption
		fail func(ctx context.Context, n *nursery.Nursery)
		want string
	}{
		{
			name: "a named task in a named nursery",
			opts: []nursery.Option{nursery.Title("shop")},
			task: []nursery.TaskOption{nursery.Name("price")},
			want: "nursery shop: cancelled by task price: a failed",
		},
		{name: "a task without a name", want: "nursery: cancelled by task 1: a failed"},
		{
			name: "the body",
			fail: func(ctx context.Context, n *nursery.Nursery) { n.Fail(errB) },
			want: "nursery: cancelled by the body: b failed",
		},
		{
			name: "a caller of Cancel",
			fail: func(ctx context.Context, n *nursery.Nursery) { n.Cancel(errB) },
			want: "nursery: cancelled by Cancel: b failed",
		},
		{
			name: "a caller of Cancel who gives no cause",
			fail: func(ctx context.Context, n *nursery.Nursery) { n.Cancel(nil) },
			want: "nursery: cancelled by Cancel: context canceled",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var cause error
			nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
				if tt.fail != nil {
					tt.fail(ctx, n)
				} else {
					n.Go(failing(errA), tt.task...)
				}
				cause = waitsForCause(ctx)
				return nil
			}, tt.opts...)
			if got := cause.Error(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// N2
func TestEveryCancellationHasItsOwnCause(t *testing.T) {
	seen := make(map[*nursery.Cancelled]bool)
	for range 3 {
		nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			n.Cancel(errA)
			seen[cancelled(t, context.Cause(ctx))] = true
			return nil
		})
	}
	if len(seen) != 3 {
		t.Errorf("got %d causes of 3 cancellations, want 3", len(seen))
	}
}

// N6
func TestCancelIsIdempotentAndNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var causes []error
		err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			n.Go(waits)
			n.Go(waitsForCause)
			n.Cancel(errA)
			for _, late := range []error{errB, nil, errA} {
				causes = append(causes, context.Cause(ctx))
				n.Cancel(late)
			}
			return ctx.Err()
		})
		if err != nil {
			t.Errorf("got %v, want nil", err)
		}
		for _, cause := range causes {
			if cause != causes[0] || !errors.Is(cause, errA) || errors.Is(cause, errB) {
				t.Errorf("got %v, want the first cause only", cause)
			}
		}
	})
}

// N6
func TestAFailureAfterCancelIsStillReturned(t *testing.T) {
	err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
		n.Cancel(errA)
		n.Go(failing(errA)) // the same value as the cause, but no echo of it
		return nil
	})
	if err != errA {
		t.Errorf("got %v, want %v", err, errA)
	}
}

// N5, N6: the parent's end comes first also if nobody has looked since.
func TestCancelAfterTheParentsEndDoesNothing(t *testing.T) {
	for name, cancels := range map[string]func(n *nursery.Nursery){
		"Cancel": func(n *nursery.Nursery) { n.Cancel(errB) },
		"Drain":  func(n *nursery.Nursery) { n.Drain(0) },
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		var cause error
		err := nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error {
			cancel(errA)
			cancels(n)
			cause = context.Cause(ctx)
			return ctx.Err()
		})
		if !errors.Is(cause, errA) || err != errA {
			t.Errorf("%s: got cause %v and %v, want %v for both", name, cause, err, errA)
		}
	}
}

// N6
func TestCancelAfterTheEndDoesNothing(t *testing.T) {
	var late *nursery.Nursery
	var outer context.Context
	nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
		late, outer = n, ctx
		return nil
	})
	late.Cancel(errA)
	if got := context.Cause(outer); !errors.Is(got, nursery.ErrClosed) || errors.Is(got, errA) {
		t.Errorf("got cause %v, want ErrClosed", got)
	}
}
