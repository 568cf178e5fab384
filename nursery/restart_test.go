package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// N23
func TestRestartKeepsATaskRunning(t *testing.T) {
	tests := []struct {
		name     string
		outcomes []error
		opts     nursery.RestartOptions
		at       []int // seconds
		want     error
		gaveUp   bool
		reported []error
	}{
		{"it ends well", []error{nil}, nursery.RestartOptions{}, []int{0}, nil, false, nil},
		{"it fails twice and ends well", []error{errA, errB, nil}, nursery.RestartOptions{BackOff: seconds(1, 2)}, []int{0, 1, 3}, nil, false, []error{errA, errB}},
		{"the budget is spent", []error{errA, errA, errB}, nursery.RestartOptions{BackOff: every(time.Second), Failures: 2}, []int{0, 1, 2}, errB, true, []error{errA, errA}},
		{"the default budget is five", []error{errA}, nursery.RestartOptions{BackOff: every(time.Second)}, []int{0, 1, 2, 3, 4, 5}, errA, true, []error{errA, errA, errA, errA, errA}},
		{"old failures are forgiven", []error{errA, errA, errA, errA, nil}, nursery.RestartOptions{BackOff: every(5 * time.Second), Failures: 2, Within: 10 * time.Second}, []int{0, 5, 10, 15, 20}, nil, false, []error{errA, errA, errA, errA}},
		{"the back-off has had enough", []error{errA}, nursery.RestartOptions{BackOff: seconds(3)}, []int{0, 3}, errA, true, []error{errA}},
		{"a permanent error", []error{errA, nursery.Permanent(errB)}, nursery.RestartOptions{BackOff: seconds(1)}, []int{0, 1}, errB, false, []error{errA}},
		{"always, and it ends well for ever", []error{nil}, nursery.RestartOptions{BackOff: every(time.Second), Failures: 2, Always: true}, []int{0, 1, 2}, nil, true, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r reports
				l := newRunLog()
				tt.opts.Name = "service"
				err := nursery.Run(t.Context(), starts(nursery.Restart(l.task(tt.outcomes...), tt.opts)), r.observe())
				var want []time.Duration
				for _, s := range tt.at {
					want = append(want, time.Duration(s)*time.Second)
				}
				if !slices.Equal(l.at, want) {
					t.Errorf("got runs at %v, want %v", l.at, want)
				}
				g, gaveUp := err.(*nursery.GaveUp)
				if gaveUp != tt.gaveUp || !gaveUp && err != tt.want || tt.want != nil && !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				if gaveUp && (g.Runs != len(want) || g.Over != want[len(want)-1] || g.Last != tt.want || g.Name != "service") {
					t.Errorf("got %+v", g)
				}
				if got := r.errors(); !slices.Equal(got, tt.reported) {
					t.Errorf("got reports %v, want %v", got, tt.reported)
				}
				for _, report := range r.list() {
					if report.Task != "service" {
						t.Errorf("got a report on %q", report.Task)
					}
				}
			})
		})
	}
}

// N23: a long run begins a new series of waits.
func TestRestartForgivesWaitsAfterALongRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRunLog()
		task := l.task(errA, errA, errA, errA, nil)
		nursery.Run(t.Context(), starts(nursery.Restart(func(ctx context.Context) error {
			err := task(ctx)
			if len(l.at) == 2 {
				time.Sleep(time.Minute)
			}
			return err
		}, nursery.RestartOptions{BackOff: seconds(1, 10, 100)})), quiet())
		want := []time.Duration{0, 1 * time.Second, 62 * time.Second, 72 * time.Second, 172 * time.Second}
		if !slices.Equal(l.at, want) {
			t.Errorf("got runs at %v, want %v", l.at, want)
		}
	})
}

// N23: a service that dies at once, for ever, costs nothing: its restarts are
// spaced, all day long, and with a budget it escalates.
func TestRestartOfAServiceThatDiesAtOnceForEver(t *testing.T) {
	const day = 24 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), day)
		defer cancel()
		l := newRunLog()
		err := nursery.Run(ctx, starts(nursery.Restart(l.task(errA), nursery.RestartOptions{Failures: -1})), quiet())
		if err != context.DeadlineExceeded {
			t.Errorf("got %v", err)
		}
		// From the ninth on the waits are between 15 and 30 seconds.
		if runs := len(l.at); runs < int(day/(30*time.Second)) || runs > int(day/(15*time.Second))+10 {
			t.Errorf("got %d runs in a day", runs)
		}
		for i := 1; i < len(l.at); i++ {
			longest := min(100*time.Millisecond<<min(i-1, 20), 30*time.Second)
			if gap := l.at[i] - l.at[i-1]; gap < longest/2 || gap > longest {
				t.Fatalf("got a gap of %v before run %d, want at most %v and at least half", gap, i+1, longest)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		l := newRunLog()
		err := nursery.Run(t.Context(), starts(nursery.Restart(l.task(errA), nursery.RestartOptions{})), quiet())
		if g, ok := err.(*nursery.GaveUp); !ok || g.Runs != 6 || g.Over > 3100*time.Millisecond || g.Last != errA {
			t.Errorf("got %v, want it to escalate after 6 runs", err)
		}
	})
}

// N23: what counts against the budget is told from what went well before.
func TestGaveUpSaysWhatSpentTheBudget(t *testing.T) {
	run := func(d time.Duration, err error) func() error {
		return func() error { time.Sleep(d); return err }
	}
	fails := run(0, errA)
	tests := []struct {
		name string
		runs []func() error // of which the last is repeated
		opts nursery.RestartOptions
		want string
	}{
		{"failures from the start", []func() error{fails}, nursery.RestartOptions{}, "after 6 runs in 5s: a failed"},
		{"and runs that are a little long", []func() error{run(time.Second, errA)}, nursery.RestartOptions{}, "after 6 runs in 11s: a failed"},
		{"ten good minutes before the first failure", []func() error{run(10*time.Minute, errA), fails}, nursery.RestartOptions{}, "after 6 failures in 5s (6 runs in 10m5s): a failed"},
		{"half a good minute", []func() error{run(30*time.Second, errA), fails}, nursery.RestartOptions{}, "after 6 failures in 5s (6 runs in 35s): a failed"},
		{"failures that are forgiven before", []func() error{fails, fails, run(10*time.Minute, errB), fails}, nursery.RestartOptions{}, "after 6 failures in 5s (8 runs in 10m7s): a failed"},
		{"ends that are no failures", []func() error{run(time.Hour, nil), run(0, nil)}, nursery.RestartOptions{Always: true, Failures: 1}, "after 2 ends in 1s (2 runs in 1h0m1s): the last ended without an error"},
		{"a back-off that has had enough", []func() error{run(time.Hour, errA)}, nursery.RestartOptions{BackOff: seconds()}, "after 1 run in 1h0m0s: a failed"},
		{"a panic among them", []func() error{run(time.Hour, errA), func() error { panic("boom") }}, nursery.RestartOptions{Panics: true, Failures: 1}, "after 2 failures in 1s (2 runs in 1h0m1s): nursery: panic: boom"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if tt.opts.BackOff == nil {
					tt.opts.BackOff = every(time.Second)
				}
				n := 0
				err := nursery.Run(t.Context(), starts(nursery.Restart(func(context.Context) error {
					n++
					return tt.runs[min(n, len(tt.runs))-1]()
				}, tt.opts)), quiet())
				if got := fmt.Sprint(err); !strings.HasPrefix(got, "nursery: gave up "+tt.want) {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// N9, N23
func TestRestartAfterPanics(t *testing.T) {
	bundle := func(opts ...nursery.Option) nursery.Option { return nursery.Bundle(opts...) }
	tests := []struct {
		name    string
		opts    nursery.RestartOptions
		nursery nursery.Option
		want    string // the panic that is raised
		reports int
		escapes bool // with what it gave up on
	}{
		{"not unless asked", nursery.RestartOptions{}, bundle(), "boom", 1, false},
		{"until the budget is spent", nursery.RestartOptions{Failures: 2, Panics: true}, bundle(), "<nil>", 3, true},
		{"and when failures are isolated", nursery.RestartOptions{Failures: 2, Panics: true}, nursery.Isolate(), "<nil>", 4, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r reports
				var err error
				v := raised(func() {
					err = nursery.Run(t.Context(), starts(nursery.Restart(panicking("boom"), tt.opts)), tt.nursery, r.observe())
				})
				if p, ok := v.(*nursery.PanicError); ok {
					v = p.Value
				}
				if got := fmt.Sprint(v); got != tt.want {
					t.Errorf("got panic %v, want %v", got, tt.want)
				}
				if got := r.errors(); len(got) != tt.reports {
					t.Errorf("got reports %v, want %d", got, tt.reports)
				}
				for _, e := range r.errors() {
					p, _ := errors.AsType[*nursery.PanicError](e)
					if p == nil || !strings.Contains(p.Stack(), "panicking") || strings.Contains(p.Stack(), "gopanic") {
						t.Errorf("got report %v without the panic's stack", e)
					}
				}
				if _, ok := errors.AsType[*nursery.GaveUp](err); ok != tt.escapes {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// N3, N23: under Isolate, where a panic that was told is no news, it is that a task
// has had enough of them, once, whatever the panics came in.
func TestWhoGivesUpOverPanicsIsTold(t *testing.T) {
	returned := func(tasks ...func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
				for _, task := range tasks {
					n.Go(task)
				}
				return nil
			}, nursery.OnPanic(nursery.ReturnPanics))
		}
	}
	latePanic := func(ctx context.Context) error { _ = waits(ctx); panic("bang") }
	lateError := func(ctx context.Context) error { _ = waits(ctx); return errB }
	boom, once := panicking("boom"), nursery.RestartOptions{Failures: 1, Panics: true}
	tests := []struct {
		name string
		task func(context.Context) error
		want []string // what is told in reports, in order
	}{
		{"a restart of panics", nursery.Restart(boom, once), []string{"panic", "panic", "gave up"}},
		{"a restart of panics that are returned", nursery.Restart(returned(boom), once), []string{"panic", "panic", "gave up"}},
		{"a restart of several at once", nursery.Restart(returned(boom, latePanic), once), []string{"panic", "panic", "panic", "panic", "gave up"}},
		{"a restart of panics with others in them", nursery.Restart(func(ctx context.Context) error {
			return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
				n.Go(boom)
				n.Go(lateError)
				return nil
			})
		}, once), []string{"panic", "b failed", "panic", "gave up"}},
		{"a retry of panics that are returned", nursery.Retry(returned(boom), nursery.RetryOptions{Attempts: 2}), []string{"panic", "panic", "gave up"}},
		{"one whose handle told it", func(ctx context.Context) error {
			gaveUp := nursery.Async(nursery.From(ctx), func(ctx context.Context) (int, error) { return 0, nursery.Restart(boom, once)(ctx) })
			_, err := gaveUp.Wait(ctx)
			return err
		}, []string{"panic", "panic", "gave up"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r reports
				if err := nursery.Run(t.Context(), starts(tt.task), nursery.Isolate(), r.observe()); err != nil {
					t.Errorf("got %v, want nil", err)
				}
				got := r.errors()
				for i := range max(len(got), len(tt.want)) {
					if len(got) != len(tt.want) || !strings.Contains(got[i].Error(), tt.want[i]) {
						t.Fatalf("got reports %v, want %v", got, tt.want)
					}
				}
			})
		})
	}
}

// N3, N23: what a run ends with is reported with the values of the task's context.
func TestRestartReportsWithTheContextOfTheTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, told := new(int), 0
		err := nursery.Run(t.Context(), func(ctx context.Context, _ *nursery.Nursery) error {
			traced := context.WithValue(ctx, key, "trace")
			for _, task := range []func(context.Context) error{failing(errA), panicking("boom")} {
				_ = nursery.Restart(task, nursery.RestartOptions{Failures: 1, Panics: true})(traced)
			}
			return nil
		}, nursery.Observe(func(ctx context.Context, r nursery.Report) {
			if told++; ctx.Value(key) != "trace" {
				t.Errorf("got the report %v without the values of the task", r)
			}
		}))
		if err != nil || told != 3 {
			t.Errorf("got %v and %d reports, want nil, a failure and two panics", err, told)
		}
	})
}

// N10
func TestRestartEndsWithAnExit(t *testing.T) {
	err := nursery.Run(t.Context(), starts(nursery.Restart(exiting, nursery.RestartOptions{Panics: true})))
	if err != nursery.ErrGoexit {
		t.Errorf("got %v, want %v", err, nursery.ErrGoexit)
	}
}

// N17, N4
func TestRestartEndsWithItsNursery(t *testing.T) {
	drain := func(n *nursery.Nursery) { n.Drain(time.Hour) }
	cancel := func(n *nursery.Nursery) { n.Cancel(errB) }
	ready := func(ctx context.Context) error {
		select {
		case <-nursery.Draining(ctx):
			return errC
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	tests := []struct {
		name string
		end  func(*nursery.Nursery)
		task func(context.Context) error
		want error // of Run
		own  error // of the task, which it is
		runs int
	}{
		{"a drain during a wait ends it", drain, failing(errA), nil, nil, 1},
		{"a run that fails under a drain is the last", drain, ready, errC, errC, 1},
		{"a cancellation during a wait ends it", cancel, failing(errA), nil, errB, 1},
		{"a cancelled run is the last", cancel, ready, nil, context.Canceled, 1},
		{"a cancelled run that is permanent has no mark", cancel, func(ctx context.Context) error { _ = waits(ctx); return nursery.Permanent(errC) }, errC, errC, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				var own error
				began := time.Now()
				err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
					n.Go(func(ctx context.Context) error {
						own = nursery.Restart(func(ctx context.Context) error { runs++; return tt.task(ctx) },
							nursery.RestartOptions{BackOff: every(time.Minute)})(ctx)
						return own
					})
					time.Sleep(time.Second)
					tt.end(n)
					return nil
				}, quiet())
				if err != tt.want || !errors.Is(own, tt.own) || runs != tt.runs || time.Since(began) != time.Second {
					t.Errorf("got %v, of the task %v, %d runs, %v; want %v, %v, %d, 1s", err, own, runs, time.Since(began), tt.want, tt.own, tt.runs)
				}
			})
		})
	}
}

func TestRestartOutsideAnyNurseryLogs(t *testing.T) {
	log := captureLogs(t)
	err := nursery.Restart(newRunLog().task(errA, nil), nursery.RestartOptions{Name: "lonely", BackOff: every(0)})(t.Context())
	if err != nil {
		t.Errorf("got %v", err)
	}
	log.want(t, "task=lonely", "a failed")
}
