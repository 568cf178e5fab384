package chicreche_test

import (
	"net/http"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/adaptertest"
	"github.com/creche-go/creche/adapters/chicreche"
	"github.com/creche-go/creche/nursery/nurserytest"
)

func TestMain(m *testing.M) { nurserytest.CheckMain(m) }

// R12
func TestConformance(t *testing.T) {
	adaptertest.Run(t, adaptertest.Adapter{Build: build, Bare: bare, Watch: watch})
}

func build(app *creche.App, root adaptertest.Group) http.Handler {
	r := chi.NewRouter()
	chicreche.Use(r, app)
	mount(r, app, root)
	return r
}

// watch has the view that chi's own middleware has, its logger's among them.
func watch(app *creche.App, root adaptertest.Group, seen func(adaptertest.View)) http.Handler {
	r := chi.NewRouter()
	r.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			view := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
			defer func() {
				seen(adaptertest.View{Status: view.Status(), Size: int64(view.BytesWritten()), Committed: view.Status() != 0})
			}()
			next.ServeHTTP(view, r)
		})
	})
	chicreche.Use(r, app)
	mount(r, app, root)
	return r
}

func mount(r chi.Router, app *creche.App, g adaptertest.Group) {
	for _, route := range g.Routes {
		r.Method(route.Method, route.Path, creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
			return route.Handle(w, r, params(r))
		}))
	}
	for _, sub := range g.Groups {
		r.Route(sub.Prefix, func(r chi.Router) {
			r.Use(app.Errors(sub.Rules...))
			if sub.Timeout != 0 {
				r.Use(app.Timeout(sub.Timeout))
			}
			mount(r, app, sub)
		})
	}
}

// params reads URL parameters as users of chi do.
func params(r *http.Request) adaptertest.Params {
	get := func(name string) string { return chi.URLParam(r, name) }
	return adaptertest.Params{Get: get, Kept: chi.URLParamFromCtx}
}

func bare(routes []adaptertest.Route) http.Handler {
	r := chi.NewRouter()
	for _, route := range routes {
		r.MethodFunc(route.Method, route.Path, func(w http.ResponseWriter, r *http.Request) {
			_ = route.Handle(w, r, params(r))
		})
	}
	return r
}
