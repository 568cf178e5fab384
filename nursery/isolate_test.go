package nursery_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// Each row is a task of an isolated nursery whose sibling has to live on.
func TestUnderIsolateAFailureIsReportedAndLeavesTheSiblingsAlone(t *testing.T) {
	var typedNil *codeError
	var nilPanic *nursery.PanicError
	var nilMulti *nursery.MultiError
	tests := []struct {
		name string
		task func(context.Context) error
		want func(error) bool
	}{
		{"an error", failing(errA), func(err error) bool { return err == errA }},                                                     // N23
		{"a panic", panicking(errA), func(err error) bool { return errors.Is(err, errA) }},                                           // N9, N23
		{"a Goexit", exiting, func(err error) bool { return err == nursery.ErrGoexit }},                                              // N10, N23
		{"a cancellation that is none", failing(context.Canceled), func(err error) bool { return err == context.Canceled }},          // N4, N23
		{"a typed nil", failing(typedNil), func(err error) bool { return err == error(typedNil) }},                                   // N9, N23
		{"a nil PanicError", failing(nilPanic), func(err error) bool { return err == error(nilPanic) }},                              // N9, N23
		{"a nil MultiError", failing(nilMulti), func(err error) bool { return err == error(nilMulti) }},                              // N9, N23
		{"an error that panics when it is asked", failing(badError{}), func(err error) bool { return err == error(badError{}) }},     // N9, N23
		{"an error that cannot be compared", failing(uncomparable{}), func(err error) bool { return err.Error() == "uncomparable" }}, // N23
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			logs := captureLogs(t)
			synctest.Test(t, func(t *testing.T) {
				for _, observed := range []bool{true, false} {
					var seen reports
					opts := []nursery.Option{nursery.Title("background"), nursery.Isolate()}
					if observed {
						opts = append(opts, seen.observe())
					}
					lived := false
					err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
						n.Go(func(ctx context.Context) error {
							time.Sleep(time.Minute)
							lived = ctx.Err() == nil
							return nil
						})
						n.Go(tt.task, nursery.Name("bad"))
						synctest.Wait()
						if got := seen.list(); observed && (len(got) != 1 || !tt.want(got[0].Err) || got[0].Task != "bad" || got[0].Index != 2 || got[0].Nursery != "background") {
							t.Errorf("got reports %v at once, want one", got)
						}
						return ctx.Err()
					}, opts...)
					if err != nil || !lived || observed && len(seen.list()) != 1 {
						t.Errorf("got %v, sibling lived %v, %d reports", err, lived, len(seen.list()))
					}
				}
			})
			logs.want(t, "nursery=background", "task=bad", "error=")
		})
	}
}

// N23
func TestUnderIsolateTheBodysFailureIsStillReturned(t *testing.T) {
	var seen reports
	err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
		n.Go(waits)
		return errA
	}, nursery.Isolate(), seen.observe())
	if err != errA || len(seen.list()) != 0 {
		t.Errorf("got %v, reports %v, want %v and none", err, seen.errors(), errA)
	}
}

// N23
func TestACriticalTaskCancelsAnIsolatedNursery(t *testing.T) {
	for _, task := range []func(context.Context) error{failing(errA), panicking(errA), func(ctx context.Context) error { waits(ctx); return nil }} {
		var cause error
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(func(ctx context.Context) error { cause = waitsForCause(ctx); return cause })
			n.Go(task, nursery.Critical(), nursery.Name("listener"))
			n.Go(failing(errA), nursery.Name("x"), nursery.Critical())
			return nil
		}, nursery.Isolate(), quiet(), nursery.OnPanic(nursery.ReturnPanics))
		if !errors.Is(err, errA) || !errors.Is(cause, errA) {
			t.Errorf("got %v, cause %v, want %v", err, cause, errA)
		}
	}
}

// N23
func TestOnCriticalIsHandedTheFailureInstead(t *testing.T) {
	tests := []struct {
		name    string
		task    func(context.Context) error
		reports int
	}{
		{"an error", failing(errA), 0},
		{"a panic, which is reported too", panicking(errA), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var seen reports
			handed := make(chan nursery.Failure, 2)
			err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
				n.Go(tt.task, nursery.Critical(), nursery.Name("vital"))
				f := <-handed
				if !errors.Is(f.Err, errA) || f.Task != "vital" || f.Index != 1 || ctx.Err() != nil {
					t.Errorf("got %v, nursery %v, want %v of vital, the first, and alive", f, ctx.Err(), errA)
				}
				return nil
			}, nursery.OnCritical(func(f nursery.Failure) { handed <- f }), seen.observe())
			if err != nil || len(seen.list()) != tt.reports || len(handed) != 0 {
				t.Errorf("got %v, %d reports, %d more calls", err, len(seen.list()), len(handed))
			}
		})
	}
	t.Run("but no echo", func(t *testing.T) {
		nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(waits, nursery.Critical())
			n.Cancel(nil)
			return nil
		}, nursery.OnCritical(func(f nursery.Failure) { t.Errorf("got %v, want no call", f) }))
	})
}

// N23
func TestAnOnCriticalThatPanicsOrExits(t *testing.T) {
	captureLogs(t)
	critical := func(_ context.Context, n *nursery.Nursery) error {
		n.Go(failing(errA), nursery.Critical())
		n.Go(succeeds) // waits for the first one's place
		return nil
	}
	err := nursery.Run(t.Context(), critical, nursery.Limit(1), nursery.OnCritical(func(nursery.Failure) { panic("hook") }))
	if err != errA {
		t.Errorf("got %v from one that panics, want %v", err, errA)
	}
	err = nursery.Run(t.Context(), critical, nursery.Limit(1), nursery.OnCritical(func(nursery.Failure) { runtime.Goexit() }))
	if err != nil {
		t.Errorf("got %v from one that exits, want nil", err)
	}
}

// N5, N23
func TestUnderIsolateTheParentsEndIsReturned(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errA)
	if got := nursery.Run(ctx, starts(waits, waitsForCause), nursery.Isolate()); got != errA {
		t.Errorf("got %v, want %v", got, errA)
	}
}
