//go:build !race

package chicreche_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/chicreche"
)

// idleWriter is a response writer that costs nothing.
type idleWriter struct{ header http.Header }

func (w *idleWriter) Header() http.Header         { return w.header }
func (w *idleWriter) WriteHeader(int)             {}
func (w *idleWriter) Write(p []byte) (int, error) { return len(p), nil }

// R11: one allocation more than chi's own.
func TestAllocPerRequest(t *testing.T) {
	ok := []byte("ok")
	allocs := func(use func(chi.Router)) float64 {
		r := chi.NewRouter()
		use(r)
		r.Get("/quote/{sku}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(ok) })
		w := &idleWriter{header: make(http.Header)}
		req := httptest.NewRequest(http.MethodGet, "/quote/tea", nil)
		return testing.AllocsPerRun(1000, func() { r.ServeHTTP(w, req) })
	}
	plain := allocs(func(chi.Router) {})
	ours := allocs(func(r chi.Router) { chicreche.Use(r, creche.New(creche.Options{})) })
	if got := ours - plain; got != 1 {
		t.Errorf("got %v allocations a request more than chi's %v, want 1", got, plain)
	}
}
