package creche

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"

	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// Check returns all faults of the configuration together, or nil: options
// out of range, budgets that do not add up, rules that contradict each other,
// rules in the shape of a router that is none of those the App has been given so
// far, if it has been given one or serves, and services that are none.
func (a *App) Check() error { return together(a.allFaults(), a.checkServices()) }

// allFaults returns all but those of the services.
func (a *App) allFaults() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return together(errors.Join(a.faults...), a.shapes.check())
}

func (a *App) fault(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, err)
	a.untold.Store(true)
}

// tellFaults logs the faults that are not in the log yet. It is for requests that
// fail, whose answer may be due to one: where nobody calls Check or Serve, as
// where a test calls a handler, nothing else tells.
func (a *App) tellFaults(ctx context.Context) {
	if !a.untold.Load() {
		return
	}
	if faults := a.newFaults(); faults != nil {
		a.logError(ctx, "creche: faults in the configuration", slog.String("faults", nursery.Text(faults)))
	}
}

// newFaults returns those that are not in the log yet, to be logged.
func (a *App) newFaults() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.untold.Store(false)
	faults := errors.Join(a.faults[a.told:]...)
	a.told = len(a.faults)
	return faults
}

// compile returns the faults of rules and a set of the others, in which of two
// for the same errors the first is. With faults the time it takes grows with the
// square of their number.
func compile(rules []errorhandlers.Rule) (*errorhandlers.Set, error) {
	set, faults := errorhandlers.Compile(rules...)
	if faults == nil {
		return set, nil
	}
	var sound []errorhandlers.Rule
	for _, rule := range rules {
		if more, err := errorhandlers.Compile(append(sound, rule)...); err == nil {
			sound, set = append(sound, rule), more
		}
	}
	return set, faults
}

// placeOf returns, for faults, the file and line where the caller of placeOf was
// called or, skip levels up, that was.
func placeOf(skip int) string {
	_, file, line, ok := runtime.Caller(skip + 2)
	if !ok {
		return "place unknown"
	}
	return fmt.Sprintf("%s:%d", file, line)
}
