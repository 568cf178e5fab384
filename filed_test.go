package creche_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

type list []string

func (l list) Error() string { return fmt.Sprint([]string(l)) }

// hollow is a struct that can be compared, but not with everything in it.
type hollow struct{ in any }

func (h hollow) Error() string { return fmt.Sprint(h.in) }

// N3: one failure is one, and several are several.
func TestFailOnce(t *testing.T) {
	first, second := errors.New("first"), errors.New("second")
	for _, tt := range []struct {
		name  string
		given []error
		want  int
	}{
		{"the same error twice", []error{first, first}, 1},
		{"two errors", []error{first, second, first, second}, 2},
		{"an error and then what wraps it", []error{first, fmt.Errorf("wrapped: %w", first)}, 1},
		{"what wraps an error and then that", []error{fmt.Errorf("wrapped: %w", first), first}, 1},
		{"two that wrap the same", []error{fmt.Errorf("a: %w", first), fmt.Errorf("b: %w", first)}, 2},
		{"an error and then what joins it with another, which has it again", []error{first, errors.Join(first, second)}, 3},
		{"equal errors that are not the same", []error{errors.New("x"), errors.New("x")}, 2},
		{"one that cannot be compared", []error{list{"a"}, list{"a"}, fmt.Errorf("wrapped: %w", list{"a"})}, 1},
		{"two that cannot be compared and differ", []error{list{"a"}, list{"b"}}, 2},
		{"one that can be compared with some only", []error{hollow{1}, hollow{list{"a"}}, hollow{list{"a"}}, hollow{1}}, 2},
		{"an error and then what wraps it a hundred thousand times", []error{first, ringless(100_000, first)}, 1},
		{"a ring and another", []error{endless()["a ring"], endless()["a ring"]}, 2},
		{"nil", []error{nil, first, nil}, 1},
		{"a typed nil whose methods panic", []error{(*panicking)(nil), (*panicking)(nil)}, 1},
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, after the end %v", tt.name, late), func(t *testing.T) {
				app, seen := watched(creche.Options{Logger: muted})
				var x *creche.Exchange
				give := func() {
					for _, err := range tt.given {
						x.FailOnce(err)
					}
				}
				serve(app.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					if x = creche.ExchangeOf(r.Context()); !late {
						give()
					}
				})))
				if late {
					give()
				}
				got := 0
				for _, r := range seen.reports() {
					for range nursery.Leaves(r.Err) {
						got++
					}
				}
				if got != tt.want {
					t.Errorf("failures reported: got %d (%v), want %d", got, seen.reports(), tt.want)
				}
			})
		}
	}
}

type panicking struct{ err error }

func (*panicking) Error() string   { return "panicking" }
func (p *panicking) Unwrap() error { return p.err }

// serve has h answer a request without a server.
func serve(h http.Handler) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	return w
}

// N3
func TestFailOnceFromManyGoroutines(t *testing.T) {
	app, seen := watched(creche.Options{Logger: muted})
	errs := []error{errors.New("a"), errors.New("b"), errors.New("c")}
	serve(app.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() { creche.ExchangeOf(r.Context()).FailOnce(errs[i%len(errs)]) })
		}
		wg.Wait()
	})))
	seen.wantOnce(t, errs...)
}

// E4, E6: what a rule's handler that failed has set is not taken for what the
// one who refused has.
func TestOnlyWhoRefusesCompletesARefusal(t *testing.T) {
	app, _ := watched(creche.Options{Logger: muted, Errors: []errorhandlers.Rule{
		errorhandlers.OnStatus(http.StatusUnauthorized, func(w http.ResponseWriter, _ *http.Request, _ error) error {
			w.Header().Set("WWW-Authenticate", "of the rule")
			w.Header().Set("Retry-After", "7")
			return errors.New("broken")
		}),
	}})
	answer := func(set string) *httptest.ResponseRecorder {
		return serve(app.Middleware(creche.Handler(func(w http.ResponseWriter, _ *http.Request) error {
			if set != "" {
				w.Header()["Www-Authenticate"] = []string{"Basic " + set, "Bearer"}
			}
			return errors.Join(&errorhandlers.Problem{Status: http.StatusUnauthorized}, &errorhandlers.Problem{Status: http.StatusServiceUnavailable})
		})))
	}
	for _, set := range []string{"", "x"} {
		w := answer(set)
		if got := w.Header()["Www-Authenticate"]; w.Code != http.StatusServiceUnavailable || got != nil || w.Header().Get("Retry-After") != "" {
			t.Errorf("got %d with %q and %q, want a 503 without either", w.Code, got, w.Header().Get("Retry-After"))
		}
	}
}

// E6: all values are kept, and what a problem brings comes before them.
func TestACompletedRefusalHasAllValues(t *testing.T) {
	app, _ := watched(creche.Options{})
	refuse := func(p *errorhandlers.Problem) []string {
		return serve(app.Middleware(creche.Handler(func(w http.ResponseWriter, _ *http.Request) error {
			w.Header()["Www-Authenticate"] = []string{"Basic", "Bearer"}
			w.WriteHeader(http.StatusOK)
			return p
		}))).Header()["Www-Authenticate"]
	}
	if got := fmt.Sprint(refuse(&errorhandlers.Problem{Status: 401})); got != "[Basic Bearer]" {
		t.Errorf("got %s, want both challenges", got)
	}
	own := http.Header{"Www-Authenticate": {"Digest"}}
	if got := fmt.Sprint(refuse(&errorhandlers.Problem{Status: 401, Header: own})); got != "[Digest]" {
		t.Errorf("got %s, want the problem's own", got)
	}
}

// pushing has a push that what is around it hides.
type pushing struct {
	http.ResponseWriter
	pushed string
}

func (p *pushing) Push(target string, _ *http.PushOptions) error {
	p.pushed = target
	return nil
}

// R4
func TestPushGoesThroughWritersThatHaveNone(t *testing.T) {
	app, _ := watched(creche.Options{})
	h := app.Middleware(creche.Handler(func(w http.ResponseWriter, _ *http.Request) error {
		return w.(http.Pusher).Push("/style.css", nil)
	}))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.ProtoMajor, r.ProtoMinor = 2, 0
	under := &pushing{ResponseWriter: httptest.NewRecorder()}
	h.ServeHTTP(wrapping{under}, r)
	if under.pushed != "/style.css" {
		t.Errorf("pushed: got %q, want what the handler did", under.pushed)
	}
}

// strange is an error that only the router knows.
type strange struct{ status int }

func (strange) Error() string { return "secret" }

type knowing struct{ creche.PlainRouter }

func (knowing) ProblemOf(err error) *errorhandlers.Problem {
	if e, ok := err.(strange); ok {
		return &errorhandlers.Problem{Status: e.status, Detail: "strange", CloseReason: "strange", Err: err}
	}
	return nil
}

// E6, E7, W3
func TestARouterSaysWhatItsErrorsAreAnsweredWith(t *testing.T) {
	app, _ := watched(creche.Options{Logger: muted})
	for _, tt := range []struct {
		err    error
		status int
		detail string
	}{
		{strange{404}, 404, "strange"},
		{fmt.Errorf("wrapped: %w", strange{404}), 404, "strange"},
		{strange{200}, 500, ""},
		{errors.New("secret"), 500, ""},
		{&errorhandlers.Problem{Status: 409, Detail: "plain"}, 409, "plain"},
	} {
		var resolved *errorhandlers.Problem
		w := serve(app.Through(knowing{})(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			x := creche.ExchangeOf(r.Context())
			resolved = x.Resolve(tt.err)
			if p := x.Default(tt.err); p.HTTPStatus() != tt.status || p.Detail != tt.detail {
				t.Errorf("Default of %v: got %v, want status %d and detail %q", tt.err, p, tt.status, tt.detail)
			}
			return tt.err
		})))
		var p struct{ Detail string }
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != tt.status || p.Detail != tt.detail {
			t.Errorf("answer to %v: got %d %q, want status %d and detail %q", tt.err, w.Code, w.Body, tt.status, tt.detail)
		}
		if known := tt.status != 500; known != (resolved != nil) || known && resolved.Detail != tt.detail {
			t.Errorf("Resolve of %v: got %v, want detail %q", tt.err, resolved, tt.detail)
		}
	}
}

// E4
func TestARulesHandlerThatHandsAnErrorOverAndExits(t *testing.T) {
	handled, first, late := errors.New("handled"), errors.New("first"), errors.New("late")
	app, seen := watched(creche.Options{Logger: muted, Errors: []errorhandlers.Rule{
		errorhandlers.OnIs(handled, func(_ http.ResponseWriter, r *http.Request, _ error) error {
			creche.ExchangeOf(r.Context()).FailOnce(first)
			runtime.Goexit()
			return nil
		}),
	}})
	var x *creche.Exchange
	var wg sync.WaitGroup
	wg.Go(func() { // which the exit ends
		serve(app.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			x = creche.ExchangeOf(r.Context())
			x.FailOnce(handled)
		})))
	})
	wg.Wait()
	x.FailOnce(late)
	for _, err := range []error{handled, first, late} {
		if seen.counts(err) != 1 {
			t.Errorf("reports of %q: got %d in %v, want 1", err, seen.counts(err), seen.reports())
		}
	}
}

// E4: what a rule's handler gives to the router's error handler it might as
// well have returned.
func TestARulesHandlerThatHandsErrorsOver(t *testing.T) {
	handled, first, second := errors.New("handled"), errors.New("first"), errors.New("second")
	for _, tt := range []struct {
		name  string
		rule  func(x *creche.Exchange, r *http.Request) error
		cause []error // of the rule's failure
	}{
		{"one", func(x *creche.Exchange, _ *http.Request) error { x.FailOnce(first); return nil }, []error{first}},
		{"the one it handles", func(x *creche.Exchange, _ *http.Request) error { x.FailOnce(handled); return nil }, []error{handled}},
		{"one that it returns as well", func(x *creche.Exchange, _ *http.Request) error {
			x.FailOnce(first)
			x.FailOnce(first)
			return first
		}, []error{first}},
		{"one beside that which it returns", func(x *creche.Exchange, _ *http.Request) error { x.FailOnce(first); return second }, []error{first, second}},
		{"one from a task", func(x *creche.Exchange, r *http.Request) error {
			nursery.From(r.Context()).Go(func(context.Context) error { x.FailOnce(first); return nil })
			return nil
		}, []error{first}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			app, seen := watched(creche.Options{Logger: muted, Errors: []errorhandlers.Rule{
				errorhandlers.OnIs(handled, func(w http.ResponseWriter, r *http.Request, _ error) error {
					w.WriteHeader(http.StatusConflict)
					return tt.rule(creche.ExchangeOf(r.Context()), r)
				}),
			}})
			w := serve(app.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				creche.ExchangeOf(r.Context()).FailOnce(handled)
			})))
			if w.Code != http.StatusInternalServerError {
				t.Errorf("answer: got %d, want the plain 500", w.Code)
			}
			told := seen.reports()
			if len(told) != 1 {
				t.Fatalf("reports: got %v, want one", told)
			}
			fault, _ := told[0].Err.(*errorhandlers.RuleError)
			if fault == nil || fault.Err != handled || !slices.Equal(slices.Collect(nursery.Leaves(fault.Cause)), tt.cause) {
				t.Errorf("reported: got %v, want that the rule for %v failed with %v", told[0].Err, handled, tt.cause)
			}
		})
	}
}

// An exchange inside another has its own failures, although the two share what
// both go by until something is filed.
//
// R7
func TestFailOnceKnowsNothingOfTheExchangeAround(t *testing.T) {
	app, _ := watched(creche.Options{})
	inside := httptest.NewRecorder()
	failsOnce := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { creche.ExchangeOf(r.Context()).FailOnce(errSoldOut) })
	outer := app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		failsOnce(w, r)
		app.Middleware(failsOnce).ServeHTTP(inside, r)
	}))
	outside := httptest.NewRecorder()
	outer.ServeHTTP(outside, httptest.NewRequest(http.MethodGet, "/", nil))
	for name, got := range map[string]int{"inside": inside.Code, "outside": outside.Code} {
		if got != http.StatusInternalServerError {
			t.Errorf("the exchange %s: got %d, want 500", name, got)
		}
	}
}
