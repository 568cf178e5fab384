package creche

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/creche-go/creche/nursery"
)

// Stopping bounds the stages of a stop. Each has its own budget; what one
// leaves over the next ones have, too. The defaults add up to 25 s: Kubernetes
// kills at 30. A field of 0 means its default, a negative one no time at all.
type Stopping struct {
	// Requests is the grace of requests and connections, from the moment that
	// [nursery.Draining] tells them to finish. Then they are cancelled with
	// cause [ErrShutdown]. Default 14 s.
	Requests time.Duration
	// Cancelled is how long cancelled requests and connections have to end.
	// Then their connections are closed. Default 3 s.
	Cancelled time.Duration
	// Background is the grace of background tasks. Then they are cancelled
	// with cause [ErrShutdown]. Default 6 s.
	Background time.Duration
	// Abandoned is how long cancelled background tasks have to end. Then they
	// are left behind and named in an [*UnfinishedError]. Default 2 s.
	Abandoned time.Duration
}

var defaultStopping = Stopping{
	Requests:   14 * time.Second,
	Cancelled:  3 * time.Second,
	Background: 6 * time.Second,
	Abandoned:  2 * time.Second,
}

// longestStop is no stage's business to exceed: it catches a mistaken unit.
const longestStop = 24 * time.Hour

func (s Stopping) check() error {
	var faults []error
	for _, f := range []struct {
		name string
		d    time.Duration
	}{{"Requests", s.Requests}, {"Cancelled", s.Cancelled}, {"Background", s.Background}, {"Abandoned", s.Abandoned}} {
		if f.d > longestStop {
			faults = append(faults, fmt.Errorf("creche: Options.Stopping.%s is %v: want at most %v", f.name, f.d, longestStop))
		}
	}
	return errors.Join(faults...)
}

// deadlines of the stages of a stop, counted from its start.
type deadlines struct {
	requests, cancelled, background, abandoned time.Time
}

func (s Stopping) from(start time.Time) deadlines {
	var d deadlines
	d.requests = start.Add(orDefault(s.Requests, defaultStopping.Requests))
	d.cancelled = d.requests.Add(orDefault(s.Cancelled, defaultStopping.Cancelled))
	d.background = d.cancelled.Add(orDefault(s.Background, defaultStopping.Background))
	d.abandoned = d.background.Add(orDefault(s.Abandoned, defaultStopping.Abandoned))
	return d
}

// hurry has the stages that follow a cancellation begin now: a second signal
// does not wait for the grace it ended.
func (d *deadlines) hurry(s Stopping, now time.Time) {
	d.cancelled = earliest(d.cancelled, now.Add(orDefault(s.Cancelled, defaultStopping.Cancelled)))
	d.background = earliest(d.background, d.cancelled)
	d.abandoned = earliest(d.abandoned, d.cancelled.Add(orDefault(s.Abandoned, defaultStopping.Abandoned)))
}

func orDefault(d, byDefault time.Duration) time.Duration {
	switch {
	case d < 0:
		return 0
	case d == 0:
		return byDefault
	}
	return d
}

// UnfinishedError is what [App.Serve] returns when it gave up waiting: some
// of the work ignored its cancellation until the stop's budget was spent.
type UnfinishedError struct {
	Requests    int                // requests still being handled
	Connections int                // hijacked connections (websockets) still being handled
	Tasks       []nursery.TaskInfo // background tasks
	Unnamed     int                // background tasks that have no name
	Dropped     int                // background tasks that were still queued when they were cancelled
	at          time.Time
}

// Error names what was left, background tasks with their age.
func (e *UnfinishedError) Error() string {
	var left []string
	if e.Requests > 0 {
		left = append(left, fmt.Sprintf("%d requests", e.Requests))
	}
	if e.Connections > 0 {
		left = append(left, fmt.Sprintf("%d connections", e.Connections))
	}
	for _, t := range e.Tasks {
		left = append(left, fmt.Sprintf("background task %s (%v old)", t.Name, e.at.Sub(t.Began).Round(time.Millisecond)))
	}
	if e.Unnamed > 0 {
		left = append(left, fmt.Sprintf("%d background tasks without a name", e.Unnamed))
	}
	if e.Dropped > 0 {
		left = append(left, fmt.Sprintf("%d background tasks that were still queued", e.Dropped))
	}
	return "creche: stopped without waiting any longer for " + strings.Join(left, ", ")
}
