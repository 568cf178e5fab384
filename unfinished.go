package creche

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/creche-go/creche/nursery"
)

// UnfinishedError is what [App.Serve] returns when not all work was done: some
// of it ignored its cancellation until the stop's budget was spent, or had not
// begun when it was cancelled.
type UnfinishedError struct {
	// Requests are those still being handled, the oldest first. The Name of one is
	// its method and its path, as in "GET /reports/7": escaped as in a URL, each cut
	// after a hundred bytes, and without the query, which may hold secrets. Stack is
	// where its handler is, and then where the tasks are that it waits for: those
	// of its nursery and of nurseries below that. It is empty in a process of more
	// than 10 000 goroutines, which would take too long to look at.
	Requests []nursery.TaskInfo
	// Connections are those (websockets) that were taken over from the server by a
	// request, by whose method and path they are called, and are still being
	// handled.
	Connections []nursery.TaskInfo
	// Tasks are the background tasks that still run, and what those started in
	// the background. Of those with a name it is known since when, and where
	// they are stuck.
	Tasks []nursery.TaskInfo
	// Dropped are the background tasks that were accepted and will never run,
	// because they were still queued when the rest was cancelled.
	Dropped []nursery.TaskInfo
	// Services are what still runs of services: "cron: stop".
	Services []nursery.TaskInfo
	// Server is what has not returned of the caller's own that the server calls,
	// or of its closing of connections: "Accept of the listener on [::]:80".
	Server []string
	at     time.Time
}

// Error names in its first line what was left, with its age where it still runs:
// those of one name together, and of requests and connections a dozen names, the
// rest only counted. The stacks of what ignored its cancellation follow, equal ones
// once, and of requests and connections a dozen.
func (e *UnfinishedError) Error() string {
	var left []string
	left = append(left, e.called("request", e.Requests, mostNamed)...)
	left = append(left, e.called("connection", e.Connections, mostNamed)...)
	left = append(left, e.called("background task", e.Tasks, len(e.Tasks))...)
	if len(e.Dropped) > 0 {
		left = append(left, fmt.Sprintf("%s still queued (%s)", counted(len(e.Dropped), "background task"), names(e.Dropped)))
	}
	left = append(left, e.called("service", e.Services, len(e.Services))...)
	left = append(left, e.Server...)
	return "creche: stopped without waiting any longer for " + strings.Join(left, ", ") + e.stacks()
}

// counted is n of what.
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// mostNamed is how many requests are named of those that a stop has given up on,
// as are connections, and of how many stacks are shown.
const mostNamed = 12

// called describes those that ignored their cancellation, those of one name
// together, and beyond so many names only how many there are.
func (e *UnfinishedError) called(what string, tasks []nursery.TaskInfo, most int) (told []string) {
	groups := grouped(tasks, func(t nursery.TaskInfo) string { return cmp.Or(t.Name, " "+t.Func) })
	for i, g := range groups {
		oldest, age := g[0], e.at.Sub(g[0].Began).Round(time.Millisecond)
		switch {
		case i == most:
			return append(told, counted(total(groups[i:]), "other "+what))
		case oldest.Name == "" && len(g) == 1:
			told = append(told, fmt.Sprintf("%s without a name (%s)", what, oldest.Func))
		case oldest.Name == "":
			told = append(told, fmt.Sprintf("%s without a name (%s)", counted(len(g), what), oldest.Func))
		case len(g) == 1:
			told = append(told, fmt.Sprintf("%s %s (%v old)", what, oldest.Name, age))
		default:
			told = append(told, fmt.Sprintf("%s %s (the oldest %v old)", counted(len(g), what), oldest.Name, age))
		}
	}
	return told
}

// stacks tells where the tasks are that have a name, those of one name together,
// and requests and connections, those of one stack together.
func (e *UnfinishedError) stacks() string {
	var b strings.Builder
	tell := func(who, stack string) { b.WriteString("\n\n" + who + ":\n" + strings.TrimSuffix(stack, "\n")) }
	for _, calls := range [][]nursery.TaskInfo{e.Requests, e.Connections} {
		groups := grouped(withStack(calls), func(c nursery.TaskInfo) string { return c.Stack })
		for i, g := range groups {
			if i == mostNamed {
				fmt.Fprintf(&b, "\n\nand %s, of %d more", counted(len(groups)-i, "other stack"), total(groups[i:]))
				break
			}
			who := g[0].Name
			if len(g) > 1 {
				who = fmt.Sprintf("%s and %d more", who, len(g)-1)
			}
			tell(who, g[0].Stack)
		}
	}
	for _, g := range grouped(withStack(slices.Concat(e.Tasks, e.Services)), func(t nursery.TaskInfo) [2]string { return [...]string{t.Name, t.Stack} }) {
		tell(g[0].Name, g[0].Stack)
	}
	return b.String()
}

func withStack(tasks []nursery.TaskInfo) []nursery.TaskInfo {
	return slices.DeleteFunc(slices.Clone(tasks), func(t nursery.TaskInfo) bool { return t.Stack == "" })
}

// names lists the names of tasks, each once, in the order they were started.
func names(tasks []nursery.TaskInfo) string {
	var names []string
	for _, g := range grouped(tasks, nameOf) {
		name := cmp.Or(g[0].Name, "without a name")
		if len(g) > 1 {
			name += fmt.Sprintf(" ×%d", len(g))
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

func nameOf(t nursery.TaskInfo) string { return t.Name }

// grouped returns those of one key together, in the order of the first of each.
func grouped[K comparable, T any](all []T, key func(T) K) (groups [][]T) {
	place := make(map[K]int)
	for _, v := range all {
		k := key(v)
		i, known := place[k]
		if !known {
			i = len(groups)
			place[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], v)
	}
	return groups
}

// total counts what is in groups.
func total[T any](groups [][]T) (n int) {
	for _, g := range groups {
		n += len(g)
	}
	return n
}

// unfinished says what is left, or nil.
func (s *server) unfinished() error {
	a := s.app
	e := &UnfinishedError{Dropped: a.waiting.left(), Server: s.stuck(), at: time.Now()}
	e.Requests, e.Connections = a.life.handlers.left()
	left := nursery.Tree{Below: []nursery.Tree{a.background.Tree(), a.requests.Tree()}}
	for _, v := range s.opened {
		left.Below = append(left.Below, v.left()...)
	}
	requests := &left.Below[1]
	requests.Tasks = slices.DeleteFunc(requests.Tasks, func(t nursery.TaskInfo) bool { return t.Name == adoptedName })
	if slices.ContainsFunc(left.Below, func(t nursery.Tree) bool { return len(t.Tasks) > 0 }) {
		left.AddStacks()
	}
	for i, t := range left.Below {
		if i < 2 {
			e.Tasks = append(e.Tasks, t.Tasks...)
		} else {
			e.Services = append(e.Services, t.Tasks...)
		}
	}
	if len(e.Requests)+len(e.Connections) > 0 {
		a.life.handlers.addStacks(e.Requests, e.Connections)
	}
	if len(e.Requests)+len(e.Connections)+len(e.Tasks)+len(e.Dropped)+len(e.Services)+len(e.Server) == 0 {
		return nil
	}
	return e
}
