package adaptertest_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/adaptertest"
	"github.com/creche-go/creche/errorhandlers"
)

// A router is a small one that, as many do, recycles what holds the parameters
// of a request's path when its ServeHTTP returns.
type router struct {
	routes []route
	entry  http.Handler // find, through the middleware
	refuse func(w http.ResponseWriter, r *http.Request, status int, allow string)

	mu   sync.Mutex
	free []*values
}

type route struct {
	method  string
	pattern []string
	h       http.Handler
}

type values struct{ names, values []string }

type valuesKey struct{}

func newRouter() *router {
	rt := &router{
		refuse: func(w http.ResponseWriter, _ *http.Request, status int, allow string) {
			if allow != "" {
				w.Header().Set("Allow", allow)
			}
			http.Error(w, http.StatusText(status), status)
		},
	}
	rt.entry = http.HandlerFunc(rt.find)
	return rt
}

func (rt *router) through(mw func(http.Handler) http.Handler) { rt.entry = mw(rt.entry) }

func (rt *router) handle(method, pattern string, h http.Handler) {
	rt.routes = append(rt.routes, route{method, strings.Split(pattern, "/"), h})
}

func (rt *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := rt.take()
	defer rt.giveBack(v)
	own := r.WithContext(context.WithValue(r.Context(), valuesKey{}, v))
	rt.entry.ServeHTTP(w, own)
	r.Pattern, r.MultipartForm = own.Pattern, own.MultipartForm
}

func (rt *router) find(w http.ResponseWriter, r *http.Request) {
	var allow []string
	v := r.Context().Value(valuesKey{}).(*values)
	path := strings.Split(r.URL.Path, "/")
	for _, route := range rt.routes {
		if !v.match(route.pattern, path) {
			continue
		}
		if route.method == r.Method {
			r.Pattern = strings.Join(route.pattern, "/")
			route.h.ServeHTTP(w, r)
			return
		}
		allow = append(allow, route.method)
	}
	if allow == nil {
		rt.refuse(w, r, http.StatusNotFound, "")
		return
	}
	rt.refuse(w, r, http.StatusMethodNotAllowed, strings.Join(allow, ", "))
}

func (v *values) match(pattern, path []string) bool {
	v.names, v.values = v.names[:0], v.values[:0]
	if len(pattern) != len(path) {
		return false
	}
	for i, p := range pattern {
		if strings.HasPrefix(p, "{") {
			v.names, v.values = append(v.names, strings.Trim(p, "{}")), append(v.values, path[i])
		} else if p != path[i] {
			return false
		}
	}
	return true
}

func (rt *router) take() *values {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if len(rt.free) == 0 {
		return new(values)
	}
	v := rt.free[0]
	rt.free = rt.free[1:]
	return v
}

func (rt *router) giveBack(v *values) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	rt.free = append(rt.free, v)
}

func param(ctx context.Context, name string) string {
	v := ctx.Value(valuesKey{}).(*values)
	if i := slices.Index(v.names, name); i >= 0 {
		return v.values[i]
	}
	return ""
}

func params(r *http.Request) adaptertest.Params {
	get := func(name string) string { return param(r.Context(), name) }
	return adaptertest.Params{Get: get, Kept: param}
}

// An adapter is one for the router, in parts that can be broken one by one.
type adapter struct {
	install func(app *creche.App, rt *router) http.Handler
	handler func(adaptertest.Route) http.Handler
	group   func(app *creche.App, rules []errorhandlers.Rule) func(http.Handler) http.Handler
	timeout func(app *creche.App, d time.Duration) func(http.Handler) http.Handler
	refuse  func(w http.ResponseWriter, r *http.Request, status int, allow string)
	central func(r *http.Request, err error) // the router's error handler
	watch   func(a *adapter, mw func(http.Handler) http.Handler)
}

// sound is the adapter when nothing is broken.
func sound() *adapter {
	return &adapter{
		install: func(app *creche.App, rt *router) http.Handler {
			rt.through(app.Through(detaching{}))
			return rt
		},
		handler: func(route adaptertest.Route) http.Handler { return creche.Handler(calls(route)) },
		group: func(app *creche.App, rules []errorhandlers.Rule) func(http.Handler) http.Handler {
			return app.Errors(rules...)
		},
		timeout: func(app *creche.App, d time.Duration) func(http.Handler) http.Handler { return app.Timeout(d) },
		refuse: func(w http.ResponseWriter, r *http.Request, status int, allow string) {
			if allow != "" {
				w.Header().Set("Allow", allow)
			}
			creche.ExchangeOf(r.Context()).Fail(&errorhandlers.Problem{Status: status})
		},
		central: func(r *http.Request, err error) { creche.ExchangeOf(r.Context()).FailOnce(err) },
		watch: func(a *adapter, mw func(http.Handler) http.Handler) {
			install := a.install
			a.install = func(app *creche.App, rt *router) http.Handler { return mw(install(app, rt)) }
		},
	}
}

func calls(route adaptertest.Route) func(w http.ResponseWriter, r *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error { return route.Handle(w, r, params(r)) }
}

// detaching copies what the router recycles.
type detaching struct{ creche.PlainRouter }

func (detaching) Detach(ctx context.Context) context.Context {
	v := ctx.Value(valuesKey{}).(*values)
	return context.WithValue(ctx, valuesKey{}, &values{slices.Clone(v.names), slices.Clone(v.values)})
}

// A view is what the router knows of a response.
type view struct {
	http.ResponseWriter
	seen adaptertest.View
}

func (v *view) Unwrap() http.ResponseWriter { return v.ResponseWriter }

func (v *view) WriteHeader(status int) {
	if status >= 200 {
		v.seen.Status, v.seen.Committed = status, true
	}
	v.ResponseWriter.WriteHeader(status)
}

func (v *view) Write(p []byte) (int, error) {
	if !v.seen.Committed {
		v.WriteHeader(http.StatusOK)
	}
	n, err := v.ResponseWriter.Write(p)
	v.seen.Size += int64(n)
	return n, err
}

// watches is middleware that tells what the view is at the end.
func watches(seen func(adaptertest.View)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			v := &view{ResponseWriter: w}
			defer func() { seen(v.seen) }()
			next.ServeHTTP(v, r)
		})
	}
}

// handing has the routes' errors go to hand, with the error handler of a.
func (a adapter) handing(hand adaptertest.Hand) *adapter {
	central := a.central
	a.handler = func(route adaptertest.Route) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handle := func(err error) { central(r, err) }
			if err := calls(route)(w, r); err != nil {
				handle(hand(err, handle))
			}
		})
	}
	return &a
}

// watched has the view of responses told to seen.
func (a adapter) watched(seen func(adaptertest.View)) *adapter {
	a.watch(&a, watches(seen))
	return &a
}

// tested hands a to the suite.
func (a *adapter) tested() adaptertest.Adapter {
	return adaptertest.Adapter{
		Build: a.build,
		HandOver: func(app *creche.App, root adaptertest.Group, hand adaptertest.Hand) http.Handler {
			return a.handing(hand).build(app, root)
		},
		Watch: func(app *creche.App, root adaptertest.Group, seen func(adaptertest.View)) http.Handler {
			return a.watched(seen).build(app, root)
		},
		Bare: func(routes []adaptertest.Route) http.Handler {
			rt := newRouter()
			for _, route := range routes {
				h := calls(route)
				rt.handle(route.Method, route.Path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_ = h(w, r)
				}))
			}
			return rt
		},
	}
}

func (a *adapter) build(app *creche.App, root adaptertest.Group) http.Handler {
	rt := newRouter()
	rt.refuse = a.refuse
	a.mount(app, rt, "", root, func(h http.Handler) http.Handler { return h })
	return a.install(app, rt)
}

func (a *adapter) mount(app *creche.App, rt *router, prefix string, g adaptertest.Group, rules func(http.Handler) http.Handler) {
	for _, route := range g.Routes {
		rt.handle(route.Method, prefix+route.Path, rules(a.handler(route)))
	}
	for _, sub := range g.Groups {
		inner, timeout := a.group(app, sub.Rules), func(h http.Handler) http.Handler { return h }
		if sub.Timeout != 0 {
			timeout = a.timeout(app, sub.Timeout)
		}
		a.mount(app, rt, prefix+sub.Prefix, sub, func(h http.Handler) http.Handler { return rules(inner(timeout(h))) })
	}
}
