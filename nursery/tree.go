package nursery

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Tree is a nursery as [Nursery.Tree] found it: its live tasks, and the
// nurseries opened below it.
type Tree struct {
	Nursery string // its [Title], if it has one
	// State is "open", "draining", "cancelled" or, of one that has ended or was
	// never opened, "closed".
	State string
	Cause error // of one that is cancelled: a *Cancelled
	// Dropped is how many tasks were still queued (see [Limit]) when it was
	// cancelled, and so never ran. It is still told after the end.
	Dropped int
	Tasks   []TaskInfo // in the order of starting
	Below   []Tree     // by title
}

// TaskInfo describes a live task.
type TaskInfo struct {
	Name  string // as given with the option [Name]
	Index int    // the task's place in the order of starting, from 1
	Func  string // the function it runs, with its package
	// State is "running", "queued" (under a [Limit]) or "starting" (see [Start]).
	State  string
	Helper bool
	// Began is when the task was started, or queued, and Place where: the file
	// and line of the call. Both are zero of tasks without a name, unless
	// [Trace] is on.
	Began time.Time
	Place string
	// Stack is where the task's goroutine is, and those that it started. It is
	// empty until [Tree.AddStacks] is called, and of tasks without a name.
	Stack string
}

// Tree lists what is alive in n and in the nurseries below it, which are those
// opened with a context that leads to n. It may be called at any time and from
// any goroutine, stops nobody, and takes some two milliseconds where ten
// thousand tasks run in the process. What begins or ends meanwhile may be in it or
// not. The body of a nursery is no task, so what has no tasks is not listed
// below. On a nil nursery Tree panics.
func (n *Nursery) Tree() Tree {
	if n == nil {
		panic("nursery: Tree" + onNil)
	}
	if n.parent == nil {
		return Tree{State: "closed"}
	}
	l := listing{
		branches: map[*Nursery]*twig{n: newTwig(n)},
		funcs:    make(map[uintptr]string),
		places:   make(map[[depth]uintptr]string),
	}
	allRecords(l.add)
	return l.branches[n].tree()
}

// listing is the making of a tree. Thousands of tasks are of a few nurseries,
// run a few functions and were started in a few places, so it keeps what it
// looked up.
type listing struct {
	branches map[*Nursery]*twig // nil: not below the root
	funcs    map[uintptr]string
	places   map[[depth]uintptr]string
}

// twig is a part of a tree that is being made.
type twig struct {
	n     *Nursery
	tasks []TaskInfo
	below []*twig
}

func newTwig(n *Nursery) *twig { return &twig{n: n, tasks: make([]TaskInfo, 0, n.Len())} }

// branch returns where the tasks of n go, or nil if that is not below the root.
func (l *listing) branch(n *Nursery) *twig {
	b, known := l.branches[n]
	if known || n == nil {
		return b
	}
	if above := l.branch(n.above()); above != nil {
		b = newTwig(n)
		above.below = append(above.below, b)
	}
	l.branches[n] = b
	return b
}

// add adds the task that t is the record of, if there is one.
func (l *listing) add(t *task) {
	phase := t.pin()
	if phase == idle {
		return
	}
	n, helper, index := t.n, t.helper, int(t.index)
	var about notes
	if t.notes != nil {
		about = *t.notes
	}
	if about.code == 0 {
		about.code = codeOf(t.fn)
	}
	t.unpin(phase)

	b := l.branch(n)
	if b == nil {
		return
	}
	info := TaskInfo{Name: about.name, Index: index, Func: l.funcOf(about.code), State: phases[phase], Helper: helper}
	if !about.began.IsZero() {
		info.Began, info.Place = about.began, l.placeOf(about.place)
	}
	b.tasks = append(b.tasks, info)
}

var phases = [...]string{running: "running", queued: "queued", starting: "starting"}

func (b *twig) tree() Tree {
	t := Tree{Nursery: b.n.cfg.name, Tasks: b.tasks, Dropped: b.n.droppedTasks()}
	t.State, t.Cause = b.n.condition()
	slices.SortFunc(t.Tasks, func(a, b TaskInfo) int { return a.Index - b.Index })
	slices.SortStableFunc(b.below, func(a, b *twig) int { return strings.Compare(a.n.cfg.name, b.n.cfg.name) })
	for _, below := range b.below {
		t.Below = append(t.Below, below.tree())
	}
	return t
}

func (n *Nursery) condition() (state string, cause error) {
	if n.closed() {
		return "closed", nil
	}
	if c := n.ended(); c != nil {
		return "cancelled", c
	}
	if n.drains() {
		return "draining", nil
	}
	return "open", nil
}

func (l *listing) funcOf(pc uintptr) string {
	name, known := l.funcs[pc]
	if f := runtime.FuncForPC(pc); !known && f != nil {
		name = f.Name()
		l.funcs[pc] = name
	}
	return name
}

// ours are the packages whose calls start tasks on behalf of others.
var ours = []string{
	"github.com/creche-go/creche/nursery.",
	"github.com/creche-go/creche.",
	"github.com/creche-go/creche/websocket.",
}

func (l *listing) placeOf(stack [depth]uintptr) string {
	place, known := l.places[stack]
	if !known {
		place = placeIn(stack)
		l.places[stack] = place
	}
	return place
}

// placeIn returns who started a task: the first in the stack that is not of
// ours.
func placeIn(stack [depth]uintptr) (place string) {
	frames := runtime.CallersFrames(stack[:])
	for more := true; more; {
		var frame runtime.Frame
		if frame, more = frames.Next(); frame.Function == "" {
			break
		}
		place = fmt.Sprintf("%s:%d", frame.File, frame.Line)
		if !slices.ContainsFunc(ours, func(p string) bool { return strings.HasPrefix(frame.Function, p) }) {
			break
		}
	}
	return place
}

// String prints the tree, a line for each nursery and each task, with ages as
// of now.
func (t Tree) String() string {
	var b strings.Builder
	t.print(&b, "")
	return b.String()
}

func (t Tree) print(w io.Writer, indent string) {
	title := "nursery"
	if t.Nursery != "" {
		title += " " + t.Nursery
	}
	fmt.Fprintf(w, "%s%s: %s, %s", indent, title, t.State, plural(len(t.Tasks), "task"))
	if t.Dropped > 0 {
		fmt.Fprintf(w, ", %d dropped", t.Dropped)
	}
	if t.Cause != nil {
		fmt.Fprintf(w, " (%s)", headline(t.Cause))
	}
	fmt.Fprintln(w)
	indent += "\t"
	for _, task := range t.Tasks {
		task.print(w, indent)
	}
	for _, below := range t.Below {
		below.print(w, indent)
	}
}

// String prints the task in a line, and its stack below that.
func (t TaskInfo) String() string {
	var b strings.Builder
	t.print(&b, "")
	return strings.TrimSuffix(b.String(), "\n")
}

func (t TaskInfo) print(w io.Writer, indent string) {
	who := t.Name
	if who == "" {
		who = fmt.Sprintf("#%d", t.Index)
	}
	state := t.State
	if t.Helper {
		state += " helper"
	}
	fmt.Fprintf(w, "%s%s %s", indent, state, who)
	if t.Func != "" {
		fmt.Fprintf(w, ", %s", t.Func)
	}
	if !t.Began.IsZero() {
		fmt.Fprintf(w, ", for %v", time.Since(t.Began).Round(time.Millisecond))
	}
	if t.Place != "" {
		fmt.Fprintf(w, ", from %s", t.Place)
	}
	fmt.Fprintln(w)
	for line := range strings.Lines(t.Stack) {
		fmt.Fprint(w, indent, "\t", line)
	}
}
