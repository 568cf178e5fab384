// Command nested-routers has routers in a router: a group of chi, a chi router
// that another package could have built, and an echo. One application serves
// them all, and each part adds rules of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/chicreche"
	"github.com/creche-go/creche/adapters/echocreche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

var errClosed = errors.New("closed on Sundays")

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	flag.Parse()
	app, h := newServer()
	if err := app.ListenAndServe(context.Background(), *addr, h); err != nil {
		log.Fatal(err)
	}
}

func newServer() (*creche.App, http.Handler) {
	app := creche.New(creche.Options{Errors: []errorhandlers.Rule{closed(http.StatusServiceUnavailable, "outermost")}})
	r := chi.NewRouter()
	chicreche.Use(r, app) // once, and before the routes: the routers mounted below are inside
	r.Get("/open", creche.Handler(open))
	r.Route("/desk", func(r chi.Router) {
		r.Use(app.Errors(closed(http.StatusConflict, "desk")), app.Timeout(2*time.Second))
		r.Get("/open", creche.Handler(open))
	})
	r.Mount("/shop", shop(app))
	r.Mount("/v1", http.StripPrefix("/v1", v1(app)))
	return app, r
}

// shop is a chi router, which needs no Use of its own where it is mounted. Its
// tasks are the request's, and its 404 is the outer router's.
func shop(app *creche.App) http.Handler {
	r := chi.NewRouter()
	r.Use(app.Errors(closed(http.StatusGone, "shop")))
	r.Get("/open", creche.Handler(open))
	return r
}

// v1 is an echo. It recycles what its handlers get, so it has its own Use, by
// which its tasks are joined within it. Its failures are answered within it, too.
func v1(app *creche.App) http.Handler {
	e := echo.New()
	echocreche.Use(e, app)
	old := e.Group("/old", echocreche.Errors(app, closed(http.StatusNotFound, "old")))
	old.GET("/open", func(c echo.Context) error { return open(c.Response(), c.Request()) })
	return e
}

// open fails in a task, when its handler has returned: with the rules in force there.
func open(_ http.ResponseWriter, r *http.Request) error {
	nursery.From(r.Context()).Go(func(context.Context) error { return errClosed })
	return nil
}

func closed(status int, part string) errorhandlers.Rule {
	answer := &errorhandlers.Problem{Status: status, Detail: "Said by " + part + "."}
	return errorhandlers.TranslateIs(errClosed, func(error) error { return answer })
}
