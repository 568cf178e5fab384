package recipes_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/examples/internal/recipes"
)

// R2, E6
func TestMiddlewareOnBothSides(t *testing.T) {
	var seen []int
	logged := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
			next.ServeHTTP(ww, r)
			seen = append(seen, ww.Status())
		})
	}
	list := creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, strings.Repeat("note ", 100))
		if r.URL.RawQuery != "" {
			return errors.New("the rest is lost")
		}
		return nil
	})
	h := recipes.ChiInOrder(quiet(), logged, func(key string) bool { return key == "Bearer k" }, list)
	for _, tt := range []struct {
		path, key string
		status    int
		encoding  string
		says      string
	}{
		{"/notes", "Bearer k", 200, "gzip", ""},
		{"/notes", "", 401, "", "Unauthorized"},
		{"/notes?broken", "Bearer k", 500, "", "Internal Server Error"},
	} {
		r := httptest.NewRequest(http.MethodGet, tt.path, nil)
		r.Header.Set("Authorization", tt.key)
		r.Header.Set("Accept-Encoding", "gzip")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tt.status || w.Header().Get("Content-Encoding") != tt.encoding || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s: got %d %q %.40q, want %d %q %q", tt.path, w.Code, w.Header().Get("Content-Encoding"), w.Body, tt.status, tt.encoding, tt.says)
		}
		if got := w.Header().Get("WWW-Authenticate"); (tt.status == 401) != (got == "Bearer") {
			t.Errorf("%s: got a challenge %q", tt.path, got)
		}
		if last := seen[len(seen)-1]; last != tt.status {
			t.Errorf("%s: middleware outside saw %d, want %d", tt.path, last, tt.status)
		}
	}
}
