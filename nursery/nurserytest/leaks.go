package nurserytest

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

// A check gives goroutines that are about to end up to this long for it, in
// steps that grow from the first to the second.
const (
	settling  = 3 * time.Second
	firstStep = time.Millisecond
	lastStep  = 100 * time.Millisecond
)

// CheckLeaks fails t, with their stacks, if at its end goroutines are alive
// that were not when CheckLeaks was called. Call it first in a test: clean-up
// runs last in, first out, so what the test registers later ends before the
// check. A goroutine that is about to end gets three seconds to do so; a test
// that leaks nothing does not wait.
//
// Outside of a bubble it sees all goroutines of the process, so it is not for
// tests that run parallel to others. In a bubble of [testing/synctest] it sees
// the bubble's own. The runtime's goroutines and those of package testing do
// not count, idle connections of [net/http.DefaultClient] do. A nil t panics.
func CheckLeaks(t testing.TB) {
	if t == nil {
		panic("nurserytest: CheckLeaks: nil t")
	}
	t.Helper()
	before := others()
	t.Cleanup(func() {
		t.Helper()
		if left := leaked(before); len(left) > 0 {
			t.Errorf("%s", complaint(left))
		}
	})
}

// CheckMain runs the tests of a package and ends the process, so it does not
// return: with the tests' exit code if they failed, else with 1 and the stacks
// on standard error if goroutines are alive that were not before the first
// test, else with 0. It is meant to be all of a TestMain:
//
//	func TestMain(m *testing.M) { nurserytest.CheckMain(m) }
//
// Goroutines get the same time to end as in [CheckLeaks]. While fuzzing
// (go test -fuzz) it checks nothing. A nil m panics.
func CheckMain(m *testing.M) {
	if m == nil {
		panic("nurserytest: CheckMain: nil m")
	}
	before := others()
	code := m.Run()
	if code == 0 && !fuzzing() {
		if left := leaked(before); len(left) > 0 {
			fmt.Fprintln(os.Stderr, complaint(left))
			code = 1
		}
	}
	os.Exit(code)
}

// leaked returns the goroutines that are alive now, were not before, and do
// not end while it waits. Ids are never reused, so comparing them is exact
// where comparing stacks is not: a second goroutine in the same place counts.
func leaked(before []goroutine) []goroutine {
	old := make(map[uint64]bool, len(before))
	for _, g := range before {
		old[g.id] = true
	}
	step, deadline := firstStep, time.Now().Add(settling)
	for {
		left := slices.DeleteFunc(others(), func(g goroutine) bool { return old[g.id] })
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
		time.Sleep(step)
		step = min(2*step, lastStep)
	}
}

func complaint(left []goroutine) string {
	return fmt.Sprintf("nurserytest: goroutines leaked: %d\n\n%s", len(left), join(left))
}

func fuzzing() bool {
	f := flag.Lookup("test.fuzz")
	return f != nil && f.Value.String() != ""
}
