package creche

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/creche-go/creche/nursery"
)

// mostTraced is of how many goroutines in the process there is a trace. To be made
// and read that takes some six milliseconds per thousand, which have to fit into
// the little by which a stop may exceed its budget.
const mostTraced = 10_000

// mostTrace is how much of it is looked at.
const mostTrace = 64 << 20

// traceOfAll returns the stacks of all goroutines of the process, as text, or ""
// where there are too many. It stops them meanwhile.
func traceOfAll() string {
	if runtime.NumGoroutine() > mostTraced {
		return ""
	}
	for size := 64<<10 + runtime.NumGoroutine()<<10; ; size *= 2 {
		size = min(size, mostTrace)
		trace := make([]byte, size)
		if n := runtime.Stack(trace, true); n < size || size == mostTrace {
			return string(trace[:n])
		}
	}
}

// addStacks fills in where they are now: it stays empty of those that have ended,
// and of all where there are too many goroutines to look at.
func (u *underway) addStacks(lists ...[]nursery.TaskInfo) {
	stacks := stacksOf(u.app, traceOfAll())
	for _, calls := range lists {
		for i := range calls {
			calls[i].Stack = stacks[calls[i].Index]
		}
	}
}

// goroutine is one of such a trace.
type goroutine struct {
	stack   string // what it waits for and its calls, the innermost first
	call    int    // the number of the request or connection that it handles
	creator string // the number of the goroutine that started it
	task    bool   // its creator waits for it, as far as that can be seen
}

// mostFrames is how many calls of a stack are shown, and mostTasks how many
// different stacks of the tasks of a request.
const (
	mostFrames = 32
	mostTasks  = 4
)

// stacksOf reads a trace for where the requests and connections of that App are,
// by their numbers: the goroutine of each, and those of the tasks that it has
// started, and that they have.
func stacksOf(app uint64, trace string) map[int]string {
	handlers := make(map[string]goroutine)
	started := make(map[string][]string) // what it has started, by goroutine
	tasks := make(map[string]string)
	for block := range strings.SplitSeq(trace, "\n\n") {
		switch name, g := read(app, block); {
		case g.call != 0:
			handlers[name] = g
		case g.task:
			started[g.creator] = append(started[g.creator], name)
			tasks[name] = g.stack
		}
	}
	stacks := make(map[int]string, len(handlers))
	for name, g := range handlers {
		var below []string
		for wave := slices.Clone(started[name]); len(wave) > 0; {
			below = append(below, tasks[wave[0]])
			wave = append(wave[1:], started[wave[0]]...)
		}
		stacks[g.call] = g.stack + ofTasks(below)
	}
	return stacks
}

// ofTasks joins the stacks of tasks, those that are equal together and the most
// frequent first. In the trace they are in no order.
func ofTasks(stacks []string) string {
	var b strings.Builder
	slices.Sort(stacks)
	groups := grouped(stacks, func(stack string) string { return stack })
	slices.SortStableFunc(groups, func(a, b []string) int { return len(b) - len(a) })
	for i, g := range groups {
		if i == mostTasks {
			fmt.Fprintf(&b, "\nand %s, of %s\n", counted(len(groups)-i, "other stack"), counted(total(groups[i:]), "task"))
			break
		}
		fmt.Fprintf(&b, "\n%s %s", counted(len(g), "task"), g[0])
	}
	return b.String()
}

// What is looked for in a trace.
const (
	numberedFrame   = "github.com/creche-go/creche.numbered({"
	backgroundFrame = "github.com/creche-go/creche.(*App).Go."
	taskCreator     = "github.com/creche-go/creche/nursery."
)

// read reads one goroutine of a trace: a line with its number and its state, two
// for each call, and two for who started it.
func read(app uint64, block string) (name string, g goroutine) {
	lines := strings.Split(block, "\n")
	name, state, _ := strings.Cut(strings.TrimPrefix(lines[0], "goroutine "), " [")
	state, _, _ = strings.Cut(state, "]")
	state, _, _ = strings.Cut(state, ",") // and for how long it waits, by which equal ones differ
	var shown strings.Builder
	fmt.Fprintf(&shown, "[%s]\n", state)
	background := false
	for i, frames := 1, 0; i+1 < len(lines); i += 2 {
		call, place := lines[i], lines[i+1]
		if by, ok := strings.CutPrefix(call, "created by "); ok {
			by, g.creator, _ = strings.Cut(by, " in goroutine ")
			g.task = !background && strings.HasPrefix(by, taskCreator)
			break
		}
		if id, ok := strings.CutPrefix(call, numberedFrame); ok {
			if g.call = numberOf(app, id); g.call != 0 {
				break // what follows is the server's
			}
		}
		background = background || strings.HasPrefix(call, backgroundFrame)
		if strings.HasPrefix(call, "...") { // a line of its own, for those that the runtime leaves out
			i--
		} else if frames++; frames <= mostFrames {
			shown.WriteString(readable(call, place))
		}
	}
	g.stack = shown.String()
	return name, g
}

// numberOf reads a callID, and returns the number in it if it is one of the App.
func numberOf(app uint64, id string) int {
	var got callID
	if _, err := fmt.Sscanf(id, "0x%x, 0x%x}", &got[0], &got[1]); err != nil || got[0] != app {
		return 0
	}
	return int(got[1])
}

// readable returns a call without its arguments and addresses, by which equal
// ones differ.
func readable(call, place string) string {
	if args := strings.LastIndexByte(call, '('); args >= 0 {
		call = call[:args]
	}
	place, _, _ = strings.Cut(place, " +0x")
	return call + "(...)\n" + place + "\n"
}
