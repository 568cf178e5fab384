package echo5creche_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/echo5creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"
)

// slice is an error that cannot be compared, as those of validators are.
type slice []string

func (s slice) Error() string { return fmt.Sprint([]string(s)) }

// failing is what middleware of others does with errors: each does it again.
var failing = []struct {
	name string
	mw   echo.MiddlewareFunc
}{
	{"nothing", func(next echo.HandlerFunc) echo.HandlerFunc { return next }},
	{"a body dump", middleware.BodyDump(func(*echo.Context, []byte, []byte, error) {})},
	{"a logger that handles errors", middleware.RequestLoggerWithConfig(middleware.RequestLoggerConfig{
		HandleError: true, LogValuesFunc: func(*echo.Context, middleware.RequestLoggerValues) error { return nil },
	})},
	{"an error handled and swallowed", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if err := next(c); err != nil {
				c.Echo().HTTPErrorHandler(c, err)
			}
			return nil
		}
	}},
	{"an error handled twice and wrapped", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			err := next(c)
			if err == nil {
				return nil
			}
			c.Echo().HTTPErrorHandler(c, err)
			c.Echo().HTTPErrorHandler(c, err)
			return fmt.Errorf("wrapped: %w", err)
		}
	}},
	{"no error handled", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			c.Echo().HTTPErrorHandler(c, nil)
			return next(c)
		}
	}},
}

// E3, R2: labstack/echo#1948
func TestAnErrorThatIsHandledTwiceFailsOnce(t *testing.T) {
	for _, tt := range failing {
		for _, place := range []string{"inside", "outside", "both"} {
			for _, err := range []error{&soldOut{"tea"}, slice{"tea"}} {
				t.Run(fmt.Sprintf("%s, %s, of a %T", tt.name, place, err), func(t *testing.T) {
					calls := 0
					count := func(c *echo.Context, _ error) error {
						calls++
						return c.String(http.StatusConflict, "no tea")
					}
					app, told := newApp(
						echo5creche.On(func(c *echo.Context, err *soldOut) error { return count(c, err) }),
						echo5creche.On(func(c *echo.Context, err slice) error { return count(c, err) }),
					)
					e := echo.New()
					if place != "inside" {
						e.Use(tt.mw)
					}
					echo5creche.Use(e, app)
					if place != "outside" {
						e.Use(tt.mw)
					}
					e.GET("/", func(c *echo.Context) error {
						_ = c.String(http.StatusCreated, "made")
						return err
					})
					checkAnswer(t, do(e, "GET", "/", ""), http.StatusConflict, "no tea")
					if calls != 1 {
						t.Errorf("the rule: got %d calls, want 1", calls)
					}
					told.check(t)
				})
			}
		}
	}
}

// N3
func TestSeveralErrorsHandledAreSeveralFailures(t *testing.T) {
	app, told := newApp(onSoldOut(http.StatusConflict))
	e := echo.New()
	echo5creche.Use(e, app)
	e.GET("/", func(c *echo.Context) error {
		c.Echo().HTTPErrorHandler(c, errPlain)
		return errors.Join(errPlain, &soldOut{"tea"})
	})
	checkAnswer(t, do(e, "GET", "/", ""), http.StatusConflict, "no tea")
	told.check(t, errPlain, errPlain)
}

// R9
func TestErrorsFromOutsideMeetTheRules(t *testing.T) {
	fails := func(echo.HandlerFunc) echo.HandlerFunc {
		return func(*echo.Context) error { return &soldOut{"tea"} }
	}
	late := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			_ = next(c)
			return errPlain
		}
	}
	ok := func(c *echo.Context) error { return c.String(http.StatusOK, "ok") }
	silent := func(*echo.Context) error { return nil }
	for _, tt := range []struct {
		name    string
		build   func(e *echo.Echo, use func())
		handler echo.HandlerFunc
		status  int
		body    string
		told    []error
	}{
		{"of Pre", func(e *echo.Echo, use func()) { use(); e.Pre(fails) }, ok, http.StatusConflict, "no tea", nil},
		{"of middleware before Use", func(e *echo.Echo, use func()) { e.Use(fails); use() }, ok, http.StatusConflict, "no tea", nil},
		{"of such that others handle twice", func(e *echo.Echo, use func()) { e.Use(failing[4].mw, failing[1].mw, fails); use() }, ok, http.StatusConflict, "no tea", nil},
		{"after a response has left, it is reported", func(e *echo.Echo, use func()) { e.Use(late); use() }, ok, http.StatusOK, "ok", []error{errPlain}},
		{"after it has left, and handled twice", func(e *echo.Echo, use func()) { e.Use(failing[1].mw, late); use() }, ok, http.StatusOK, "ok", []error{errPlain}},
		{"after nothing was written, it is answered", func(e *echo.Echo, use func()) { e.Use(late); use() }, silent, http.StatusInternalServerError, problem500, []error{errPlain}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			app, told := newApp(onSoldOut(http.StatusConflict))
			e := echo.New()
			tt.build(e, func() { echo5creche.Use(e, app) })
			e.GET("/", tt.handler)
			checkAnswer(t, do(e, "GET", "/", ""), tt.status, tt.body)
			told.check(t, tt.told...)
		})
	}
}

// R6
func TestARecovererOfEchos(t *testing.T) {
	for _, tt := range []struct {
		name    string
		repanic bool
		inside  bool
	}{
		{"outside, with Repanic", true, false},
		{"outside, with nothing to do", false, false},
		{"inside", false, true},
		{"inside, with Repanic", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			told := new(witness)
			app := creche.New(creche.Options{Repanic: tt.repanic, Observe: told.observe})
			e := echo.New()
			recoverer := middleware.RecoverWithConfig(middleware.RecoverConfig{DisablePrintStack: true})
			if !tt.inside {
				e.Use(recoverer)
			}
			echo5creche.Use(e, app)
			if tt.inside {
				e.Use(recoverer)
			}
			e.GET("/", func(c *echo.Context) error {
				_ = c.String(http.StatusCreated, "made")
				panic("secret")
			})
			checkAnswer(t, do(e, "GET", "/", ""), http.StatusInternalServerError, problem500)
			if len(told.told) == 0 {
				t.Error("reported: got nothing, want the panic")
			}
		})
	}
}

type teapot struct{}

func (teapot) Error() string   { return "the secret teapot" }
func (teapot) HTTPStatus() int { return http.StatusTeapot }

var notFound = echo.NewHTTPError(http.StatusNotFound, "nowhere")

// owned is what an HTTPErrorHandler of the application's own is given.
var owned = []struct {
	name string
	err  error
	got  error // what the handler is given, or nil
	body string
	told []error
}{
	{"has what is an HTTPError", notFound, notFound, "own", nil},
	{"has a wrapped one bare", fmt.Errorf("wrapped: %w", notFound), notFound, "own", nil},
	{"has a joined one bare", errors.Join(errPlain, notFound), notFound, "own", []error{errPlain}},
	{"has what would be the plain 500, bare", errPlain, errPlain, "own", []error{errPlain}},
	{"has no problem", &errorhandlers.Problem{Status: http.StatusConflict}, nil, problem409, nil},
	{"has nothing that carries a status of ours", teapot{}, nil, `{"title":"I'm a teapot","status":418}` + "\n", nil},
	{"has nothing that has a rule", &soldOut{"tea"}, nil, "no tea", nil},
}

// E6
func TestAnErrorHandlerOfTheApplicationsOwn(t *testing.T) {
	for _, tt := range owned {
		for _, set := range settings {
			t.Run(tt.name+", "+set.name, func(t *testing.T) {
				var got []error
				app, told := newApp(onSoldOut(http.StatusConflict))
				e := echo.New()
				set.up(e, func() { echo5creche.Use(e, app) }, func(c *echo.Context, err error) {
					got = append(got, err)
					if r, _ := echo.UnwrapResponse(c.Response()); r.Committed {
						t.Error("Committed: got true, want a response as new")
					}
					_ = c.String(http.StatusTeapot, "own")
				})
				e.GET("/", func(c *echo.Context) error {
					_ = c.String(http.StatusCreated, "made")
					return tt.err
				})
				if w := do(e, "GET", "/", ""); w.Body.String() != tt.body {
					t.Errorf("body: got %q, want %q", w.Body, tt.body)
				}
				if (tt.got == nil) != (len(got) == 0) || len(got) > 1 || len(got) == 1 && got[0] != tt.got {
					t.Errorf("the handler's errors: got %q, want %v alone", got, tt.got)
				}
				told.check(t, tt.told...)
			})
		}
	}
}

// settings are when an application sets its HTTPErrorHandler.
var settings = []struct {
	name string
	up   func(e *echo.Echo, use func(), own echo.HTTPErrorHandler)
}{
	{"set before Use", func(e *echo.Echo, use func(), own echo.HTTPErrorHandler) {
		e.HTTPErrorHandler = own
		use()
	}},
	{"set after Use", func(e *echo.Echo, use func(), own echo.HTTPErrorHandler) {
		use()
		e.HTTPErrorHandler = own
	}},
	{"set before Use and wrapped after it", func(e *echo.Echo, use func(), own echo.HTTPErrorHandler) {
		e.HTTPErrorHandler = own
		use()
		ours := e.HTTPErrorHandler
		e.HTTPErrorHandler = func(c *echo.Context, err error) { ours(c, err) }
	}},
}

// E6
func TestAnErrorHandlerThatOnlyWrapsOurs(t *testing.T) {
	app, _ := newApp()
	e := echo.New()
	echo5creche.Use(e, app)
	ours := e.HTTPErrorHandler
	calls := 0
	e.HTTPErrorHandler = func(c *echo.Context, err error) {
		calls++
		ours(c, err)
	}
	checkAnswer(t, do(e, "GET", "/nowhere", ""), http.StatusNotFound, problem404)
	if calls != 1 {
		t.Errorf("the wrapper: got %d calls, want 1", calls)
	}
}

// E4
func TestAnErrorHandlerThatAnswersNothing(t *testing.T) {
	app, _ := newApp()
	e := echo.New()
	e.HTTPErrorHandler = func(*echo.Context, error) {}
	echo5creche.Use(e, app)
	checkAnswer(t, do(e, "GET", "/nowhere", ""), http.StatusInternalServerError, problem500)
}
