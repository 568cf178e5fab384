// Command fan-out answers a request with what three back ends say, which it
// asks at the same time. The first that fails ends the other two, and its error
// is the answer.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/httpcreche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	url := flag.String("backend", "http://127.0.0.1:8081", "where the back ends are")
	flag.Parse()
	app, h := newServer(backend{*url, http.DefaultClient})
	if err := app.ListenAndServe(context.Background(), *addr, h); err != nil {
		log.Fatal(err)
	}
}

func newServer(b backend) (*creche.App, http.Handler) {
	app, mux := creche.New(creche.Options{}), http.NewServeMux()
	mux.Handle("GET /products/{id}", creche.Handler(b.product))
	return app, httpcreche.Wrap(mux, app)
}

// backend is where the three services are.
type backend struct {
	url    string
	client *http.Client
}

type price struct{ Cents int }
type stock struct{ Count int }
type review struct{ Stars int }

// product asks for three things at once. Each result has a type and a variable
// of its own, which is read when all have ended.
func (b backend) product(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	var p price
	var s stock
	var reviews []review
	if err := nursery.All(r.Context(),
		nursery.Into(&p, func(ctx context.Context) (price, error) { return get[price](ctx, b, "/price/"+id) }),
		nursery.Into(&s, func(ctx context.Context) (stock, error) { return get[stock](ctx, b, "/stock/"+id) }),
		nursery.Into(&reviews, func(ctx context.Context) ([]review, error) { return get[[]review](ctx, b, "/reviews/"+id) }),
	); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d cents, %d left, %d reviews\n", p.Cents, s.Count, len(reviews))
	return err
}

// get asks the back end. Its context is the nursery's: the request to the back
// end ends when a sibling fails, or the client leaves.
func get[T any](ctx context.Context, b backend, path string) (v T, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+path, nil)
	if err != nil {
		return v, err
	}
	res, err := b.client.Do(r)
	if err != nil {
		return v, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK { // the back end's status is not ours to pass on
		return v, &errorhandlers.Problem{Status: http.StatusBadGateway, Err: fmt.Errorf("%s: %s", path, res.Status)}
	}
	return v, json.NewDecoder(res.Body).Decode(&v)
}
