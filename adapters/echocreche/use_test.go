package echocreche_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"testing"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/echocreche"
	"github.com/creche-go/creche/adapters/httpcreche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/labstack/echo/v4"
)

// N19
func TestMisusePanics(t *testing.T) {
	app, _ := newApp()
	e := echo.New()
	echocreche.Use(e, app)
	for _, tt := range []struct {
		name string
		want string
		call func()
	}{
		{"a nil Echo", "echocreche: Use: nil Echo or app", func() { echocreche.Use(nil, app) }},
		{"a nil app", "echocreche: Use: nil Echo or app", func() { echocreche.Use(echo.New(), nil) }},
		{"Use for the second time", "echocreche: Use: called for this Echo before", func() { echocreche.Use(e, app) }},
		{"group rules of a nil app", "echocreche: Errors: nil app", func() { echocreche.Errors(nil) }},
	} {
		t.Run(tt.name, func(t *testing.T) { panics(t, tt.want, tt.call) })
	}
}

// E1
func TestFaultsInRulesAreToldByTheApp(t *testing.T) {
	app, _ := newApp()
	echocreche.Errors(app, echocreche.OnIs(errPlain, nil), echocreche.On[*soldOut](nil), echocreche.OnStatus(200, nil))
	if err := app.Check(); err == nil {
		t.Error("Check: got nil, want the nil handlers and the status told")
	}
}

// R7
func TestAnEchoWithoutUse(t *testing.T) {
	app, told := newApp(onSoldOut(http.StatusConflict))
	e := echo.New()
	e.GET("/go", func(c echo.Context) error {
		return creche.Go(c.Request().Context(), "job", nil)
	})
	e.GET("/handler", echo.WrapHandler(creche.Handler(func(http.ResponseWriter, *http.Request) error {
		return &errorhandlers.Problem{Status: http.StatusConflict}
	})))
	e.GET("/group", func(echo.Context) error { return &soldOut{"tea"} }, echocreche.Errors(app))

	t.Run("Go names what is missing", func(t *testing.T) {
		panics(t, "creche: Go: this context belongs to no application: hand it the request's, behind the middleware, or call App.Go", func() { do(e, "GET", "/go", "") })
	})
	t.Run("a nursery that is not there names what is missing", func(t *testing.T) {
		if n := nursery.From(t.Context()); n != nil {
			t.Errorf("From: got %v, want nil", n)
		}
	})
	t.Run("a Handler answers by itself", func(t *testing.T) {
		checkAnswer(t, do(e, "GET", "/handler", ""), http.StatusConflict, problem409)
	})
	t.Run("Errors opens the exchange", func(t *testing.T) {
		checkAnswer(t, do(e, "GET", "/group", ""), http.StatusConflict, "no tea")
	})
	t.Run("outside of the exchange echo answers as ever", func(t *testing.T) {
		checkAnswer(t, do(e, "GET", "/nowhere", ""), http.StatusNotFound, `{"message":"Not Found"}`+"\n")
	})
	told.check(t)
}

// R7
func TestHandlersOfCrecheInAnEcho(t *testing.T) {
	app, told := newApp(onSoldOut(http.StatusConflict))
	e := echo.New()
	echocreche.Use(e, app)
	e.GET("/", echo.WrapHandler(creche.Handler(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusCreated)
		return &soldOut{"tea"}
	})))
	checkAnswer(t, do(e, "GET", "/", ""), http.StatusConflict, "no tea")
	told.check(t)
}

// R7
func TestAnEchoInAWrappedMux(t *testing.T) {
	app, told := newApp(onSoldOut(http.StatusConflict))
	e := echo.New()
	echocreche.Use(e, app)
	e.Pre(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if c.QueryParam("pre") != "" {
				return &soldOut{"pre"}
			}
			return next(c)
		}
	})
	e.GET("/echo/", func(echo.Context) error { return &soldOut{"tea"} })
	mux := http.NewServeMux()
	mux.Handle("/echo/", e)
	h := httpcreche.Wrap(mux, app)
	checkAnswer(t, do(h, "GET", "/echo/", ""), http.StatusConflict, "no tea")
	checkAnswer(t, do(h, "GET", "/echo/?pre=1", ""), http.StatusConflict, "no pre")
	checkAnswer(t, do(h, "GET", "/echo/nowhere", ""), http.StatusNotFound, problem404)
	checkAnswer(t, do(h, "GET", "/nowhere", ""), http.StatusNotFound, problem404)
	told.check(t)
}

// R7
func TestWrappedMiddlewareBetweenUseAndTheHandler(t *testing.T) {
	app, told := newApp(onSoldOut(http.StatusConflict))
	e := echo.New()
	echocreche.Use(e, app)
	e.Use(echo.WrapMiddleware(app.Middleware), forgetful)
	e.GET("/", func(c echo.Context) error {
		_ = c.String(http.StatusCreated, "made")
		return &soldOut{"tea"}
	})
	checkAnswer(t, do(e, "GET", "/", ""), http.StatusConflict, "no tea")
	checkAnswer(t, do(e, "GET", "/nowhere", ""), http.StatusNotFound, problem404)
	told.check(t)
}

// R7
func TestAFailureAfterAnExchangeInsideHasAnswered(t *testing.T) {
	app, told := newApp(onSoldOut(http.StatusConflict))
	e := echo.New()
	echocreche.Use(e, app)
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			c.Error(&soldOut{"tea"})
			return err
		}
	}, echo.WrapMiddleware(app.Middleware))
	e.GET("/", echo.WrapHandler(creche.Handler(func(http.ResponseWriter, *http.Request) error {
		return &errorhandlers.Problem{Status: http.StatusNotFound}
	})))
	checkAnswer(t, do(e, "GET", "/", ""), http.StatusConflict, "no tea")
	told.check(t)
}

// R7
func TestAHandlerGoesOnAfterAnExchangeInside(t *testing.T) {
	app, told := newApp(onSoldOut(http.StatusConflict))
	e := echo.New()
	echocreche.Use(e, app)
	inside := echo.WrapHandler(app.Middleware(creche.Handler(func(http.ResponseWriter, *http.Request) error {
		return &soldOut{"tea"}
	})))
	e.GET("/", func(c echo.Context) error {
		if err := inside(c); err != nil {
			return err
		}
		if err := c.Request().Context().Err(); err != nil {
			t.Errorf("context of the request: got %v, want it alive", err)
		}
		_, err := c.Response().Write([]byte("tail"))
		return err
	})
	checkAnswer(t, do(e, "GET", "/", ""), http.StatusConflict, "no teatail")
	told.check(t)
}

// R7
func TestAnEchoInAnEchoHasItsOwnRules(t *testing.T) {
	outer, told := newApp(onSoldOut(http.StatusConflict))
	inner, _ := newApp(onSoldOut(http.StatusGone))
	e, sub := echo.New(), echo.New()
	echocreche.Use(e, outer)
	echocreche.Use(sub, inner)
	sub.Pre(func(echo.HandlerFunc) echo.HandlerFunc {
		return func(echo.Context) error { return &soldOut{"tea"} }
	})
	e.GET("/", echo.WrapHandler(sub))
	checkAnswer(t, do(e, "GET", "/", ""), http.StatusGone, "no tea")
	told.check(t)
}

// session is an application's own Context, as echo's guide suggests, and cannot
// be compared.
type session struct {
	echo.Context
	roles []string
}

// R7
func TestAContextOfTheApplicationsOwn(t *testing.T) {
	for _, place := range []string{"outside", "inside"} {
		t.Run(place, func(t *testing.T) {
			app, told := newApp(echocreche.On(func(c echo.Context, err *soldOut) error {
				return c.String(http.StatusConflict, "no "+err.sku)
			}))
			own := func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c echo.Context) error { return next(session{c, []string{"admin"}}) }
			}
			e := echo.New()
			if place == "outside" {
				e.Use(own)
			}
			echocreche.Use(e, app)
			if place == "inside" {
				e.Use(own)
			}
			e.GET("/", func(c echo.Context) error {
				err := &soldOut{c.(session).roles[0]}
				c.Error(err)
				return err
			})
			checkAnswer(t, do(e, "GET", "/", ""), http.StatusConflict, "no admin")
			told.check(t)
		})
	}
}

// R8
func TestAGroupWithItsOwnRules(t *testing.T) {
	app, told := newApp(onSoldOut(http.StatusConflict))
	e := echo.New()
	echocreche.Use(e, app)
	fails := func(c echo.Context) error { return fmt.Errorf("wrapped: %w", &soldOut{"tea"}) }
	e.GET("/", fails)
	group := e.Group("/group", echocreche.Errors(app, onSoldOut(http.StatusGone)))
	group.GET("/", fails)
	e.GET("/route", fails, echocreche.Errors(app, echocreche.OnMatch(func(err error) bool { return err != nil }, answer("route"))))

	checkAnswer(t, do(e, "GET", "/", ""), http.StatusConflict, "no tea")
	checkAnswer(t, do(e, "GET", "/group/", ""), http.StatusGone, "no tea")
	checkAnswer(t, do(e, "GET", "/route", ""), http.StatusTeapot, "route")
	told.check(t)
}

// R8: what a group makes of its errors by itself is an answer like any other,
// but not the last word on a task that fails late.
func TestAGroupWithAnErrorHandlerOfItsOwn(t *testing.T) {
	app, told := newApp(onSoldOut(http.StatusConflict))
	e := echo.New()
	echocreche.Use(e, app)
	own := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := next(c); err != nil {
				return c.String(http.StatusTeapot, "the group's")
			}
			return nil
		}
	}
	passes := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			if err != nil {
				_ = c.String(http.StatusTeapot, "the group's")
				c.Error(err)
			}
			return err
		}
	}
	fails := func(echo.Context) error { return &soldOut{"tea"} }
	late := func(c echo.Context) error {
		nursery.From(c.Request().Context()).Go(func(context.Context) error { return &soldOut{"tea"} })
		return errPlain
	}
	group := e.Group("/own", own)
	group.GET("/fails", fails)
	group.GET("/late", late)
	group.GET("/inner", fails, echocreche.Errors(app, onSoldOut(http.StatusGone)))
	e.Group("/passes", passes).GET("/fails", fails)
	e.GET("/fails", fails)

	checkAnswer(t, do(e, "GET", "/own/fails", ""), http.StatusTeapot, "the group's")
	checkAnswer(t, do(e, "GET", "/own/inner", ""), http.StatusTeapot, "the group's")
	checkAnswer(t, do(e, "GET", "/own/late", ""), http.StatusConflict, "no tea")
	checkAnswer(t, do(e, "GET", "/passes/fails", ""), http.StatusConflict, "no tea")
	checkAnswer(t, do(e, "GET", "/fails", ""), http.StatusConflict, "no tea")
	told.check(t)
}

// E1, R13: a fault names the line of the application's, not of the adapter's.
func TestATimeoutThatMakesNoSenseHasAPlace(t *testing.T) {
	app, _ := newApp()
	_, file, line, _ := runtime.Caller(0)
	echocreche.Timeout(app, 0)
	if want := fmt.Sprintf("creche: Timeout of 0s (%s:%d): want more than 0", file, line+1); app.Check() == nil || app.Check().Error() != want {
		t.Errorf("got %v, want %s", app.Check(), want)
	}
}
