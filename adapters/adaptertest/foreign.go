package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing/synctest"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// foreign has the cases about middleware of other people's, in the router's own
// shape.
func foreign() []check {
	// R2, R3, E6
	return []check{
		{"an error that middleware hands to the router's error handler and returns as well is one failure", "R2", both, handsOver},
		{"of an error that middleware hands over and another that it returns none is lost", "R2", both, handsOverAnother},
		{"what middleware outside finds in the router's view of a response is what has left", "R2, R3", both, watches},
		{"a refusal keeps the header without which it would be incomplete, and no other", "E6", both, completes},
	}
}

// handing has the router built with middleware that hands errors over.
func (t *trial) handing(hand Hand) {
	build := t.adapter.HandOver
	if build == nil {
		t.Skip("does not apply: the Adapter has no HandOver")
	}
	t.adapter.Build = func(app *creche.App, root Group) http.Handler { return build(app, root, hand) }
}

// hands is what middleware does with the error of a handler.
var hands = []struct {
	does string
	hand Hand
}{
	{"hands nothing over", func(err error, _ func(error)) error { return err }},
	{"hands nil over", func(err error, handle func(error)) error {
		handle(nil)
		return err
	}},
	{"hands it over once", func(err error, handle func(error)) error {
		handle(err)
		return err
	}},
	{"hands it over twice", func(err error, handle func(error)) error {
		handle(err)
		handle(err)
		return err
	}},
	{"hands it over twice and wraps it", func(err error, handle func(error)) error {
		handle(err)
		handle(err)
		return fmt.Errorf("wrapped: %w", err)
	}},
	{"hands it over wrapped", func(err error, handle func(error)) error {
		handle(fmt.Errorf("wrapped: %w", err))
		return err
	}},
	{"hands it over and swallows it", func(err error, handle func(error)) error {
		handle(err)
		return nil
	}},
}

// slice is an error that cannot be compared, as those of validators are.
type slice []string

func (s slice) Error() string { return "invalid: " + strings.Join(s, ", ") }

func handsOver(t *trial) {
	asked := 0
	rule := errorhandlers.On(func(w http.ResponseWriter, r *http.Request, err *missing) error {
		asked++
		return writes("of the rule")(w, r, err)
	})
	root := Group{Routes: []Route{
		{http.MethodGet, "/rule", failsWritten(&missing{"tea"})},
		{http.MethodGet, "/problem", failsWritten(conflict("sold out"))},
		{http.MethodGet, "/plain", failsWritten(errPlain)},
		{http.MethodGet, "/slice", failsWritten(slice{"tea"})},
		{http.MethodGet, "/ok", ok},
	}}
	for i, h := range hands {
		t.handing(h.hand)
		s := t.serve(creche.Options{Errors: []errorhandlers.Rule{rule}}, root)
		s.get("/rule").is(http.StatusUnprocessableEntity).says("of the rule")
		if asked != i+1 {
			t.Errorf("middleware that %s: got the rule asked %d times, want once", h.does, asked-i)
			asked = i + 1
		}
		s.get("/problem").problem(http.StatusConflict, "sold out").hides("made")
		s.reported()
		s.get("/plain").problem(http.StatusInternalServerError, "").hides("made", "secret")
		s.reported(errPlain)
		s.get("/slice").problem(http.StatusInternalServerError, "").hides("made", "invalid")
		s.reported("invalid: tea")
		s.get("/ok").is(http.StatusOK).says("ok")
		s.reported()
	}
}

// failsWritten returns a handler that writes a response and then fails.
func failsWritten(err error) Handler {
	return func(w http.ResponseWriter, _ *http.Request, _ Params) error {
		_ = creates(w)
		return err
	}
}

func handsOverAnother(t *trial) {
	t.handing(func(err error, handle func(error)) error {
		handle(errOther)
		return err
	})
	s := t.serve(creche.Options{}, one(failsWritten(errPlain)))
	s.get("/one").problem(http.StatusInternalServerError, "").hides("made")
	s.reported(errOther, errPlain)
}

// viewed are handlers and what leaves for them.
var viewed = []struct {
	path   string
	status int
	handle Handler
}{
	{"/nothing", 200, func(http.ResponseWriter, *http.Request, Params) error { return nil }},
	{"/small", 201, func(w http.ResponseWriter, _ *http.Request, _ Params) error { return creates(w) }},
	{"/large", 200, func(w http.ResponseWriter, _ *http.Request, _ Params) error {
		_, err := io.WriteString(w, strings.Repeat(fillHold, 4))
		return err
	}},
	{"/empty", 204, func(w http.ResponseWriter, _ *http.Request, _ Params) error {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}},
	{"/rule", 422, failsWritten(&missing{"tea"})},
	{"/problem", 409, failsWith(conflict("sold out"))},
	{"/plain", 500, failsWritten(errPlain)},
	{"/panic", 500, func(w http.ResponseWriter, _ *http.Request, _ Params) error {
		_ = creates(w)
		panic("secret")
	}},
	{"/late", 409, func(w http.ResponseWriter, r *http.Request, _ Params) error {
		nursery.From(r.Context()).Go(func(context.Context) error { return conflict("sold out") })
		return creates(w)
	}},
	{"/left", 200, func(w http.ResponseWriter, _ *http.Request, _ Params) error {
		_, err := io.WriteString(w, "begun")
		return errors.Join(err, http.NewResponseController(w).Flush(), errPlain)
	}},
	{"/nowhere", 404, nil},
}

func watches(t *trial) {
	var mu sync.Mutex
	var views []View
	watch := t.adapter.Watch
	if watch == nil {
		t.Skip("does not apply: the Adapter has no Watch")
	}
	t.adapter.Build = func(app *creche.App, root Group) http.Handler {
		return watch(app, root, func(v View) {
			mu.Lock()
			defer mu.Unlock()
			views = append(views, v)
		})
	}
	var root Group
	for _, v := range viewed {
		if v.handle != nil {
			root.Routes = append(root.Routes, Route{http.MethodGet, v.path, v.handle})
		}
	}
	s := t.serve(creche.Options{Errors: []errorhandlers.Rule{byType[*missing]("of the rule")}}, root)
	for _, v := range viewed {
		r := s.get(v.path)
		synctest.Wait()
		mu.Lock()
		got := views
		views = nil
		mu.Unlock()
		want := View{Status: r.status, Size: int64(len(r.body)), Committed: true}
		if len(got) == 1 && !got[0].Committed && r.body == "" { // nothing was written
			want.Committed, got[0].Status = false, r.status
		}
		if r.status != v.status || len(got) != 1 || got[0] != want {
			t.Errorf("%s: the router's view: got %+v, want %+v alone, as has left", r.what, got, want)
		}
	}
	s.take()
}

// completing names the header that is kept, by the status of the refusal.
var completing = map[int]string{
	401: "WWW-Authenticate", 405: "Allow", 407: "Proxy-Authenticate", 413: "Retry-After", 429: "Retry-After", 503: "Retry-After",
	400: "", 403: "", 404: "", 500: "",
}

// completes has all the headers set by who refuses, whatever the status.
func completes(t *trial) {
	all := []string{"WWW-Authenticate", "Allow", "Proxy-Authenticate", "Retry-After", "Location"}
	refuses := func(err error) Handler {
		return func(w http.ResponseWriter, _ *http.Request, _ Params) error {
			for _, key := range all {
				w.Header().Set(key, "7")
			}
			return err
		}
	}
	var root Group
	for status := range completing {
		problem := &errorhandlers.Problem{Status: status, Err: errPlain}
		root.Routes = append(root.Routes,
			Route{http.MethodGet, fmt.Sprintf("/default/%d", status), refuses(fmt.Errorf("wrapped: %w", problem))},
			Route{http.MethodGet, fmt.Sprintf("/rule/%d", status), refuses(&refused{status})},
			Route{http.MethodGet, fmt.Sprintf("/translated/%d", status), refuses(&unnamed{status})},
		)
	}
	s := t.serve(creche.Options{Errors: []errorhandlers.Rule{
		byType[*refused]("of the rule"),
		errorhandlers.Translate(func(err *unnamed) error { return &errorhandlers.Problem{Status: err.status} }),
	}}, root)
	for status, kept := range completing {
		for _, r := range []*reply{
			s.get(fmt.Sprintf("/default/%d", status)).problem(status, ""),
			s.get(fmt.Sprintf("/rule/%d", status)).is(http.StatusUnprocessableEntity).says("of the rule"),
			s.get(fmt.Sprintf("/translated/%d", status)).problem(status, ""),
		} {
			for _, key := range all {
				want := ""
				if key == kept {
					want = "7"
				}
				r.has(key, want)
			}
		}
	}
	s.take()
}

// refused carries a status, unnamed needs a rule for that.
type (
	refused struct{ status int }
	unnamed struct{ status int }
)

func (*refused) Error() string     { return "refused" }
func (r *refused) HTTPStatus() int { return r.status }
func (*unnamed) Error() string     { return "refused" }
