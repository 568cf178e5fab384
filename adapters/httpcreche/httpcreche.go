// Package httpcreche puts an application's scopes, rules and held responses
// around a ServeMux of net/http.
//
//	mux := http.NewServeMux()
//	mux.Handle("GET /quote/{sku}", creche.Handler(quote))
//	mux.Handle("/admin/", app.Errors(adminRules...)(admin))
//	err := app.ListenAndServe(ctx, ":8080", httpcreche.Wrap(mux, app))
package httpcreche

import (
	"net/http"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
)

// Wrap returns a handler that serves mux with an exchange of app around each
// request. The 404 and 405 that mux itself answers go through the error rules
// like any other error, with the Allow header kept; what a handler wrote is
// never replaced.
//
// A mux inside mux is seen through unless something between the two hands it
// a copy of the request, as [http.StripPrefix] does: then its own 404 and 405
// stay net/http's, unless it is wrapped as well. Wrap leaves mux as it is, so that
// Wrap for the second time returns another handler like the first. A nil mux or
// app panics.
func Wrap(mux *http.ServeMux, app *creche.App) http.Handler {
	if mux == nil {
		panic("httpcreche: Wrap: nil mux")
	}
	if app == nil {
		panic("httpcreche: Wrap: nil app")
	}
	return app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r)
		if r.Pattern == "" { // no handler was called last
			refuse(creche.ExchangeOf(r.Context()))
		}
	}))
}

// refuse turns the mux's own refusal into an error for the rules. That it is
// the mux's shows in what it says: a handler may have asked a mux inside and
// then written a page of its own.
func refuse(x *creche.Exchange) {
	switch status, body := x.Held(); {
	case status == http.StatusNotFound && string(body) == "404 page not found\n",
		status == http.StatusMethodNotAllowed && string(body) == "Method Not Allowed\n":
		x.Fail(&errorhandlers.Problem{Status: status})
	}
}
