package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// answers has the cases about what is answered where no rule does.
func answers() []check {
	// E6, E7
	return []check{
		{"errors that say what they come to are answered so, wrapped and joined too", "E6", both, ownStatus},
		{"a status that a foreign error carries counts where the application says so", "E6", both, foreignStatus},
		{"the default answer is a problem, or text for who prefers it, and a HEAD's has no body", "E7", both, formats},
		{"a 5xx says nothing of what went wrong", "E7", both, noInternals},
		{"an error's text never reaches a header, and no text begins a header of its own", "E7", both, noInjection},
	}
}

func ownStatus(t *trial) {
	limited := &errorhandlers.Problem{
		Status: http.StatusTooManyRequests, Detail: "slowly", Header: http.Header{"Retry-After": {"7"}}, Err: errPlain,
	}
	for _, tt := range []struct {
		name   string
		err    error
		status int
		detail string
		retry  string
		tells  []any // what is reported
	}{
		{"a problem, with its header", limited, 429, "slowly", "7", nil},
		{"a problem that is wrapped", fmt.Errorf("secret: %w", limited), 429, "slowly", "7", nil},
		{"a problem that is joined", errors.Join(errPlain, limited), 429, "slowly", "7", []any{errPlain}},
		{"a carrier of a status", teapot{}, 418, "", "", nil},
		{"a deadline", context.DeadlineExceeded, 503, "", "", nil},
		{"draining", errorhandlers.ErrDraining, 503, "", "1", nil},
		{"a full nursery", fmt.Errorf("secret: %w", nursery.ErrFull), 503, "", "1", nil},
		{"a closed nursery", nursery.ErrClosed, 503, "", "1", nil},
		{"a body that is too large", &http.MaxBytesError{Limit: 1}, 413, "", "", nil},
		{"everything else", errPlain, 500, "", "", []any{errPlain}},
	} {
		s := t.serve(creche.Options{}, one(failsWith(tt.err)))
		r := s.get("/one").problem(tt.status, tt.detail).hides("secret")
		if got := r.header.Get("Retry-After"); (got == "") != (tt.retry == "") || tt.retry == "7" && got != "7" {
			t.Errorf("%s: Retry-After: got %q, want %q or another number", tt.name, got, tt.retry)
		}
		if got := s.take(); tt.status != http.StatusServiceUnavailable && len(got) != len(tt.tells) {
			t.Errorf("%s: reported: got %s, want %v", tt.name, list(got), tt.tells)
		}
	}
}

type upstream struct{}

func (upstream) Error() string   { return "upstream's secret" }
func (upstream) StatusCode() int { return http.StatusPaymentRequired }

func foreignStatus(t *trial) {
	s := t.serve(creche.Options{StatusOf: errorhandlers.ForeignStatus}, one(failsWith(upstream{})))
	s.get("/one").problem(http.StatusPaymentRequired, "").hides("secret")
}

func formats(t *trial) {
	fails := failsWith(conflict("sold out"))
	s := t.serve(creche.Options{}, Group{Routes: []Route{{http.MethodGet, "/one", fails}, {http.MethodHead, "/one", fails}}})
	s.get("/one", "Accept", "application/json").problem(http.StatusConflict, "sold out")
	text := s.get("/one", "Accept", "text/plain").is(http.StatusConflict).hides("{")
	if kind := text.header.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain") || !strings.Contains(text.body, "sold out") {
		t.Errorf("text: got %q as %q, want the detail as text/plain", text.body, kind)
	}
	head := s.start(http.MethodHead, "/one", nil).wait().is(http.StatusConflict).says("")
	head.has("Content-Type", "application/problem+json")
}

func noInternals(t *trial) {
	secret := "secret of /srv/app.go:12"
	s := t.serve(creche.Options{}, Group{Routes: []Route{
		{http.MethodGet, "/error", failsWith(errors.New(secret))},
		{http.MethodGet, "/several", fans(errors.New(secret), fmt.Errorf("more: %w", errors.New(secret)))},
		{http.MethodGet, "/panic", func(http.ResponseWriter, *http.Request, Params) error { panic(secret) }},
		{http.MethodGet, "/problem", failsWith(&errorhandlers.Problem{Status: 503, Err: errors.New(secret)})},
		{http.MethodGet, "/task", func(w http.ResponseWriter, r *http.Request, _ Params) error {
			nursery.From(r.Context()).Go(func(context.Context) error { return errors.New(secret) }, nursery.Name(secret))
			return creates(w)
		}},
	}})
	for path, told := range map[string]int{"/error": 1, "/several": 2, "/panic": 1, "/problem": 0, "/task": 1} {
		for _, accept := range []string{"*/*", "text/plain"} {
			r := s.get(path, "Accept", accept).hides("secret", "srv", "goroutine", ".go", "made")
			if r.err != nil || r.status < 500 {
				t.Errorf("%s: got status %d and error %v, want a 5xx", path, r.status, r.err)
			}
			if got := s.take(); len(got) != told {
				t.Errorf("%s: reported: got %s, want %d", path, list(got), told)
			}
		}
	}
}

func noInjection(t *trial) {
	evil := "x\r\nEvil: yes\r\n\r\n<script>"
	s := t.serve(creche.Options{}, Group{Routes: []Route{
		{http.MethodGet, "/error", failsWith(errors.New(evil))},
		{http.MethodGet, "/problem", failsWith(&errorhandlers.Problem{
			Status: 409, Title: evil, Detail: evil, Header: http.Header{"Link": {evil}, "Bad\r\nEvil": {"yes"}},
		})},
		{http.MethodGet, "/items/{id}", func(_ http.ResponseWriter, _ *http.Request, p Params) error {
			id := p.Get("id")
			return &errorhandlers.Problem{Status: 404, Detail: id, Header: http.Header{"Link": {id}}}
		}},
	}})
	for _, path := range []string{"/error", "/problem", "/items/x%0d%0aEvil:%20yes"} {
		for _, accept := range []string{"*/*", "text/plain"} {
			r := s.get(path, "Accept", accept).has("Evil", "")
			if r.err != nil || r.status < 400 || path == "/error" && strings.Contains(r.body, "script") {
				t.Errorf("%s: got status %d, error %v and %q, want a whole error answer", path, r.status, r.err, r.body)
			}
			if kind := r.header.Get("Content-Type"); strings.Contains(kind, "html") {
				t.Errorf("%s: Content-Type: got %q, want none that a browser renders", path, kind)
			}
			r.has("X-Content-Type-Options", "nosniff")
		}
	}
	if told := s.take(); len(told) != 2 {
		t.Errorf("reported: got %s, want the plain error twice", list(told))
	}
}
