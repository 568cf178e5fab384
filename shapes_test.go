package creche_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// shaped is the handler of a rule in the shape of shapedRouter.
type shaped func(error) error

type shapedRouter struct{ creche.PlainRouter }

func (*shapedRouter) Accept(answer any) bool { _, ok := answer.(shaped); return ok }

func inShape(key errorhandlers.Key) errorhandlers.Rule {
	return errorhandlers.NewRule(key, shaped(func(error) error { return nil }), 0)
}

// A rule that no router of the application can run would never be asked.
//
// E1
func TestRulesInTheShapeOfARouterThatThereIsNone(t *testing.T) {
	expects := func(r creche.Router) func(*creche.App) { return func(a *creche.App) { a.Expect(r) } }
	tests := []struct {
		name    string
		routers []func(*creche.App)
		want    bool // a fault
	}{
		{"no router yet", nil, false},
		{"its router", []func(*creche.App){expects((*shapedRouter)(nil))}, false},
		{"its router, through middleware", []func(*creche.App){func(a *creche.App) { a.Through(&shapedRouter{}) }}, false},
		{"net/http's", []func(*creche.App){func(a *creche.App) { a.Middleware(http.NotFoundHandler()) }}, true},
		{"net/http's, expected", []func(*creche.App){expects(nil)}, true},
		{"both", []func(*creche.App){expects(nil), expects(&shapedRouter{})}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			own := []errorhandlers.Rule{inShape(errorhandlers.IsKey(errFirst)), errorhandlers.OnIs(errSecond, teapot)}
			app := creche.New(creche.Options{Errors: own})
			for range 2 { // the same place is one fault
				app.Errors(inShape(errorhandlers.AnyKey()))
			}
			for _, add := range tt.routers {
				add(app)
			}
			err := app.Check()
			if !tt.want {
				wantErr(t, err, nil)
				return
			}
			wantTexts(t, err, "OnIs(first: secret) (", "shapes_test.go:22) is in the shape of another router: none of this application's runs a creche_test.shaped")
			if got := strings.Count(err.Error(), "OnAny"); got != 1 {
				t.Errorf("got %v, want the rule of the group once", err)
			}
		})
	}
}

// Until the application serves its router may still come.
//
// E1, B5
func TestRulesInTheShapeOfARouterWhereThereIsNoneAtAll(t *testing.T) {
	rules := []errorhandlers.Rule{inShape(errorhandlers.IsKey(errFirst))}
	t.Run("a fault", func(t *testing.T) {
		app := creche.New(creche.Options{IgnoreSignals: true, Logger: quiet, Errors: rules})
		wantErr(t, app.Check(), nil)
		err := app.Serve(t.Context(), nurserytest.Listen(), http.NotFoundHandler())
		wantTexts(t, err, "OnIs(first: secret) (", "none of this application's runs a creche_test.shaped (was Use of its adapter called?)")
		if check := app.Check(); check == nil || check.Error() != err.Error() {
			t.Errorf("Check after that: got %v, want %v", check, err)
		}
	})
	t.Run("none with its router", func(t *testing.T) {
		app := creche.New(creche.Options{IgnoreSignals: true, Logger: quiet, Errors: rules})
		wantErr(t, app.Check(), nil)
		app.Expect((*shapedRouter)(nil))
		app.Stop(errStop)
		wantErr(t, app.Serve(t.Context(), nurserytest.Listen(), http.NotFoundHandler()), errStop)
	})
}

// Explain says what is on the wire, or that this depends.
//
// E1
func TestExplainGoesByTheRouterOfTheApp(t *testing.T) {
	tests := []struct {
		name    string
		routers []creche.Router
		status  int
		fault   string
	}{
		{"none yet", nil, 500, ""},
		{"net/http's", []creche.Router{nil}, 500, ""},
		{"one", []creche.Router{knowing{}}, 418, ""},
		{"one beside net/http's", []creche.Router{nil, knowing{}, knowing{}}, 418, ""},
		{"several", []creche.Router{knowing{}, nil, (*shapedRouter)(nil)}, 500, "several routers (*creche_test.shapedRouter, creche_test.knowing)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			app := creche.New(creche.Options{})
			for _, router := range tt.routers {
				app.Expect(router)
			}
			e := app.Explain(strange{418})
			if e.Status != tt.status {
				t.Errorf("got %v, want %d", e, tt.status)
			}
			if tt.fault == "" {
				wantErr(t, e.Faults, nil)
				return
			}
			wantTexts(t, e.Faults, tt.fault, "App.ExplainFor")
			if !strings.Contains(e.String(), "\tfault: creche: requests come through "+tt.fault) {
				t.Errorf("got %v, want the fault in it", e)
			}
			if e := app.ExplainFor(knowing{}, strange{418}); e.Status != http.StatusTeapot || e.Faults != nil {
				t.Errorf("got %v for one of them, want 418", e)
			}
		})
	}
}

// A rule that is for an error and does not answer it is named in the log, where
// the rest of what happened is.
//
// E4
func TestTheLogNamesTheRulesThatGaveNothing(t *testing.T) {
	tests := []struct {
		name string
		rule errorhandlers.Rule
		want string // after the rule's place
	}{
		{"a translation to nil", errorhandlers.TranslateIs(errFirst, func(error) error { return nil }), `: it returned nil`},
		{"a translation to what nobody answers", errorhandlers.TranslateIs(errFirst, func(error) error { return errSecond }), `second: secret`},
		{"a rule in another shape", inShape(errorhandlers.IsKey(errFirst)), "its handler is in the shape of another router"},
		{"a translation that wraps what it was made of, which answers", errorhandlers.TranslateIs(errFirst, func(err error) error {
			return &errorhandlers.Problem{Status: http.StatusInternalServerError, Err: err}
		}), ""},
		{"a rule for something else", errorhandlers.TranslateIs(errSecond, func(error) error { return nil }), ""},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			var log journal
			app := creche.New(creche.Options{Logger: log.logger(), Errors: []errorhandlers.Rule{tt.rule}})
			srv := nurserytest.NewServer(t, app.Middleware(failing(errFirst)))
			wantReply(t, get(t, srv), http.StatusInternalServerError, "")
			synctest.Wait()
			got := log.String()
			if strings.Count(got, "level=ERROR") != 1 || !strings.Contains(got, `error="first: secret" method=GET path=/`) {
				t.Errorf("got log %s, want the error in a line", got)
			}
			if _, after, has := strings.Cut(got, `skipped="`+strings.TrimSuffix(tt.rule.Name(), ")")); has != (tt.want != "") || !strings.Contains(after, tt.want) {
				t.Errorf("got log %s, want the rule and %q", got, tt.want)
			}
		})
	}
}
