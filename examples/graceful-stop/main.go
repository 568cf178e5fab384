// Command graceful-stop takes orders and files them in the background. However
// it is stopped, no order that it accepted is lost unsaid, and none is filed by
// halves. Its services and the stages of its stop are in newServer.
package main

import (
	"context"
	"flag"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/httpcreche"
	"github.com/creche-go/creche/examples/internal/shelf"
	"github.com/creche-go/creche/nursery"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on")
	probes := flag.String("probes", "127.0.0.1:8081", "address for probes and metrics")
	dir := flag.String("dir", "orders", "directory to file the orders in")
	delay := flag.Duration("delay", 0, "how long to go on after SIGTERM, for load balancers to notice")
	total := flag.Duration("total", 0, "how long the stop may take (default 25s)")
	flag.Parse()

	app, handler := newServer(*dir, *probes, creche.Stopping{Delay: *delay, Total: *total})
	listeners, err := creche.SystemdListeners()
	switch {
	case err != nil:
	case len(listeners) > 0:
		err = app.Serve(context.Background(), listeners[0], handler, listeners[1:]...)
	default:
		err = app.ListenAndServe(context.Background(), *addr, handler)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func newServer(dir, probes string, stopping creche.Stopping) (*creche.App, http.Handler) {
	app := creche.New(creche.Options{Stopping: stopping, Background: creche.Background{Limit: 4}})
	orders := &shelf.Shelf{Dir: dir}

	// Services start in this order, before the first request, and stop in the
	// reverse one, after the last order was filed.
	admin := http.NewServeMux()
	admin.HandleFunc("GET /readyz", app.Ready)
	admin.HandleFunc("GET /livez", app.Live)
	admin.HandleFunc("GET /metrics", orders.Metrics)
	app.Service("admin", creche.Server(&http.Server{Addr: probes, Handler: admin}))
	app.Service("shelf", creche.Service{Start: orders.Open, Stop: orders.Close})
	app.Service("inventory", creche.Daemon(nursery.Every(time.Minute, nursery.BestEffort("count", orders.Count))))

	mux := http.NewServeMux()
	mux.Handle("POST /orders/{id}", creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		id := r.PathValue("id")
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<16))
		if err != nil {
			return err
		}
		err = creche.Go(r.Context(), "order "+id, func(ctx context.Context) error {
			return orders.File(ctx, id, text)
		})
		if err != nil {
			return err // too many of them: 503
		}
		w.WriteHeader(http.StatusAccepted)
		return nil
	}))
	return app, httpcreche.Wrap(mux, app)
}
