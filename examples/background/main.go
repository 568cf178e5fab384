// Command background takes sign-ups and sends a welcome afterwards: work that
// outlives its request, is tried again when it fails, and has ended when the
// program does.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/httpcreche"
	"github.com/creche-go/creche/nursery"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	flag.Parse()
	app, h := newServer(creche.Options{}, &desk{send: send})
	if err := app.ListenAndServe(context.Background(), *addr, h); err != nil {
		log.Fatal(err)
	}
}

// desk is where people sign up.
type desk struct {
	send func(ctx context.Context, name string) error
	sent atomic.Int64
}

func newServer(o creche.Options, d *desk) (*creche.App, http.Handler) {
	app, mux := creche.New(o), http.NewServeMux()
	app.Service("count", creche.Daemon(nursery.Every(time.Minute, d.count))) // lives as long as the program
	mux.Handle("POST /people/{name}", creche.Handler(d.signUp))
	return app, httpcreche.Wrap(mux, app)
}

// signUp answers at once. What the task needs of the request it has copied.
func (d *desk) signUp(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	welcome := func(ctx context.Context) error { // a context with r's values, and without its end
		if err := d.send(ctx, name); err != nil {
			return err
		}
		d.sent.Add(1)
		return nil
	}
	retried := nursery.Retry(nursery.Timeout(welcome, 10*time.Second), nursery.RetryOptions{Attempts: 3})
	if err := creche.Go(r.Context(), "welcome", retried); err != nil {
		return err // the background is full, or about to end: 503, with Retry-After
	}
	w.WriteHeader(http.StatusAccepted)
	_, err := fmt.Fprintln(w, "Welcome,", name)
	return err
}

func (d *desk) count(ctx context.Context) error {
	slog.InfoContext(ctx, "welcomes", "sent", d.sent.Load())
	return nil
}

// send pretends to send a mail.
func send(ctx context.Context, name string) error {
	select {
	case <-time.After(2 * time.Second):
		slog.InfoContext(ctx, "sent", "to", name)
		return nil
	case <-ctx.Done(): // the stop's grace for background work is over, or the attempt's ten seconds
		return context.Cause(ctx)
	}
}
