package adaptertest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// rulehandlers has the cases about the handlers of rules.
func rulehandlers() []check {
	// E4, E9
	return []check{
		{"a rule's handler that fails is reported with what it handled, and the next failure is tried", "E4", both, failingRules},
		{"a rule's handler has the request's values, and a context that the failure did not cancel", "E9", both, contextOfRules},
	}
}

func failingRules(t *trial) {
	broken := errors.New("the rule is broken")
	s := t.serve(creche.Options{Errors: []errorhandlers.Rule{
		errorhandlers.OnIs(errGone, func(w http.ResponseWriter, _ *http.Request, _ error) error {
			w.Header().Set("Set-Cookie", "secret=1")
			w.WriteHeader(http.StatusTeapot)
			return broken
		}),
		errorhandlers.OnIs(errOther, func(http.ResponseWriter, *http.Request, error) error { panic("a secret panic") }),
	}}, Group{Routes: []Route{
		{http.MethodGet, "/error", fans(errGone, conflict("next"))},
		{http.MethodGet, "/panic", fans(errOther, conflict("next"))},
		{http.MethodGet, "/alone", failsWith(errGone)},
	}})
	s.get("/error").problem(http.StatusConflict, "next").hides("secret")
	checkFault(s, errGone, "the rule is broken")
	s.get("/panic").problem(http.StatusConflict, "next").hides("secret")
	checkFault(s, errOther, "a secret panic")
	s.get("/alone").problem(http.StatusInternalServerError, "").hides("secret")
	checkFault(s, errGone, "the rule is broken")
}

// checkFault looks for one report that has both, the error that was handled
// and what became of it.
func checkFault(s *site, handled error, became string) {
	s.Helper()
	both := 0
	told := s.take()
	for _, r := range told {
		if fault := new(errorhandlers.RuleError); errors.As(r.Err, &fault) && errors.Is(fault.Err, handled) && indexOf(told, became) >= 0 {
			both++
		}
	}
	if both != 1 {
		s.Errorf("reported: got %s, want once that the rule for %q failed with %q", list(told), handled, became)
	}
}

type valueKey struct{}

func contextOfRules(t *trial) {
	outer := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), valueKey{}, "of the request")))
		})
	}
	ended := false
	gone := errorhandlers.OnIs(errGone, func(w http.ResponseWriter, r *http.Request, err error) error {
		if got := r.Context().Err(); got != nil {
			t.Errorf("the context of a rule's handler: got %v, want it alive", got)
		}
		if got := r.Context().Value(valueKey{}); got != "of the request" {
			t.Errorf("a value of the request: got %v, want it", got)
		}
		nursery.From(r.Context()).Go(func(context.Context) error {
			time.Sleep(time.Second)
			ended = true
			return nil
		})
		return writes("gone")(w, r, err)
	})
	s := t.serveBehind(outer, creche.Options{Errors: []errorhandlers.Rule{gone}}, one(func(_ http.ResponseWriter, r *http.Request, _ Params) error {
		fails(r, errGone)
		return nil
	}))
	s.get("/one").is(http.StatusUnprocessableEntity).says("gone")
	if !ended {
		t.Error("a task of a rule's handler: got it still running, want it joined before the answer")
	}
}
