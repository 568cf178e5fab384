package recipes_test

import (
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"
	"golang.org/x/sync/errgroup"

	"github.com/creche-go/creche/examples/internal/recipes"
)

var lookUpPrice, lookUpStock = recipes.LookUpPrice, recipes.LookUpStock

// QuoteByHand is a handler with an errgroup.
func QuoteByHand(w http.ResponseWriter, r *http.Request) {
	sku := r.PathValue("sku")
	g, ctx := errgroup.WithContext(r.Context())
	var price, stock int
	g.Go(func() (err error) {
		price, err = lookUpPrice(ctx, sku)
		return err
	})
	g.Go(func() (err error) {
		stock, err = lookUpStock(ctx, sku)
		return err
	})
	if err := g.Wait(); err != nil {
		log.Printf("quote: %v", err)
		http.Error(w, "something went wrong", http.StatusInternalServerError)
		return
	}
	_, _ = fmt.Fprintf(w, "%d at %d\n", stock, price)
}

// ChiTimeout is chi's own.
func ChiTimeout(report http.HandlerFunc) http.Handler {
	r := chi.NewRouter()
	r.With(middleware.Timeout(2*time.Second)).Get("/report", report)
	return r
}

// EchoTimeout is echo's own.
func EchoTimeout(report echo.HandlerFunc) http.Handler {
	e := echo.New()
	e.GET("/report", report, echomiddleware.ContextTimeout(2*time.Second))
	return e
}

// HandlerTimeout is net/http's own.
func HandlerTimeout(report http.Handler) http.Handler {
	return http.TimeoutHandler(report, 2*time.Second, "too slow")
}
