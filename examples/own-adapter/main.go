// Command own-adapter shows an adapter for a router that creche has none for,
// httprouter, and how it is proven with package adaptertest.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"

	"github.com/julienschmidt/httprouter"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on")
	flag.Parse()

	app, handler := newServer()
	if err := app.ListenAndServe(context.Background(), *addr, handler); err != nil {
		fmt.Fprintln(os.Stderr, "own-adapter:", err)
		os.Exit(1)
	}
}

// newServer returns all of the program but the listener. Its tests bring their own.
func newServer() (*creche.App, http.Handler) {
	app, r := creche.New(creche.Options{}), httprouter.New()
	r.Handler(http.MethodGet, "/quote/:sku", creche.Handler(quote))
	return app, Wrap(r, app)
}

// quote asks for price and stock at the same time.
func quote(w http.ResponseWriter, r *http.Request) (err error) {
	var price, stock int
	sku := httprouter.ParamsFromContext(r.Context()).ByName("sku")
	lookUp := func(ctx context.Context) (int, error) { return len(sku), ctx.Err() }
	if err = nursery.All(r.Context(), nursery.Into(&price, lookUp), nursery.Into(&stock, lookUp)); err == nil {
		_, err = fmt.Fprintf(w, "%d at %d\n", stock, price)
	}
	return err
}
