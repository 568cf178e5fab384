package adaptertest

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
)

// scoped has the cases about rules of groups.
func scoped() []check {
	// E1, R8
	return []check{
		{"a group's rules come before those further out, for handlers and for tasks that fail late", "R8", both, innermostFirst},
		{"a group's rules are in force in it and below, and nowhere else", "R8", both, onlyInGroup},
		{"faults of a group's rules are told before anything is served", "E1", both, faultsOfGroups},
	}
}

// innermostFirst has an error of each kind fail at each depth.
func innermostFirst(t *trial) {
	routes := []Route{
		{http.MethodGet, "/handler/{error}", func(_ http.ResponseWriter, _ *http.Request, p Params) error {
			return named[p.Get("error")]
		}},
		{http.MethodGet, "/task/{error}", func(w http.ResponseWriter, r *http.Request, p Params) error {
			fails(r, named[p.Get("error")])
			return creates(w)
		}},
	}
	is := func(err error, text string) errorhandlers.Rule { return errorhandlers.OnIs(err, writes(text)) }
	app := []errorhandlers.Rule{is(errGone, "app"), is(errOther, "app"), byType[*missing]("app")}
	root := Group{Routes: routes, Groups: []Group{{
		Prefix: "/outer", Routes: routes, Rules: []errorhandlers.Rule{is(errGone, "outer"), is(errOther, "outer")},
		Groups: []Group{{Prefix: "/inner", Routes: routes, Rules: []errorhandlers.Rule{is(errGone, "inner"), errorhandlers.OnMatch(isMissing, writes("inner"))}}},
	}}}
	s := t.serve(creche.Options{Errors: app}, root)
	for _, tt := range []struct{ group, gone, other, missing string }{
		{"", "app", "app", "app"},
		{"/outer", "outer", "outer", "app"},
		{"/outer/inner", "inner", "outer", "inner"}, // for an inner predicate comes before an outer type
	} {
		for _, from := range []string{"/handler/", "/task/"} {
			s.get(tt.group + from + "gone").is(http.StatusUnprocessableEntity).says(tt.gone)
			s.get(tt.group + from + "other").is(http.StatusUnprocessableEntity).says(tt.other)
			s.get(tt.group + from + "missing").is(http.StatusUnprocessableEntity).says(tt.missing)
		}
	}
}

// named are errors by the last segment of a path.
var named = map[string]error{"gone": errGone, "other": fmt.Errorf("wrapped: %w", errOther), "missing": &missing{"tea"}}

func isMissing(err error) bool {
	_, is := err.(*missing)
	return is
}

func onlyInGroup(t *trial) {
	routes := []Route{{http.MethodGet, "/fails", failsWith(&errorhandlers.Problem{Status: http.StatusConflict, Detail: "default"})}}
	left := []errorhandlers.Rule{errorhandlers.OnStatus(http.StatusConflict, writes("left"))}
	s := t.serve(creche.Options{}, Group{Routes: routes, Groups: []Group{
		{Prefix: "/left", Rules: left, Routes: routes, Groups: []Group{{Prefix: "/below", Routes: routes}}},
		{Prefix: "/right", Routes: routes},
	}})
	s.get("/left/fails").is(http.StatusUnprocessableEntity).says("left")
	s.get("/left/below/fails").is(http.StatusUnprocessableEntity).says("left")
	s.get("/right/fails").problem(http.StatusConflict, "default")
	s.get("/fails").problem(http.StatusConflict, "default")
}

func faultsOfGroups(t *trial) {
	s := t.build(creche.Options{Errors: []errorhandlers.Rule{errorhandlers.OnIs(nil, writes(""))}})
	t.adapter.Build(s.app, Group{Groups: []Group{{
		Prefix: "/group", Routes: []Route{{http.MethodGet, "/one", ok}},
		Rules: []errorhandlers.Rule{errorhandlers.OnIs(errGone, writes("a")), errorhandlers.OnIs(errGone, writes("b"))},
	}}})
	err := s.app.Check()
	if err == nil {
		t.Fatal("Check: got nil, want the faults of the application's rules and of the group's")
	}
	if got := err.Error(); !strings.Contains(got, "OnIs(nil)") || strings.Count(got, "scoped.go") < 3 {
		t.Errorf("Check: got %q, want the application's fault, and where both of the group's rules are", got)
	}
}
