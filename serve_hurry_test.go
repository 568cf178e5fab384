package creche_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creche-go/creche"
)

const hurriedEnv = "CRECHE_TEST_HURRIED"

// A second signal leaves no grace to services either, be they about to start or
// to stop: their contexts end at once. What clings on is left behind after the
// budgets for that, whatever grace there would have been.
//
// B4, B8
func TestASecondSignalHurriesServices(t *testing.T) {
	if mode := os.Getenv(hurriedEnv); mode != "" {
		hurriedServer(t, mode)
		return
	}
	tests := []struct {
		mode    string
		signals []string // what the child says before each
		end     []string
	}{
		{mode: "starting", signals: []string{"starting"}, end: []string{"start cut short", "base stopped", "serve: <nil>"}},
		{mode: "stopping", signals: []string{"started", "stopping"}, end: []string{"stop cut short", "base stopped", "serve: <nil>"}},
		{
			mode: "clinging", signals: []string{"started", "not ready"},
			end: []string{"serve: creche: stopped without waiting any longer for background task job"},
		},
		{mode: "delayed", signals: []string{"started", "not ready"}, end: []string{"base stopped", "serve: <nil>"}},
	}
	for _, tt := range tests {
		t.Run(tt.mode, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestASecondSignalHurriesServices$")
			child.Env = append(os.Environ(), hurriedEnv+"="+tt.mode, "GORACE=atexit_sleep_ms=0")
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			want := func(line string) {
				t.Helper()
				if !lines.Scan() || !strings.HasPrefix(lines.Text(), line) {
					t.Fatalf("the child says %q, want %q", lines.Text(), line)
				}
			}
			for i, line := range tt.signals {
				want(line)
				// Different ones need no pause between them.
				if err := child.Process.Signal([]os.Signal{syscall.SIGTERM, os.Interrupt}[i]); err != nil {
					t.Fatal(err)
				}
			}
			for _, line := range tt.end {
				want(line)
			}
			if err := child.Wait(); err != nil {
				t.Errorf("got %v, want exit code 0", err)
			}
		})
	}
}

// probe returns when app answers its readiness with status.
func probe(app *creche.App, status int) {
	for rec := httptest.NewRecorder(); ; rec = httptest.NewRecorder() {
		if app.Ready(rec, nil); rec.Code == status {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// hurriedServer is what the child does: without signals, it would take hours.
func hurriedServer(t *testing.T, mode string) {
	say := func(format string, args ...any) { _, _ = fmt.Printf(format+"\n", args...) }
	untilCut := func(doing, done string) hook {
		return func(ctx context.Context) error {
			say("%s", doing)
			<-ctx.Done()
			if !errors.Is(ctx.Err(), context.Canceled) {
				say("%s because of %v", done, ctx.Err())
			}
			say("%s cut short", done)
			return ctx.Err()
		}
	}
	o := creche.Options{Logger: quiet, Starting: -1, Stopping: creche.Stopping{Total: 10 * time.Hour}}
	switch mode {
	case "delayed":
		o.Stopping.Delay = 5 * time.Hour
	case "clinging":
		o.Stopping = creche.Stopping{Total: 10 * time.Hour, Cancelled: 1, Abandoned: 1, Services: 1}
	}
	app := creche.New(o)
	if mode == "clinging" {
		_ = app.Go(t.Context(), "job", clings)
	} else {
		app.Service("base", creche.Service{Stop: func(context.Context) error { say("base stopped"); return nil }})
	}
	switch mode {
	case "starting":
		app.Service("slow", creche.Service{Start: untilCut("starting", "start")})
	case "stopping":
		app.Service("slow", creche.Service{Stop: untilCut("stopping", "stop")})
	}
	if mode != "starting" {
		app.Service("prober", creche.Daemon(func(ctx context.Context) error {
			probe(app, http.StatusOK)
			say("started")
			if mode != "stopping" {
				probe(app, http.StatusServiceUnavailable)
				say("not ready")
			}
			<-ctx.Done()
			return nil
		}))
	}
	say("serve: %v", app.ListenAndServe(t.Context(), "127.0.0.1:0", nil))
	if mode == "clinging" {
		os.Exit(0) // the job is a leak, and meant to be one
	}
}
