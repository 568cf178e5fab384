package recipes

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/chicreche"
	"github.com/creche-go/creche/adapters/echocreche"
	"github.com/creche-go/creche/adapters/httpcreche"
	"github.com/creche-go/creche/nursery"
)

func lookUpPrice(ctx context.Context, sku string) (int, error) { return len(sku), ctx.Err() }

func lookUpStock(ctx context.Context, sku string) (int, error) { return len(sku), ctx.Err() }

// Quote looks up two things at once, in the request's scope.
func Quote(w http.ResponseWriter, r *http.Request) error {
	sku := r.PathValue("sku")
	var price, stock int
	if err := nursery.All(r.Context(),
		nursery.Into(&price, func(ctx context.Context) (int, error) { return lookUpPrice(ctx, sku) }),
		nursery.Into(&stock, func(ctx context.Context) (int, error) { return lookUpStock(ctx, sku) }),
	); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d at %d\n", stock, price)
	return err
}

// Order answers at once, and its answer is sent when the audit is written.
func Order(audit, mail func(ctx context.Context) error) func(w http.ResponseWriter, r *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		nursery.From(ctx).Go(audit)                          // ends with the request: joined before the answer leaves
		if err := creche.Go(ctx, "mail", mail); err != nil { // outlives it: joined when the server stops
			return err
		}
		w.WriteHeader(http.StatusCreated)
		_, err := fmt.Fprintln(w, "ordered") // held back: a failed audit still makes a true error answer
		return err
	}
}

// OrderOnEcho is the same in an Echo.
func OrderOnEcho(audit, mail func(ctx context.Context) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		nursery.From(c.Request().Context()).Go(audit)
		if err := creche.Go(echocreche.Detach(c, "user"), "mail", mail); err != nil { // c itself is another request's soon
			return err
		}
		return c.String(http.StatusCreated, "ordered\n")
	}
}

// ChiWithTimeout has a timeout for a route of chi.
func ChiWithTimeout(app *creche.App, report func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	r := chi.NewRouter()
	chicreche.Use(r, app)
	r.With(app.Timeout(2*time.Second)).Get("/report", creche.Handler(report))
	return r
}

// EchoWithTimeout has one for a route of echo.
func EchoWithTimeout(app *creche.App, report echo.HandlerFunc) http.Handler {
	e := echo.New()
	echocreche.Use(e, app)
	e.GET("/report", report, echocreche.Timeout(app, 2*time.Second))
	return e
}

// MuxWithTimeout has one for a route of net/http.
func MuxWithTimeout(app *creche.App, report func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /report", app.Timeout(2*time.Second)(creche.Handler(report)))
	return httpcreche.Wrap(mux, app)
}
