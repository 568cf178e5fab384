package creche_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// E1, E2: what a user's test of the application's rules looks like.
func TestExplainTheRulesOfAnApp(t *testing.T) {
	app := creche.New(creche.Options{Errors: []errorhandlers.Rule{
		errorhandlers.OnIs(errFirst, teapot), errorhandlers.OnStatusClass(4, teapot),
	}})
	admin := []errorhandlers.Rule{errorhandlers.OnStatus(http.StatusForbidden, teapot)}
	forbidden := &errorhandlers.Problem{Status: http.StatusForbidden}
	for _, tc := range []struct {
		name  string
		err   error
		group []errorhandlers.Rule
		rule  string
		how   string
		level int
	}{
		{"a rule of the app", errFirst, nil, "OnIs(first: secret)", "sentinel", 0},
		{"a rule of the app, for a group without one", errFirst, admin, "OnIs(first: secret)", "sentinel", 1},
		{"a rule of the group", forbidden, admin, "OnStatus(403)", "status", 0},
		{"the app's, outside the group", forbidden, nil, "OnStatusClass(4)", "status class", 0},
		{"nobody", errSecond, admin, "the default answer", "nothing", -1},
		{"nothing", nil, admin, "the default answer", "nothing", -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := app.Explain(tc.err, tc.group...)
			if e.Rule.Name() != tc.rule || e.How() != tc.how || e.Level() != tc.level || e.Faults != nil {
				t.Errorf("got %v at %d, faults %v, want %s by %s at %d", e, e.Level(), e.Faults, tc.rule, tc.how, tc.level)
			}
		})
	}
}

func TestExplainHasTheAppsOrderAndStatuses(t *testing.T) {
	app := creche.New(creche.Options{Order: errorhandlers.BySeverity, StatusOf: func(err error) (int, bool) { return 503, err == errFirst }})
	if e := app.Explain(errors.Join(&errorhandlers.Problem{Status: 404}, errFirst)); e.Status != 503 {
		t.Errorf("got %v, want 503", e)
	}
}

// Faults of a group's rules are told where they are asked about, and are none
// of the app's.
func TestExplainWithFaultsInAGroup(t *testing.T) {
	app := creche.New(creche.Options{})
	e := app.Explain(errFirst, errorhandlers.OnAny(nil))
	if e.Faults == nil || !strings.Contains(e.Faults.Error(), "nil handler") || app.Check() != nil {
		t.Errorf("got faults %v and of the app %v, want those of the group alone", e.Faults, app.Check())
	}
}

// Within a request the rules in force are explained, and no handler is run.
func TestExplainInARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{errorhandlers.OnIs(errFirst, func(http.ResponseWriter, *http.Request, error) error {
			t.Error("the handler of a rule was run")
			return nil
		})}})
		group := app.Errors(errorhandlers.OnIs(errSecond, teapot))
		srv := nurserytest.NewServer(t, app.Middleware(group(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
			x := creche.ExchangeOf(r.Context())
			if a, b := x.Explain(errFirst), x.Explain(errSecond); a.Level() != 1 || b.Level() != 0 {
				t.Errorf("got levels %d and %d, want 1 and 0", a.Level(), b.Level())
			}
			w.WriteHeader(http.StatusAccepted)
			return nil
		}))))
		wantReply(t, get(t, srv), http.StatusAccepted, "")
		seen.wantOnce(t)
	})
}
