package creche

import (
	"errors"

	"github.com/creche-go/creche/errorhandlers"
)

// Explain says what answers a request that fails with err, and why: for tests
// of an application's rules. Group are those of the group of routes that the
// request is in, if it has any. Faults in them and in the application's
// configuration are among the Faults of the result. No handler is run.
// On echo use the adapter's own Explain, which
// knows echo's errors and handlers.
func (a *App) Explain(err error, group ...errorhandlers.Rule) errorhandlers.Explanation {
	return a.ExplainFor(nil, err, group...)
}

// ExplainFor is [App.Explain] for the router given, which may have errors and
// handlers of its own. It is part of the kit for authors of adapters; a nil
// router is that of net/http.
func (a *App) ExplainFor(router Router, err error, group ...errorhandlers.Rule) errorhandlers.Explanation {
	set, faults := compile(group)
	rules := a.rules
	if len(group) > 0 {
		rules = &errorhandlers.Frame{Set: set, Outer: a.rules}
	}
	e := a.search(router).Explain(err, rules)
	e.Faults = errors.Join(a.allFaults(), faults, e.Faults)
	return e
}

// Explain says what would answer the request if it failed with err here and
// now, by the rules in force, and why: for logs. The application's faults are
// among those of the result. No handler is run. It may be called from any
// goroutine until the exchange ends.
func (x *Exchange) Explain(err error) errorhandlers.Explanation {
	e := x.search().Explain(err, x.rules())
	if faults := x.App().allFaults(); faults != nil {
		e.Faults = errors.Join(faults, e.Faults)
	}
	return e
}
