package nurserytest

import (
	"cmp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// A goroutine is one entry of the dump that runtime.Stack writes.
type goroutine struct {
	id     uint64 // never used twice in a process
	bubble string // of testing/synctest: "" outside of all
	stack  string // the whole entry, with its header
}

// goroutines returns all goroutines, by id, the calling one apart.
func goroutines() (self goroutine, rest []goroutine) {
	buf := make([]byte, 64<<10)
	n := runtime.Stack(buf, true)
	for n == len(buf) {
		buf = make([]byte, 2*len(buf))
		n = runtime.Stack(buf, true)
	}
	for i, entry := range strings.Split(strings.TrimSpace(string(buf[:n])), "\n\n") {
		if g := parse(entry); i == 0 { // the runtime writes the caller first
			self = g
		} else {
			rest = append(rest, g)
		}
	}
	slices.SortFunc(rest, func(a, b goroutine) int { return cmp.Compare(a.id, b.id) })
	return self, rest
}

// others returns the goroutines that a leak check looks at: not the calling
// one, nor what the runtime and package testing keep, and in a bubble only
// those of the same bubble.
func others() []goroutine {
	self, rest := goroutines()
	return slices.DeleteFunc(rest, func(g goroutine) bool {
		return self.bubble != "" && g.bubble != self.bubble || g.house()
	})
}

// parse reads the header, which looks like
//
//	goroutine 34 [chan receive (durable), 2 minutes, synctest bubble 3]:
func parse(entry string) goroutine {
	header, _, _ := strings.Cut(entry, "\n")
	number, state, _ := strings.Cut(strings.TrimPrefix(header, "goroutine "), " ")
	id, _ := strconv.ParseUint(number, 10, 64)
	_, bubble, _ := strings.Cut(state, "synctest bubble ")
	return goroutine{id, strings.TrimRight(bubble, "]:"), entry}
}

// house tells whether g belongs to the runtime or to package testing. Most of
// them the runtime hides by itself.
func (g goroutine) house() bool {
	_, frames, _ := strings.Cut(g.stack, "\n")
	for _, top := range houseFrames {
		if strings.HasPrefix(frames, top) {
			return true
		}
	}
	for _, origin := range houseOrigins {
		if strings.Contains(frames, "\ncreated by "+origin) {
			return true
		}
	}
	return false
}

// houseFrames are innermost functions, houseOrigins functions with a go
// statement, of goroutines that live as long as they like.
var (
	houseFrames = []string{
		"os/signal.signal_recv(",
		"runtime.ReadTrace(",
		"runtime.ensureSigM",
	}
	houseOrigins = []string{
		"os/signal.Notify",
		"runtime/pprof.StartCPUProfile",
		"runtime/trace.Start",
		"testing.(*F)",
		"testing.(*M)",
		"testing.(*T).Run",
		"testing.runFuzzing",
		"testing.runFuzzTests",
		"testing.runTests",
		"testing/synctest.Test",
		"unique.",
	}
)

func join(gs []goroutine) string {
	stacks := make([]string, len(gs))
	for i, g := range gs {
		stacks[i] = g.stack
	}
	return strings.Join(stacks, "\n\n")
}
