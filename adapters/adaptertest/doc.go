// Package adaptertest is the suite that every adapter of creche passes: it
// shows, over HTTP/1.1 and HTTP/2, that a router with creche in it keeps what
// creche promises to requests and to background tasks, and that on the wire
// it is otherwise the router it was.
//
// Its nearest relative is [testing/slogtest]. An adapter is proven with one
// function that builds a router with it, one that builds the router alone, and
// a line that runs the suite. This is all of it for an adapter of your own: the
// one for httprouter in examples/own-adapter.
//
//	func TestMain(m *testing.M) { nurserytest.CheckMain(m) }
//
//	func TestConformance(t *testing.T) {
//		adaptertest.Run(t, adaptertest.Adapter{Build: build, Bare: bare})
//	}
//
//	func build(app *creche.App, root adaptertest.Group) http.Handler {
//		r := httprouter.New()
//		mount(r, app, "", root, func(h http.Handler) http.Handler { return h })
//		return Wrap(r, app)
//	}
//
//	func mount(r *httprouter.Router, app *creche.App, prefix string, g adaptertest.Group, rules func(http.Handler) http.Handler) {
//		for _, route := range g.Routes {
//			r.Handler(route.Method, pattern.Replace(prefix+route.Path), rules(creche.Handler(call(route))))
//		}
//		for _, sub := range g.Groups {
//			own, timeout := app.Errors(sub.Rules...), func(h http.Handler) http.Handler { return h }
//			if sub.Timeout != 0 {
//				timeout = app.Timeout(sub.Timeout)
//			}
//			mount(r, app, prefix+sub.Prefix, sub, func(h http.Handler) http.Handler { return rules(own(timeout(h))) })
//		}
//	}
//
//	func bare(routes []adaptertest.Route) http.Handler {
//		r := httprouter.New()
//		for _, route := range routes {
//			r.HandlerFunc(route.Method, pattern.Replace(route.Path), func(w http.ResponseWriter, r *http.Request) {
//				_ = call(route)(w, r)
//			})
//		}
//		return r
//	}
//
//	var pattern = strings.NewReplacer("{", ":", "}", "") // "/items/{id}" is "/items/:id"
//
//	func call(route adaptertest.Route) func(w http.ResponseWriter, r *http.Request) error {
//		param := func(ctx context.Context, name string) string { return httprouter.ParamsFromContext(ctx).ByName(name) }
//		return func(w http.ResponseWriter, r *http.Request) error {
//			get := func(name string) string { return param(r.Context(), name) }
//			return route.Handle(w, r, adaptertest.Params{Get: get, Kept: param})
//		}
//	}
//
// A router with an error handler that middleware calls, or with a view of the
// response of its own, has a function more for each: see [Adapter].
//
// Each case is a subtest whose name says what is promised and under which
// numbers of docs/guarantees.md. It runs in a bubble of [testing/synctest],
// with a server in memory: an hour costs nothing, a hang is found at once, and
// what still runs at the end has leaked. Run it with -race.
//
// The suite grows with every promise. Those it does not check yet are listed
// by [Waiting].
package adaptertest
