// Package chicreche puts an application's scopes, rules and held responses
// into a chi router.
//
//	r := chi.NewRouter()
//	chicreche.Use(r, app)
//	r.Get("/quote/{sku}", creche.Handler(quote))
//	r.Route("/admin", func(r chi.Router) {
//		r.Use(app.Errors(adminRules...))
//		r.Get("/", creche.Handler(dashboard))
//	})
//	err := app.ListenAndServe(ctx, ":8080", r)
package chicreche

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/go-chi/chi/v5"
)

// Use makes the exchanges of app middleware of r, and has the 404 and 405 of r
// and of the routers mounted in it answered by the error rules, with the Allow
// header kept. Like every chi middleware it comes before the routes. The
// middleware must be the router's, not around it: chi recycles the context
// that holds the URL parameters when its ServeHTTP returns, and by then the
// request's tasks have to be joined. What NotFound and MethodNotAllowed of r were
// given before is replaced: handlers of the application's own are set after Use.
//
// What chi has found of the route it writes into that context for as long as it
// looks: a task that middleware starts runs beside that. Such a task must neither
// read URL parameters nor call [creche.Go] with the request's context, which copies
// them; middleware itself may, and any task that a handler starts.
//
// Use for the second time with the same router and app panics: each request would
// go through two exchanges. So it does with a Group inside a Group that has it.
// Routers that are mounted, and Groups of a router, may have their own, each
// with an exchange, as may an app inside another. A nil r or app panics.
func Use(r chi.Router, app *creche.App) {
	if r == nil {
		panic("chicreche: Use: nil router")
	}
	if app == nil {
		panic("chicreche: Use: nil app")
	}
	for _, m := range r.Middlewares() {
		if appOf(m) == app {
			panic("chicreche: Use: called for this router before")
		}
	}
	r.Use((&exchanges{app, app.Through(router{})}).around)
	// Errors without rules sees to it that there is an exchange: a router
	// without routes runs no middleware.
	inExchange := app.Errors()
	r.NotFound(inExchange(creche.Handler(notFound)).ServeHTTP)
	r.MethodNotAllowed(inExchange(creche.Handler(methodNotAllowed)).ServeHTTP)
}

// exchanges are the middleware of an app.
type exchanges struct {
	app     *creche.App
	through func(http.Handler) http.Handler
}

func (e *exchanges) around(next http.Handler) http.Handler {
	if q, is := next.(*question); is {
		q.app = e.app
		return next
	}
	return e.through(next)
}

// question is a handler that asks exchanges whose they are.
type question struct {
	http.Handler
	app *creche.App
}

// appOf returns the app whose exchanges the middleware m is, or nil.
func appOf(m func(http.Handler) http.Handler) *creche.App {
	if reflect.ValueOf(m).Pointer() != reflect.ValueOf((*exchanges)(nil).around).Pointer() {
		return nil
	}
	var q question
	m(&q)
	return q.app
}

type router struct{ creche.PlainRouter }

// Detach gives a background task URL parameters of its own: chi will fill the
// request's with those of another. Chi must not be looking for the route meanwhile,
// see Use: there is no telling.
func (router) Detach(ctx context.Context) context.Context {
	params := chi.RouteContext(ctx)
	if params == nil {
		return ctx
	}
	return context.WithValue(ctx, chi.RouteCtxKey, params.Clone())
}

func notFound(http.ResponseWriter, *http.Request) error {
	return &errorhandlers.Problem{Status: http.StatusNotFound}
}

// methodNotAllowed sets the header that no 405 is complete without.
func methodNotAllowed(w http.ResponseWriter, r *http.Request) error {
	if allowed := allowedMethods(r); allowed != nil {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
	}
	return &errorhandlers.Problem{Status: http.StatusMethodNotAllowed}
}

// allowedMethods asks the routers: chi tells only its own handler for 405, not
// one that replaces it. The router that refused knows the path that middleware
// may have rewritten; a route that the first has beside the mount counts too.
func allowedMethods(r *http.Request) []string {
	params := chi.RouteContext(r.Context())
	if params == nil || params.Routes == nil {
		return nil
	}
	path := cmp.Or(r.URL.RawPath, r.URL.Path, "/")
	used := make(map[string]bool)
	addMethods(used, params.Routes)
	last := mounted(params.Routes, params.RoutePatterns)
	maps.DeleteFunc(used, func(method string, _ bool) bool {
		return !params.Routes.Match(chi.NewRouteContext(), method, path) &&
			!last.Match(chi.NewRouteContext(), method, cmp.Or(params.RoutePath, path))
	})
	return slices.Sorted(maps.Keys(used))
}

// mounted returns the router that the request went to by patterns.
func mounted(routes chi.Routes, patterns []string) chi.Routes {
	for _, pattern := range patterns {
		if sub := mountedAt(routes, pattern); sub != nil {
			routes = sub
		}
	}
	return routes
}

// mountedAt returns the router mounted at pattern, or nil. A mount has three
// patterns: with nothing, a slash and a path behind.
func mountedAt(routes chi.Routes, pattern string) chi.Routes {
	pattern = strings.TrimSuffix(strings.TrimSuffix(pattern, "*"), "/") + "/*"
	for _, route := range routes.Routes() {
		if route.Pattern == pattern && route.SubRoutes != nil {
			return route.SubRoutes
		}
	}
	return nil
}

// addMethods collects the methods that any route of the router has.
func addMethods(used map[string]bool, routes chi.Routes) {
	for _, route := range routes.Routes() {
		for method := range route.Handlers {
			used[method] = true
		}
		if route.SubRoutes != nil {
			addMethods(used, route.SubRoutes)
		}
	}
}
