package recipes

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/chicreche"
	"github.com/creche-go/creche/adapters/echocreche"
	"github.com/creche-go/creche/errorhandlers"
)

// OutOfStock is an error of the shop. It knows nothing of HTTP.
type OutOfStock struct {
	SKU string // what is sold out
}

// Error is for logs.
func (e *OutOfStock) Error() string { return "out of stock: " + e.SKU }

// Rules say what the shop's errors mean.
func Rules() []errorhandlers.Rule {
	return []errorhandlers.Rule{
		errorhandlers.Translate(func(e *OutOfStock) error {
			return &errorhandlers.Problem{Status: http.StatusConflict, Detail: e.SKU + " is sold out", Err: e}
		}),
		errorhandlers.TranslateIs(sql.ErrNoRows, func(err error) error {
			return &errorhandlers.Problem{Status: http.StatusNotFound, Err: err}
		}),
		errorhandlers.OnIs(creche.ErrRequestTimeout, func(w http.ResponseWriter, _ *http.Request, _ error) error {
			w.WriteHeader(http.StatusGatewayTimeout)
			_, err := fmt.Fprintln(w, "that took too long")
			return err
		}),
	}
}

// ReadJSON reads the body into v. What the client got wrong is a 400; a body that is
// too long or too slow keeps its own status.
func ReadJSON(w http.ResponseWriter, r *http.Request, v any) error {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(v)
	_, malformed := errors.AsType[*json.SyntaxError](err)
	_, mistyped := errors.AsType[*json.UnmarshalTypeError](err)
	if malformed || mistyped || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &errorhandlers.Problem{Status: http.StatusBadRequest, Detail: "the body is not the JSON that is expected here", Err: err}
	}
	return err
}

// forbidden is the page that the admin part answers a 403 with.
func forbidden(w http.ResponseWriter, _ *http.Request, _ error) error {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(http.StatusForbidden)
	_, err := fmt.Fprint(w, "<p>Ask your administrator.")
	return err
}

// Chi builds the shop on chi.
func Chi(app *creche.App, order func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	r := chi.NewRouter()
	chicreche.Use(r, app)
	r.Post("/orders/{sku}", creche.Handler(order))
	r.Route("/admin", func(r chi.Router) {
		r.Use(app.Errors(errorhandlers.OnStatus(http.StatusForbidden, forbidden)))
		r.Post("/orders/{sku}", creche.Handler(order))
	})
	return r
}

// Echo builds the shop on echo.
func Echo(app *creche.App, order echo.HandlerFunc) http.Handler {
	e := echo.New()
	echocreche.Use(e, app)
	e.POST("/orders/:sku", order)
	admin := e.Group("/admin", echocreche.Errors(app,
		echocreche.OnStatus(http.StatusForbidden, func(c echo.Context, err error) error {
			return c.HTML(http.StatusForbidden, "<p>Ask your administrator.")
		}),
	))
	admin.POST("/orders/:sku", order)
	return e
}
