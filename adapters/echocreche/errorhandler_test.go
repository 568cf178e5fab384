package echocreche_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/echocreche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// slice is an error that cannot be compared, as those of validators are.
type slice []string

func (s slice) Error() string { return fmt.Sprint([]string(s)) }

// failing is middleware that handles an error again. What else it may do is
// for the suite of package adaptertest.
var failing = []struct {
	name string
	mw   echo.MiddlewareFunc
}{
	{"a body dump", middleware.BodyDump(func(echo.Context, []byte, []byte) {})},
	{"a logger that handles errors", middleware.RequestLoggerWithConfig(middleware.RequestLoggerConfig{
		HandleError: true, LogValuesFunc: func(echo.Context, middleware.RequestLoggerValues) error { return nil },
	})},
	{"an error handled twice and wrapped", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			if err == nil {
				return nil
			}
			c.Error(err)
			c.Error(err)
			return fmt.Errorf("wrapped: %w", err)
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
					count := func(c echo.Context, _ error) error {
						calls++
						return c.String(http.StatusConflict, "no tea")
					}
					app, told := newApp(
						echocreche.On(func(c echo.Context, err *soldOut) error { return count(c, err) }),
						echocreche.On(func(c echo.Context, err slice) error { return count(c, err) }),
					)
					e := echo.New()
					if place != "inside" {
						e.Use(tt.mw)
					}
					echocreche.Use(e, app)
					if place != "outside" {
						e.Use(tt.mw)
					}
					e.GET("/", func(c echo.Context) error {
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

// R9
func TestErrorsFromOutsideMeetTheRules(t *testing.T) {
	fails := func(echo.HandlerFunc) echo.HandlerFunc {
		return func(echo.Context) error { return &soldOut{"tea"} }
	}
	late := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			_ = next(c)
			return errPlain
		}
	}
	ok := func(c echo.Context) error { return c.String(http.StatusOK, "ok") }
	silent := func(echo.Context) error { return nil }
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
		{"of such that others handle twice", func(e *echo.Echo, use func()) { e.Use(failing[2].mw, failing[0].mw, fails); use() }, ok, http.StatusConflict, "no tea", nil},
		{"after a response has left, it is reported", func(e *echo.Echo, use func()) { e.Use(late); use() }, ok, http.StatusOK, "ok", []error{errPlain}},
		{"after it has left, and handled twice", func(e *echo.Echo, use func()) { e.Use(failing[0].mw, late); use() }, ok, http.StatusOK, "ok", []error{errPlain}},
		{"after nothing was written, it is answered", func(e *echo.Echo, use func()) { e.Use(late); use() }, silent, http.StatusInternalServerError, problem500, []error{errPlain}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			app, told := newApp(onSoldOut(http.StatusConflict))
			e := echo.New()
			tt.build(e, func() { echocreche.Use(e, app) })
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
			echocreche.Use(e, app)
			if tt.inside {
				e.Use(recoverer)
			}
			e.GET("/", func(c echo.Context) error {
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
	name   string
	err    error
	asIs   bool // it is given the bare error, and otherwise an HTTPError around it
	status int  // that the error has for echo, or 0
	text   string
	header string // Retry-After of the answer, or Connection
	told   []error
}{
	{"an HTTPError", notFound, true, 404, "Not Found", "", nil},
	{"a wrapped HTTPError, bare", fmt.Errorf("wrapped: %w", notFound), true, 404, "Not Found", "", nil},
	{"a joined HTTPError, bare", errors.Join(errPlain, notFound), true, 404, "Not Found", "", []error{errPlain}},
	{"an error of the binder's", echo.NewBindingError("id", nil, "no number", errPlain), false, 400, "no number", "", nil},
	{"what would be the plain 500", errPlain, true, 0, "", "", nil},
	{"a problem", limited, false, 429, "slowly", "7", nil},
	{"a wrapped problem", fmt.Errorf("secret: %w", limited), false, 429, "slowly", "7", nil},
	{"a problem without a text", &errorhandlers.Problem{Status: 409}, false, 409, "Conflict", "", nil},
	{"a problem with a title", &errorhandlers.Problem{Status: 409, Title: "Sold out"}, false, 409, "Sold out", "", nil},
	{"a carrier of a status", teapot{}, false, 418, "I'm a teapot", "", nil},
	{"a body that is too large", &http.MaxBytesError{Limit: 1}, false, 413, "Request Entity Too Large", "close", nil},
	{"a body that comes too slowly", &errorhandlers.BodyTimeoutError{}, false, 408, "Request Timeout", "close", nil},
	{"a deadline", context.DeadlineExceeded, false, 503, "Service Unavailable", "", nil},
	{"draining", errorhandlers.ErrDraining, false, 503, "Service Unavailable", "2", nil},
	{"a full nursery", nursery.ErrFull, false, 503, "Service Unavailable", "2", nil},
}

var limited = &errorhandlers.Problem{
	Status: 429, Detail: "slowly", Header: http.Header{"Retry-After": {"7"}}, Err: errPlain,
}

// E6
func TestAnErrorHandlerOfTheApplicationsOwnGivesEveryAnswerThatNoRuleGives(t *testing.T) {
	for _, tt := range owned {
		for _, set := range settings {
			t.Run(tt.name+", "+set.name, func(t *testing.T) {
				calls := 0
				app, told := newApp(onSoldOut(http.StatusConflict))
				e := echo.New()
				set.up(e, func() { echocreche.Use(e, app) }, func(err error, c echo.Context) {
					calls++
					if c.Response().Committed {
						t.Error("Committed: got true, want a response as new")
					}
					var he *echo.HTTPError
					_ = errors.As(err, &he)
					switch {
					case tt.asIs && !isLink(tt.err, err):
						t.Errorf("the handler: got %v, want %v itself", err, tt.err)
					case !tt.asIs && (error(he) != err || !errors.Is(tt.err, errors.Unwrap(err)) || he.Message != tt.text):
						t.Errorf("the handler: got %v, want an HTTPError with the text %q around %v", err, tt.text, tt.err)
					}
					if got := codeOf(err); got != tt.status {
						t.Errorf("status of what the handler got: got %d, want %d", got, tt.status)
					}
					_ = c.String(http.StatusTeapot, "own")
				})
				e.GET("/", func(c echo.Context) error {
					_ = c.String(http.StatusCreated, "made")
					return tt.err
				})
				w := do(e, "GET", "/", "")
				checkAnswer(t, w, http.StatusTeapot, "own")
				if got := w.Header().Get("Retry-After") + w.Header().Get("Connection"); got != tt.header || calls != 1 {
					t.Errorf("got %d calls and the header %q, want 1 and %q", calls, got, tt.header)
				}
				told.check(t, tt.told...)
			})
		}
	}
}

// isLink reports whether link is err, wrapped in it or joined.
func isLink(err, link error) bool { return err == link || errors.Is(err, link) }

func codeOf(err error) int {
	if he, ok := err.(*echo.HTTPError); ok {
		return he.Code
	}
	return 0
}

// sendings are what an HTTPErrorHandler of the application's own sends for an error.
var sendings = []struct {
	name   string
	err    error
	status int
	body   string
	told   []error
}{
	{"an error that it knows", errPlain, 404, "none", nil},
	{"one that it knows, at length", errPlain, 404, strings.Repeat("none", 1<<10), nil},
	{"one that it does not know", errPlain, 500, "oh", []error{errPlain}},
	{"one that it does not know, at length", errPlain, 500, strings.Repeat("oh", 2<<10), []error{errPlain}},
	{"one that passes", errPlain, 503, "later", nil},
	{"a problem of its own making", &errorhandlers.Problem{Status: 500, Err: errPlain}, 404, "none", nil},
	{"a status that it takes for worse", limited, 500, "oh", []error{limited}},
	{"one of several", errors.Join(errPlain, errOther), 404, "none", []error{errPlain, errOther}},
	{"one beside that with a status", errors.Join(errPlain, limited), 404, "none", []error{errPlain}},
}

// E6, E4
func TestWhatAnErrorHandlerOfTheApplicationsOwnSendsSaysWhatIsReported(t *testing.T) {
	for _, tt := range sendings {
		for _, set := range settings {
			t.Run(tt.name+", "+set.name, func(t *testing.T) {
				app, told := newApp()
				e := echo.New()
				set.up(e, func() { echocreche.Use(e, app) }, func(_ error, c echo.Context) { _ = c.String(tt.status, tt.body) })
				e.GET("/", func(echo.Context) error { return tt.err })
				checkAnswer(t, do(e, "GET", "/", ""), tt.status, tt.body)
				told.check(t, tt.told...)
			})
		}
	}
}

// E4: of a panic there is always a report.
func TestAPanicIsReportedWhateverAnErrorHandlerOfTheApplicationsOwnSends(t *testing.T) {
	app, told := newApp()
	e := echo.New()
	e.HTTPErrorHandler = func(_ error, c echo.Context) { _ = c.String(http.StatusNotFound, "none") }
	echocreche.Use(e, app)
	e.GET("/", func(echo.Context) error { panic("secret") })
	checkAnswer(t, do(e, "GET", "/", ""), http.StatusNotFound, "none")
	if len(told.told) != 1 {
		t.Errorf("reported: got %q, want the panic once", told.told)
	}
}

// E1, R9
func TestAnErrorHandlerOfTheApplicationsOwnIsNotAskedWhereARuleAnswers(t *testing.T) {
	app, told := newApp(onSoldOut(http.StatusConflict))
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) { t.Errorf("the handler: got %v, want no call", err) }
	echocreche.Use(e, app)
	e.GET("/", func(echo.Context) error { return &soldOut{"tea"} })
	checkAnswer(t, do(e, "GET", "/", ""), http.StatusConflict, "no tea")
	told.check(t)
}

// E6
func TestWhoWrapsOursMayHaveAnotherErrorAnswered(t *testing.T) {
	app, told := newApp()
	e := echo.New()
	echocreche.Use(e, app)
	ours := e.HTTPErrorHandler
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		if errors.Is(err, errPlain) {
			err = echo.NewHTTPError(http.StatusNotFound, "nowhere").SetInternal(err)
		}
		ours(err, c)
	}
	e.GET("/plain", func(echo.Context) error { return errPlain })
	e.GET("/problem", func(echo.Context) error {
		return &errorhandlers.Problem{Status: 409, Extensions: map[string]any{"sku": "tea"}}
	})
	e.GET("/slice", func(echo.Context) error { return slice{"tea"} })
	checkAnswer(t, do(e, "GET", "/plain", ""), 404, `{"title":"Not Found","status":404,"detail":"nowhere"}`+"\n")
	told.check(t)
	checkAnswer(t, do(e, "GET", "/problem", ""), 409, `{"title":"Conflict","status":409,"sku":"tea"}`+"\n")
	checkAnswer(t, do(e, "GET", "/slice", ""), 500, problem500)
}

// E6
func TestEchosDefaultErrorHandlerGivesWay(t *testing.T) {
	for _, set := range settings[:2] {
		t.Run(set.name, func(t *testing.T) {
			app, told := newApp()
			e := echo.New()
			e.Debug = true
			set.up(e, func() { echocreche.Use(e, app) }, e.DefaultHTTPErrorHandler)
			e.GET("/", func(echo.Context) error { return errPlain })
			checkAnswer(t, do(e, "GET", "/", ""), 500, problem500)
			told.check(t, errPlain)
		})
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
		e.HTTPErrorHandler = func(err error, c echo.Context) { ours(err, c) }
	}},
}

// E6
func TestAnErrorHandlerThatOnlyWrapsOurs(t *testing.T) {
	app, _ := newApp()
	e := echo.New()
	echocreche.Use(e, app)
	ours := e.HTTPErrorHandler
	calls := 0
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		calls++
		ours(err, c)
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
	e.HTTPErrorHandler = func(error, echo.Context) {}
	echocreche.Use(e, app)
	checkAnswer(t, do(e, "GET", "/nowhere", ""), http.StatusInternalServerError, problem500)
}
