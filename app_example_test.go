package creche_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/httpcreche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// show prints the answer to a GET request.
func show(h http.Handler, path string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	body, _ := io.ReadAll(w.Result().Body)
	fmt.Printf("%s: %d %s\n", path, w.Code, body)
}

var errUnknown = errors.New("no such article")

func lookUp(_ context.Context, sku string) (int, error) {
	if sku != "tea" {
		return 0, errUnknown
	}
	return 3, nil
}

// A handler returns its error, and the rules answer it.
func ExampleHandler() {
	app := creche.New(creche.Options{Errors: []errorhandlers.Rule{
		errorhandlers.TranslateIs(errUnknown, func(err error) error {
			return &errorhandlers.Problem{Status: http.StatusNotFound, Err: err}
		}),
	}})
	mux := http.NewServeMux()
	mux.Handle("GET /quote/{sku}", creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		price, err := lookUp(r.Context(), r.PathValue("sku"))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%d euros", price)
		return err
	}))
	h := httpcreche.Wrap(mux, app)
	show(h, "/quote/tea")
	show(h, "/quote/coal")
	// Output:
	// /quote/tea: 200 3 euros
	// /quote/coal: 404 {"title":"Not Found","status":404}
}

// A task that fails after the handler wrote 201 still has its answer: the
// response is held back until the tasks are joined.
func ExampleHandler_task() {
	app := creche.New(creche.Options{})
	h := app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		nursery.From(r.Context()).Go(func(context.Context) error {
			return &errorhandlers.Problem{Status: http.StatusConflict, Detail: "sold out"}
		})
		w.WriteHeader(http.StatusCreated)
		return nil
	}))
	show(h, "/orders/tea")
	// Output:
	// /orders/tea: 409 {"title":"Conflict","status":409,"detail":"sold out"}
}

// Rules given to a group of routes come before the application's.
func ExampleApp_Errors() {
	page := func(text string) errorhandlers.Rule {
		return errorhandlers.OnIs(errUnknown, func(w http.ResponseWriter, _ *http.Request, _ error) error {
			w.WriteHeader(http.StatusNotFound)
			_, err := io.WriteString(w, text)
			return err
		})
	}
	unknown := creche.Handler(func(http.ResponseWriter, *http.Request) error { return errUnknown })
	app := creche.New(creche.Options{Errors: []errorhandlers.Rule{page("nothing here")}})
	mux := http.NewServeMux()
	mux.Handle("/", unknown)
	mux.Handle("/admin/", app.Errors(page("nothing to administer"))(unknown))
	h := httpcreche.Wrap(mux, app)
	show(h, "/quote")
	show(h, "/admin/quote")
	// Output:
	// /quote: 404 nothing here
	// /admin/quote: 404 nothing to administer
}

// Work that outlives the request goes to the background nursery.
func ExampleGo() {
	indexed := make(chan string)
	app := creche.New(creche.Options{})
	h := app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		err := creche.Go(r.Context(), "reindex", func(context.Context) error {
			indexed <- "tea indexed" // the response does not wait for this
			return nil
		})
		if err != nil {
			return err
		}
		w.WriteHeader(http.StatusCreated)
		_, err = io.WriteString(w, "started")
		return err
	}))
	show(h, "/jobs")
	fmt.Println(<-indexed)
	// Output:
	// /jobs: 201 started
	// tea indexed
}
