// Package adaptertest is the suite that every adapter of creche passes: it
// shows, over HTTP/1.1 and HTTP/2, that a router with creche in it keeps what
// creche promises to requests and to background tasks, and that on the wire
// it is otherwise the router it was.
//
// Its nearest relative is [testing/slogtest]. An adapter is proven with one
// function that builds a router with it, one that builds the router alone, and
// a line that runs the suite. This is all of it for ServeMux:
//
//	func TestMain(m *testing.M) { nurserytest.CheckMain(m) }
//
//	func TestConformance(t *testing.T) {
//		adaptertest.Run(t, adaptertest.Adapter{Build: build, Bare: bare})
//	}
//
//	func build(app *creche.App, root adaptertest.Group) http.Handler {
//		mux := http.NewServeMux()
//		mount(mux, app, "", root)
//		return httpcreche.Wrap(mux, app)
//	}
//
//	func mount(mux *http.ServeMux, app *creche.App, prefix string, g adaptertest.Group) {
//		for _, route := range g.Routes {
//			mux.Handle(route.Method+" "+prefix+route.Path, creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
//				return route.Handle(w, r, params(r))
//			}))
//		}
//		for _, sub := range g.Groups {
//			inside := http.NewServeMux()
//			mount(inside, app, prefix+sub.Prefix, sub)
//			mux.Handle(prefix+sub.Prefix+"/", app.Errors(sub.Rules...)(inside))
//		}
//	}
//
//	// params reads path parameters as users of ServeMux do.
//	func params(r *http.Request) adaptertest.Params {
//		kept := func(_ context.Context, name string) string { return r.PathValue(name) }
//		return adaptertest.Params{Get: r.PathValue, Kept: kept}
//	}
//
//	func bare(routes []adaptertest.Route) http.Handler {
//		mux := http.NewServeMux()
//		for _, route := range routes {
//			mux.HandleFunc(route.Method+" "+route.Path, func(w http.ResponseWriter, r *http.Request) {
//				_ = route.Handle(w, r, params(r))
//			})
//		}
//		return mux
//	}
//
// Each case is a subtest whose name says what is promised and under which
// numbers of docs/guarantees.md. It runs in a bubble of [testing/synctest],
// with a server in memory: an hour costs nothing, a hang is found at once, and
// what still runs at the end has leaked. Run it with -race.
//
// The suite grows with every promise. Those it does not check yet are listed
// by [Waiting].
package adaptertest
