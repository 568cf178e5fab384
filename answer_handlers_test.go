package creche_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

var (
	errFirst  = errors.New("first: secret")
	errSecond = errors.New("second: secret")
	errRule   = errors.New("rule: secret")
)

// teapot answers whatever it is for with 418.
func teapot(w http.ResponseWriter, _ *http.Request, _ error) error {
	w.WriteHeader(http.StatusTeapot)
	_, err := io.WriteString(w, "teapot")
	return err
}

// failBoth fails with errFirst and, beside it, errSecond.
func failBoth(_ http.ResponseWriter, r *http.Request) error {
	startTask(r, func(ctx context.Context) error {
		<-ctx.Done()
		return errSecond
	})
	return errFirst
}

// E2, E4: each row is a rule for errFirst; errSecond has a rule that works.
func TestRuleThatDoesNotAnswerLeavesItToTheNext(t *testing.T) {
	tests := []struct {
		name string
		rule errorhandlers.Handler
		want []error // reported
		one  bool    // in one report
	}{
		{name: "it fails", want: []error{errRule, errFirst}, one: true, rule: func(http.ResponseWriter, *http.Request, error) error {
			return errRule
		}},
		{name: "it fails after it wrote", want: []error{errRule, errFirst}, one: true, rule: func(w http.ResponseWriter, _ *http.Request, _ error) error {
			w.Header().Set("X-Inner", "1")
			w.WriteHeader(http.StatusAccepted)
			io.WriteString(w, "half")
			return errRule
		}},
		{name: "it panics", want: []error{errRule, errFirst}, one: true, rule: func(http.ResponseWriter, *http.Request, error) error {
			panic(errRule)
		}},
		{name: "it panics after it wrote", want: []error{errRule, errFirst}, one: true, rule: func(w http.ResponseWriter, _ *http.Request, _ error) error {
			io.WriteString(w, "half")
			panic(errRule)
		}},
		{name: "a task of it fails", want: []error{errRule, errFirst}, one: true, rule: func(w http.ResponseWriter, r *http.Request, _ error) error {
			startTask(r, func(context.Context) error { return errRule })
			_, err := io.WriteString(w, "half")
			return err
		}},
		{name: "a task of it panics", want: []error{errRule, errFirst}, one: true, rule: func(w http.ResponseWriter, r *http.Request, _ error) error {
			startTask(r, func(context.Context) error { panic(errRule) })
			_, err := io.WriteString(w, "half")
			return err
		}},
		{name: "it writes nothing", want: []error{errFirst}, one: true, rule: func(w http.ResponseWriter, _ *http.Request, _ error) error {
			w.Header().Set("X-Inner", "1")
			return nil
		}},
		{name: "it declines", want: []error{errFirst}, rule: func(http.ResponseWriter, *http.Request, error) error {
			return errorhandlers.ErrDecline
		}},
		{name: "it declines after all", want: []error{errFirst}, rule: func(w http.ResponseWriter, _ *http.Request, _ error) error {
			io.WriteString(w, "half")
			return errorhandlers.ErrDecline
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{
					errorhandlers.OnIs(errFirst, tt.rule), errorhandlers.OnIs(errSecond, teapot),
				}})
				srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(failBoth)))
				got := get(t, srv)
				wantReply(t, got, http.StatusTeapot, "teapot")
				if strings.Contains(got.body, "half") || got.header.Get("X-Inner") != "" {
					t.Errorf("got %v %v, with something of the rule that failed", got, got.header)
				}
				for _, err := range tt.want {
					if got := seen.counts(err); got != 1 {
						t.Errorf("got %d reports of %q, want 1: %v", got, err, seen.reports())
					}
				}
				if got := len(seen.reports()); got != 1 {
					t.Errorf("got %d reports, want 1 with all: %v", got, seen.reports())
				}
			})
		})
	}
}

// E4: when every rule fails there is the plain 500, and each failure is told.
func TestPlain500WhenAllRulesFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		broken := func(http.ResponseWriter, *http.Request, error) error {
			calls.Add(1)
			return errRule
		}
		app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{
			errorhandlers.OnIs(errFirst, broken), errorhandlers.OnIs(errSecond, broken), errorhandlers.OnAny(broken),
		}})
		srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(failBoth)))
		got := get(t, srv)
		wantReply(t, got, http.StatusInternalServerError, "Internal Server Error")
		if calls.Load() != 3 {
			t.Errorf("got %d calls, want one of each rule", calls.Load())
		}
		if got := seen.counts(errRule); got != 3 {
			t.Errorf("got %d reports of failed rules, want 3", got)
		}
		if got := len(seen.reports()); got != 3 {
			t.Errorf("got %d reports, want 3: what a rule was handling is told with it: %v", got, seen.reports())
		}
	})
}

// E4
func TestLeavesNotChosenAreReported(t *testing.T) {
	tests := []struct {
		name  string
		rules []errorhandlers.Rule
		want  int
		told  []error
	}{
		{"the first is answered", []errorhandlers.Rule{errorhandlers.OnIs(errFirst, teapot)}, http.StatusTeapot, []error{errSecond}},
		{"the second is answered", []errorhandlers.Rule{errorhandlers.OnIs(errSecond, teapot)}, http.StatusTeapot, []error{errFirst}},
		{"none is answered", nil, http.StatusInternalServerError, []error{errFirst, errSecond}},
		{"the group is answered", []errorhandlers.Rule{errorhandlers.OnGroup(teapot)}, http.StatusTeapot, nil},
		{"a last resort answers", []errorhandlers.Rule{errorhandlers.OnAny(teapot)}, http.StatusTeapot, nil},
		{
			"the group's rule declines", []errorhandlers.Rule{
				errorhandlers.OnIs(errSecond, teapot),
				errorhandlers.OnGroup(func(http.ResponseWriter, *http.Request, error) error { return errorhandlers.ErrDecline }),
			}, http.StatusTeapot, []error{errFirst},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, seen := watched(creche.Options{Errors: tt.rules})
				wantReply(t, get(t, nurserytest.NewServer(t, app.Middleware(creche.Handler(failBoth)))), tt.want, "")
				seen.wantOnce(t, tt.told...)
			})
		})
	}
}

// R3, E4: what the rule sent has left, and must not look whole.
func TestRuleThatFailsAfterItsCommitIsCut(t *testing.T) {
	tests := []struct {
		name string
		rule errorhandlers.Handler
	}{
		{"it flushes and fails", func(w http.ResponseWriter, _ *http.Request, _ error) error {
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			return errRule
		}},
		{"it writes much and panics", func(w http.ResponseWriter, _ *http.Request, _ error) error {
			io.WriteString(w, repeat(5000))
			panic(errRule)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			protocols(t, func(t *testing.T, opts ...nurserytest.ServerOption) {
				t.Helper()
				synctest.Test(t, func(t *testing.T) {
					app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{
						errorhandlers.OnIs(errFirst, tt.rule), errorhandlers.OnIs(errSecond, teapot),
					}})
					got := get(t, nurserytest.NewServer(t, app.Middleware(creche.Handler(failBoth)), opts...))
					if got.err == nil {
						t.Errorf("got %v, which looks whole", got)
					}
					for _, err := range []error{errRule, errFirst, errSecond} {
						if got := seen.counts(err); got != 1 {
							t.Errorf("got %d reports of %q, want 1", got, err)
						}
					}
				})
			})
		})
	}
}

// E4: ErrAbortHandler is the rule's own choice.
func TestRuleMayAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{
			errorhandlers.OnIs(errFirst, func(http.ResponseWriter, *http.Request, error) error { panic(http.ErrAbortHandler) }),
			errorhandlers.OnIs(errSecond, teapot),
		}})
		srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(failBoth)))
		if got := ask(t, srv.Client(), http.MethodPost, srv.URL); got.err == nil {
			t.Errorf("got %v, want a cut connection", got)
		}
		seen.wantOnce(t, errSecond)
	})
}

// E4: a Goexit takes the goroutine away, but neither the answer nor the report.
func TestRuleThatExits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{
			errorhandlers.OnIs(errFirst, func(w http.ResponseWriter, _ *http.Request, _ error) error {
				io.WriteString(w, "half")
				runtime.Goexit()
				return nil
			}),
		}})
		srv := nurserytest.NewServer(t, app.Middleware(failing(errFirst)))
		wantReply(t, get(t, srv), http.StatusInternalServerError, "Internal Server Error")
		if got := seen.counts(nursery.ErrGoexit); got != 1 {
			t.Errorf("got %d reports of the exit, want 1: %v", got, seen.reports())
		}
		if got := seen.counts(errFirst); got != 1 {
			t.Errorf("got %d reports of what was answered, want 1: %v", got, seen.reports())
		}
	})
}

// E9
func TestRulesRunWithALiveContext(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		background := make(chan error, 1)
		rule := errorhandlers.OnIs(errFirst, func(w http.ResponseWriter, r *http.Request, _ error) error {
			ctx := r.Context()
			if err := ctx.Err(); err != nil {
				t.Errorf("got %v from the rule's context", err)
			}
			if ctx.Value(key{}) != "outer" {
				t.Error("the rule does not see the request's values")
			}
			if err := nursery.All(ctx, func(ctx context.Context) error {
				time.Sleep(time.Minute)
				return ctx.Err()
			}); err != nil {
				t.Errorf("got %v from the rule's own tasks", err)
			}
			startTask(r, func(ctx context.Context) error {
				time.Sleep(time.Minute)
				background <- creche.Go(ctx, "mail", func(context.Context) error { return nil })
				return nil
			})
			return teapot(w, r, nil)
		})
		app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{rule}})
		inner := app.Middleware(failing(errFirst))
		srv := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			inner.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, "outer")))
		}))
		wantReply(t, get(t, srv), http.StatusTeapot, "teapot")
		if err := <-background; err != nil {
			t.Errorf("got %v from creche.Go in a rule, want nil", err)
		}
		seen.wantOnce(t)
	})
}

// E5, E9: a rule that waits for more than the client does ends with it, and
// so does the search for another.
func TestClientLeavesDuringARule(t *testing.T) {
	protocols(t, func(t *testing.T, opts ...nurserytest.ServerOption) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			var cause error
			var others atomic.Int32
			began := make(chan struct{})
			app, seen := watched(creche.Options{Logger: muted, Errors: []errorhandlers.Rule{
				errorhandlers.OnIs(errFirst, func(_ http.ResponseWriter, r *http.Request, _ error) error {
					close(began)
					<-r.Context().Done()
					cause = context.Cause(r.Context())
					return r.Context().Err()
				}),
				errorhandlers.OnIs(errSecond, func(w http.ResponseWriter, r *http.Request, err error) error {
					others.Add(1)
					return teapot(w, r, err)
				}),
			}})
			srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(failBoth)), opts...)
			ctx, hangUp := context.WithCancel(t.Context())
			n := new(nursery.Nursery)
			n.Open(t.Context())
			n.Go(func(context.Context) error {
				<-began
				hangUp()
				return nil
			})
			got := ask(t, srv.Client(), http.MethodGet, srv.URL, func(r *http.Request) { *r = *r.WithContext(ctx) })
			if got.err == nil {
				t.Errorf("got %v, want the client's own error", got)
			}
			if err := n.Join(); err != nil {
				t.Error(err)
			}
			srv.Close()
			if !errors.Is(cause, creche.ErrClientGone) {
				t.Errorf("got cause %v in the rule, want ErrClientGone", cause)
			}
			if others.Load() != 0 {
				t.Errorf("got %d calls of another rule, want none for a client that has gone", others.Load())
			}
			for _, err := range []error{errFirst, errSecond} {
				if got := seen.counts(err); got != 1 {
					t.Errorf("got %d reports of %q, want 1: %v", got, err, seen.reports())
				}
			}
		})
	})
}

// E2: by default the first to fail is answered first; Order says otherwise.
func TestOrderOfTheApp(t *testing.T) {
	tests := []struct {
		order errorhandlers.Order
		want  int
	}{
		{errorhandlers.ByFailure, http.StatusConflict},
		{errorhandlers.BySpawn, http.StatusGone},
		{errorhandlers.BySeverity, http.StatusBadGateway},
	}
	for _, tt := range tests {
		t.Run(tt.order.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, seen := watched(creche.Options{Order: tt.order})
				problem := func(status int, after time.Duration) func(context.Context) error {
					return func(context.Context) error {
						time.Sleep(after)
						return &errorhandlers.Problem{Status: status}
					}
				}
				srv := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					startTask(r, problem(http.StatusGone, 2*time.Second))
					startTask(r, problem(http.StatusConflict, time.Second))
					startTask(r, problem(http.StatusBadGateway, 3*time.Second))
				})))
				wantReply(t, get(t, srv), tt.want, "")
				if got := len(seen.reports()); got < 2 {
					t.Errorf("got %d reports, want the two leaves that were not chosen", got)
				}
			})
		})
	}
}

// halfway is a router whose answers fail when they are half written.
type halfway struct{ creche.PlainRouter }

func (halfway) Answer(x *creche.Exchange, _ *http.Request, _ errorhandlers.Answer) (bool, error) {
	w := x.Writer()
	w.WriteHeader(http.StatusOK)
	io.WriteString(w, "half")
	return true, errors.New("template: no such field")
}

// E4: where the last answer fails too, what it wrote is not taken for one.
func TestARouterWhoseAnswersFailHasThePlainError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := watched(creche.Options{})
		srv := nurserytest.NewServer(t, app.Through(halfway{})(creche.Handler(func(http.ResponseWriter, *http.Request) error {
			return errSoldOut
		})))
		got := get(t, srv)
		wantReply(t, got, http.StatusInternalServerError, "Internal Server Error")
		if strings.Contains(got.body, "half") {
			t.Errorf("got %v, with half an answer", got)
		}
	})
}
