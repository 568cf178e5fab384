package echocreche_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/creche-go/creche/adapters/echocreche"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// E6, E7
func TestErrorsOfEcho(t *testing.T) {
	said := func(status int, title, detail string) string {
		return fmt.Sprintf("{\"title\":%q,\"status\":%d,\"detail\":%q}\n", title, status, detail)
	}
	for _, tt := range []struct {
		name   string
		err    error
		status int
		body   string
		told   bool
	}{
		{"an HTTPError without a message", echo.NewHTTPError(404), 404, problem404, false},
		{"an HTTPError's message is a detail", echo.NewHTTPError(404, "no tea"), 404, said(404, "Not Found", "no tea"), false},
		{"what it wraps is not told", echo.NewHTTPError(404, "no tea").SetInternal(errPlain), 404, said(404, "Not Found", "no tea"), false},
		{"a wrapped one", fmt.Errorf("x: %w", echo.NewHTTPError(404, "no tea")), 404, said(404, "Not Found", "no tea"), false},
		{"a joined one", errors.Join(errPlain, echo.NewHTTPError(404, "no tea")), 404, said(404, "Not Found", "no tea"), true},
		{"one that wraps another gives way to it", echo.NewHTTPError(500, "secret").SetInternal(echo.NewHTTPError(404, "no tea")), 404, said(404, "Not Found", "no tea"), false},
		{"the message of a 5xx is for the log", echo.NewHTTPError(500, "secret"), 500, problem500, true},
		{"a status that is no error's", echo.NewHTTPError(304, "secret"), 500, problem500, true},
		{"a message that is no text is an extension", echo.NewHTTPError(404, map[string]int{"tea": 0}), 404, `{"title":"Not Found","status":404,"message":{"tea":0}}` + "\n", false},
		{"a message that is an error is for the log", echo.NewHTTPError(404, errPlain), 404, problem404, false},
		{"an error of the binder's", echo.NewBindingError("id", nil, "no number", errPlain), 400, said(400, "Bad Request", "no number"), false},
		{"a nil one", (*echo.HTTPError)(nil), 500, problem500, true},
		{"a nil one of the binder's", &echo.BindingError{}, 500, problem500, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			app, told := newApp()
			e := echo.New()
			echocreche.Use(e, app)
			e.GET("/", func(echo.Context) error { return tt.err })
			checkAnswer(t, do(e, "GET", "/", ""), tt.status, tt.body)
			if got := len(told.told) > 0; got != tt.told {
				t.Errorf("reported: got %q, want some %v", told.told, tt.told)
			}
		})
	}
}

// E6
func TestBodiesThatCannotBeBound(t *testing.T) {
	app, told := newApp()
	e := echo.New()
	echocreche.Use(e, app)
	e.POST("/", func(c echo.Context) error {
		c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, 64)
		var into struct {
			N int `json:"n"`
		}
		if err := c.Bind(&into); err != nil {
			return err
		}
		return c.JSON(http.StatusOK, into)
	})
	limited := e.Group("", middleware.BodyLimit("64B"))
	limited.POST("/limited", func(c echo.Context) error { return c.Bind(new(struct{})) })
	for _, tt := range []struct {
		name, path, body string
		status           int
		closed           bool
	}{
		{"a body that fits", "/", `{"n":1}`, http.StatusOK, false},
		{"malformed JSON", "/", `{"n":`, http.StatusBadRequest, false},
		{"JSON of another type", "/", `{"n":"x"}`, http.StatusBadRequest, false},
		{"a body over the handler's limit", "/", `{"n":"` + strings.Repeat("x", 100) + `"}`, http.StatusRequestEntityTooLarge, true},
		{"a body over the limit of echo's middleware", "/limited", `{"n":"` + strings.Repeat("x", 100) + `"}`, http.StatusRequestEntityTooLarge, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := do(e, "POST", tt.path, tt.body, "Content-Type", "application/json")
			if w.Code != tt.status || (w.Header().Get("Connection") == "close") != tt.closed {
				t.Errorf("got %d %q, closed %q, want %d, closed %v", w.Code, w.Body, w.Header().Get("Connection"), tt.status, tt.closed)
			}
		})
	}
	told.check(t)
}

// E6
func TestEchosAuthenticationKeepsItsChallenge(t *testing.T) {
	app, told := newApp()
	e := echo.New()
	echocreche.Use(e, app)
	e.Use(middleware.BasicAuth(func(string, string, echo.Context) (bool, error) { return false, nil }))
	e.GET("/", func(echo.Context) error { return nil })
	w := do(e, "GET", "/", "")
	checkAnswer(t, w, http.StatusUnauthorized, problem401)
	if got := w.Header().Get("WWW-Authenticate"); !strings.HasPrefix(got, "basic realm=") {
		t.Errorf("WWW-Authenticate: got %q, want echo's", got)
	}
	told.check(t)
}
