package nursery

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
)

// MultiError is what Run returns when several tasks failed: all the failures,
// in the order in which they happened. A single failure is returned as it is,
// never inside a MultiError. (What [Split] and [Filter] leave of one keeps its
// structure and may hold one only.)
//
// [errors.Is] and [errors.As] reach every leaf, and [Leaves] iterates over
// them. Error prints a line for each leaf with its task's name; the verb %+v
// prints the tree with the stacks of panics.
type MultiError struct {
	Nursery  string    // the nursery's name, if it has one
	Failures []Failure // never shorter than two, where a nursery made it
	Omitted  int       // how many more there were, each reported when it happened
}

// Failure is one error of a [MultiError].
type Failure struct {
	Err  error  // what the task returned, or a *PanicError
	Task string // its name, if it has one
	// Index is the task's place in the order of starting, from 1; 0 is the
	// body, and -1 the end of the parent context.
	Index int
	exit  *stack // where the task called Goexit
}

// BySpawn returns the failures in the order in which their tasks were
// started, which is the same in every run that has the same failures.
func (m *MultiError) BySpawn() []Failure {
	fs := slices.Clone(m.Failures)
	slices.SortStableFunc(fs, func(a, b Failure) int { return a.Index - b.Index })
	return fs
}

// Unwrap returns the errors in the order in which they happened.
func (m *MultiError) Unwrap() []error {
	if m == nil {
		return nil
	}
	errs := make([]error, len(m.Failures))
	for i, f := range m.Failures {
		errs[i] = f.Err
	}
	return errs
}

// keeping returns m with what became of its failures' errors: those that are
// nil are gone.
func (m *MultiError) keeping(errs []error) *MultiError {
	kept := &MultiError{Nursery: m.Nursery, Omitted: m.Omitted}
	for i, err := range errs {
		if err != nil {
			f := m.Failures[i]
			f.Err = err
			kept.Failures = append(kept.Failures, f)
		}
	}
	return kept
}

// Error says how many failures there are and prints a line for each leaf.
func (m *MultiError) Error() string {
	if m == nil {
		return "<nil>"
	}
	var b strings.Builder
	count := 0
	walk(m, func(leaf error, way []step) bool {
		count++
		b.WriteString("\n\t")
		b.WriteString(label(way))
		b.WriteString(strings.ReplaceAll(headline(leaf), "\n", "\n\t\t"))
		return true
	})
	if m.Omitted > 0 {
		fmt.Fprintf(&b, "\n\tand %d more", m.Omitted)
	}
	title := "nursery: "
	if m.Nursery != "" {
		title = "nursery " + m.Nursery + ": "
	}
	return title + plural(count+m.Omitted, "failure") + b.String()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// label names the tasks on the way to a leaf: "checkout/price: ". Of a way
// that is too long to print it leaves out the middle.
func label(way []step) string {
	var names []string
	if len(way) > maxPrinted {
		names = append(namesOn(nil, way[:maxPrinted/2]), "…")
		way = way[len(way)-maxPrinted/2:]
	}
	names = namesOn(names, way)
	if names == nil {
		return ""
	}
	return strings.Join(names, "/") + ": "
}

// namesOn appends the names of the tasks on a way to names.
func namesOn(names []string, way []step) []string {
	for _, s := range way {
		if m, ok := s.node.(*MultiError); ok {
			if name := m.Failures[s.next-1].who(); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

func (f Failure) who() string {
	switch {
	case f.Task != "":
		return f.Task
	case f.Index > 0:
		return "#" + strconv.Itoa(f.Index)
	}
	return ""
}

// Format implements [fmt.Formatter]: %+v prints the tree, everything else
// what Error does.
func (m *MultiError) Format(f fmt.State, verb rune) {
	switch {
	case verb == 'v' && f.Flag('+') && m != nil:
		t := tree{w: f}
		t.print(m, "", 0)
	case verb == 'q':
		fmt.Fprintf(f, "%q", m.Error())
	default:
		io.WriteString(f, m.Error())
	}
}

// LogValue implements [slog.LogValuer]: a group with the count and an
// attribute for each leaf, named after its task.
func (m *MultiError) LogValue() slog.Value {
	if m == nil {
		return slog.StringValue(m.Error())
	}
	var attrs []slog.Attr
	used := make(map[string]int)
	walk(m, func(leaf error, way []step) bool {
		key := strings.TrimSuffix(label(way), ": ")
		if key == "" {
			key = "failure"
		}
		used[key]++
		if k := used[key]; k > 1 { // readers of JSON keep one of equal keys
			key += "~" + strconv.Itoa(k)
		}
		attrs = append(attrs, slog.String(key, headline(leaf)))
		return true
	})
	count := slog.Int("count", len(attrs)+m.Omitted)
	return slog.GroupValue(append([]slog.Attr{count}, attrs...)...)
}

// tree prints multi-errors with their structure. Unlike walk it keeps single
// multi-errors and links apart, so it has a guard of its own.
type tree struct {
	w   io.Writer
	way []*MultiError
}

// maxPrinted is how many levels of a tree are printed.
const maxPrinted = 32

func (t *tree) print(m *MultiError, indent string, depth int) {
	if slices.Contains(t.way, m) || depth == maxPrinted {
		fmt.Fprintf(t.w, "%s…\n", indent)
		return
	}
	t.way = append(t.way, m)
	defer func() { t.way = t.way[:len(t.way)-1] }()

	title := "nursery"
	if m.Nursery != "" {
		title += " " + m.Nursery
	}
	fmt.Fprintf(t.w, "%s%s: %s\n", indent, title, plural(len(m.Failures)+m.Omitted, "failure"))
	for _, f := range m.Failures {
		t.failure(f, indent+"\t", depth)
	}
	if m.Omitted > 0 {
		fmt.Fprintf(t.w, "%s\tand %d more\n", indent, m.Omitted)
	}
}

func (t *tree) failure(f Failure, indent string, depth int) {
	who := f.who()
	if who != "" {
		who += ": "
	}
	if f.Err == nil {
		return
	}
	if m, ok := f.Err.(*MultiError); ok && m != nil {
		fmt.Fprintf(t.w, "%s%s\n", indent, strings.TrimSuffix(who, " "))
		t.print(m, indent+"\t", depth+1)
		return
	}
	lines := strings.TrimRight(who+Text(f.Err), "\n") // of a panic, with its stack
	fmt.Fprintf(t.w, "%s%s\n", indent, strings.ReplaceAll(lines, "\n", "\n"+indent))
}
