// Command testing tells the price of tea, which it looks up every minute. It is
// here for its tests: they watch it for an hour, and take a millisecond.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/httpcreche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	flag.Parse()
	market := func(context.Context) (int, error) { return 400 + rand.IntN(100), nil }
	app, h := newServer(creche.Options{}, &ticker{lookUp: market})
	if err := app.ListenAndServe(context.Background(), *addr, h); err != nil {
		log.Fatal(err)
	}
}

// ticker knows the newest price.
type ticker struct {
	lookUp func(ctx context.Context) (cents int, err error) // which tests replace
	cents  atomic.Int64
}

func newServer(o creche.Options, t *ticker) (*creche.App, http.Handler) {
	app, mux := creche.New(o), http.NewServeMux()
	updates := nursery.Every(time.Minute, t.update)
	app.Service("updates", creche.Daemon(nursery.Restart(updates, nursery.RestartOptions{Name: "updates", Panics: true})))
	mux.Handle("GET /price", creche.Handler(t.price))
	mux.Handle("GET /fresh", app.Timeout(2*time.Second)(creche.Handler(t.fresh)))
	return app, httpcreche.Wrap(mux, app)
}

// update looks the price up for later.
func (t *ticker) update(ctx context.Context) error {
	cents, err := t.lookUp(ctx)
	if err == nil {
		t.cents.Store(int64(cents))
	}
	return err
}

// price tells what is known.
func (t *ticker) price(w http.ResponseWriter, _ *http.Request) error {
	cents := t.cents.Load()
	if cents == 0 {
		return &errorhandlers.Problem{Status: http.StatusServiceUnavailable, Detail: "The price is not known yet."}
	}
	_, err := fmt.Fprintf(w, "%d cents\n", cents)
	return err
}

// fresh looks the price up while the client waits: for two seconds at most.
func (t *ticker) fresh(w http.ResponseWriter, r *http.Request) error {
	if err := nursery.All(r.Context(), t.update); err != nil {
		return err
	}
	return t.price(w, r)
}
