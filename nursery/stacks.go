package nursery

import (
	"bytes"
	"fmt"
	"runtime/pprof"
	"strings"
)

// AddStacks fills in the Stack of the named tasks of the tree, wherever their
// goroutines are now: of those that have ended it stays empty, and of what was
// attached (see [Nursery.Attach]), for it runs in a goroutine that is not ours
// to label. Tasks of one name in nurseries of one title cannot be told apart,
// and each is given the stacks of all. It takes a profile of all goroutines of
// the process, which stops them for some milliseconds, so it is for reports on
// what is stuck.
func (t *Tree) AddStacks() {
	var profile bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&profile, 1) // a Buffer takes all
	t.addStacks(stacksByLabel(profile.String()))
}

func (t *Tree) addStacks(stacks map[labelKey]string) {
	for i := range t.Tasks {
		if task := &t.Tasks[i]; task.Name != "" {
			task.Stack = stacks[labelKey{t.Nursery, task.Name}]
		}
	}
	for i := range t.Below {
		t.Below[i].addStacks(stacks)
	}
}

// stacksByLabel reads a goroutine profile in its form as text: blocks that
// begin with a count and addresses, then maybe a line with labels, and a line
// for each frame.
func stacksByLabel(profile string) map[labelKey]string {
	stacks := make(map[labelKey]string)
	for block := range strings.SplitSeq(profile, "\n\n") {
		_, block, _ = strings.Cut(block, "\n# labels: ")
		labels, frames, _ := strings.Cut(block, "\n")
		key, ok := keyOf(labels)
		if !ok {
			continue
		}
		if stacks[key] != "" { // of another goroutine
			stacks[key] += "\n"
		}
		for frame := range strings.Lines(frames) {
			stacks[key] += readable(frame)
		}
	}
	return stacks
}

// readable returns a frame as other stacks show it, on two lines. In the
// profile it is on one: "#", the address, the function and the place.
func readable(frame string) string {
	parts := strings.FieldsFunc(strings.TrimSuffix(frame, "\n"), func(c rune) bool { return c == '\t' })
	if len(parts) != 4 {
		return ""
	}
	return parts[2] + "\n\t" + parts[3] + "\n"
}

// keyOf finds a task's labels among others: {"key":"value", "key":"value"}.
func keyOf(labels string) (key labelKey, ok bool) {
	labels = strings.TrimPrefix(labels, "{")
	for labels != "" {
		var name, value string
		if n, err := fmt.Sscanf(labels, "%q:%q", &name, &value); n != 2 || err != nil {
			return key, ok
		}
		switch name {
		case nurseryLabel:
			key.nursery = value
		case taskLabel:
			key.task, ok = value, true
		}
		labels = strings.TrimPrefix(labels, fmt.Sprintf("%q:%q", name, value))
		labels = strings.TrimLeft(labels, ", }")
	}
	return key, ok
}
