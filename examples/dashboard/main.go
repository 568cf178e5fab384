// Command dashboard shows readings that change all the time, each on its row: a
// page at /, a websocket at /live. Whoever cannot keep up skips readings, and
// still has the newest of each in the end.
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/httpcreche"
	"github.com/creche-go/creche/nursery"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on")
	flag.Parse()

	app, handler := newServer()
	if err := app.ListenAndServe(context.Background(), *addr, handler); err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

// newServer returns all of the program but the listener. Its tests bring their own.
func newServer() (*creche.App, http.Handler) {
	app, b := creche.New(creche.Options{}), newBoard()
	app.Service("sensors", creche.Daemon(sensors(b)))

	mux := http.NewServeMux()
	mux.Handle("GET /{$}", creche.Handler(page))
	mux.Handle("GET /live", creche.Handler(b.live))
	return app, httpcreche.Wrap(mux, app)
}

// sensors makes up fifty readings a second.
func sensors(b *board) func(ctx context.Context) error {
	const sensors = 5
	return nursery.Every(time.Second/10, func(context.Context) error {
		for i := range sensors {
			if err := b.set(fmt.Sprintf("sensor %d", i+1), rand.IntN(100)); err != nil {
				return err
			}
		}
		return nil
	})
}

//go:embed index.html
var index []byte

func page(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, err := w.Write(index)
	return err
}
