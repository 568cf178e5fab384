package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/examples/internal/exampletest"
	"github.com/creche-go/creche/nursery/nurserytest"
)

func TestMain(m *testing.M) { nurserytest.CheckMain(m) }

// serve serves d inside a bubble, and signs somebody up.
func serve(t *testing.T, d *desk) *exampletest.Server {
	t.Helper()
	s := exampletest.ServeInMemory(t, func() (*creche.App, http.Handler) {
		return newServer(creche.Options{IgnoreSignals: true}, d) // which a bubble does not have
	})
	if a := s.Do("POST", "/people/Ann", ""); a.StatusCode != http.StatusAccepted {
		t.Fatalf("got %d, want 202 before the welcome is sent", a.StatusCode)
	}
	return s
}

// B1, B7
func TestAWelcomeOutlivesItsRequestAndIsWaitedForByTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exampletest.CaptureLog(t)
		d, began := &desk{send: send}, time.Now()
		if err := serve(t, d).Stop(); err != nil || d.sent.Load() != 1 {
			t.Errorf("got %v and %d sent, want a clean stop and 1", err, d.sent.Load())
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("the stop took %v, want the 2 s of the welcome", took)
		}
	})
}

// N23
func TestAnAttemptThatHangsIsCutAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exampletest.CaptureLog(t)
		attempts := 0
		d := &desk{send: func(ctx context.Context, _ string) error {
			if attempts++; attempts == 1 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}}
		s := serve(t, d)
		time.Sleep(11 * time.Second)
		if d.sent.Load() != 1 || attempts != 2 {
			t.Errorf("got %d sent in %d attempts, want 1 in 2", d.sent.Load(), attempts)
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
}

// B2
func TestAWelcomeThatFailsIsReportedAndHarmsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := exampletest.CaptureLog(t)
		d := &desk{send: func(context.Context, string) error { return errors.New("no such mailbox") }}
		s := serve(t, d)
		time.Sleep(time.Second)
		if got := log.Text(); !strings.Contains(got, "task=welcome ") || !strings.Contains(got, "no such mailbox") {
			t.Errorf("log: got %q, want the task and its error", got)
		}
		if err := s.Stop(); err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
	})
}

// B5
func TestAWelcomeThatTakesTooLongIsCancelledByTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := exampletest.CaptureLog(t)
		d := &desk{send: func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}}
		s := serve(t, d)
		time.Sleep(5 * time.Second) // within the first attempt
		if err := s.Stop(); err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
		if got := log.Text(); !strings.Contains(got, `"creche: background task cut short" task=welcome`) {
			t.Errorf("log: got %q, want what was cut short", got)
		}
	})
}
