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
	app := creche.New(creche.Options{})
	mux := http.NewServeMux()
	mux.Handle("GET /quote", creche.Handler(quote))
	err := app.ListenAndServe(context.Background(), "127.0.0.1:8080", httpcreche.Wrap(mux, app))
	if err != nil {
		log.Fatal(err)
	}
}

func quote(w http.ResponseWriter, r *http.Request) error {
	var price, stock int
	err := nursery.All(r.Context(), nursery.Into(&price, lookUpPrice), nursery.Into(&stock, lookUpStock))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%d at %d\n", stock, price)
	return err
}

func lookUpPrice(ctx context.Context) (int, error) { return 450, ctx.Err() }
func lookUpStock(ctx context.Context) (int, error) { return 12, ctx.Err() }
