package recipes

import (
	"context"
	"net/http"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// Both asks for two things at once.
func Both(ctx context.Context, sku string) (price, stock int, err error) {
	err = nursery.All(ctx,
		nursery.Into(&price, func(ctx context.Context) (int, error) { return lookUpPrice(ctx, sku) }),
		nursery.Into(&stock, func(ctx context.Context) (int, error) { return lookUpStock(ctx, sku) }),
	)
	return price, stock, err
}

// Mail sends one after the answer.
func Mail(mail func(ctx context.Context) error) http.HandlerFunc {
	return creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if err := creche.Go(r.Context(), "mail", mail); err != nil {
			return err
		}
		w.WriteHeader(http.StatusAccepted)
		return nil
	})
}

// Serve sweeps every minute, whatever the sweep before came to, and serves until it is told to stop.
func Serve(app *creche.App, addr string, handler http.Handler, sweep func(ctx context.Context) error) error {
	app.Service("sweep", creche.Daemon(nursery.Every(time.Minute, nursery.BestEffort("sweep", sweep))))
	return app.ListenAndServe(context.Background(), addr, handler)
}
