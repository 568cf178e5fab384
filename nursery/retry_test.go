package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// pauses is a BackOff without chance: these waits, then the end.
type pauses []time.Duration

func (p *pauses) NextBackOff() time.Duration {
	if len(*p) == 0 {
		return -1
	}
	d := (*p)[0]
	*p = (*p)[1:]
	return d
}

// seconds makes BackOffs that wait for so many seconds each.
func seconds(waits ...int) func() nursery.BackOff {
	return func() nursery.BackOff {
		p := new(pauses)
		for _, s := range waits {
			*p = append(*p, time.Duration(s)*time.Second)
		}
		return p
	}
}

// steady is a BackOff that always says the same.
type steady time.Duration

func (d steady) NextBackOff() time.Duration { return time.Duration(d) }

func every(d time.Duration) func() nursery.BackOff {
	return func() nursery.BackOff { return steady(d) }
}

// runLog is a task that notes when it was run.
type runLog struct {
	began time.Time
	at    []time.Duration
}

func newRunLog() *runLog { return &runLog{began: time.Now()} }

// task ends with the first of outcomes at first, and with the last for ever.
func (l *runLog) task(outcomes ...error) func(context.Context) error {
	return func(context.Context) error {
		l.at = append(l.at, time.Since(l.began))
		return outcomes[min(len(l.at), len(outcomes))-1]
	}
}

// N23
func TestRetryRunsAgainAfterFailures(t *testing.T) {
	wrapped := fmt.Errorf("wrapped: %w", nursery.Permanent(errC))
	tests := []struct {
		name     string
		outcomes []error
		opts     nursery.RetryOptions
		at       []int // seconds
		want     error
		gaveUp   bool
	}{
		{"it succeeds", []error{nil}, nursery.RetryOptions{}, []int{0}, nil, false},
		{"at the third attempt", []error{errA, errB, nil}, nursery.RetryOptions{BackOff: seconds(1, 2, 4)}, []int{0, 1, 3}, nil, false},
		{"attempts are spent", []error{errA, errB}, nursery.RetryOptions{BackOff: seconds(1, 2, 4), Attempts: 3}, []int{0, 1, 3}, errB, true},
		{"one attempt only", []error{errA}, nursery.RetryOptions{Attempts: 1}, []int{0}, errA, false},
		{"the back-off has had enough", []error{errA}, nursery.RetryOptions{BackOff: seconds(5)}, []int{0, 5}, errA, true},
		{"a permanent error", []error{errA, nursery.Permanent(errB)}, nursery.RetryOptions{BackOff: seconds(1, 2)}, []int{0, 1}, errB, false},
		{"a permanent error within", []error{wrapped}, nursery.RetryOptions{}, []int{0}, wrapped, false},
		{"a context error that is none of ours", []error{context.Canceled, nil}, nursery.RetryOptions{BackOff: seconds(1)}, []int{0, 1}, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				task := func(l *runLog) func(context.Context) error { return nursery.Retry(l.task(tt.outcomes...), tt.opts) }
				for range 2 { // each run has its own back-off
					l := newRunLog()
					err := task(l)(t.Context())
					var want []time.Duration
					for _, s := range tt.at {
						want = append(want, time.Duration(s)*time.Second)
					}
					if !slices.Equal(l.at, want) {
						t.Errorf("got runs at %v, want %v", l.at, want)
					}
					g, gaveUp := errors.AsType[*nursery.GaveUp](err)
					if gaveUp != tt.gaveUp || !gaveUp && err != tt.want || !errors.Is(err, tt.want) {
						t.Errorf("got %v, want %v", err, tt.want)
					}
					if gaveUp && (g.Runs != len(want) || g.Over != want[len(want)-1] || g.Last != tt.want) {
						t.Errorf("got %+v", g)
					}
				}
			})
		})
	}
}

// N23: a retry that goes on and on does not do so in silence, one that soon
// succeeds, or gives up, does.
func TestRetryIsNotSilentForLong(t *testing.T) {
	slow := func(context.Context) error { time.Sleep(7 * time.Second); return errA }
	tests := []struct {
		name string
		task func(context.Context) error // nil: it fails at once
		opts nursery.RetryOptions
		over time.Duration // then it succeeds
		at   []int         // milliseconds of the reports
	}{
		{"it succeeds soon", nil, nursery.RetryOptions{BackOff: every(time.Second)}, 4 * time.Second, nil},
		{"it gives up soon", nil, nursery.RetryOptions{BackOff: every(time.Second), Attempts: 4}, time.Hour, nil},
		{"a failure each second", nil, nursery.RetryOptions{BackOff: every(time.Second)}, 13 * time.Second, []int{4000, 8000, 12000}},
		{"a failure each millisecond", nil, nursery.RetryOptions{BackOff: every(time.Millisecond)}, 12 * time.Second, []int{4999, 9998}},
		{"a failure each hour", nil, nursery.RetryOptions{BackOff: every(time.Hour)}, 2 * time.Hour, []int{0, 3600000}},
		{"attempts that take their time", slow, nursery.RetryOptions{BackOff: every(time.Second), Attempts: 3}, time.Hour, []int{7000, 15000}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var at []int
				observe := nursery.Observe(func(_ context.Context, r nursery.Report) {
					at = append(at, int(time.Since(began).Milliseconds()))
					if r.Task != "connect" || r.Err != errA {
						t.Errorf("got a report of %q: %v", r.Task, r.Err)
					}
				})
				tt.opts.Name = "connect"
				nursery.Run(t.Context(), starts(nursery.Retry(func(ctx context.Context) error {
					switch {
					case time.Since(began) >= tt.over:
						return nil
					case tt.task != nil:
						return tt.task(ctx)
					}
					return errA
				}, tt.opts)), observe)
				if !slices.Equal(at, tt.at) {
					t.Errorf("got reports at %v ms, want %v", at, tt.at)
				}
			})
		})
	}
}

// N23: the zero options, with a mistake that no attempt mends.
func TestARetryForEverShowsWhatItFailsWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := captureLogs(t)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := nursery.Retry(failing(errA), nursery.RetryOptions{})(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		log.want(t, "nursery: failure", "a failed")
	})
}

// N4, N23: a retry that is cut short is an echo, with the last error in its
// text; one whose attempt was cut short says what the attempt said.
func TestRetryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cut, busy error
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(func(ctx context.Context) error {
				cut = nursery.Retry(failing(errA), nursery.RetryOptions{BackOff: every(time.Minute)})(ctx)
				return cut
			})
			n.Go(func(ctx context.Context) error {
				busy = nursery.Retry(waits, nursery.RetryOptions{})(ctx)
				return busy
			})
			time.Sleep(90 * time.Second)
			return errB
		})
		if err != errB {
			t.Errorf("got %v, want %v", err, errB)
		}
		g, _ := errors.AsType[*nursery.GaveUp](cut)
		if g == nil || g.Runs != 2 || g.Last != errA || g.Over != 90*time.Second || errors.Is(cut, errA) || !errors.Is(cut, errB) {
			t.Errorf("got %+v", cut)
		}
		if got := fmt.Sprint(cut); got != "nursery: gave up after 2 runs in 1m30s: a failed (and then: nursery: cancelled by the body: b failed)" {
			t.Errorf("got %q", got)
		}
		if busy != context.Canceled {
			t.Errorf("got %v from an attempt that was cut", busy)
		}
	})
}

// N17: attempts go on under a drain, until its grace is over.
func TestRetryGoesOnUnderADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRunLog()
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(nursery.Retry(l.task(errA, errA, nil), nursery.RetryOptions{BackOff: every(time.Second)}))
			n.Drain(time.Minute)
			return nil
		})
		if err != nil || len(l.at) != 3 {
			t.Errorf("got %v after %d runs, want nil after 3", err, len(l.at))
		}
	})
}

// N9, N10
func TestRetryDoesNotRetryPanicsAndExits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		count := func(f func(context.Context) error) func(context.Context) error {
			return nursery.Retry(func(ctx context.Context) error { runs++; return f(ctx) }, nursery.RetryOptions{})
		}
		p := raisedPanic(t, func() { nursery.Run(t.Context(), starts(count(panicking("boom"))), quiet()) })
		if p.Value != "boom" || !strings.Contains(p.Stack(), "panicking") {
			t.Errorf("got %v", p)
		}
		if err := nursery.Run(t.Context(), starts(count(exiting))); err != nursery.ErrGoexit {
			t.Errorf("got %v, want %v", err, nursery.ErrGoexit)
		}
		if runs != 2 {
			t.Errorf("got %d runs, want 2", runs)
		}
	})
}

func TestRetryNeverSpins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRunLog()
		nursery.Retry(l.task(errA), nursery.RetryOptions{BackOff: every(0), Attempts: 4})(t.Context())
		if want := []time.Duration{0, time.Millisecond, 2 * time.Millisecond, 3 * time.Millisecond}; !slices.Equal(l.at, want) {
			t.Errorf("got runs at %v, want %v", l.at, want)
		}
	})
}

func TestExponentialDoublesWithJitter(t *testing.T) {
	tests := []struct {
		name           string
		first, longest time.Duration
		want           []time.Duration // before the jitter
	}{
		{"it doubles up to the longest", 100, 700, []time.Duration{100, 200, 400, 700, 700}},
		{"first is longest", 5, 5, []time.Duration{5, 5, 5}},
		{"no overflow", 1 << 61, 1<<63 - 1, []time.Duration{1 << 61, 1 << 62, 1<<63 - 1, 1<<63 - 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			differ := false
			var before []time.Duration
			for range 50 {
				b := nursery.Exponential(tt.first, tt.longest)()
				var got []time.Duration
				for _, want := range tt.want {
					d := b.NextBackOff()
					if d > want || d < want-want/2-1 {
						t.Errorf("got %v, want at most %v and at least half", d, want)
					}
					got = append(got, d)
				}
				differ = differ || before != nil && !slices.Equal(got, before)
				before = got
			}
			if !differ {
				t.Error("got the same waits 50 times")
			}
		})
	}
}

func TestPermanentIsTransparent(t *testing.T) {
	err := nursery.Permanent(errA)
	if !errors.Is(err, errA) || err.Error() != errA.Error() || nursery.Permanent(nil) != nil {
		t.Errorf("got %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if got := nursery.Retry(failing(err), nursery.RetryOptions{})(over); got != errA {
		t.Errorf("got a %T from Retry in a context that has ended, want the error without its mark", got)
	}
}

func TestGaveUpTellsWhatHappened(t *testing.T) {
	tests := []struct {
		name string
		err  *nursery.GaveUp
		want string
	}{
		{"a retry", &nursery.GaveUp{Runs: 3, Over: time.Second, Last: errA}, "nursery: gave up after 3 runs in 1s: a failed"},
		{"a named service", &nursery.GaveUp{Name: "mail", Runs: 1, Last: errA}, "nursery: mail: gave up after 1 run in 0s: a failed"},
		{"one that ended well", &nursery.GaveUp{Runs: 2, Over: time.Minute}, "nursery: gave up after 2 runs in 1m0s: the last ended without an error"},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		var text strings.Builder
		slog.New(slog.NewTextHandler(&text, nil)).Info("", "err", tt.err)
		if got := text.String(); !strings.Contains(got, fmt.Sprintf("err.runs=%d", tt.err.Runs)) || strings.Contains(got, "err.name=mail") != (tt.err.Name != "") {
			t.Errorf("%s: got log %q", tt.name, got)
		}
	}
}
