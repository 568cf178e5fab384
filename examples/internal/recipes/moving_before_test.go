package recipes_test

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	echo5 "github.com/labstack/echo/v5"
	echo5middleware "github.com/labstack/echo/v5/middleware"
)

// EchoBefore is a service on echo as many are.
func EchoBefore(answer echo5.HTTPErrorHandler, order echo5.HandlerFunc) *echo5.Echo {
	e := echo5.New()
	e.HTTPErrorHandler = answer
	e.Use(echo5middleware.RequestLogger(), echo5middleware.Recover(), echo5middleware.RequestID(), echo5middleware.CORS("*"))
	e.Use(echo5middleware.Gzip(), echo5middleware.ContextTimeout(2*time.Second))
	e.GET("/orders/:id", order)
	return e
}

// ChiBefore is one on chi.
func ChiBefore(cors func(http.Handler) http.Handler, order http.HandlerFunc) http.Handler {
	r := chi.NewRouter()
	r.Use(chimiddleware.RequestID, chimiddleware.Logger, chimiddleware.Recoverer, cors)
	r.Use(chimiddleware.Compress(5), chimiddleware.Timeout(2*time.Second))
	r.Get("/orders/{id}", order)
	return r
}
