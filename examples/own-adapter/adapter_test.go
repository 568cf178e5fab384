package main

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/julienschmidt/httprouter"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/adaptertest"
	"github.com/creche-go/creche/nursery/nurserytest"
)

func TestMain(m *testing.M) { nurserytest.CheckMain(m) }

func TestConformance(t *testing.T) {
	adaptertest.Run(t, adaptertest.Adapter{Build: build, Bare: bare})
}

func build(app *creche.App, root adaptertest.Group) http.Handler {
	r := httprouter.New()
	mount(r, app, "", root, func(h http.Handler) http.Handler { return h })
	return Wrap(r, app)
}

func mount(r *httprouter.Router, app *creche.App, prefix string, g adaptertest.Group, rules func(http.Handler) http.Handler) {
	for _, route := range g.Routes {
		r.Handler(route.Method, pattern.Replace(prefix+route.Path), rules(creche.Handler(call(route))))
	}
	for _, sub := range g.Groups {
		own, timeout := app.Errors(sub.Rules...), func(h http.Handler) http.Handler { return h }
		if sub.Timeout != 0 {
			timeout = app.Timeout(sub.Timeout)
		}
		mount(r, app, prefix+sub.Prefix, sub, func(h http.Handler) http.Handler { return rules(own(timeout(h))) })
	}
}

func bare(routes []adaptertest.Route) http.Handler {
	r := httprouter.New()
	for _, route := range routes {
		r.HandlerFunc(route.Method, pattern.Replace(route.Path), func(w http.ResponseWriter, r *http.Request) {
			_ = call(route)(w, r)
		})
	}
	return r
}

var pattern = strings.NewReplacer("{", ":", "}", "") // "/items/{id}" is "/items/:id"

func call(route adaptertest.Route) func(w http.ResponseWriter, r *http.Request) error {
	param := func(ctx context.Context, name string) string { return httprouter.ParamsFromContext(ctx).ByName(name) }
	return func(w http.ResponseWriter, r *http.Request) error {
		get := func(name string) string { return param(r.Context(), name) }
		return route.Handle(w, r, adaptertest.Params{Get: get, Kept: param})
	}
}
