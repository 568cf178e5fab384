// Command step1 is the tutorial's first state: a handler that returns its error.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/httpcreche"
)

func main() {
	app, handler := newServer(creche.Options{})
	if err := app.ListenAndServe(context.Background(), "127.0.0.1:8080", handler); err != nil {
		log.Fatal(err)
	}
}

func newServer(o creche.Options) (*creche.App, http.Handler) {
	app, mux := creche.New(o), http.NewServeMux()
	mux.Handle("GET /quote/{sku}", creche.Handler(quote))
	return app, httpcreche.Wrap(mux, app)
}

func quote(w http.ResponseWriter, r *http.Request) error {
	cents, err := LookUpPrice(r.Context(), r.PathValue("sku"))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%d cents\n", cents)
	return err
}
