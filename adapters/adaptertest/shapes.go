package adaptertest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// A shape is a way in which handlers write responses.
type shape struct {
	does  string // completes "a handler that …"
	write func(w http.ResponseWriter, r *http.Request)
}

func (s shape) handle(w http.ResponseWriter, r *http.Request, _ Params) error {
	s.write(w, r)
	return nil
}

// shapes has those that do not fail.
var shapes = []shape{
	{"does nothing", func(http.ResponseWriter, *http.Request) {}},
	{"sends a status", status(http.StatusCreated)},
	{"sends 204", status(http.StatusNoContent)},
	{"sends 304", status(http.StatusNotModified)},
	{"sends an error's status", status(http.StatusTeapot)},
	{"sends two statuses", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		w.WriteHeader(http.StatusOK)
	}},
	{"writes text", text("hello")},
	{"writes HTML", text("<!doctype html><p>hello")},
	{"writes nothing", text("")},
	{"writes as much as is held", text(strings.Repeat("x", 2048))},
	{"writes more than is held", text(strings.Repeat("x", 2049))},
	{"writes more than the server holds", text(strings.Repeat("x", 10_000))},
	{"writes in many pieces", pieces(100)},
	{"writes in very many pieces", pieces(2000)},
	{"writes a string", func(w http.ResponseWriter, _ *http.Request) {
		n, err := io.WriteString(w, "hello")
		w.Header().Set("X-Late", fmt.Sprint(n, err))
	}},
	{"writes to a 204", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		_, err := io.WriteString(w, "hello")
		w.Header().Set(http.TrailerPrefix+"X-Error", fmt.Sprint(err))
	}},
	{"says how long its body is", declares(5, "hello")},
	{"says that its body is longer than it is", declares(10, "hello")},
	{"says that its body is empty", declares(0)},
	{"says that its long body is longer than it is", declares(20_000, strings.Repeat("x", 10_000))},
	{"names the type", header("Content-Type", "application/json", "{}")},
	{"wants no type", func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		_, _ = io.WriteString(w, "hello")
	}},
	{"wants no date", func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = nil
		_, _ = io.WriteString(w, "hello")
	}},
	{"closes the connection", header("Connection", "close", "hello")},
	{"compresses", header("Content-Encoding", "gzip", "\x1f\x8bnot really")},
	{"sets cookies", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
		http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
		_, _ = io.WriteString(w, "hello")
	}},
	{"changes the header when it is too late", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Kept", "before")
		w.Header().Set("X-Deleted", "before")
		w.WriteHeader(http.StatusAccepted)
		w.Header().Set("X-Kept", "after")
		w.Header().Set("X-New", "after")
		w.Header().Del("X-Deleted")
		_, _ = io.WriteString(w, "hello")
	}},
	{"changes the header after it wrote", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
		w.Header().Set("X-New", "after")
	}},
	{"declares a trailer", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		_, _ = io.WriteString(w, "hello")
		w.Header().Set("X-Sum", "5")
	}},
	{"sends a trailer that it did not declare", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 3000))
		w.Header().Set(http.TrailerPrefix+"X-Sum", "3000")
	}},
	{"sends early hints", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "hello")
	}},
	{"flushes", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hel")
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, "lo")
	}},
	{"only flushes", func(w http.ResponseWriter, _ *http.Request) { _ = http.NewResponseController(w).Flush() }},
	{"flushes by the interface", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		_, _ = io.WriteString(w, "hello")
	}},
	{"copies", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, strings.NewReader("hello")) }},
	{"copies a lot, after it wrote", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
		_, _ = io.Copy(w, io.LimitReader(zeros{}, 10_000))
	}},
	{"redirects", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusSeeOther) }},
	{"answers with http.Error", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }},
	{"answers with http.NotFound", http.NotFound},
	{"serves content", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "a.txt", time.Unix(1e9, 0), bytes.NewReader(make([]byte, 5000)))
	}},
	{"serves a range", func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Range", "bytes=10-19")
		http.ServeContent(w, r, "a.txt", time.Unix(1e9, 0), strings.NewReader(strings.Repeat("0123456789", 10)))
	}},
	{"serves what has not changed", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", `"1"`)
		r.Header.Set("If-None-Match", `"1"`)
		http.ServeContent(w, r, "a.txt", time.Unix(1e9, 0), strings.NewReader("hello"))
	}},
}

// shapesOfHTTP1 has those that the server of HTTP/2 lets break the protocol as
// long as it holds the header. Behind an adapter it is kept.
var shapesOfHTTP1 = []shape{
	{"says that its body is shorter than it is", declares(2, "he", "llo")},
}

func status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func text(body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
}

func pieces(n int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := range n {
			_, _ = fmt.Fprintf(w, "%d,", i)
		}
	}
}

func header(key, value, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(key, value)
		_, _ = io.WriteString(w, body)
	}
}

// declares sets the length and then writes the parts, after one of which that
// does not fit others may still fit.
func declares(length int, parts ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(length))
		for _, part := range parts {
			_, _ = io.WriteString(w, part)
		}
	}
}

// zeros is a reader without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
