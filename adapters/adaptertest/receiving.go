package adaptertest

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// receiving has the cases about what responses to an upload look like.
func receiving() []check {
	// R2, R4
	return []check{
		{"what is sent is byte for byte what the router alone sends, for POST", "R2, R4", both, sameForPost},
		{"what is sent is byte for byte what the router alone sends, for a POST that waits to be asked for its body", "R2, R4", both, sameForExpect},
	}
}

// readingShapes have handlers that read a body.
var readingShapes = []shape{
	{"sends the body back", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }},
	{"reads a part of the body", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.ReadFull(r.Body, make([]byte, 10))
		_, _ = fmt.Fprint(w, n, err)
	}},
	{"reads the body and says nothing", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }},
	{"reads the body to its end, and then on", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		n, again := r.Body.Read(make([]byte, 1))
		_, _ = fmt.Fprint(w, len(body), err, n, again, r.Body.Close())
	}},
	{"reads a body that it has closed", func(w http.ResponseWriter, r *http.Request) {
		err := r.Body.Close()
		_, again := r.Body.Read(make([]byte, 1))
		_, _ = fmt.Fprint(w, err, again)
	}},
	{"refuses the body", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		http.Error(w, "no", http.StatusForbidden)
	}},
	{"reads a body over its limit", func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 100))
		w.Header().Set("Connection", "close") // which MaxBytesReader sees to only with the server's own writer
		http.Error(w, fmt.Sprint(err), http.StatusRequestEntityTooLarge)
	}},
}

// writingFirst have handlers that read when they have written, after which the
// router alone asks for no body that is waited with.
var writingFirst = []shape{
	{"reads the body after it wrote", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begun ")
		n, err := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, n, err)
	}},
}

func sameForPost(t *trial) {
	sameForUpload(t, slices.Concat(shapes, readingShapes, writingFirst))
}

func sameForExpect(t *trial) {
	sameForUpload(t, slices.Concat(shapes, readingShapes), "Expect", "100-continue")
}

// sameForUpload compares what is sent in response to a body.
func sameForUpload(t *trial, shapes []shape, header ...string) {
	if t.protocol == 1 {
		shapes = slices.Concat(shapes, shapesOfHTTP1)
	}
	body := strings.Repeat("upload", 500)
	sameAsBare(t, shapes, http.MethodPost, func(s *site, path string) string {
		if transport, is := s.server.Client().Transport.(*http.Transport); is {
			transport.ExpectContinueTimeout = time.Hour // the body is not sent before it is asked for
		}
		return s.bytesOfUpload(http.MethodPost, path, body, header...)
	})
}
