// Command step3 is the tutorial's third state: work that outlives its request.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/httpcreche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

func main() {
	app, handler := newServer(creche.Options{})
	if err := app.ListenAndServe(context.Background(), "127.0.0.1:8080", handler); err != nil {
		log.Fatal(err)
	}
}

var rules = []errorhandlers.Rule{
	errorhandlers.Translate(func(e *UnknownSKU) error {
		return &errorhandlers.Problem{Status: http.StatusNotFound, Detail: "We do not sell " + e.SKU + ".", Err: e}
	}),
}

func newServer(o creche.Options) (*creche.App, http.Handler) {
	o.Errors = rules
	app, mux := creche.New(o), http.NewServeMux()
	mux.Handle("GET /quote/{sku}", creche.Handler(quote))
	mux.Handle("POST /orders/{sku}", creche.Handler(order))
	return app, httpcreche.Wrap(mux, app)
}

func quote(w http.ResponseWriter, r *http.Request) error {
	sku := r.PathValue("sku")
	var cents, count int
	err := nursery.All(r.Context(),
		nursery.Into(&cents, func(ctx context.Context) (int, error) { return LookUpPrice(ctx, sku) }),
		nursery.Into(&count, func(ctx context.Context) (int, error) { return LookUpStock(ctx, sku) }),
	)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%d at %d cents\n", count, cents)
	return err
}

func order(w http.ResponseWriter, r *http.Request) error {
	ctx, sku := r.Context(), r.PathValue("sku")
	if _, err := LookUpPrice(ctx, sku); err != nil {
		return err
	}
	confirm := func(ctx context.Context) error { return SendConfirmation(ctx, sku) }
	if err := creche.Go(ctx, "confirm "+sku, confirm); err != nil {
		return err // too much is waiting already: 503
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}
