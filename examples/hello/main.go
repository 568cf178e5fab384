package main

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/httpcreche"
	"github.com/creche-go/creche/nursery"
)

func main() {
	app, mux := creche.New(creche.Options{}), http.NewServeMux()
	mux.Handle("GET /quote/{sku}", creche.Handler(quote))
	if err := app.ListenAndServe(context.Background(), "127.0.0.1:8080", httpcreche.Wrap(mux, app)); err != nil {
		log.Fatal(err)
	}
}

func quote(w http.ResponseWriter, r *http.Request) (err error) {
	var price, stock int
	lookUp := func(ctx context.Context) (int, error) { return len(r.PathValue("sku")), ctx.Err() }
	if err = nursery.All(r.Context(), nursery.Into(&price, lookUp), nursery.Into(&stock, lookUp)); err == nil {
		_, err = fmt.Fprintf(w, "%d at %d\n", stock, price)
	}
	return err
}
