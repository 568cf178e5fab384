package creche

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/creche-go/creche/errorhandlers"
)

// shapes finds rules that no router of the application can run.
type shapes struct {
	routers map[reflect.Type]Router       // that requests come through, of each type one
	special map[string]errorhandlers.Rule // in the shape of a router, by name and place
}

// Expect says that requests will come through router, or through one of its
// type. It is part of the kit for authors of adapters: those that call
// [App.Exchange], with a router for each request, call it when the router is
// built, so that [App.Check] knows for which rules there is a router, and
// [App.Explain] which one it is. Of router, which may be a nil pointer in an
// interface, they call Accept and ProblemOf. Through and Middleware do so
// themselves. A nil router is that of net/http.
func (a *App) Expect(router Router) {
	if router == nil {
		router = PlainRouter{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.shapes.routers == nil {
		a.shapes.routers = make(map[reflect.Type]Router)
	}
	a.shapes.routers[reflect.TypeOf(router)] = router
}

// expectSome has an App that no adapter has spoken for expect requests as net/http
// brings them. Until it serves that may come later.
func (a *App) expectSome() {
	a.mu.Lock()
	none := len(a.shapes.routers) == 0
	a.mu.Unlock()
	if none {
		a.Expect(nil)
	}
}

// special returns a router of each type that requests come through, but for that
// of net/http, by the names of the types.
func (a *App) special() []Router {
	a.mu.Lock()
	defer a.mu.Unlock()
	var routers []Router
	for _, router := range a.shapes.routers {
		if isSpecial(router) {
			routers = append(routers, router)
		}
	}
	slices.SortFunc(routers, func(a, b Router) int { return strings.Compare(typeOf(a), typeOf(b)) })
	return routers
}

// isSpecial reports whether router is another than that of net/http.
func isSpecial(router Router) bool {
	_, plain := router.(PlainRouter)
	return router != nil && !plain
}

func typeOf(router Router) string { return reflect.TypeOf(router).String() }

// keep keeps those of rules that not every router can run. The caller holds
// the App's mu.
func (s *shapes) keep(rules []errorhandlers.Rule) {
	for i := range rules {
		rule := &rules[i]
		if _, plain := rule.Answer().(errorhandlers.Handler); plain || rule.Answer() == nil {
			continue
		}
		if s.special == nil {
			s.special = make(map[string]errorhandlers.Rule)
		}
		s.special[rule.String()] = *rule
	}
}

// check returns the rules that none of the routers can run, if there are
// routers yet. The caller holds the App's mu.
func (s *shapes) check() error {
	if len(s.routers) == 0 {
		return nil
	}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(s.special)) {
		rule := s.special[name]
		accepted := false
		for _, router := range s.routers {
			accepted = accepted || router.Accept(rule.Answer())
		}
		if !accepted {
			faults = append(faults, fmt.Errorf("creche: %s is in the shape of another router: none of this application's runs a %T (was Use of its adapter called?)", name, rule.Answer()))
		}
	}
	return errors.Join(faults...)
}
