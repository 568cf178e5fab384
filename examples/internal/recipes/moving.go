package recipes

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	echo5 "github.com/labstack/echo/v5"
	echo5middleware "github.com/labstack/echo/v5/middleware"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/chicreche"
	"github.com/creche-go/creche/adapters/echo5creche"
)

// EchoMoved is the service on echo after the move.
func EchoMoved(app *creche.App, answer echo5.HTTPErrorHandler, order echo5.HandlerFunc) *echo5.Echo {
	e := echo5.New()
	e.HTTPErrorHandler = answer // answers what no rule answers
	e.Use(echo5middleware.RequestLogger(), echo5middleware.RequestID(), echo5middleware.CORS("*"))
	echo5creche.Use(e, app)
	e.Use(echo5middleware.Gzip(), echo5creche.Timeout(app, 2*time.Second))
	e.GET("/orders/:id", order)
	return e
}

// ChiMoved is the service on chi after the move.
func ChiMoved(app *creche.App, cors func(http.Handler) http.Handler, order http.HandlerFunc) http.Handler {
	r := chi.NewRouter()
	r.Use(chimiddleware.RequestID, chimiddleware.Logger, cors)
	chicreche.Use(r, app)
	r.Use(chimiddleware.Compress(5), app.Timeout(2*time.Second))
	r.Get("/orders/{id}", order)
	return r
}
