package main

import (
	"context"
	"errors"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/creche-go/creche/examples/internal/exampletest"
)

// B1
func TestAJobIsStartedAtOnceAndAnnouncesItsEnd(t *testing.T) {
	r := startChat(t)
	ann, bob := r.join("Ann"), r.join("Bob")
	began := time.Now()
	a := r.Do("POST", "/jobs", "")
	if a.StatusCode != http.StatusCreated || a.Text != "Started" {
		t.Errorf("got %d with %q, want 201 with Started", a.StatusCode, a.Text)
	}
	if took := time.Since(began); took > jobTime/2 {
		t.Errorf("the answer took %v, want it at once", took)
	}
	ann.hear("server: job 1 is done")
	bob.hear("server: job 1 is done")
}

// W9, B1
func TestAStopSays1001ToEverybodyAndWaitsForTheJob(t *testing.T) {
	r := startChat(t)
	visitors := []*visitor{r.join("Ann"), r.join("Bob"), r.join("Cid")}
	r.Do("POST", "/jobs", "")
	stopped := make(chan error)
	go func() { stopped <- r.Stop() }()
	for _, v := range visitors {
		if got := v.end(); got != websocket.StatusGoingAway {
			t.Errorf("close code: got %d, want 1001", got)
		}
	}
	if err := <-stopped; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	if got := r.log.Text(); !strings.Contains(got, "job 1 is done") {
		t.Errorf("log: got %q, want the job's end", got)
	}
}

// W9
func TestTheProgramEndsWithAnExitCode(t *testing.T) {
	program := exampletest.Build(t)
	program.CheckAddressInUse()

	t.Run("SIGTERM closes the sockets, lets the job end, and is a success", func(t *testing.T) {
		run := program.Start()
		v := visit(t, run.URL)
		run.Do("POST", "/jobs", "")
		run.Signal()
		if got := v.end(); got != websocket.StatusGoingAway {
			t.Errorf("close code: got %d, want 1001", got)
		}
		code, said := run.Wait()
		if code != 0 {
			t.Errorf("exit code: got %d, want 0", code)
		}
		if !strings.Contains(said, "job 1 is done") {
			t.Errorf("standard error: got %q, want the job's end", said)
		}
	})

	t.Run("a second one cuts the job short", func(t *testing.T) {
		run := program.Start()
		run.Do("POST", "/jobs", "")
		run.Signal()
		run.WaitFor(regexp.MustCompile("stopping"))
		run.Interrupt()
		code, said := run.Wait()
		if code != 0 {
			t.Errorf("exit code: got %d, want 0", code)
		}
		if !strings.Contains(said, "job 1 was cut short") {
			t.Errorf("standard error: got %q, want the job cut short", said)
		}
	})
}

// W10
func TestTheProgramDoesNotStartWithAFault(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	said, err := exec.CommandContext(ctx, exampletest.Build(t).Path(), "-addr", "127.0.0.1:0", "-compress", "-1").CombinedOutput()
	if want := "chat: websocket: Options.Compress is -1: want 0 or more\n"; string(said) != want {
		t.Errorf("got %v and %q, want %q", err, said, want)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
		t.Errorf("got %v, want exit code 1", err)
	}
}
