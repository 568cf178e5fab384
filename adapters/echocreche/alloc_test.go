//go:build !race

package echocreche_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/creche-go/creche/adapters/echocreche"
	"github.com/labstack/echo/v4"
)

// R11: the exchange, and what the adapter keeps of the request. That echo makes
// a closure of whatever middleware there is, for each request anew, is its own.
func TestAllocRequest(t *testing.T) {
	idle := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { return next(c) }
	}
	app, _ := newApp()
	with, without := echo.New(), echo.New()
	echocreche.Use(with, app)
	without.Use(idle)
	with.GET("/:id", noContent)
	without.GET("/:id", noContent)
	if got := allocs(with) - allocs(without); got > 2 {
		t.Errorf("allocations for a request without tasks: got %v, want at most 2", got)
	}
}

func noContent(c echo.Context) error { return c.NoContent(http.StatusNoContent) }

func allocs(e *echo.Echo) float64 {
	r, w := httptest.NewRequest(http.MethodGet, "/7", nil), httptest.NewRecorder()
	return testing.AllocsPerRun(1000, func() { e.ServeHTTP(w, r) })
}
