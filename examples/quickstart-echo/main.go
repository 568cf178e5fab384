// Command quickstart-echo is a small shop on echo, version 4: a request that asks
// two systems at once, one that books while the answer is being written, and a
// job that outlives its request.
//
// Its twins differ in newServer and in the shape of a handler, and in nothing
// else.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/labstack/echo/v4"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/echocreche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/examples/internal/shop"
	"github.com/creche-go/creche/nursery"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on")
	flag.Parse()

	app, handler := newServer()
	if err := app.ListenAndServe(context.Background(), *addr, handler); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart-echo:", err)
		os.Exit(1)
	}
}

// newServer returns all of the program but the listener. Its tests bring their own.
func newServer() (*creche.App, http.Handler) {
	app := creche.New(creche.Options{Errors: rules()})

	e := echo.New()
	// Loggers, request ids and CORS come before Use: error answers have their headers.
	echocreche.Use(e, app) // each request's nursery, the rules, echo's own 404 and 405
	e.GET("/quote/:sku", quote)
	e.POST("/orders/:sku", order)
	e.POST("/jobs", startJob)
	return app, e
}

// rules say which answer an error comes to, wherever it happens: in a handler,
// in a task, alone or among others. What no rule answers is a 500 that tells
// the client nothing and the log everything.
func rules() []errorhandlers.Rule {
	return []errorhandlers.Rule{
		errorhandlers.Translate(func(e *shop.UnknownSKU) error {
			return &errorhandlers.Problem{Status: http.StatusNotFound, Detail: "There is no " + e.SKU + "."}
		}),
		errorhandlers.Translate(func(e *shop.OutOfStock) error {
			return &errorhandlers.Problem{Status: http.StatusConflict, Detail: "There is no " + e.SKU + " left."}
		}),
	}
}

// quote asks for price and stock at the same time. The first failure cancels
// the other look-up, and All returns when both have ended.
func quote(c echo.Context) error {
	sku := c.Param("sku")
	var cents, stock int
	err := nursery.All(c.Request().Context(),
		nursery.Into(&cents, func(ctx context.Context) (int, error) { return shop.Price(ctx, sku) }),
		nursery.Into(&stock, func(ctx context.Context) (int, error) { return shop.Stock(ctx, sku) }),
	)
	if err != nil {
		return err
	}
	return c.String(http.StatusOK, fmt.Sprintf("%s: %d in stock, %d cents each\n", sku, stock, cents))
}

const maxOrder = 1 << 10 // bytes

// order answers while the booking still runs. The response is held back until
// the request's tasks have ended, so a booking that fails replaces it.
func order(c echo.Context) error {
	sku := c.Param("sku")
	wishes, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxOrder))
	if err != nil {
		return err // too long: 413, without a rule
	}
	nursery.From(c.Request().Context()).Go(func(ctx context.Context) error {
		return shop.Book(ctx, sku)
	}, nursery.Name("book stock"))

	return c.String(http.StatusCreated, fmt.Sprintf("Ordered %s (%d bytes of special wishes)\n", sku, len(wishes)))
}

// startJob answers at once. The job goes on in the application's background
// nursery, which is joined before the program ends. Of the request a job has a
// copy of the path parameters, with echocreche.Param, but never c.
func startJob(c echo.Context) error {
	if err := creche.Go(c.Request().Context(), "reindex", shop.Reindex); err != nil {
		return err // too many of them, or the program is stopping: 503
	}
	return c.String(http.StatusCreated, "Started")
}
