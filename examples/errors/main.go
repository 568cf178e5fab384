// Command errors keeps a shelf of books whose handlers return errors that know
// nothing of HTTP. Rules say what each of them is answered with, in one place.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/httpcreche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

var errNoBook = errors.New("no such book") // a sentinel

// invalid is a type, with what the client has to know.
type invalid struct {
	Field string `json:"field"`
	Why   string `json:"why"`
}

func (e *invalid) Error() string { return e.Field + " " + e.Why }

var rules = []errorhandlers.Rule{
	errorhandlers.TranslateIs(errNoBook, func(err error) error {
		return &errorhandlers.Problem{Status: http.StatusNotFound, Detail: "There is no such book.", Err: err}
	}),
	errorhandlers.Translate(func(e *invalid) error { return unprocessable(e) }),
	errorhandlers.OnGroup(func(w http.ResponseWriter, r *http.Request, err error) error {
		var fields []*invalid
		for leaf := range nursery.Leaves(err) {
			e, ok := errors.AsType[*invalid](leaf)
			if !ok {
				return errorhandlers.ErrDecline // something else is wrong, too: leaf by leaf, then
			}
			fields = append(fields, e)
		}
		unprocessable(fields...).ServeHTTP(w, r)
		return nil
	}),
}

// unprocessable is an answer of RFC 9457 with a member of our own.
func unprocessable(fields ...*invalid) *errorhandlers.Problem {
	return &errorhandlers.Problem{Status: http.StatusUnprocessableEntity, Extensions: map[string]any{"invalid": fields}}
}

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	flag.Parse()
	app, h := newServer()
	if err := app.ListenAndServe(context.Background(), *addr, h); err != nil {
		log.Fatal(err)
	}
}

func newServer() (*creche.App, http.Handler) {
	app, mux := creche.New(creche.Options{Errors: rules}), http.NewServeMux()
	mux.Handle("GET /books/{id}", creche.Handler(func(http.ResponseWriter, *http.Request) error {
		return fmt.Errorf("shelf 3: %w", errNoBook) // it is an empty shelf
	}))
	mux.Handle("POST /books", creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		var wrong error
		for _, field := range []string{"title", "author"} {
			if r.FormValue(field) == "" {
				wrong = errors.Join(wrong, &invalid{field, "is missing"})
			}
		}
		if wrong == nil {
			w.WriteHeader(http.StatusCreated)
		}
		return wrong
	}))
	return app, httpcreche.Wrap(mux, app)
}
