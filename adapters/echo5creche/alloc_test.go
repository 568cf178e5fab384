//go:build !race

package echo5creche_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/creche-go/creche/adapters/echo5creche"
	"github.com/labstack/echo/v5"
)

// R11: the exchange, and what the adapter keeps of the request.
func TestAllocRequest(t *testing.T) {
	app, _ := newApp()
	with, without := echo.New(), echo.New()
	echo5creche.Use(with, app)
	with.GET("/:id", noContent)
	without.GET("/:id", noContent)
	if got := allocs(with) - allocs(without); got > 2 {
		t.Errorf("allocations for a request without tasks: got %v, want at most 2", got)
	}
}

func noContent(c *echo.Context) error { return c.NoContent(http.StatusNoContent) }

func allocs(e *echo.Echo) float64 {
	r, w := httptest.NewRequest(http.MethodGet, "/7", nil), httptest.NewRecorder()
	return testing.AllocsPerRun(1000, func() { e.ServeHTTP(w, r) })
}
