package chicreche_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/chicreche"
)

// A background task would read what chi has filled for another request. Where
// nobody copies that for it, it is not begun.
//
// B1
func TestChiWithoutUse(t *testing.T) {
	app, _ := newApp()
	outer, _ := newApp()
	begun := 0
	begin := creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		type key struct{}
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), key{}, "value"), time.Hour)
		defer cancel()
		if err := app.Go(ctx, "job", func(context.Context) error { return nil }); err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
			return nil
		}
		begun++
		return nil
	})
	routes := func(use func(chi.Router), around func(http.Handler) http.Handler) http.Handler {
		r := chi.NewRouter()
		use(r)
		r.Route("/sub", func(r chi.Router) { r.Get("/{id}", begin) })
		return around(r)
	}
	nothing := func(chi.Router) {}
	alone := func(h http.Handler) http.Handler { return h }
	tests := []struct {
		name string
		h    http.Handler
		ok   bool
	}{
		{"Use", routes(func(r chi.Router) { chicreche.Use(r, app) }, alone), true},
		{"Use of another application around ours", routes(func(r chi.Router) { chicreche.Use(r, outer); r.Use(app.Middleware) }, alone), true},
		{"no chi", app.Middleware(begin), true},
		{"no middleware", begin, true},
		{"Middleware in its place", routes(func(r chi.Router) { r.Use(app.Middleware) }, alone), false},
		{"Middleware around it", routes(nothing, app.Middleware), false},
		{"Timeout alone", routes(func(r chi.Router) { r.Use(app.Timeout(time.Hour)) }, alone), false},
		{"nothing", routes(nothing, alone), false},
	}
	for range 2000 { // tasks of no request
		if err := app.Go(t.Context(), "tick", func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := begun
			w := httptest.NewRecorder()
			tt.h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/sub/7", nil))
			if ok := begun == before+1; ok != tt.ok {
				t.Errorf("got a task begun: %v, want %v (%s)", ok, tt.ok, w.Body)
			}
			if !tt.ok && !strings.Contains(w.Body.String(), "call chicreche.Use for the router") {
				t.Errorf("got %q, want the call that is missing", w.Body)
			}
		})
	}
}
