// Command sse streams server-sent events and answers long polls. Both end
// politely when the server drains: the stream with a last event, the poll with
// nothing new.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/httpcreche"
	"github.com/creche-go/creche/nursery"
)

const pause = time.Second // between events

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	flag.Parse()
	app, h := newServer(creche.Options{})
	if err := app.ListenAndServe(context.Background(), *addr, h); err != nil {
		log.Fatal(err)
	}
}

func newServer(o creche.Options) (*creche.App, http.Handler) {
	app, mux := creche.New(o), http.NewServeMux()
	mux.Handle("GET /events", creche.Handler(events))
	mux.Handle("GET /poll", creche.Handler(poll))
	return app, httpcreche.Wrap(mux, app)
}

// events sends the time until the client leaves or the server drains. The
// headers leave with the first flush; what fails after that cuts the stream.
func events(w http.ResponseWriter, r *http.Request) error {
	ctx, out := r.Context(), http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		if _, err := fmt.Fprintf(w, "data: %s\n\n", time.Now().Format(time.TimeOnly)); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-nursery.Draining(ctx): // the soft end: a last word, and then a whole response
			_, err := fmt.Fprint(w, "event: bye\ndata: the server restarts\n\n")
			return err
		case <-ctx.Done(): // the hard one: the client has left, or the grace is over
			return ctx.Err()
		}
	}
}

// poll answers as soon as there is news, which here is a while later.
func poll(w http.ResponseWriter, r *http.Request) error {
	select {
	case now := <-time.After(pause):
		_, err := fmt.Fprintln(w, now.Format(time.TimeOnly))
		return err
	case <-nursery.Draining(r.Context()): // nothing new: ask the next server
		w.WriteHeader(http.StatusNoContent)
		return nil
	case <-r.Context().Done():
		return r.Context().Err()
	}
}
