package creche_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// A faulty rule costs the others nothing, and is told where nobody calls Check
// or Serve, as in a test of a handler.
//
// E1
func TestAFaultyRuleIsLeftOutAndTold(t *testing.T) {
	var log journal
	notFound := &errorhandlers.Problem{Status: http.StatusNotFound}
	app := creche.New(creche.Options{
		Logger:  log.logger(),
		Observe: func(context.Context, nursery.Report) {},
		Errors: []errorhandlers.Rule{
			errorhandlers.OnStatus(200, teapot),
			errorhandlers.TranslateIs(errFirst, func(error) error { return notFound }),
			errorhandlers.TranslateIs(errFirst, func(error) error { return errSecond }),
			errorhandlers.OnIs(errSecond, teapot),
		},
	})
	do := func(h http.Handler, want int) {
		t.Helper()
		rec := httptest.NewRecorder()
		app.Middleware(h).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
		if rec.Code != want {
			t.Errorf("got %d, want %d", rec.Code, want)
		}
	}
	lines := func() []string { return strings.Split(strings.TrimSpace(log.String()), "\n") }

	do(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }), http.StatusAccepted)
	if got := log.String(); got != "" {
		t.Errorf("got log %s of a success, want nothing", got)
	}
	for range 2 {
		do(failing(errFirst), http.StatusNotFound)
	}
	do(failing(errSecond), http.StatusTeapot)
	if got := lines(); len(got) != 1 || !strings.Contains(got[0], "level=ERROR") ||
		!strings.Contains(got[0], "OnStatus(200) (") || !strings.Contains(got[0], "are two rules for the same errors") {
		t.Errorf("got log %q, want all faults in one line", got)
	}
	do(app.Errors(errorhandlers.OnAny(nil))(failing(errFirst)), http.StatusNotFound)
	if got := lines(); len(got) != 2 || !strings.Contains(got[1], "OnAny (") || strings.Contains(got[1], "OnStatus(200)") {
		t.Errorf("got log %q, want another line with what is new", got)
	}
	if got := app.Explain(errFirst); got.Via() == nil || !strings.Contains(got.String(), "\tfault: errorhandlers: OnStatus(200) (") {
		t.Errorf("got %v, want the good rule, and the faults", got)
	}
	do(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
		if got := creche.ExchangeOf(r.Context()).Explain(errFirst); got.Faults == nil || got.Faults.Error() != app.Check().Error() {
			t.Errorf("got faults %v in a request, want those of Check", got.Faults)
		}
		return nil
	}), http.StatusOK)
}

// E1
func TestAFaultyRuleOfAGroupIsLeftOutOfAnExplanation(t *testing.T) {
	app := creche.New(creche.Options{})
	e := app.Explain(errFirst, errorhandlers.OnIs(errFirst, teapot), errorhandlers.OnStatus(200, teapot))
	if e.Rule.Name() != "OnIs(first: secret)" || e.Faults == nil {
		t.Errorf("got %v, faults %v, want the good rule and the fault of the other", e, e.Faults)
	}
}

// E1: those of a websocket, whose failures come to the rules by Resolve.
func TestAFaultIsToldWhereNoHandlerRuns(t *testing.T) {
	var log journal
	app := creche.New(creche.Options{Logger: log.logger(), Errors: []errorhandlers.Rule{
		errorhandlers.OnStatus(200, teapot),
		errorhandlers.TranslateIs(errFirst, func(error) error { return &errorhandlers.Problem{Status: http.StatusGone} }),
	}})
	h := app.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if p := creche.ExchangeOf(r.Context()).Resolve(errors.Join(errFirst)); p == nil || p.Status != http.StatusGone {
			t.Errorf("got %v, want 410", p)
		}
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "OnStatus(200) (") {
		t.Errorf("got log %s, want the fault", got)
	}
}
