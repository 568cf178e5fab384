package creche

import (
	"errors"
	"fmt"
	"strings"

	"github.com/creche-go/creche/errorhandlers"
)

// Explain says what answers a request that fails with err, and why: for tests
// of an application's rules. Group are those of the group of routes that the
// request is in, if it has any. Faults in them and in the application's
// configuration are among the Faults of the result. No handler is run.
//
// It goes by the router that requests have been said to come through (see
// [App.Expect]), be it beside that of net/http: on echo it knows echo's errors and
// handlers once echo's Use was called. Where there are several it goes by net/http,
// and a fault says so: use the Explain of an adapter, or [App.ExplainFor].
func (a *App) Explain(err error, group ...errorhandlers.Rule) errorhandlers.Explanation {
	routers := a.special()
	if len(routers) == 1 {
		return a.ExplainFor(routers[0], err, group...)
	}
	e := a.ExplainFor(nil, err, group...)
	if len(routers) > 1 {
		e.Faults = errors.Join(ambiguous(routers), e.Faults)
	}
	return e
}

// ambiguous says that an answer depends on the router.
func ambiguous(routers []Router) error {
	names := make([]string, len(routers))
	for i, router := range routers {
		names[i] = typeOf(router)
	}
	return fmt.Errorf("creche: requests come through several routers (%s), and this is for none of them: use the Explain of its adapter, or App.ExplainFor",
		strings.Join(names, ", "))
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
	e.Faults = together(x.App().allFaults(), e.Faults)
	return e
}
