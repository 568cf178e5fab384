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
	Requests    int                // requests still being handled
	Connections int                // hijacked connections (websockets) still being handled
	Tasks       []nursery.TaskInfo // background tasks that still run
	Unnamed     int                // background tasks that still run and have no name
	// Dropped are the background tasks that were accepted and will never run,
	// because they were still queued when the rest was cancelled.
	Dropped []nursery.TaskInfo
	// Services are what still runs of services: "cron: stop".
	Services []nursery.TaskInfo
	at       time.Time
}

// Error names what was left, with its age where it still runs.
func (e *UnfinishedError) Error() string {
	var left []string
	count := func(n int, what string) {
		if n > 0 {
			left = append(left, fmt.Sprintf("%d %s", n, what))
		}
	}
	count(e.Requests, "requests")
	count(e.Connections, "connections")
	for _, t := range e.Tasks {
		left = append(left, "background task "+e.stuck(t))
	}
	count(e.Unnamed, "background tasks without a name")
	if len(e.Dropped) > 0 {
		left = append(left, fmt.Sprintf("%d background tasks that were still queued (%s)", len(e.Dropped), names(e.Dropped)))
	}
	for _, t := range e.Services {
		left = append(left, "service "+e.stuck(t))
	}
	return "creche: stopped without waiting any longer for " + strings.Join(left, ", ")
}

// stuck describes a task that ignored its cancellation.
func (e *UnfinishedError) stuck(t nursery.TaskInfo) string {
	return fmt.Sprintf("%s (%v old)", t.Name, e.at.Sub(t.Began).Round(time.Millisecond))
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
		order[i] = name
		if name == "" {
			order[i] = "without a name"
		}
		if n := count[name]; n > 1 {
			order[i] += fmt.Sprintf(" ×%d", n)
		}
	}
	return strings.Join(order, ", ")
}

func (e *UnfinishedError) empty() bool {
	return e.Requests+e.Connections+e.Unnamed+len(e.Tasks)+len(e.Dropped)+len(e.Services) == 0
}

// unfinished says what is left, or nil.
func (s *server) unfinished() error {
	a := s.app
	e := &UnfinishedError{Connections: a.life.hijacked.len(), Dropped: a.waiting.left(), at: time.Now()}
	e.Requests = max(0, a.life.handlers.len()-e.Connections)
	// Listed before they are counted, so that one that ends now is not taken for
	// one without a name.
	e.Tasks = append(named(a.background.Tree().Tasks), named(a.requests.Tree().Tasks)...)
	e.Unnamed = max(0, a.background.Len()+a.requests.Len()-len(e.Tasks)-int(a.life.adopted.Load()))
	for _, v := range s.opened {
		e.Services = append(e.Services, v.left()...)
	}
	if e.empty() {
		return nil
	}
	return e
}

// named returns those of the tasks that have a name.
func named(tasks []nursery.TaskInfo) []nursery.TaskInfo {
	return slices.DeleteFunc(tasks, func(t nursery.TaskInfo) bool { return t.Name == "" })
}
