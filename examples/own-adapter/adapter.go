package main

import (
	"net/http"

	"github.com/julienschmidt/httprouter"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
)

// Wrap returns a handler that serves r with an exchange of app around each
// request, and has r's own 404 and 405 answered by the error rules. This is all
// of the adapter: httprouter has middleware around it and not in it, and what
// it finds in a path it keeps in the request's context and never recycles.
func Wrap(r *httprouter.Router, app *creche.App) http.Handler {
	r.NotFound = refuse(http.StatusNotFound)
	r.MethodNotAllowed = refuse(http.StatusMethodNotAllowed) // with the Allow that httprouter has set
	return app.Middleware(r)
}

// refuse returns a handler that fails the request with the status.
func refuse(status int) http.Handler {
	return creche.Handler(func(http.ResponseWriter, *http.Request) error {
		return &errorhandlers.Problem{Status: status}
	})
}
