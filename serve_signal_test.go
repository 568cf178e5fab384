package creche_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// The tests of signals run this binary again, as a server that tells on its
// standard output what happens to it.
const childEnv = "CRECHE_TEST_SERVER"

// Whoever sends the signals, one starts the drain and a second cancels.
//
// B8
func TestSignals(t *testing.T) {
	if mode := os.Getenv(childEnv); mode != "" {
		childServer(t, mode)
		return
	}
	const cancelled = "request cancelled: true, task cancelled: true"
	tests := []struct {
		name    string
		mode    string
		signals []syscall.Signal
		pause   time.Duration // before the second one
		answer  string
		err     string // of Serve
	}{
		{name: "one SIGTERM lets the request finish", signals: []syscall.Signal{syscall.SIGTERM}, answer: "done"},
		{name: "so does one SIGINT", signals: []syscall.Signal{syscall.SIGINT}, answer: "done"},
		{name: "a second SIGTERM cancels at once", signals: []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, pause: pause, answer: cancelled},
		{name: "so does a second SIGINT", signals: []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, pause: pause, answer: cancelled},
		{name: "or one of each", signals: []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}, answer: cancelled},
		{
			name: "one that also ends the context is still one", mode: "NotifyContext",
			signals: []syscall.Signal{syscall.SIGTERM}, answer: "done",
		},
		{
			name: "and two are two", mode: "NotifyContext",
			signals: []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, pause: pause, answer: cancelled,
		},
		{
			name: "whatever the logger makes of it", mode: "panicking logger",
			signals: []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}, answer: cancelled,
		},
		{
			name: "Stop is no signal", mode: "Stop",
			signals: []syscall.Signal{syscall.SIGTERM}, answer: "done", err: errStop.Error(),
		},
		{
			name: "those that the program keeps to itself do nothing", mode: "IgnoreSignals",
			signals: []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, answer: "done",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := startChild(t, tt.mode)
			for i, sig := range tt.signals {
				c.signal(sig)
				if i == 0 {
					c.want("draining")
					time.Sleep(tt.pause)
				}
			}
			if tt.answer == "done" {
				_, _ = io.WriteString(c.stdin, "go on\n")
			}
			began := time.Now()
			wantReply(t, <-c.answer, http.StatusOK, tt.answer)
			if took := time.Since(began); took > grace/2 {
				t.Errorf("the answer: got it after %v, want it at once", took)
			}
			_ = c.stdin.Close()
			c.want("serve: " + tt.err)
			if err := c.cmd.Wait(); err != nil {
				t.Errorf("got %v, want exit code 0\n%s", err, c.stderr)
			}
		})
	}
}

// grace is what the requests of the child have at least.
const grace = 10 * time.Second

// pause is how long after a signal the same one is another, with some to spare.
const pause = 250 * time.Millisecond

// Once the second signal was heard the next one is the system's, which ends the
// process. But the second may come twice, too.
//
// B8
func TestAThirdSignalKills(t *testing.T) {
	tests := []struct {
		name  string
		sig   syscall.Signal
		pause time.Duration
		dies  bool
	}{
		{name: "the same again later", sig: syscall.SIGTERM, pause: pause, dies: true},
		{name: "the other one at once", sig: syscall.SIGINT, dies: true},
		{name: "the same again at once is none", sig: syscall.SIGTERM},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := draining(t)
			for second := c.signal(syscall.SIGTERM); ; second = c.signal(syscall.SIGTERM) {
				c.want("cancelled")
				time.Sleep(tt.pause)
				if third := c.signal(tt.sig); tt.dies || third.Sub(second) < pause/5 {
					break
				}
				_ = c.cmd.Process.Kill() // too late to be at once
				c = draining(t)
			}
			if !tt.dies {
				time.Sleep(pause) // to be killed
				_, _ = io.WriteString(c.stdin, "go on\n")
				wantReply(t, <-c.answer, http.StatusOK, "done")
				c.want("serve: ")
			}
			var killed *exec.ExitError
			if err := c.cmd.Wait(); errors.As(err, &killed) != tt.dies {
				t.Fatalf("got %v, want death by signal: %v\n%s", err, tt.dies, c.stderr)
			}
			if tt.dies && killed.Sys().(syscall.WaitStatus).Signal() != tt.sig {
				t.Errorf("got %v, want death by %v", killed, tt.sig)
			}
		})
	}
}

// draining starts a child that clings to its request, and has a first signal
// behind it.
func draining(t *testing.T) *child {
	t.Helper()
	c := startChild(t, "clinging")
	c.signal(syscall.SIGTERM)
	c.want("draining")
	time.Sleep(pause)
	return c
}

// child is a server in a process of its own, with a request under way.
type child struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Scanner
	stderr *bytes.Buffer
	answer chan reply
}

func startChild(t *testing.T, mode string) *child {
	t.Helper()
	if mode == "" {
		mode = "plain"
	}
	// A child that hangs is killed in the end.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	c := &child{t: t, cmd: exec.CommandContext(ctx, os.Args[0], "-test.run=^TestSignals$"), stderr: new(bytes.Buffer)}
	c.cmd.Env = append(os.Environ(), childEnv+"="+mode, "GORACE=atexit_sleep_ms=0")
	c.cmd.Stderr = c.stderr
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.stdin, c.stdout, c.answer = stdin, bufio.NewScanner(stdout), make(chan reply, 1)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url := "http://" + strings.TrimPrefix(c.want("listening "), "listening ")
	go func() {
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		req, _ := http.NewRequest(http.MethodGet, url, nil)
		c.answer <- sent(client, req)
	}()
	c.want("handling")
	return c
}

// signal sends sig, and returns when it did.
func (c *child) signal(sig syscall.Signal) time.Time {
	c.t.Helper()
	if err := c.cmd.Process.Signal(sig); err != nil {
		c.t.Fatal(err)
	}
	return time.Now()
}

// want returns the child's next line, which must begin with prefix.
func (c *child) want(prefix string) string {
	c.t.Helper()
	if !c.stdout.Scan() {
		c.t.Fatalf("the child has ended, want %q\n%s", prefix, c.stderr)
	}
	if !strings.HasPrefix(c.stdout.Text(), prefix) {
		c.t.Fatalf("got %q, want %q\n%s", c.stdout.Text(), prefix, c.stderr)
	}
	return c.stdout.Text()
}

// childServer is what the child does.
func childServer(t *testing.T, mode string) {
	say := func(format string, args ...any) { _, _ = fmt.Printf(format+"\n", args...) }
	ctx := t.Context()
	o := creche.Options{Logger: quiet, Listening: func(addr net.Addr) { say("listening %v", addr) }}
	switch mode {
	case "panicking logger":
		o.Logger = slog.New(panics{})
	case "IgnoreSignals":
		o.IgnoreSignals = true
		fallthrough
	case "NotifyContext":
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		defer stop()
	}
	app := creche.New(o)
	taskEnds := make(chan bool, 1)
	_ = app.Go(t.Context(), "job", func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			taskEnds <- true
		case <-nursery.Draining(ctx):
		}
		return nil
	})
	err := app.ListenAndServe(ctx, "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		goOn := make(chan bool)
		go func() {
			_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
			close(goOn)
		}()
		heard := make(chan os.Signal, 2)
		signal.Notify(heard, os.Interrupt, syscall.SIGTERM)
		defer signal.Stop(heard)
		if mode == "Stop" {
			app.Stop(errStop)
		}
		say("handling")
		<-nursery.Draining(r.Context())
		<-heard // later than the drain, if that is by Stop
		say("draining")
		switch mode {
		case "IgnoreSignals":
			<-heard // the second, which would kill whoever no longer listens
		case "clinging":
			signal.Stop(heard) // the third is not for us
			<-r.Context().Done()
			say("cancelled")
			<-goOn
			_, _ = io.WriteString(w, "done")
			return
		}
		select {
		case <-goOn:
			_, _ = io.WriteString(w, "done")
		case <-r.Context().Done():
			shutdown := errors.Is(context.Cause(r.Context()), creche.ErrShutdown)
			// With the requests the background tasks are cancelled, too.
			_, _ = fmt.Fprintf(w, "request cancelled: %v, task cancelled: %v", shutdown, <-taskEnds)
		}
	}))
	if err != nil {
		say("serve: %v", err)
		return
	}
	say("serve: ")
}
