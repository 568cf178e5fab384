package echo5creche_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/echo5creche"
	"github.com/labstack/echo/v5"
)

// Who comes from chi writes this, and echo would answer errors when it is too late.
//
// R12
func TestTheAppsMiddlewareInPlaceOfUse(t *testing.T) {
	for _, tt := range []struct {
		name string
		of   func(app *creche.App) func(http.Handler) http.Handler
	}{
		{"Middleware", func(app *creche.App) func(http.Handler) http.Handler { return app.Middleware }},
		{"Errors", func(app *creche.App) func(http.Handler) http.Handler { return app.Errors() }},
		{"Timeout", func(app *creche.App) func(http.Handler) http.Handler { return app.Timeout(time.Minute) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			app := creche.New(creche.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			use := echo5creche.Use
			serve := func(use func(*echo.Echo, *creche.App)) http.Handler {
				e := echo.New()
				use(e, app)
				e.Use(echo.WrapMiddleware(tt.of(app)))
				e.GET("/fails", func(*echo.Context) error { return echo.NewHTTPError(http.StatusConflict, "no tea") })
				e.GET("/ok", func(c *echo.Context) error { return c.String(http.StatusOK, "ok") })
				return e
			}
			alone := serve(func(*echo.Echo, *creche.App) {})
			for _, h := range []http.Handler{alone, app.Middleware(alone)} {
				for _, path := range []string{"/fails", "/ok", "/nowhere"} {
					checkAnswer(t, do(h, "GET", path, ""), http.StatusInternalServerError, problem500)
				}
			}
			if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "level=ERROR") || !strings.Contains(got, "call echo5creche.Use") &&
				!strings.Contains(got, "or echo5creche's for version") {
				t.Errorf("log: got %s, want one line with the call that is missing", got)
			}
			log.Reset()
			inside := serve(use)
			checkAnswer(t, do(inside, "GET", "/ok", ""), http.StatusOK, "ok")
			if w := do(inside, "GET", "/fails", ""); w.Code != http.StatusConflict {
				t.Errorf("inside of Use: got %d %q, want 409", w.Code, w.Body)
			}
			if log.Len() != 0 {
				t.Errorf("log: got %s, want nothing inside of Use", &log)
			}
		})
	}
}

// A handler of net/http, with its middleware, is another matter.
//
// R7
func TestTheAppsMiddlewareInAHandlerOfNetHTTP(t *testing.T) {
	app, told := newApp()
	e := echo.New()
	e.GET("/", echo.WrapHandler(app.Middleware(creche.Handler(func(http.ResponseWriter, *http.Request) error { return &soldOut{"tea"} }))))
	checkAnswer(t, do(e, "GET", "/", ""), http.StatusInternalServerError, problem500)
	if len(told.told) != 1 {
		t.Errorf("reported: got %q, want the error", told.told)
	}
}

// Of what makes the same mistake in another way there is a line in the log.
//
// R4
func TestMiddlewareOfOnesOwnInPlaceOfUse(t *testing.T) {
	var log bytes.Buffer
	app := creche.New(creche.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	e := echo.New()
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) (err error) {
			app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c.SetRequest(r)
				c.SetResponse(echo.NewResponse(w, c.Logger()))
				err = next(c)
			})).ServeHTTP(c.Response(), c.Request())
			return err
		}
	})
	e.GET("/", func(*echo.Context) error { return errPlain })
	do(e, "GET", "/", "")
	do(e, "GET", "/", "")
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "level=WARN") || !strings.Contains(got, "call Use") {
		t.Errorf("log: got %s, want one line that says what to call", got)
	}
}
