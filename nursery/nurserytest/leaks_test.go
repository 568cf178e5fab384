package nurserytest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery/nurserytest"
)

func TestMain(m *testing.M) { nurserytest.CheckMain(m) }

// fakeTB is a test that keeps what it is told, to see a check fail.
type fakeTB struct {
	testing.TB
	cleanups []func()
	errors   []string
}

func (f *fakeTB) Helper()          {}
func (f *fakeTB) Cleanup(c func()) { f.cleanups = append(f.cleanups, c) }
func (f *fakeTB) Errorf(format string, args ...any) {
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

// end does what package testing does at the end of a test.
func (f *fakeTB) end() {
	for _, c := range slices.Backward(f.cleanups) {
		c()
	}
}

func blockOn(c chan struct{}) { <-c }

func TestCheckLeaks(t *testing.T) {
	tests := []struct {
		name   string
		before func(release chan struct{}) // run before the check is set up
		body   func(release chan struct{})
		leaks  int
		waits  bool // the verdict needs time
	}{
		{name: "a test that starts nothing passes at once", body: func(chan struct{}) {}},
		{
			name:  "a goroutine that ends a little later passes",
			body:  func(chan struct{}) { go time.Sleep(time.Second) },
			waits: true,
		},
		{
			name:  "a goroutine that stays fails",
			body:  func(release chan struct{}) { go blockOn(release) },
			leaks: 1, waits: true,
		},
		{
			name:   "a goroutine that was there before does not count",
			before: func(release chan struct{}) { go blockOn(release) },
			body:   func(chan struct{}) {},
		},
		{
			name:   "a second goroutine in the place of an old one counts",
			before: func(release chan struct{}) { go blockOn(release) },
			body:   func(release chan struct{}) { go blockOn(release) },
			leaks:  1, waits: true,
		},
		{
			name: "every goroutine that stays is shown",
			body: func(release chan struct{}) {
				for range 3 {
					go blockOn(release)
				}
			},
			leaks: 3, waits: true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release, fake := make(chan struct{}), new(fakeTB)
				defer close(release)
				if tt.before != nil {
					tt.before(release)
				}
				nurserytest.CheckLeaks(fake)
				tt.body(release)
				start := time.Now()
				fake.end()
				if got := time.Since(start) > 0; got != tt.waits {
					t.Errorf("waited: got %v, want %v", got, tt.waits)
				}
				checkComplaint(t, fake.errors, tt.leaks)
			})
		})
	}
}

func checkComplaint(t *testing.T, errs []string, leaks int) {
	t.Helper()
	if leaks == 0 {
		if len(errs) > 0 {
			t.Fatalf("got %q, want no complaint", errs)
		}
		return
	}
	if len(errs) != 1 {
		t.Fatalf("got complaints %q, want one", errs)
	}
	want := fmt.Sprintf("nurserytest: goroutines leaked: %d\n", leaks)
	if !strings.HasPrefix(errs[0], want) {
		t.Errorf("got %q, want it to begin with %q", errs[0], want)
	}
	if got := strings.Count(errs[0], "nurserytest_test.blockOn("); got != leaks {
		t.Errorf("got %d stacks, want %d:\n%s", got, leaks, errs[0])
	}
}

// Each of these keeps a goroutine that is nobody's leak.
func TestCheckLeaksIgnoresTheRuntimesOwn(t *testing.T) {
	fake := new(fakeTB)
	nurserytest.CheckLeaks(fake)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	defer signal.Stop(signals)
	if err := pprof.StartCPUProfile(new(bytes.Buffer)); err == nil { // the test run itself may profile
		defer pprof.StopCPUProfile()
	}
	if err := trace.Start(new(bytes.Buffer)); err == nil {
		defer trace.Stop()
	}
	t.Run("a subtest that waits for its parent", func(t *testing.T) {
		t.Parallel()
	})
	fake.end()
	checkComplaint(t, fake.errors, 0)
}

func TestCheckLeaksInABubbleSeesOnlyTheBubble(t *testing.T) {
	release, start, started := make(chan struct{}), make(chan struct{}), make(chan struct{})
	defer close(release)
	go func() {
		<-start
		go blockOn(release)
		close(started)
	}()
	synctest.Test(t, func(t *testing.T) {
		nurserytest.CheckLeaks(t)
		close(start)
		<-started
	})
}

// inChild names what the child process of TestCheckMain does.
const inChild = "NURSERYTEST_CHILD"

func TestCheckMain(t *testing.T) {
	tests := []struct {
		name, does   string
		code         int
		says, silent string
	}{
		{name: "tests that leak nothing exit with 0", does: "nothing", code: 0, silent: "leaked"},
		{name: "a leak exits with 1 and shows the stack", does: "leak", code: 1, says: "nurserytest_test.blockOn("},
		{name: "a failure keeps its code and is not checked", does: "fail and leak", code: 1, says: "on purpose", silent: "leaked"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestChild$")
			cmd.Env = append(os.Environ(), inChild+"="+tt.does)
			out, err := cmd.CombinedOutput()
			if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != tt.code {
				t.Errorf("exit code: got %d, want %d", got, tt.code)
			}
			if !strings.Contains(string(out), tt.says) {
				t.Errorf("got %q, want it to contain %q", out, tt.says)
			}
			if tt.silent != "" && strings.Contains(string(out), tt.silent) {
				t.Errorf("got %q, want it without %q", out, tt.silent)
			}
		})
	}
}

func TestChild(t *testing.T) {
	switch os.Getenv(inChild) {
	case "":
		t.Skip("runs in a child process only")
	case "leak":
		go blockOn(make(chan struct{}))
	case "fail and leak":
		go blockOn(make(chan struct{}))
		t.Error("on purpose")
	}
}
