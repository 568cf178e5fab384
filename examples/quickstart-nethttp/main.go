// Command quickstart-nethttp is a small shop on net/http's ServeMux: a request that asks
// two systems at once, one that books while the answer is being written, and a
// job that outlives its request.
//
// Its twin for chi differs in newServer and in how a handler gets at
// the path's {sku}, and in nothing else.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/httpcreche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/examples/internal/shop"
	"github.com/creche-go/creche/nursery"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on")
	flag.Parse()

	app, handler := newServer()
	if err := app.ListenAndServe(context.Background(), *addr, handler); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart-nethttp:", err)
		os.Exit(1)
	}
}

// newServer returns all of the program but the listener. Its tests bring their own.
func newServer() (*creche.App, http.Handler) {
	app := creche.New(creche.Options{Errors: rules()})

	mux := http.NewServeMux()
	mux.Handle("GET /quote/{sku}", creche.Handler(quote))
	mux.Handle("POST /orders/{sku}", creche.Handler(order))
	mux.Handle("POST /jobs", creche.Handler(startJob))
	return app, httpcreche.Wrap(mux, app) // each request's nursery, the rules, the mux's own 404 and 405
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
func quote(w http.ResponseWriter, r *http.Request) error {
	sku := r.PathValue("sku")
	var cents, stock int
	err := nursery.All(r.Context(),
		nursery.Into(&cents, func(ctx context.Context) (int, error) { return shop.Price(ctx, sku) }),
		nursery.Into(&stock, func(ctx context.Context) (int, error) { return shop.Stock(ctx, sku) }),
	)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s: %d in stock, %d cents each\n", sku, stock, cents)
	return err
}

const maxOrder = 1 << 10 // bytes

// order answers while the booking still runs. The response is held back until
// the request's tasks have ended, so a booking that fails replaces it.
func order(w http.ResponseWriter, r *http.Request) error {
	sku := r.PathValue("sku")
	wishes, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOrder))
	if err != nil {
		return err // too long: 413, without a rule
	}
	nursery.From(r.Context()).Go(func(ctx context.Context) error {
		return shop.Book(ctx, sku)
	}, nursery.Name("book stock"))

	w.WriteHeader(http.StatusCreated)
	_, err = fmt.Fprintf(w, "Ordered %s (%d bytes of special wishes)\n", sku, len(wishes))
	return err
}

// startJob answers at once. The job goes on in the application's background
// nursery, which is joined before the program ends.
func startJob(w http.ResponseWriter, r *http.Request) error {
	if err := creche.Go(r.Context(), "reindex", shop.Reindex); err != nil {
		return err // too many of them, or the program is stopping: 503
	}
	w.WriteHeader(http.StatusCreated)
	_, err := io.WriteString(w, "Started")
	return err
}
