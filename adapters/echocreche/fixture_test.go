package echocreche_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/echocreche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/labstack/echo/v4"
)

var (
	errPlain = errors.New("the plain secret")
	errOther = errors.New("the other secret")
)

// soldOut has a rule where a test gives it one.
type soldOut struct{ sku string }

func (e *soldOut) Error() string { return "the secret of " + e.sku }

func onSoldOut(status int) errorhandlers.Rule {
	return echocreche.On(func(c echo.Context, err *soldOut) error { return c.String(status, "no "+err.sku) })
}

// witness is told what the application reports.
type witness struct {
	mu   sync.Mutex
	told []error
}

func (w *witness) observe(_ context.Context, r nursery.Report) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, r.Err)
}

// check compares the reports since the last time with want, by ==.
func (w *witness) check(t testing.TB, want ...error) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.told, want) {
		t.Errorf("reported: got %q, want %q", w.told, want)
	}
	w.told = nil
}

// newApp returns an application whose reports the witness gets.
func newApp(rules ...errorhandlers.Rule) (*creche.App, *witness) {
	w := new(witness)
	return creche.New(creche.Options{Errors: rules, Observe: w.observe}), w
}

// do sends one request through h. Header has names and values in turn.
func do(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// checkAnswer checks status and body, and that an error answer tells nothing.
func checkAnswer(t testing.TB, w *httptest.ResponseRecorder, status int, body string) {
	t.Helper()
	if w.Code != status || w.Body.String() != body {
		t.Errorf("answer: got %d %q, want %d %q", w.Code, w.Body, status, body)
	}
	if w.Code >= 500 && strings.Contains(w.Body.String(), "secret") {
		t.Errorf("body: got %q, want no internals in it", w.Body)
	}
}

// The default answers, as the errorhandlers write them.
const (
	problem401 = `{"title":"Unauthorized","status":401}` + "\n"
	problem404 = `{"title":"Not Found","status":404}` + "\n"
	problem409 = `{"title":"Conflict","status":409}` + "\n"
	problem500 = `{"title":"Internal Server Error","status":500}` + "\n"
)

func panics(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got, _ := recover().(string); got != want {
			t.Errorf("panic: got %q, want %q", got, want)
		}
	}()
	f()
}
