package httpcreche_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/adaptertest"
	"github.com/creche-go/creche/adapters/httpcreche"
	"github.com/creche-go/creche/nursery/nurserytest"
)

func TestMain(m *testing.M) { nurserytest.CheckMain(m) }

// R12
func TestConformance(t *testing.T) {
	adaptertest.Run(t, adaptertest.Adapter{Build: build, Bare: bare})
}

func build(app *creche.App, root adaptertest.Group) http.Handler {
	mux := http.NewServeMux()
	mount(mux, app, "", root)
	return httpcreche.Wrap(mux, app)
}

func mount(mux *http.ServeMux, app *creche.App, prefix string, g adaptertest.Group) {
	for _, route := range g.Routes {
		mux.Handle(route.Method+" "+prefix+route.Path, creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
			return route.Handle(w, r, params(r))
		}))
	}
	for _, sub := range g.Groups {
		inside := http.NewServeMux()
		mount(inside, app, prefix+sub.Prefix, sub)
		var h http.Handler = inside
		if sub.Timeout != 0 {
			h = app.Timeout(sub.Timeout)(h)
		}
		mux.Handle(prefix+sub.Prefix+"/", app.Errors(sub.Rules...)(h))
	}
}

// params reads path parameters as users of ServeMux do.
func params(r *http.Request) adaptertest.Params {
	kept := func(_ context.Context, name string) string { return r.PathValue(name) }
	return adaptertest.Params{Get: r.PathValue, Kept: kept}
}

func bare(routes []adaptertest.Route) http.Handler {
	mux := http.NewServeMux()
	for _, route := range routes {
		mux.HandleFunc(route.Method+" "+route.Path, func(w http.ResponseWriter, r *http.Request) {
			_ = route.Handle(w, r, params(r))
		})
	}
	return mux
}
