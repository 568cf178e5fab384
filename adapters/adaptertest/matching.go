package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// matching has the cases about which rule answers.
func matching() []check {
	// E1, E2, E3, E4
	return []check{
		{"rules answer by type, sentinel, status, class and predicate, and translate once", "E1", both, kindsOfRules},
		{"of an error's chain the outermost link comes first, and of rules the most exact", "E3", both, chains},
		{"of several failures the first that somebody answers does, and the others are reported", "E2, E4", both, fanOut},
		{"the application's order of failures is obeyed", "E2", both, orders},
		{"a rule for the whole group is asked first and may decline", "E2", both, groupRule},
		{"a last resort is asked when no failure has an answer of its own", "E2", both, lastResort},
	}
}

var (
	errGone  = errors.New("gone")
	errOther = errors.New("other")
)

type missing struct{ what string }

func (m *missing) Error() string { return m.what + " is missing" }

type busy interface {
	error
	Busy() bool
}

type crowded struct{}

func (crowded) Error() string { return "crowded" }
func (crowded) Busy() bool    { return true }

type teapot struct{}

func (teapot) Error() string   { return "teapot" }
func (teapot) HTTPStatus() int { return http.StatusTeapot }

// writes returns a rule's handler that answers with text, which says which
// rule it was.
func writes(text string) errorhandlers.Handler {
	return func(w http.ResponseWriter, _ *http.Request, _ error) error {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, err := io.WriteString(w, text)
		return err
	}
}

func byType[E error](text string) errorhandlers.Rule {
	return errorhandlers.On(func(w http.ResponseWriter, r *http.Request, err E) error { return writes(text)(w, r, err) })
}

func isCrowded(err error) bool {
	_, is := err.(crowded)
	return is
}

// A matchCase is an error that a handler returns, and the rule that answers it.
type matchCase struct {
	name  string
	rules []errorhandlers.Rule
	err   error
	want  string // what the rule writes
}

// checkMatches has each error returned by the handler, and then by a task.
func checkMatches(t *trial, o creche.Options, tests []matchCase) {
	for _, tt := range tests {
		o.Errors = tt.rules
		s := t.serve(o, Group{Routes: []Route{
			{http.MethodGet, "/handler", func(_ http.ResponseWriter, r *http.Request, _ Params) error {
				if e := creche.ExchangeOf(r.Context()).Explain(tt.err); e.Rule == nil {
					t.Errorf("%s: explained: got %v, want a rule", tt.name, e)
				}
				return tt.err
			}},
			{http.MethodGet, "/task", func(w http.ResponseWriter, r *http.Request, p Params) error {
				fails(r, tt.err)
				return ok(w, r, p)
			}},
		}})
		for _, path := range []string{"/handler", "/task"} {
			if r := s.get(path).is(http.StatusUnprocessableEntity); r.body != tt.want {
				t.Errorf("%s, %s: answered by: got %q, want %q", tt.name, path, r.body, tt.want)
			}
		}
	}
}

func kindsOfRules(t *trial) {
	toOther := func(error) error { return fmt.Errorf("translated: %w", errOther) }
	checkMatches(t, creche.Options{}, []matchCase{
		{"a concrete type", []errorhandlers.Rule{byType[*missing]("type")}, &missing{"tea"}, "type"},
		{"an interface", []errorhandlers.Rule{byType[busy]("interface")}, crowded{}, "interface"},
		{"a sentinel", []errorhandlers.Rule{errorhandlers.OnIs(errGone, writes("sentinel"))}, errGone, "sentinel"},
		{"a sentinel of the standard library, by an Is method", []errorhandlers.Rule{errorhandlers.OnIs(fs.ErrNotExist, writes("is"))}, notExist{}, "is"},
		{"a status", []errorhandlers.Rule{errorhandlers.OnStatus(409, writes("status"))}, conflict(""), "status"},
		{"the status of a carrier", []errorhandlers.Rule{errorhandlers.OnStatus(418, writes("carrier"))}, teapot{}, "carrier"},
		{"a class of them", []errorhandlers.Rule{errorhandlers.OnStatusClass(4, writes("class"))}, conflict(""), "class"},
		{"a predicate", []errorhandlers.Rule{errorhandlers.OnMatch(isCrowded, writes("predicate"))}, crowded{}, "predicate"},
		{"whatever is left", []errorhandlers.Rule{errorhandlers.OnAny(writes("any"))}, errPlain, "any"},
		{
			"a translation, whose result meets another rule",
			[]errorhandlers.Rule{errorhandlers.TranslateIs(errGone, toOther), errorhandlers.OnIs(errOther, writes("translated"))}, errGone, "translated",
		},
		{
			"a translation of what is a translation's result, which is not translated again",
			[]errorhandlers.Rule{
				errorhandlers.TranslateIs(errGone, toOther), errorhandlers.TranslateIs(errOther, func(error) error { return errGone }),
				errorhandlers.OnAny(writes("once")),
			}, errGone, "once",
		},
	})
}

type notExist struct{}

func (notExist) Error() string        { return "none there" }
func (notExist) Is(target error) bool { return target == fs.ErrNotExist }

func chains(t *trial) {
	toMissing := byType[*missing]("type")
	checkMatches(t, creche.Options{}, []matchCase{
		{"wrapped", []errorhandlers.Rule{toMissing}, fmt.Errorf("here: %w", &missing{"tea"}), "type"},
		{
			"the outer of two links",
			[]errorhandlers.Rule{errorhandlers.OnIs(errGone, writes("inner")), errorhandlers.OnStatus(409, writes("outer"))},
			&errorhandlers.Problem{Status: 409, Err: errGone}, "outer",
		},
		{
			"the sentinel before the predicate",
			[]errorhandlers.Rule{errorhandlers.OnMatch(isCrowded, writes("predicate")), errorhandlers.OnIs(crowded{}, writes("sentinel"))},
			crowded{}, "sentinel",
		},
		{
			"the type before the status and the class",
			[]errorhandlers.Rule{errorhandlers.OnStatusClass(4, writes("class")), errorhandlers.OnStatus(418, writes("status")), byType[teapot]("type")},
			teapot{}, "type",
		},
	})
}

// fan fails one task after the other, a second apart, in the order of errs:
// spawned backwards, each whatever happens to the others.
func fan(ctx context.Context, errs ...error) error {
	tasks := make([]func(context.Context) error, 0, len(errs))
	for i := len(errs) - 1; i >= 0; i-- {
		tasks = append(tasks, func(context.Context) error {
			time.Sleep(time.Duration(i+1) * time.Second)
			return errs[i]
		})
	}
	return nursery.All(ctx, tasks...)
}

// fans returns a handler whose tasks fail with errs, in that order.
func fans(errs ...error) Handler {
	return func(_ http.ResponseWriter, r *http.Request, _ Params) error { return fan(r.Context(), errs...) }
}

func fanOut(t *trial) {
	gone := errorhandlers.OnIs(errGone, writes("gone"))
	s := t.serve(creche.Options{Errors: []errorhandlers.Rule{gone}}, Group{Routes: []Route{
		{http.MethodGet, "/second", fans(errPlain, errGone)},
		{http.MethodGet, "/first", fans(conflict("first"), errGone)},
		{http.MethodGet, "/late", func(w http.ResponseWriter, r *http.Request, p Params) error {
			fails(r, errGone)
			return errors.Join(ok(w, r, p), errPlain)
		}},
		{http.MethodGet, "/none", fans(errPlain, errOther)},
	}})
	s.get("/second").is(http.StatusUnprocessableEntity).says("gone").hides("secret")
	s.reported(errPlain)
	s.get("/first").problem(http.StatusConflict, "first")
	s.reported(errGone)
	s.get("/late").is(http.StatusUnprocessableEntity).says("gone").hides("secret")
	s.reported(errPlain)
	s.get("/none").problem(http.StatusInternalServerError, "").hides("secret", "other")
	s.reported(errPlain, errOther)
}

func orders(t *trial) {
	unavailable := &errorhandlers.Problem{Status: http.StatusServiceUnavailable, Detail: "third"}
	for _, tt := range []struct {
		order  errorhandlers.Order
		status int
		rest   []any
	}{
		{errorhandlers.ByFailure, http.StatusConflict, []any{errGone, unavailable}},
		{errorhandlers.BySpawn, http.StatusServiceUnavailable, []any{errGone, "first"}},
		{errorhandlers.BySeverity, http.StatusServiceUnavailable, []any{errGone, "first"}},
		{errorhandlers.MostSpecific, http.StatusUnprocessableEntity, []any{unavailable, "first"}},
	} {
		gone := errorhandlers.OnIs(errGone, writes("gone"))
		o := creche.Options{Order: tt.order, Errors: []errorhandlers.Rule{gone}}
		s := t.serve(o, one(fans(conflict("first"), errGone, unavailable)))
		if got := s.get("/one").status; got != tt.status {
			t.Errorf("order %v: status: got %d, want %d", tt.order, got, tt.status)
		}
		s.reported(tt.rest...)
	}
}

func groupRule(t *trial) {
	asked := 0
	whole := errorhandlers.OnGroup(func(w http.ResponseWriter, r *http.Request, err error) error {
		asked++
		if errors.Is(err, errOther) {
			return errorhandlers.ErrDecline
		}
		return writes("whole")(w, r, err)
	})
	gone := errorhandlers.OnIs(errGone, writes("gone"))
	s := t.serve(creche.Options{Errors: []errorhandlers.Rule{gone, whole}}, Group{Routes: []Route{
		{http.MethodGet, "/taken", fans(errPlain, errGone)},
		{http.MethodGet, "/declined", fans(errOther, errGone)},
		{http.MethodGet, "/single", failsWith(errGone)},
	}})
	s.get("/taken").is(http.StatusUnprocessableEntity).says("whole")
	s.get("/declined").is(http.StatusUnprocessableEntity).says("gone")
	s.reported(errOther)
	s.get("/single").is(http.StatusUnprocessableEntity).says("gone")
	if asked != 2 {
		t.Errorf("the group's rule was asked: got %d times, want 2", asked)
	}
}

func lastResort(t *trial) {
	last := errorhandlers.OnAny(writes("last"))
	s := t.serve(creche.Options{Errors: []errorhandlers.Rule{last}}, Group{Routes: []Route{
		{http.MethodGet, "/nobody", fans(errPlain, errOther)},
		{http.MethodGet, "/somebody", fans(errPlain, conflict("its own"))},
		{http.MethodGet, "/panic", func(http.ResponseWriter, *http.Request, Params) error { panic("panic") }},
	}})
	s.get("/nobody").is(http.StatusUnprocessableEntity).says("last")
	s.get("/somebody").problem(http.StatusConflict, "its own")
	s.reported(errPlain)
	s.get("/panic").is(http.StatusUnprocessableEntity).says("last")
	s.reported("panic")
}
