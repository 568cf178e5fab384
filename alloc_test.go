//go:build !race

package creche_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/creche-go/creche"
)

var okBody = []byte("ok")

// idleWriter is a response writer that costs nothing.
type idleWriter struct{ header http.Header }

func (w *idleWriter) Header() http.Header         { return w.header }
func (w *idleWriter) WriteHeader(int)             {}
func (w *idleWriter) Write(p []byte) (int, error) { return len(p), nil }

// R11: a request that starts no task costs one allocation.
func TestAllocPerRequest(t *testing.T) {
	app := creche.New(creche.Options{})
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(okBody) })
	typed := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(okBody)
	})
	tests := []struct {
		name    string
		handler http.Handler
		edit    func(w *idleWriter, r *http.Request)
		want    float64
	}{
		{"a handler that writes", app.Middleware(ok), nil, 1},
		{"a handler that writes a status, too", app.Middleware(typed), nil, 1},
		{"a handler that returns an error, if it had one", app.Middleware(creche.Handler(func(w http.ResponseWriter, _ *http.Request) error {
			_, err := w.Write(okBody)
			return err
		})), nil, 1},
		{"headers from outer middleware", app.Middleware(ok), func(w *idleWriter, _ *http.Request) {
			w.header.Set("X-A", "1")
			w.header.Set("X-B", "2")
		}, 1},
		{"over HTTP/2", app.Middleware(ok), func(_ *idleWriter, r *http.Request) { r.ProtoMajor, r.ProtoMinor = 2, 0 }, 1},
		{"a group without rules", app.Middleware(app.Errors()(ok)), nil, 2},
		{"the middleware twice", app.Middleware(app.Middleware(ok)), nil, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &idleWriter{header: make(http.Header)}
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			if tt.edit != nil {
				tt.edit(w, r)
			}
			if got := testing.AllocsPerRun(1000, func() { tt.handler.ServeHTTP(w, r) }); got != tt.want {
				t.Errorf("got %v allocations a request, want %v", got, tt.want)
			}
		})
	}
}
