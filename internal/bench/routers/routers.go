package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"
	echo4 "github.com/labstack/echo/v4"
	echo5 "github.com/labstack/echo/v5"
	"golang.org/x/sync/errgroup"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/chicreche"
	"github.com/creche-go/creche/adapters/echo5creche"
	"github.com/creche-go/creche/adapters/echocreche"
	"github.com/creche-go/creche/adapters/httpcreche"
	"github.com/creche-go/creche/nursery"
)

// The variants of a router, in the order in which they are measured.
const (
	bare    = iota // the router alone
	again          // the same once more, which shows how exact the rest is
	copied         // the router alone, behind a middleware that copies the request, to give it another context
	scoped         // the router alone, behind a middleware that gives requests a context which it cancels
	creched        // with creche
	tasks          // with creche, and two tasks
	byHand         // the router alone, with two goroutines in an errgroup
	variants
)

// A router is one to measure: a function for each variant makes a handler.
type router struct {
	name     string
	variants [variants]func() http.Handler
}

// A work answers a request for an item by its id.
type work func(ctx context.Context, w http.ResponseWriter, id string) error

var works = [variants]work{bare: say, again: say, copied: say, scoped: say, creched: say, tasks: inNursery, byHand: inErrgroup}

func say(_ context.Context, w http.ResponseWriter, id string) error {
	_, err := fmt.Fprintf(w, "item %s", id)
	return err
}

// lookUp is what a task does: next to nothing, so that the scope shows.
func lookUp(id string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) { return id, ctx.Err() }
}

func inNursery(ctx context.Context, w http.ResponseWriter, id string) error {
	var price, stock string
	if err := nursery.All(ctx, nursery.Into(&price, lookUp(id)), nursery.Into(&stock, lookUp(id))); err != nil {
		return err
	}
	return say(ctx, w, price)
}

func inErrgroup(ctx context.Context, w http.ResponseWriter, id string) error {
	var price, stock string
	g, within := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		price, err = lookUp(id)(within)
		return err
	})
	g.Go(func() (err error) {
		stock, err = lookUp(id)(within)
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	_ = stock
	return say(ctx, w, price)
}

func routers() []router {
	return []router{of("net/http", serveMux), of("chi v5", chiMux), of("echo v4", echoV4), of("echo v5", echoV5)}
}

func of(name string, build func(app *creche.App, do work) http.Handler) router {
	r := router{name: name}
	for i, do := range works {
		r.variants[i] = func() http.Handler {
			switch i {
			case creched, tasks:
				return build(creche.New(creche.Options{}), do)
			case copied:
				return copying(build(nil, do))
			case scoped:
				return cancelling(build(nil, do))
			}
			return build(nil, do)
		}
	}
	return r
}

// copying is less than any scope of a request's own can do: in one allocation, of
// as many bytes as creche's, a context that does nothing and a copy of the request.
func copying(next http.Handler) http.Handler {
	type exchange struct {
		context.Context
		_       [16]*byte
		request http.Request
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{Context: r.Context()}
		x.request = *r.WithContext(x)
		next.ServeHTTP(w, &x.request)
	})
}

// cancelling is the least that gives each request a scope: a context that ends
// with it, and for that a copy of the request.
func cancelling(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func serveMux(app *creche.App, do work) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /items/{id}", handler(app, func(r *http.Request) string { return r.PathValue("id") }, do))
	if app == nil {
		return mux
	}
	return httpcreche.Wrap(mux, app)
}

func chiMux(app *creche.App, do work) http.Handler {
	r := chi.NewRouter()
	if app != nil {
		chicreche.Use(r, app)
	}
	r.Method(http.MethodGet, "/items/{id}", handler(app, func(r *http.Request) string { return chi.URLParam(r, "id") }, do))
	return r
}

// handler is one of net/http, with the error handled as it is done there.
func handler(app *creche.App, id func(r *http.Request) string, do work) http.Handler {
	if app != nil {
		return creche.Handler(func(w http.ResponseWriter, r *http.Request) error { return do(r.Context(), w, id(r)) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := do(r.Context(), w, id(r)); err != nil {
			http.Error(w, "failed", http.StatusInternalServerError)
		}
	})
}

func echoV4(app *creche.App, do work) http.Handler {
	e := echo4.New()
	if app != nil {
		echocreche.Use(e, app)
	}
	e.GET("/items/:id", func(c echo4.Context) error { return do(c.Request().Context(), c.Response(), c.Param("id")) })
	return e
}

func echoV5(app *creche.App, do work) http.Handler {
	e := echo5.New()
	if app != nil {
		echo5creche.Use(e, app)
	}
	e.GET("/items/:id", func(c *echo5.Context) error { return do(c.Request().Context(), c.Response(), c.Param("id")) })
	return e
}
