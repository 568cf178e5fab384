package creche

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Stopping bounds the stages of a stop, in this order. Each has its own
// budget; what one leaves over the next ones have, too. Where the process has stood
// still until a budget was spent, what is cancelled then has a tenth of a second all
// the same, or its budget if that is less, so that the whole may take longer.
//
// A negative budget is no time at all. Those that are 0 share what the others
// leave of Total, in the proportion of their defaults: who gives Delay five
// seconds has four fifths of the defaults for the rest. [App.Check] says so
// when the budgets are more than Total, or leave nothing to share.
type Stopping struct {
	// Total is the whole stop; the budgets add up to it at most. It should be
	// some seconds less than the time after which the process is killed: 30 s
	// in Kubernetes, 10 s in docker stop, 90 s in systemd. Default 25 s.
	Total time.Duration
	// Delay is how long the server goes on as if nothing had happened, but for
	// [App.Ready], which says that it will stop: the time that load balancers
	// take to notice. 0 means none.
	Delay time.Duration
	// Requests is the grace of requests and connections, from the moment that
	// [nursery.Draining] tells them to finish. Then they are cancelled with
	// cause [ErrShutdown]. Default 12 s.
	Requests time.Duration
	// Cancelled is how long cancelled requests and connections have to end.
	// Then their connections are closed. Default 2 s.
	Cancelled time.Duration
	// Background is the grace of background tasks. Then they are cancelled
	// with cause [ErrShutdown]. Default 6 s.
	Background time.Duration
	// Abandoned is how long cancelled background tasks have to end. Then they
	// are left behind and named in an [*UnfinishedError]. Default 2 s.
	Abandoned time.Duration
	// Services is how long all services have to stop, one after the other.
	// Then they are left behind and named, too. Default 3 s.
	Services time.Duration
}

var defaultStopping = Stopping{
	Total:      25 * time.Second,
	Requests:   12 * time.Second,
	Cancelled:  2 * time.Second,
	Background: 6 * time.Second,
	Abandoned:  2 * time.Second,
	Services:   3 * time.Second,
}

// longestStop is nobody's business to exceed: it catches a mistaken unit.
const longestStop = 24 * time.Hour

// budget is one field of a Stopping.
type budget struct {
	name      string
	d         *time.Duration
	byDefault time.Duration
}

func (s *Stopping) budgets() []budget {
	by := &defaultStopping
	return []budget{
		{"Delay", &s.Delay, by.Delay},
		{"Requests", &s.Requests, by.Requests},
		{"Cancelled", &s.Cancelled, by.Cancelled},
		{"Background", &s.Background, by.Background},
		{"Abandoned", &s.Abandoned, by.Abandoned},
		{"Services", &s.Services, by.Services},
	}
}

// resolve returns s with every budget as it will be. Where they do not add up
// those that nobody set are the defaults.
func (s Stopping) resolve() (Stopping, error) {
	var faults []error
	if s.Total < 0 {
		faults = append(faults, fmt.Errorf("creche: Options.Stopping.Total is %v: want more than 0", s.Total))
	}
	if s.Total <= 0 {
		s.Total = defaultStopping.Total
	}
	var unset []budget
	var set []string
	var sum, shares time.Duration
	for _, b := range append(s.budgets(), budget{name: "Total", d: &s.Total}) {
		switch {
		case *b.d > longestStop:
			faults = append(faults, fmt.Errorf("creche: Options.Stopping.%s is %v: want at most %v", b.name, *b.d, longestStop))
		case *b.d < 0:
			*b.d = 0
		case b.d == &s.Total:
		case *b.d > 0:
			set = append(set, fmt.Sprintf("%s %v", b.name, *b.d))
			sum += *b.d
		case b.byDefault > 0:
			unset = append(unset, b)
			shares += b.byDefault
		}
	}
	left := s.Total - sum
	if len(faults) == 0 && (left < 0 || left == 0 && len(unset) > 0) {
		faults = append(faults, doNotAddUp(s.Total, left, set, unset))
	}
	for _, b := range unset {
		*b.d = b.byDefault
		if len(faults) == 0 {
			// In milliseconds there is no overflow within longestStop.
			*b.d = time.Duration(int64(left) * b.byDefault.Milliseconds() / shares.Milliseconds())
		}
	}
	return s, errors.Join(faults...)
}

func doNotAddUp(total, left time.Duration, set []string, unset []budget) error {
	budgets := strings.Join(set, " + ")
	if left < 0 {
		return fmt.Errorf("creche: Options.Stopping: the budgets do not add up: %s is %v more than the Total of %v", budgets, -left, total)
	}
	var names []string
	for _, b := range unset {
		names = append(names, b.name)
	}
	return fmt.Errorf("creche: Options.Stopping: the budgets do not add up: %s leaves nothing of the Total of %v to %s (negative where none is meant)",
		budgets, total, strings.Join(names, ", "))
}

// deadlines of the stages of a stop.
type deadlines struct {
	delay, requests, cancelled, background, abandoned, services time.Time
}

// from counts the stages from the start of a stop. S is resolved.
func (s *Stopping) from(start time.Time) deadlines {
	var d deadlines
	d.delay = start.Add(s.Delay)
	d.requests = d.delay.Add(s.Requests)
	d.cancelled = d.requests.Add(s.Cancelled)
	d.background = d.cancelled.Add(s.Background)
	d.abandoned = d.background.Add(s.Abandoned)
	d.services = d.abandoned.Add(s.Services)
	return d
}

// unwinding is from for a start that failed: nothing has a grace that may not
// even have begun, but what was started is stopped in order.
func (s *Stopping) unwinding(start time.Time) deadlines {
	abandoned := start.Add(s.Abandoned)
	return deadlines{
		delay: start, requests: start, cancelled: start, background: start,
		abandoned: abandoned, services: abandoned.Add(s.Services),
	}
}

// moment is until when the stop waits for what takes no time, unless it takes too
// long: also where the stages have none, but then no longer in all.
func (d *deadlines) moment() time.Time {
	return earliest(time.Now(), d.abandoned).Add(patience)
}

// atLeast returns until when a stage goes on which begins with a cancellation: until
// due, or for a moment within its budget where the process has stood still until
// then, so that what heeds its cancellation is not taken for what does not.
func atLeast(due, begins time.Time, budget time.Duration) time.Time {
	soon := begins.Add(min(budget, patience))
	if due.Before(soon) {
		return soon
	}
	return due
}

// hurry has the stages that follow a cancellation begin now: a second signal
// does not wait for the grace it ended.
func (d *deadlines) hurry(s *Stopping, now time.Time) {
	d.requests = earliest(d.requests, now)
	d.cancelled = earliest(d.cancelled, now.Add(s.Cancelled))
	d.background = earliest(d.background, d.cancelled)
	d.abandoned = earliest(d.abandoned, d.cancelled.Add(s.Abandoned))
	d.services = earliest(d.services, d.abandoned.Add(s.Services))
}

// orDefault returns what d means where a negative value means none.
func orDefault(d, byDefault time.Duration) time.Duration {
	switch {
	case d < 0:
		return 0
	case d == 0:
		return byDefault
	}
	return d
}
