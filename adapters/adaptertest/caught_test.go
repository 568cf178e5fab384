//go:build !race

// Some of the mistakes are data races, which would fail the test.

package adaptertest_test

import (
	"fmt"
	"io"
	"iter"
	"log"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/creche-go/creche/adapters/adaptertest"
)

// A recorder is a test that keeps what it is told instead of failing.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failures []string
}

func (r *recorder) fail(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, text)
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failures) > 0
}

func (r *recorder) Fail()                             { r.fail("failed") }
func (r *recorder) Error(args ...any)                 { r.fail(fmt.Sprint(args...)) }
func (r *recorder) Errorf(format string, args ...any) { r.fail(fmt.Sprintf(format, args...)) }
func (r *recorder) FailNow()                          { r.Fail(); runtime.Goexit() }
func (r *recorder) Fatal(args ...any)                 { r.Error(args...); runtime.Goexit() }
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); runtime.Goexit() }
func (r *recorder) Skip(...any)                       { runtime.Goexit() }

// failures runs one case and returns what it found.
func failures(t *testing.T, c interface {
	Against(testing.TB, adaptertest.Adapter, int)
}, a adaptertest.Adapter, protocol int) []string {
	t.Helper()
	r := new(recorder)
	if stuck := adaptertest.Bubble(t, func(t *testing.T) {
		t.Helper()
		r.TB = t
		done := make(chan struct{})
		go func() { // which a Fatal may end
			defer close(done)
			c.Against(r, a, protocol)
		}()
		<-done
	}); stuck != nil {
		r.fail(fmt.Sprint(stuck))
	}
	return r.failures
}

// child is set to the number of a broken adapter in a process that runs the
// suite against it: what hangs there stays there.
const child = "ADAPTERTEST_BROKEN"

// caughtMark begins a line of a child, with the case and what it found.
const caughtMark = "caught\t"

func TestChild(t *testing.T) {
	number, err := strconv.Atoi(os.Getenv(child))
	if err != nil {
		t.Skip("only for TestBrokenAdaptersAreCaught")
	}
	log.SetOutput(io.Discard) // of panics in servers without a log
	a := sound()
	brokenAdapters[number].make(a)
	for _, c := range adaptertest.Cases() {
		if found := failures(t, c, a.tested(), max(c.Only(), 1)); len(found) > 0 {
			first, _, _ := strings.Cut(found[0], "\n")
			fmt.Printf("\n%s%s\t%s\n", caughtMark, c.Name(), first)
		}
	}
}

// TestBrokenAdaptersAreCaught has the suite find the mistakes, and every case
// find one. With -v it shows which finds which.
func TestBrokenAdaptersAreCaught(t *testing.T) {
	catches := make(map[string]int)
	for i, b := range brokenAdapters {
		t.Run(b.mistake, func(t *testing.T) {
			var caught []string
			for name, found := range runChild(t, i) {
				catches[name]++
				caught = append(caught, name)
				t.Logf("caught by %q: %s", name, found)
			}
			for _, want := range b.caught {
				if !slices.ContainsFunc(caught, func(name string) bool { return strings.Contains(name, want) }) {
					t.Errorf("caught by: got %q, want a case %q among them", caught, want)
				}
			}
		})
	}
	for _, c := range adaptertest.Cases() {
		if catches[c.Name()] == 0 {
			t.Errorf("%q: got no broken adapter that it catches, want one", c.Name())
		}
	}
}

// runChild returns the cases that catch a broken adapter, and what they found.
func runChild(t *testing.T, number int) iter.Seq2[string, string] {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", child, number))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the suite: %v\n%s", err, out)
	}
	return func(yield func(name, found string) bool) {
		for line := range strings.Lines(string(out)) {
			if text, ok := strings.CutPrefix(strings.TrimSpace(line), caughtMark); ok {
				name, found, _ := strings.Cut(text, "\t")
				if !yield(name, found) {
					return
				}
			}
		}
	}
}
