package adaptertest

import (
	"io"
	"net/http"
)

// one returns a group with one GET route, "/one".
func one(h Handler) Group { return under("/one", h) }

// under returns a group with one route for GET.
func under(path string, h Handler) Group {
	return Group{Routes: []Route{{http.MethodGet, path, h}}}
}

// posted returns a group with one route for POST, "/one".
func posted(h Handler) Group {
	return Group{Routes: []Route{{http.MethodPost, "/one", h}}}
}

// ok answers 200.
func ok(w http.ResponseWriter, _ *http.Request, _ Params) error {
	_, err := io.WriteString(w, "ok")
	return err
}

// failsWith returns a handler that returns err.
func failsWith(err error) Handler {
	return func(http.ResponseWriter, *http.Request, Params) error { return err }
}
