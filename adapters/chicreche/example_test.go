package chicreche_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/go-chi/chi/v5"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/chicreche"
	"github.com/creche-go/creche/errorhandlers"
)

// The rules of a Route come before the application's.
func Example_scopedRules() {
	errLocked := errors.New("locked")
	answer := func(status int) func(error) error {
		return func(err error) error { return &errorhandlers.Problem{Status: status, Err: err} }
	}
	app := creche.New(creche.Options{Errors: []errorhandlers.Rule{
		errorhandlers.TranslateIs(errLocked, answer(http.StatusConflict)),
	}})
	locked := creche.Handler(func(http.ResponseWriter, *http.Request) error { return errLocked })

	r := chi.NewRouter()
	chicreche.Use(r, app)
	r.Get("/orders", locked)
	r.Route("/admin", func(r chi.Router) {
		r.Use(app.Errors(errorhandlers.TranslateIs(errLocked, answer(http.StatusLocked))))
		r.Get("/orders", locked)
	})

	for _, path := range []string{"/orders", "/admin/orders", "/none"} {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		body, _ := io.ReadAll(w.Result().Body)
		fmt.Print(path, ": ", string(body))
	}
	// Output:
	// /orders: {"title":"Conflict","status":409}
	// /admin/orders: {"title":"Locked","status":423}
	// /none: {"title":"Not Found","status":404}
}
