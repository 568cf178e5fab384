package creche

import (
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
	Requests    int // requests still being handled
	Connections int // hijacked connections (websockets) still being handled
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

// Error names in its first line what was left, with its age where it still runs.
// The stacks of what ignored its cancellation follow.
func (e *UnfinishedError) Error() string {
	var left []string
	count := func(n int, what string) {
		if n > 0 {
			left = append(left, counted(n, what))
		}
	}
	count(e.Requests, "request")
	count(e.Connections, "connection")
	for _, t := range e.Tasks {
		left = append(left, "background task "+e.stuck(t))
	}
	if len(e.Dropped) > 0 {
		left = append(left, fmt.Sprintf("%s still queued (%s)", counted(len(e.Dropped), "background task"), names(e.Dropped)))
	}
	for _, t := range e.Services {
		left = append(left, "service "+e.stuck(t))
	}
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

// stuck describes a task that ignored its cancellation.
func (e *UnfinishedError) stuck(t nursery.TaskInfo) string {
	if t.Name == "" {
		return "without a name (" + t.Func + ")"
	}
	return fmt.Sprintf("%s (%v old)", t.Name, e.at.Sub(t.Began).Round(time.Millisecond))
}

// stacks tells where the tasks are that have a name, those of one name together.
func (e *UnfinishedError) stacks() string {
	var b strings.Builder
	told := make(map[string]bool)
	for _, t := range append(slices.Clone(e.Tasks), e.Services...) {
		if stack := t.Name + ":\n" + t.Stack; t.Stack != "" && !told[stack] {
			told[stack] = true
			b.WriteString("\n\n" + strings.TrimSuffix(stack, "\n"))
		}
	}
	return b.String()
}

// names lists the names of tasks, each once, in the order they were started.
func names(tasks []nursery.TaskInfo) string {
	count := make(map[string]int)
	var order []string
	for _, t := range tasks {
		if count[t.Name]++; count[t.Name] == 1 {
			order = append(order, t.Name)
		}
	}
	for i, name := range order {
		if name == "" {
			order[i] = "without a name"
		}
		if n := count[name]; n > 1 {
			order[i] += fmt.Sprintf(" ×%d", n)
		}
	}
	return strings.Join(order, ", ")
}

// unfinished says what is left, or nil.
func (s *server) unfinished() error {
	a := s.app
	e := &UnfinishedError{Connections: a.life.hijacked.len(), Dropped: a.waiting.left(), Server: s.stuck(), at: time.Now()}
	e.Requests = max(0, a.life.handlers.len()-e.Connections)
	left := nursery.Tree{Below: []nursery.Tree{a.background.Tree(), a.requests.Tree()}}
	for _, v := range s.opened {
		left.Below = append(left.Below, v.left()...)
	}
	if slices.ContainsFunc(left.Below, func(t nursery.Tree) bool { return len(t.Tasks) > 0 }) {
		left.AddStacks()
	}
	for i, t := range left.Below {
		t.Tasks = slices.DeleteFunc(t.Tasks, func(t nursery.TaskInfo) bool { return t.Name == adoptedName })
		if i < 2 {
			e.Tasks = append(e.Tasks, t.Tasks...)
		} else {
			e.Services = append(e.Services, t.Tasks...)
		}
	}
	if e.Requests+e.Connections+len(e.Tasks)+len(e.Dropped)+len(e.Services)+len(e.Server) == 0 {
		return nil
	}
	return e
}
