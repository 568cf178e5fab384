package nurserytest

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// The environment variables that choose seeds: one, or how many.
const (
	seedVar  = "NURSERYTEST_SEED"
	seedsVar = "NURSERYTEST_SEEDS"
)

// A seed that takes longer than this, in real time, hangs.
const hanging = 20 * time.Second

// Explore runs f once for each of many seeds, each time in a
// [testing/synctest] bubble of its own, and makes things go wrong at random:
// what f does with the [Explorer] takes a while, fails, panics or exits, and
// the context given to f ends, or is told to drain (see
// [github.com/creche-go/creche/nursery.Draining]), in the midst of it. After
// each run it checks what is true of all code made with nurseries:
//
//   - no goroutine is left, and no step of the Explorer runs on in a nursery
//     that has closed;
//   - every nursery in which there was a step has closed, and refuses tasks;
//   - each failure has come to light exactly once: f returned it, alone or among
//     others, or a nursery reported it (a panic is reported, and then raised at
//     most once);
//   - no echo of a cancellation came back as an error, and no panic that
//     nobody asked for.
//
// A test adds what is true of its own code, with x as its [testing.TB]:
//
//	nurserytest.Explore(t, func(ctx context.Context, x *nurserytest.Explorer) error {
//		pages, err := gather(ctx, func(ctx context.Context, url string) (string, error) {
//			return "text of " + url, x.Step(ctx, url)
//		})
//		if err == nil && len(pages) != 3 {
//			x.Errorf("got %d pages and no error, want 3", len(pages))
//		}
//		return err
//	})
//
// Where x.Skip is called, in whatever task, the run is passed over, and if that was
// so for every seed the test is skipped.
//
// f runs as the task of a nursery that observes all below it, and may panic and
// exit too. It must use no clock and no goroutines from outside the bubble.
//
// The first seed that fails ends the test, with what happened when and with a
// line that runs this seed alone, to be pasted into a shell:
//
//	NURSERYTEST_SEED=4711 go test -run '^TestGather$' example.com/gather
//
// The same seed makes the same things go wrong at the same times, in every
// process, as long as f itself is deterministic. A seed that hangs outside of
// the bubble's sight, on a mutex say, has the line on standard error after
// twenty seconds. (Only a crash of the process leaves none.)
//
// [Seeds] says how many seeds there are. The environment variable
// NURSERYTEST_SEEDS overrides it, for a long night. A run costs some twelve
// microseconds and two more for each step. A nil t or f and a zero option panic.
func Explore(t *testing.T, f func(ctx context.Context, x *Explorer) error, opts ...ExploreOption) {
	if t == nil {
		panic("nurserytest: Explore: nil t")
	}
	if f == nil {
		panic("nurserytest: Explore: nil function")
	}
	t.Helper()
	e := &exploration{f: f, faults: allFaults, seeds: scaled(1000)}
	for _, o := range opts {
		if o.set == nil {
			panic("nurserytest: Explore: zero ExploreOption")
		}
		o.set(e)
	}
	first, count := e.choose(t)
	var seed atomic.Uint64
	watchdog := time.AfterFunc(hanging, func() {
		fmt.Fprintf(os.Stderr, "nurserytest: seed %d hangs: %s\n", seed.Load(), replayLine(t, seed.Load()))
	})
	defer watchdog.Stop()
	for s := first; s < first+count; s++ {
		seed.Store(s)
		watchdog.Reset(hanging)
		e.run(t, s)
	}
	if e.skipped == count {
		t.Skip("nurserytest: every seed was skipped")
	}
}

// An ExploreOption configures [Explore].
type ExploreOption struct{ set func(*exploration) }

// Seeds sets how many seeds [Explore] runs, from 0 on. The default is 1000.
// Under the race detector it is a tenth, and with go test -short a hundredth. A
// count below 1 panics.
func Seeds(count int) ExploreOption {
	if count < 1 {
		panic(fmt.Sprintf("nurserytest: Seeds(%d): want at least 1", count))
	}
	return ExploreOption{func(e *exploration) { e.seeds = scaled(count) }}
}

// A Fault is a kind of thing that [Explore] makes go wrong.
type Fault uint

// The faults.
const (
	Errors        Fault = 1 << iota // steps return errors, each an [*Injected]
	Panics                          // steps panic, each with an *Injected
	Exits                           // steps call runtime.Goexit
	Cancellations                   // the context of f ends with cause [ErrGone]
	Drains                          // the context of f is told to drain, and then may end

	allFaults = Errors | Panics | Exits | Cancellations | Drains
)

// Faults has only these kinds of faults happen, joined with |, for code that
// need not stand the others. The default is all. With none of them only the
// times are random.
func Faults(faults Fault) ExploreOption {
	return ExploreOption{func(e *exploration) { e.faults = faults }}
}

// Lossy allows the code under test to drop failures, as a race or a retry
// does. That no failure comes to light twice is still checked.
func Lossy() ExploreOption {
	return ExploreOption{func(e *exploration) { e.lossy = true }}
}

// Strict allows the code under test no errors of its own: whatever comes to
// light has to be what a step failed with, or the end of the context of f.
func Strict() ExploreOption {
	return ExploreOption{func(e *exploration) { e.strict = true }}
}

// exploration is one call of Explore.
type exploration struct {
	f             func(context.Context, *Explorer) error
	faults        Fault
	seeds         uint64
	lossy, strict bool
	skipped       uint64          // runs
	after         func(*Explorer) // for tests of the kit itself, or nil
}

// scaled returns how many of count seeds there is time for.
func scaled(count int) uint64 {
	if raceEnabled {
		count /= 10
	}
	if testing.Short() {
		count /= 100
	}
	return uint64(max(1, count))
}

// choose returns which seeds to run.
func (e *exploration) choose(t *testing.T) (first, count uint64) {
	t.Helper()
	if seed, ok := number(t, seedVar); ok {
		return seed, 1
	}
	if count, ok := number(t, seedsVar); ok {
		if count == 0 { // it would pass, with nothing tried
			t.Fatalf("nurserytest: %s is 0: want at least 1", seedsVar)
		}
		return 0, count
	}
	return 0, e.seeds
}

// number returns the value of an environment variable, if it has one.
func number(t *testing.T, name string) (n uint64, ok bool) {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("nurserytest: %s is no number: %v", name, err)
	}
	return n, true
}

// run runs one seed, and does not return if that fails: then either
// synctest.Test ended t, or it panicked because the bubble cannot end.
func (e *exploration) run(t *testing.T, seed uint64) {
	t.Helper()
	passed := false
	defer func() {
		if passed {
			return
		}
		t.Helper()
		if v := recover(); v != nil {
			t.Errorf("nurserytest: seed %d: %v\n\n%s", seed, v, join(bubbled()))
		}
		t.Fatalf("nurserytest: seed %d failed. To run it alone:\n%s", seed, replayLine(t, seed))
	}()
	synctest.Test(t, func(t *testing.T) {
		x := &Explorer{TB: t, exploration: e, seed: seed, began: time.Now(), seen: make(map[string]uint64)}
		x.explore()
	})
	passed = true
}

// bubbled returns the goroutines of all bubbles.
func bubbled() []goroutine {
	return slices.DeleteFunc(others(), func(g goroutine) bool { return g.bubble == "" })
}

// replayLine returns the command that runs one seed of the test t alone.
func replayLine(t testing.TB, seed uint64) string {
	parts := strings.Split(t.Name(), "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	pattern := strings.ReplaceAll(strings.Join(parts, "/"), "'", `'\''`)
	race := ""
	if raceEnabled {
		race = " -race"
	}
	return fmt.Sprintf("%s=%d go test%s -run '%s' %s", seedVar, seed, race, pattern, testedPackage())
}

// testedPackage returns the import path of the package that the test binary is of.
func testedPackage() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "."
	}
	path, ok := strings.CutSuffix(info.Path, ".test")
	if !ok || strings.HasPrefix(path, "command-line-arguments") {
		return "."
	}
	return path
}
