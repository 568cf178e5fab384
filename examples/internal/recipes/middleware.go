package recipes

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/chicreche"
	"github.com/creche-go/creche/errorhandlers"
)

// Authenticate is middleware that fails as a handler does: by its error.
func Authenticate(valid func(key string) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
			if !valid(r.Header.Get("Authorization")) {
				w.Header().Set("WWW-Authenticate", "Bearer") // which a 401 keeps
				return &errorhandlers.Problem{Status: http.StatusUnauthorized}
			}
			next.ServeHTTP(w, r)
			return nil
		})
	}
}

// ChiInOrder has middleware on both sides.
func ChiInOrder(app *creche.App, logged func(http.Handler) http.Handler, valid func(key string) bool, list http.HandlerFunc) http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.RequestID, logged) // outside: sees what has left
	chicreche.Use(r, app)
	r.Use(middleware.Compress(5), Authenticate(valid)) // inside: what it writes is held
	r.Get("/notes", list)
	return r
}
