package creche_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// E1: all faults are told together.
func TestCheckReturnsAllFaults(t *testing.T) {
	app := creche.New(creche.Options{
		Hold:       -1,
		ReadBody:   -2,
		Order:      errorhandlers.MostSpecific + 1,
		Background: creche.Background{Limit: -3},
		Stopping:   creche.Stopping{Requests: 1000 * time.Hour},
		Errors: []errorhandlers.Rule{
			errorhandlers.OnIs(errFirst, teapot), errorhandlers.OnIs(errFirst, teapot),
			errorhandlers.OnStatus(200, teapot),
		},
	})
	app.Errors(errorhandlers.OnAny(nil), errorhandlers.Rule{})
	err := app.Check()
	if err == nil {
		t.Fatal("got no faults")
	}
	for _, want := range []string{
		"Options.Hold is -1", "Options.ReadBody is -2", "Options.Order is Order(4)", "Background.Limit is -3", "Stopping.Requests is 1000h",
		"two rules for the same errors", "OnStatus(200)", "nil handler", "app_test.go:",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got faults %q, want %q among them", err, want)
		}
	}
	if again := app.Check(); again == nil || again.Error() != err.Error() {
		t.Errorf("got %v from another Check, want the same", again)
	}
}

func TestCheckOfAGoodApp(t *testing.T) {
	app := creche.New(creche.Options{})
	app.Errors(conflict)
	app.Errors(conflict) // another scope
	app.Errors()
	if err := app.Check(); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

// An App with faults works as well as it can: its good parts answer.
func TestAppWithFaultsStillAnswers(t *testing.T) {
	app, _ := watched(creche.Options{Hold: -1, Errors: []errorhandlers.Rule{says("app")}})
	group := app.Errors(errorhandlers.OnAny(nil))
	rec := httptest.NewRecorder()
	app.Middleware(group(failing(errSoldOut))).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
	if rec.Code != http.StatusTeapot || rec.Body.String() != "app" {
		t.Errorf("got %d %q, want the application's rule", rec.Code, rec.Body)
	}
}

func TestMisuseNamesTheCall(t *testing.T) {
	app := creche.New(creche.Options{})
	task := func(context.Context) error { return nil }
	var none context.Context
	tests := []struct {
		name string
		call func()
		want string
	}{
		{"Middleware without a handler", func() { app.Middleware(nil) }, "creche: Middleware: nil handler"},
		{"Errors without a handler", func() { app.Errors()(nil) }, "creche: Errors: nil handler"},
		{"Handler without one", func() { creche.Handler(nil) }, "creche: Handler: nil handler"},
		{"Go without a context", func() { _ = creche.Go(none, "x", task) }, "creche: Go: nil context"},
		{"App.Go without a context", func() { _ = app.Go(none, "x", task) }, "creche: Go: nil context"},
		{"App.Go without a task", func() { _ = app.Go(t.Context(), "x", nil) }, "creche: Go: nil task"},
		{"LogReport without a context", func() { creche.LogReport(none, nursery.Report{}) }, "creche: LogReport: nil context"},
		{"Go outside of any application", func() { _ = creche.Go(t.Context(), "x", task) }, "hand it the request"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if v, _ := recover().(string); !strings.Contains(v, tt.want) {
					t.Errorf("got panic %q, want %q", v, tt.want)
				}
			}()
			tt.call()
		})
	}
}

func TestExchangeOfNothing(t *testing.T) {
	if x := creche.ExchangeOf(t.Context()); x != nil {
		t.Errorf("got %v, want nil outside of any request", x)
	}
}

// E1: every Order there is may be asked for.
func TestTheOrdersAreNoFaults(t *testing.T) {
	for _, o := range []errorhandlers.Order{errorhandlers.ByFailure, errorhandlers.BySpawn, errorhandlers.BySeverity, errorhandlers.MostSpecific} {
		if err := creche.New(creche.Options{Order: o}).Check(); err != nil {
			t.Errorf("%v: got fault %v, want none", o, err)
		}
	}
	if err := creche.New(creche.Options{Order: -1}).Check(); err == nil {
		t.Error("an order of -1: got no fault")
	}
}
