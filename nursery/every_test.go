package nursery_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// N23
func TestEveryKeepsToItsTimes(t *testing.T) {
	tests := []struct {
		name string
		run  []int // milliseconds that each run takes; then the next fails
		at   []int
	}{
		{"runs that take no time", []int{0, 0, 0}, []int{0, 1000, 2000, 3000}},
		{"short runs", []int{300, 999, 1}, []int{0, 1000, 2000, 3000}},
		{"a run of exactly the interval", []int{1000, 0}, []int{0, 1000, 2000}},
		{"a long run leaves out what it missed", []int{2500, 0}, []int{0, 3000, 4000}},
		{"and one that ends when a run is due does not", []int{3000, 0}, []int{0, 3000, 4000}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var at []int
				began := time.Now()
				err := nursery.Run(t.Context(), starts(nursery.Every(time.Second, func(context.Context) error {
					at = append(at, int(time.Since(began).Milliseconds()))
					if len(at) > len(tt.run) {
						return errA
					}
					time.Sleep(time.Duration(tt.run[len(at)-1]) * time.Millisecond)
					return nil
				})))
				if err != errA || !slices.Equal(at, tt.at) {
					t.Errorf("got %v with runs at %v ms, want %v with %v", err, at, errA, tt.at)
				}
			})
		})
	}
}

// N17, N4, N5
func TestEveryEndsWithItsNursery(t *testing.T) {
	long := func(context.Context) error { time.Sleep(700 * time.Millisecond); return nil }
	tests := []struct {
		name string
		task func(context.Context) error
		end  func(n *nursery.Nursery, parent context.CancelCauseFunc)
		want error
		own  error
		runs int
		at   time.Duration
	}{
		{"a drain between runs", succeeds, func(n *nursery.Nursery, _ context.CancelCauseFunc) { n.Drain(time.Hour) }, nil, nil, 3, 2500 * time.Millisecond},
		{"a drain during a run", long, func(n *nursery.Nursery, _ context.CancelCauseFunc) { n.Drain(time.Hour) }, nil, nil, 3, 2700 * time.Millisecond},
		{"the parent's end between runs", succeeds, func(_ *nursery.Nursery, cancel context.CancelCauseFunc) { cancel(errB) }, errB, errB, 3, 2500 * time.Millisecond},
		{"the parent's end during a run", long, func(_ *nursery.Nursery, cancel context.CancelCauseFunc) { cancel(errB) }, errB, errB, 3, 2700 * time.Millisecond},
		{"a cancellation between runs", succeeds, func(n *nursery.Nursery, _ context.CancelCauseFunc) { n.Cancel(errC) }, nil, errC, 3, 2500 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parent, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				began := time.Now()
				runs := 0
				var own error
				err := nursery.Run(parent, func(_ context.Context, n *nursery.Nursery) error {
					n.Go(func(ctx context.Context) error {
						own = nursery.Every(time.Second, func(ctx context.Context) error { runs++; return tt.task(ctx) })(ctx)
						return own
					})
					time.Sleep(2500 * time.Millisecond)
					tt.end(n, cancel)
					return nil
				})
				if err != tt.want || !unwrapsTo(own, tt.own) || runs != tt.runs || time.Since(began) != tt.at {
					t.Errorf("got %v, of the task %v, %d runs, %v; want %v, %v, %d, %v", err, own, runs, time.Since(began), tt.want, tt.own, tt.runs, tt.at)
				}
			})
		})
	}
}

// unwrapsTo reports whether err is the *Cancelled with reason want, or both
// are nil.
func unwrapsTo(err, want error) bool {
	c, ok := err.(*nursery.Cancelled)
	return err == want || ok && c.Unwrap() == want
}

// N23: decorators go into each other.
func TestEveryOfARetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRunLog()
		retried := nursery.Retry(l.task(errA, nil, errB, errB, nil, nursery.Permanent(errC)), nursery.RetryOptions{BackOff: every(time.Second)})
		err := nursery.Every(time.Minute, retried)(t.Context())
		want := []time.Duration{0, 1 * time.Second, 60 * time.Second, 61 * time.Second, 62 * time.Second, 120 * time.Second}
		if err != errC || !slices.Equal(l.at, want) {
			t.Errorf("got %v with runs at %v, want %v with %v", err, l.at, errC, want)
		}
	})
}
