package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// N3, N23
func TestBestEffortReportsWhatFailedAndGoesOn(t *testing.T) {
	wrapped := fmt.Errorf("wrapped: %w", errA)
	inner := fmt.Errorf("wrapped: %w", nursery.Permanent(errB))
	tests := []struct {
		name     string
		ends     error
		reported []error
		want     error
	}{
		{"it succeeds", nil, nil, nil},
		{"it fails", errA, []error{errA}, nil},
		{"it fails with one that wraps another", wrapped, []error{wrapped}, nil},
		{"a context error that is none of ours", context.Canceled, []error{context.Canceled}, nil},
		{"a permanent error", nursery.Permanent(errB), nil, errB},
		{"a permanent error within", inner, nil, inner},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r reports
			ran := false
			err := nursery.Run(t.Context(), starts(func(ctx context.Context) error {
				err := nursery.BestEffort("sweep", failing(tt.ends))(ctx)
				ran = err == nil
				return err
			}), r.observe(), nursery.Title("house"))
			if err != tt.want || ran != (tt.want == nil) || !slices.Equal(r.errors(), tt.reported) {
				t.Errorf("got %v and reports %v, want %v and %v", err, r.errors(), tt.want, tt.reported)
			}
			for _, report := range r.list() {
				if report.Task != "sweep" || report.Nursery != "house" {
					t.Errorf("got a report of %q in %q", report.Task, report.Nursery)
				}
			}
		})
	}
}

// N23: the runs after an outage come when they would have come without.
func TestBestEffortOutlastsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reports
		var swept []time.Duration
		began := time.Now()
		away := func() bool { return time.Since(began) > time.Hour && time.Since(began) < 9*time.Hour }
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(nursery.Every(time.Minute, nursery.BestEffort("sweep", func(context.Context) error {
				if away() {
					return errA
				}
				swept = append(swept, time.Since(began))
				return nil
			})))
			time.Sleep(10*time.Hour - time.Second)
			n.Drain(time.Minute)
			return nil
		}, r.observe())
		if err != nil || len(r.list()) != 8*60-1 {
			t.Errorf("got %v and %d reports, want nil and one for each of 479 minutes", err, len(r.list()))
		}
		if len(swept) != 121 || swept[60] != time.Hour || swept[61] != 9*time.Hour {
			t.Errorf("got runs at %v, want each minute of the first hour and of the last", swept)
		}
	})
}

// N3, N4, N15: what a run says of the end of its own context is not reported, and a
// failure after that goes to who joins. Of a time-out inside it is.
func TestBestEffortUnderAContextThatEnds(t *testing.T) {
	late := func(ctx context.Context) error { <-ctx.Done(); return errB }
	joined := errors.Join(errB, context.Canceled)
	tests := []struct {
		name     string
		task     func(context.Context) error
		want     error
		reported int
	}{
		{"an echo", waits, nil, 0},
		{"a cause", waitsForCause, nil, 0},
		{"a wrapped echo", func(ctx context.Context) error { return fmt.Errorf("sweep: %w", waits(ctx)) }, nil, 0},
		{"a failure", late, errB, 0},
		{"a failure and an echo", func(ctx context.Context) error { <-ctx.Done(); return joined }, errB, 0},
		{"a time-out", nursery.Timeout(waits, time.Second), nil, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r reports
				err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
					n.Go(nursery.Every(time.Minute, nursery.BestEffort("sweep", tt.task)))
					time.Sleep(10 * time.Second)
					n.Cancel(errA)
					return nil
				}, r.observe())
				if fmt.Sprint(err) != fmt.Sprint(tt.want) || len(r.list()) != tt.reported {
					t.Errorf("got %v and reports %v, want %v and %d", err, r.errors(), tt.want, tt.reported)
				}
			})
		})
	}
}

// N9, N10
func TestBestEffortDoesNotForgivePanicsAndExits(t *testing.T) {
	var r reports
	p := raisedPanic(t, func() {
		nursery.Run(t.Context(), starts(nursery.BestEffort("sweep", panicking("boom"))), r.observe())
	})
	if p.Value != "boom" || len(r.list()) != 1 {
		t.Errorf("got %v and reports %v, want the panic reported once", p.Value, r.errors())
	}
	if err := nursery.Run(t.Context(), starts(nursery.BestEffort("sweep", exiting))); err != nursery.ErrGoexit {
		t.Errorf("got %v, want %v", err, nursery.ErrGoexit)
	}
}

func TestBestEffortOutsideAnyNurseryLogs(t *testing.T) {
	log := captureLogs(t)
	if err := nursery.BestEffort("lonely", failing(errA))(t.Context()); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	log.want(t, "task=lonely", "a failed")
}
