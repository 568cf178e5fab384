package recipes_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	echo5 "github.com/labstack/echo/v5"

	"github.com/creche-go/creche/examples/internal/recipes"
)

var errNoOrder = errors.New("no such order")

// orders are what a service answers before the move and after it.
var orders = []struct {
	id     string
	status int
}{
	{"17", 200}, {"none", 404}, {"panics", 500}, {"slow", 503},
}

// wantOrders asks both for all orders. A header that middleware outside sets is
// there whatever is answered.
func wantOrders(t *testing.T, before, after http.Handler) {
	t.Helper()
	for _, tt := range orders {
		bodies := map[string]bool{}
		for when, h := range map[string]http.Handler{"before": before, "after": after} {
			r := httptest.NewRequest(http.MethodGet, "/orders/"+tt.id, nil)
			r.Header.Set("Origin", "https://elsewhere.example")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != tt.status || w.Header().Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s the move order %s is a %d with %v, want %d and the header of CORS", when, tt.id, w.Code, w.Header(), tt.status)
			}
			bodies[w.Body.String()] = true
		}
		if tt.status < 500 && len(bodies) != 1 {
			t.Errorf("order %s: got %q, want the same before and after", tt.id, slices.Collect(maps.Keys(bodies)))
		}
	}
}

// R2, E6, R13
func TestAServiceOnEchoIsMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := func(c *echo5.Context, err error) {
			if res, _ := echo5.UnwrapResponse(c.Response()); res != nil && res.Committed {
				return // RequestLogger has called before
			}
			if errors.Is(err, errNoOrder) {
				_ = c.JSON(http.StatusNotFound, map[string]string{"error": "there is no such order"})
				return
			}
			echo5.DefaultHTTPErrorHandler(false)(c, err)
		}
		order := func(c *echo5.Context) error {
			switch id := c.Param("id"); id {
			case "none":
				return fmt.Errorf("order %s: %w", id, errNoOrder)
			case "panics":
				panic("a nil map, as usual")
			case "slow":
				<-c.Request().Context().Done()
				return c.Request().Context().Err()
			default:
				return c.String(http.StatusOK, "order "+id)
			}
		}
		before, after := EchoBefore(answer, order), recipes.EchoMoved(quiet(), answer, order)
		before.Logger, after.Logger = slog.New(slog.DiscardHandler), slog.New(slog.DiscardHandler)
		wantOrders(t, before, after)
	})
}

// R2, E6, R13
func TestAServiceOnChiIsMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cors := chimiddleware.SetHeader("Access-Control-Allow-Origin", "*")
		before := func(w http.ResponseWriter, r *http.Request) {
			switch id := chi.URLParam(r, "id"); id {
			case "none":
				http.Error(w, "there is no such order", http.StatusNotFound)
			case "panics":
				panic("a nil map, as usual")
			case "slow":
				<-r.Context().Done()
				w.WriteHeader(http.StatusServiceUnavailable)
			default:
				_, _ = io.WriteString(w, "order "+id)
			}
		}
		wantOrders(t, ChiBefore(cors, before), recipes.ChiMoved(quiet(), cors, before))
	})
}
