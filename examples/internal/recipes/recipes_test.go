package recipes_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/examples/internal/recipes"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

func TestMain(m *testing.M) { nurserytest.CheckMain(m) }

// E1
func TestRules(t *testing.T) {
	app := creche.New(creche.Options{Errors: recipes.Rules()})
	err := errors.Join(errors.New("disk on fire"), fmt.Errorf("order: %w", &recipes.OutOfStock{SKU: "tea"}))
	got := app.Explain(err)
	if got.Status != http.StatusConflict || got.How() != "translation" {
		t.Errorf("got %v, want a 409", got)
	}
	for _, passed := range got.Passed {
		t.Logf("%v: %s", passed.Leaf, passed.Reason)
	}
}

func quiet(rules ...errorhandlers.Rule) *creche.App {
	return creche.New(creche.Options{Errors: rules, Logger: slog.New(slog.DiscardHandler)})
}

func do(h http.Handler, method, path string) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Code, w.Body.String()
}

// E1, R8
func TestBothRoutersAnswerAlike(t *testing.T) {
	for name, build := range map[string]func(err error) http.Handler{
		"chi": func(err error) http.Handler {
			return recipes.Chi(quiet(recipes.Rules()...), func(http.ResponseWriter, *http.Request) error { return err })
		},
		"echo": func(err error) http.Handler {
			return recipes.Echo(quiet(recipes.Rules()...), func(echo.Context) error { return err })
		},
	} {
		for _, tt := range []struct {
			err  error
			path string
			code int
			text string
		}{
			{&recipes.OutOfStock{"tea"}, "/orders/tea", 409, "tea is sold out"},
			{fmt.Errorf("find: %w", sql.ErrNoRows), "/orders/tea", 404, "Not Found"},
			{&errorhandlers.Problem{Status: 403}, "/orders/tea", 403, "Forbidden"},
			{&errorhandlers.Problem{Status: 403}, "/admin/orders/tea", 403, "Ask your administrator"},
			{errors.New("secret"), "/admin/orders/tea", 500, "Internal Server Error"},
		} {
			if code, text := do(build(tt.err), http.MethodPost, tt.path); code != tt.code || !strings.Contains(text, tt.text) {
				t.Errorf("%s, %v at %s: got %d %q, want %d with %q", name, tt.err, tt.path, code, text, tt.code, tt.text)
			}
		}
	}
}

func TestQuotesAreAlike(t *testing.T) {
	byHand, ours := http.NewServeMux(), http.NewServeMux()
	byHand.HandleFunc("GET /quote/{sku}", QuoteByHand)
	ours.Handle("GET /quote/{sku}", creche.Handler(recipes.Quote))
	_, want := do(byHand, http.MethodGet, "/quote/tea")
	if code, got := do(ours, http.MethodGet, "/quote/tea"); code != http.StatusOK || got != want || got != "3 at 3\n" {
		t.Errorf("got %d %q, want 200 %q", code, got, want)
	}
}

// R2
func TestAFailedAuditMakesTheAnswer(t *testing.T) {
	fine := func(context.Context) error { return nil }
	full := func(context.Context) error { return &errorhandlers.Problem{Status: http.StatusInsufficientStorage} }
	for name, order := range map[string]func(audit func(context.Context) error) http.Handler{
		"chi": func(audit func(context.Context) error) http.Handler {
			return recipes.Chi(quiet(), recipes.Order(audit, fine))
		},
		"echo": func(audit func(context.Context) error) http.Handler {
			return recipes.Echo(quiet(), recipes.OrderOnEcho(audit, fine))
		},
	} {
		if code, text := do(order(fine), http.MethodPost, "/orders/tea"); code != http.StatusCreated || text != "ordered\n" {
			t.Errorf("%s: got %d %q, want 201", name, code, text)
		}
		if code, _ := do(order(full), http.MethodPost, "/orders/tea"); code != http.StatusInsufficientStorage {
			t.Errorf("%s, a failed audit: got %d, want 507", name, code)
		}
	}
}

// R13
func TestTimeouts(t *testing.T) {
	slow := func(ctx context.Context) error {
		select {
		case <-time.After(time.Minute):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	standard := func(_ http.ResponseWriter, r *http.Request) { _ = slow(r.Context()) }
	ours := func(_ http.ResponseWriter, r *http.Request) error { return slow(r.Context()) }
	onEcho := func(c echo.Context) error { return slow(c.Request().Context()) }
	for name, tt := range map[string]struct {
		h    func() http.Handler
		code int
		text string
	}{
		"chi's":               {func() http.Handler { return ChiTimeout(standard) }, 504, ""},
		"echo's":              {func() http.Handler { return EchoTimeout(onEcho) }, 503, "Service Unavailable"},
		"net/http's":          {func() http.Handler { return HandlerTimeout(http.HandlerFunc(standard)) }, 503, "too slow"},
		"ours, in chi":        {func() http.Handler { return recipes.ChiWithTimeout(quiet(), ours) }, 503, "Service Unavailable"},
		"ours, in echo":       {func() http.Handler { return recipes.EchoWithTimeout(quiet(), onEcho) }, 503, "Service Unavailable"},
		"ours, in a ServeMux": {func() http.Handler { return recipes.MuxWithTimeout(quiet(), ours) }, 503, "Service Unavailable"},
		"ours, with a rule":   {func() http.Handler { return recipes.MuxWithTimeout(quiet(recipes.Rules()...), ours) }, 504, "that took too long"},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			srv := nurserytest.NewServer(t, tt.h())
			res, err := srv.Client().Get(srv.URL + "/report")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != tt.code || !strings.Contains(string(text), tt.text) {
				t.Errorf("%s: got %d %q, %v, want %d with %q", name, res.StatusCode, text, err, tt.code, tt.text)
			}
			if took := time.Since(began); took != 2*time.Second {
				t.Errorf("%s: took %v, want 2 s", name, took)
			}
		})
	}
}

// N1
func TestTwoChildrenAreJoined(t *testing.T) {
	var sum atomic.Int32
	err := recipes.TwoChildren(t.Context(), func(_ context.Context, number int) error {
		sum.Add(int32(number))
		return nil
	})
	if err != nil || sum.Load() != 3 {
		t.Errorf("got %v and %d, want both children", err, sum.Load())
	}
}

// E6: what the client got wrong is no failure of the server.
func TestReadJSON(t *testing.T) {
	app := creche.New(creche.Options{Observe: func(_ context.Context, r nursery.Report) { t.Errorf("got %v reported, want nothing", r) }})
	h := app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		var order struct{ SKU string }
		if err := recipes.ReadJSON(w, r, &order); err != nil {
			return err
		}
		_, err := io.WriteString(w, order.SKU)
		return err
	}))
	for body, want := range map[string]int{
		`{"sku":"tea"}`:                  http.StatusOK,
		``:                               http.StatusBadRequest,
		`{"sku"`:                         http.StatusBadRequest,
		`sku=tea`:                        http.StatusBadRequest,
		`{"sku":7}`:                      http.StatusBadRequest,
		`"` + strings.Repeat("x", 1<<20): http.StatusRequestEntityTooLarge,
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
		if w.Code != want {
			t.Errorf("%.20s: got %d, want %d", body, w.Code, want)
		}
	}
}
