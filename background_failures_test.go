package creche_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

var errJob = errors.New("the job failed")

// ways in which a task can fail.
var ways = []struct {
	name string
	task func(context.Context) error
	want error
}{
	{"an error", func(context.Context) error { return errJob }, errJob},
	{"a wrapped error", func(context.Context) error { return fmt.Errorf("wrapped: %w", errJob) }, errJob},
	{"a panic", func(context.Context) error { panic(errJob) }, errJob},
	{"a panic of a nursery inside", func(ctx context.Context) error {
		return nursery.All(ctx, func(context.Context) error { panic(errJob) })
	}, errJob},
	{"a Goexit", func(context.Context) error { runtime.Goexit(); return nil }, nursery.ErrGoexit},
	{"a cancellation that is not the stop's", func(context.Context) error { return context.Canceled }, context.Canceled},
}

// Whoever observes a failure finds the trace of the request whose task it was,
// and the log its values, but not the request, which is over.
//
// B2
func TestABackgroundFailureIsReportedWithTheContextOfItsTask(t *testing.T) {
	for _, tt := range ways {
		in(t, tt.name, func(t *testing.T) {
			traces := make(chan any, 2)
			app := creche.New(creche.Options{Observe: func(ctx context.Context, _ nursery.Report) {
				if creche.ExchangeOf(ctx) != nil {
					t.Error("got the exchange of a request that is over, want none")
				}
				traces <- ctx.Value(traceKey{})
			}})
			for _, trace := range []string{"one", "two"} {
				ctx := context.WithValue(t.Context(), traceKey{}, trace)
				wantErr(t, app.Go(ctx, "job", tt.task), nil)
				synctest.Wait()
				if got := <-traces; got != trace {
					t.Errorf("got a report with trace %v, want %s", got, trace)
				}
			}
		})
	}
}

// A failure is reported before anything else happens, and harms neither the
// siblings nor the requests nor the server.
//
// B2
func TestABackgroundFailureIsReportedAtOnce(t *testing.T) {
	for _, tt := range ways {
		in(t, tt.name, func(t *testing.T) {
			s := serving(t, creche.Options{}, slow)
			sibling := make(chan error, 1)
			wantErr(t, s.Go(t.Context(), "sibling", func(ctx context.Context) error {
				select {
				case <-ctx.Done():
				case <-nursery.Draining(ctx):
				}
				sibling <- ctx.Err()
				return nil
			}), nil)
			answer := s.ask(t)
			wantErr(t, s.Go(t.Context(), "job", tt.task), nil)
			synctest.Wait() // no time has passed
			s.seen.wantOnce(t, tt.want)
			if got := s.seen.reports()[0]; got.Nursery != "background" && tt.name != "a panic of a nursery inside" {
				t.Errorf("got nursery %q, want background", got.Nursery)
			} else if got.Task != "job" && tt.name != "a panic of a nursery inside" {
				t.Errorf("got task %q, want job", got.Task)
			}
			wantReply(t, <-answer, http.StatusOK, "done")
			wantReply(t, <-s.ask(t), http.StatusOK, "done")
			s.leave()
			wantErr(t, s.end(), nil)
			wantErr(t, <-sibling, nil)
			s.seen.wantOnce(t, tt.want)
		})
	}
}

// B2
func TestEveryOneOfManyFailuresIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, creche.Options{}, slow)
		for i := range 1000 {
			tt := ways[i%len(ways)]
			wantErr(t, s.Go(t.Context(), fmt.Sprint("job ", i), tt.task), nil)
		}
		synctest.Wait()
		if got := len(s.seen.reports()); got != 1000 {
			t.Errorf("got %d reports, want 1000", got)
		}
		s.leave()
		wantErr(t, s.end(), nil)
	})
}

// An observer that panics harms nobody either.
//
// B2
func TestAnObserverThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		s := prepared(creche.Options{})
		s.App = creche.New(creche.Options{
			IgnoreSignals: true, Logger: slog.New(slog.NewTextHandler(&logged, nil)),
			Observe: func(context.Context, nursery.Report) { panic("in the observer") },
		})
		s.start(t, s.listener, http.HandlerFunc(slow))
		wantErr(t, s.Go(t.Context(), "job", ways[0].task), nil)
		wantErr(t, s.Go(t.Context(), "vital", ways[0].task, nursery.Critical()), nil)
		wantErr(t, s.end(), errJob)
		if got := logged.String(); !strings.Contains(got, "in the observer") || !strings.Contains(got, errJob.Error()) {
			t.Errorf("got log %q, want the panic and the failure", got)
		}
	})
}

// Without an observer the logger is told: the task, the error, the stack.
//
// B2
func TestBackgroundFailuresAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		app := creche.New(creche.Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		wantErr(t, app.Go(t.Context(), "fetch prices", func(context.Context) error { return errJob }), nil)
		synctest.Wait()
		wantErr(t, app.Go(t.Context(), "fetch stocks", panicsInBackground), nil)
		synctest.Wait()
		for _, want := range []string{
			`level=ERROR msg="creche: failure" nursery=background task="fetch prices" error="the job failed"`,
			`level=ERROR msg="creche: panic" nursery=background task="fetch stocks" error=`,
			"panicsInBackground", "background_failures_test.go",
		} {
			if !strings.Contains(logged.String(), want) {
				t.Errorf("got log %s\nwant %s in it", logged.String(), want)
			}
		}
	})
}

func panicsInBackground(context.Context) error { panic("boom") }

// What the stop cancelled is no failure; what fails on its own account is, even
// then.
//
// B2
func TestFailuresDuringTheStop(t *testing.T) {
	tests := []struct {
		name string
		end  func(ctx context.Context) error
		want []error
	}{
		{"the cause", func(ctx context.Context) error { return context.Cause(ctx) }, nil},
		{"the context's error, wrapped", func(ctx context.Context) error { return fmt.Errorf("job: %w", ctx.Err()) }, nil},
		{"an error of its own", func(context.Context) error { return errJob }, []error{errJob}},
		{"both", func(ctx context.Context) error { return errors.Join(ctx.Err(), errJob) }, []error{errJob}},
		{"a panic", func(context.Context) error { panic(errJob) }, []error{errJob}},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			s := serving(t, creche.Options{Stopping: stages}, slow)
			wantErr(t, s.Go(t.Context(), "job", func(ctx context.Context) error {
				<-ctx.Done()
				return tt.end(ctx)
			}), nil)
			s.begin(s.leave)
			wantErr(t, s.end(), nil)
			s.wantEvents(t, "18s stopped")
			s.seen.wantOnce(t, tt.want...)
			time.Sleep(time.Second)
		})
	}
}
