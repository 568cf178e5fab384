//go:build !race

package adaptertest_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/adaptertest"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// around puts outer around what a installs.
func around(a *adapter, outer func(app *creche.App, next http.Handler) http.Handler) {
	install := a.install
	a.install = func(app *creche.App, rt *router) http.Handler { return outer(app, install(app, rt)) }
}

// inside puts a function between the exchange and the handler.
func inside(a *adapter, h func(next http.Handler, w http.ResponseWriter, r *http.Request)) {
	handler := a.handler
	a.handler = func(route adaptertest.Route) http.Handler {
		next := handler(route)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h(next, w, r) })
	}
}

// failing replaces how a handler's error is dealt with.
func failing(a *adapter, f func(w http.ResponseWriter, r *http.Request, again func() error, err error)) {
	a.handler = func(route adaptertest.Route) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			call := func() error { return calls(route)(w, r) }
			if err := call(); err != nil {
				f(w, r, call, err)
			}
		})
	}
}

func joinsTooLate(a *adapter) {
	a.install = func(app *creche.App, rt *router) http.Handler { return app.Middleware(rt) }
}

func leaksContext(a *adapter) {
	a.install = func(app *creche.App, rt *router) http.Handler {
		rt.through(app.Through(creche.PlainRouter{}))
		return rt
	}
}

func dropsLateFailures(a *adapter) {
	inside(a, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		_ = nursery.Run(r.Context(), func(ctx context.Context, _ *nursery.Nursery) error {
			next.ServeHTTP(w, r.WithContext(ctx))
			return nil
		}, nursery.OnPanic(nursery.ReturnPanics))
	})
}

func doublesAnswer(a *adapter) {
	around(a, func(_ *creche.App, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen := &statusWriter{ResponseWriter: w}
			next.ServeHTTP(seen, r)
			if seen.status >= 400 {
				http.Error(w, "something went wrong", seen.status)
			}
		})
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func doesNotHold(a *adapter) {
	inside(a, func(next http.Handler, w http.ResponseWriter, r *http.Request) { next.ServeHTTP(flushing{w}, r) })
}

// flushing sends each part of a response at once.
type flushing struct{ http.ResponseWriter }

func (w flushing) WriteHeader(status int) {
	w.ResponseWriter.WriteHeader(status)
	if status >= 200 {
		_ = http.NewResponseController(w.ResponseWriter).Flush()
	}
}

func (w flushing) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	return n, errors.Join(err, http.NewResponseController(w.ResponseWriter).Flush())
}

func (w flushing) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func holdsEverything(a *adapter) {
	inside(a, func(next http.Handler, w http.ResponseWriter, r *http.Request) { next.ServeHTTP(noFlush{w}, r) })
}

type noFlush struct{ http.ResponseWriter }

func (noFlush) Flush() {}

func hasNoAllow(a *adapter) {
	refuse := a.refuse
	a.refuse = func(w http.ResponseWriter, r *http.Request, status int, _ string) { refuse(w, r, status, "") }
}

func refusesItself(a *adapter) { a.refuse = newRouter().refuse }

func replacesOwn(a *adapter) {
	inside(a, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		x := creche.ExchangeOf(r.Context())
		if status, _ := x.Held(); status == http.StatusNotFound {
			x.Fail(&errorhandlers.Problem{Status: status})
		}
	})
}

func swallowsPanics(a *adapter) {
	inside(a, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		defer func() { _ = recover() }()
		next.ServeHTTP(w, r)
	})
}

// passesPanics has the panic of a handler overtake the join.
func passesPanics(a *adapter) {
	var passing any
	inside(a, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		defer func() { passing = recover() }()
		next.ServeHTTP(w, r)
	})
	around(a, func(_ *creche.App, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			if v := passing; v != nil {
				passing = nil
				panic(v)
			}
		})
	})
}

func forgetsGroups(a *adapter) {
	a.group = func(*creche.App, []errorhandlers.Rule) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler { return next }
	}
}

// outerFirst pushes the rules on the way out of the groups.
func outerFirst(a *adapter) {
	type rulesKey struct{}
	a.group = func(app *creche.App, rules []errorhandlers.Rule) func(http.Handler) http.Handler {
		set := app.Compile(rules...)
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				outer, _ := r.Context().Value(rulesKey{}).([]*errorhandlers.Set)
				sets := append(slices.Clone(outer), set)
				next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), rulesKey{}, sets)))
			})
		}
	}
	inside(a, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		sets, _ := r.Context().Value(rulesKey{}).([]*errorhandlers.Set)
		for _, set := range slices.Backward(sets) {
			creche.ExchangeOf(r.Context()).Push(set)
		}
		next.ServeHTTP(w, r)
	})
}

func rulesEverywhere(a *adapter) {
	var all []*errorhandlers.Set
	a.group = func(app *creche.App, rules []errorhandlers.Rule) func(http.Handler) http.Handler {
		all = append(all, app.Compile(rules...))
		return func(next http.Handler) http.Handler { return next }
	}
	inside(a, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		for _, set := range all {
			creche.ExchangeOf(r.Context()).Push(set)
		}
		next.ServeHTTP(w, r)
	})
}

func forgetsTimeouts(a *adapter) {
	a.timeout = func(*creche.App, time.Duration) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler { return next }
	}
}

func leavesLateHandlers(a *adapter) {
	a.timeout = func(_ *creche.App, d time.Duration) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler { return http.TimeoutHandler(next, d, "") }
	}
}

func limitsRules(a *adapter) {
	a.timeout = func(app *creche.App, d time.Duration) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithTimeout(r.Context(), d)
				defer cancel()
				app.Exchange(w, r.WithContext(ctx), nil, next)
			})
		}
	}
}

func cutsContext(a *adapter) {
	around(a, func(_ *creche.App, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
		})
	})
}

func losesValues(a *adapter) {
	a.install = func(app *creche.App, rt *router) http.Handler {
		rt.through(app.Through(forgetting{}))
		return rt
	}
}

type forgetting struct{ detaching }

func (f forgetting) Detach(ctx context.Context) context.Context {
	v := f.detaching.Detach(ctx).Value(valuesKey{})
	return context.WithValue(context.Background(), valuesKey{}, v)
}

func tellsAll(a *adapter) {
	failing(a, func(_ http.ResponseWriter, r *http.Request, _ func() error, err error) {
		creche.ExchangeOf(r.Context()).Fail(&errorhandlers.Problem{Status: 500, Detail: err.Error()})
	})
}

func tellsInHeader(a *adapter) {
	failing(a, func(_ http.ResponseWriter, r *http.Request, _ func() error, err error) {
		creche.ExchangeOf(r.Context()).Fail(&errorhandlers.Problem{Status: 500, Header: http.Header{"X-Error": {err.Error()}}})
	})
}

func runsTwice(a *adapter) {
	failing(a, func(_ http.ResponseWriter, r *http.Request, again func() error, _ error) {
		creche.ExchangeOf(r.Context()).Fail(again())
	})
}

func failsAgain(a *adapter) {
	a.central = func(r *http.Request, err error) { creche.ExchangeOf(r.Context()).Fail(err) }
}

func failsOnlyOnce(a *adapter) {
	a.central = func(r *http.Request, err error) {
		if r.Context().Err() == nil {
			creche.ExchangeOf(r.Context()).Fail(err)
		}
	}
}

func showsInside(a *adapter) {
	a.watch = func(a *adapter, mw func(http.Handler) http.Handler) {
		inside(a, func(next http.Handler, w http.ResponseWriter, r *http.Request) { mw(next).ServeHTTP(w, r) })
	}
}

func clearsHeader(a *adapter) {
	failing(a, func(w http.ResponseWriter, r *http.Request, _ func() error, err error) {
		clear(w.Header())
		creche.ExchangeOf(r.Context()).Fail(err)
	})
}

func hidesWriter(a *adapter) {
	inside(a, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
	})
}

func keepsForms(a *adapter) {
	inside(a, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(r.Context()))
	})
}

func keepsRequest(a *adapter) {
	a.install = func(app *creche.App, rt *router) http.Handler {
		rt.through(app.Through(keeping{}))
		return rt
	}
}

type keeping struct{ detaching }

func (k keeping) Detach(ctx context.Context) context.Context {
	copied := *creche.ExchangeOf(ctx).Request()
	return context.WithValue(k.detaching.Detach(ctx), keeping{}, &copied)
}

// leavesGoroutine starts one for each router, which is enough.
func leavesGoroutine(a *adapter) {
	around(a, func(_ *creche.App, next http.Handler) http.Handler {
		var once sync.Once
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			once.Do(func() { go func() { select {} }() })
			next.ServeHTTP(w, r)
		})
	})
}

func allocates(a *adapter) {
	inside(a, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(r.Context()))
	})
}

func ignoresErrors(a *adapter) {
	failing(a, func(http.ResponseWriter, *http.Request, func() error, error) {})
}

// notThere is the router alone.
func notThere(a *adapter) {
	a.install = func(_ *creche.App, rt *router) http.Handler {
		rt.refuse = newRouter().refuse
		return rt
	}
	failing(a, func(w http.ResponseWriter, _ *http.Request, _ func() error, err error) {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	})
}
