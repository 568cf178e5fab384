package echo5creche_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/creche-go/creche/adapters/echo5creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/labstack/echo/v5"
)

// answer is a handler for a rule that answers 418 with text.
func answer(text string) func(*echo.Context, error) error {
	return func(c *echo.Context, _ error) error { return c.String(http.StatusTeapot, text) }
}

// E1, E2, E6
func TestRulesInEchosShape(t *testing.T) {
	app, told := newApp(
		onSoldOut(http.StatusConflict),
		echo5creche.OnIs(errPlain, answer("is")),
		echo5creche.OnStatus(http.StatusForbidden, answer("status")),
		echo5creche.OnStatusClass(4, answer("class")),
		echo5creche.OnMatch(func(err error) bool { return strings.HasPrefix(err.Error(), "match") }, answer("match")),
		echo5creche.OnGroup(func(_ *echo.Context, err error) error {
			if !errors.Is(err, errPlain) {
				return errorhandlers.ErrDecline
			}
			return fmt.Errorf("group: %w", errOther)
		}),
		echo5creche.OnAny(answer("any")),
		errorhandlers.On(func(w http.ResponseWriter, _ *http.Request, _ *nursery.PanicError) error {
			w.WriteHeader(http.StatusInternalServerError)
			return nil
		}),
	)
	var fails error
	e := echo.New()
	echo5creche.Use(e, app)
	e.GET("/", func(*echo.Context) error {
		if fails == nil {
			panic(errPlain)
		}
		return fails
	})
	for _, tt := range []struct {
		name   string
		err    error
		status int
		body   string
	}{
		{"a type", &soldOut{"tea"}, http.StatusConflict, "no tea"},
		{"a sentinel", fmt.Errorf("wrapped: %w", errPlain), http.StatusTeapot, "is"},
		{"the code of an HTTPError", echo.ErrForbidden, http.StatusTeapot, "status"},
		{"the class of an HTTPError", fmt.Errorf("wrapped: %w", echo.ErrNotFound), http.StatusTeapot, "class"},
		{"a predicate", errors.New("match me"), http.StatusTeapot, "match"},
		{"a group that the rule declines", errors.Join(errors.New("x"), &soldOut{"tea"}), http.StatusConflict, "no tea"},
		{"a last resort", errors.New("nobody's"), http.StatusTeapot, "any"},
		{"a panic, by a rule of net/http's shape", nil, http.StatusInternalServerError, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fails = tt.err
			checkAnswer(t, do(e, "GET", "/", ""), tt.status, tt.body)
		})
	}
	told.mu.Lock()
	defer told.mu.Unlock()
	if len(told.told) != 2 { // the x beside the sold out one, and the panic
		t.Errorf("reported: got %q, want the leaf that no rule answered, and the panic", told.told)
	}
}

// E4
func TestARuleThatFails(t *testing.T) {
	for _, tt := range []struct {
		name string
		rule func(c *echo.Context, err *soldOut) error
	}{
		{"by returning an error", func(*echo.Context, *soldOut) error { return errOther }},
		{"by handing one to the HTTPErrorHandler", func(c *echo.Context, _ *soldOut) error {
			c.Echo().HTTPErrorHandler(c, errOther)
			return nil
		}},
		{"after it wrote", func(c *echo.Context, _ *soldOut) error {
			_ = c.String(http.StatusOK, "half of a secret")
			return errOther
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			app, told := newApp(echo5creche.On(tt.rule))
			e := echo.New()
			echo5creche.Use(e, app)
			e.GET("/", func(*echo.Context) error { return &soldOut{"tea"} })
			checkAnswer(t, do(e, "GET", "/", ""), http.StatusInternalServerError, problem500)
			told.mu.Lock()
			defer told.mu.Unlock()
			if len(told.told) == 0 || !errors.Is(told.told[0], errOther) {
				t.Errorf("reported: got %q, want what the rule failed with first", told.told)
			}
		})
	}
}

// E9
func TestARuleHasAResponseAndARequestAsNew(t *testing.T) {
	type key struct{}
	checked := false
	app, told := newApp(echo5creche.On(func(c *echo.Context, _ *soldOut) error {
		checked = true
		if r, _ := echo.UnwrapResponse(c.Response()); r.Committed || r.Status != http.StatusOK || r.Size != 0 {
			t.Errorf("response: got %d, %d bytes, committed %v, want it as new", r.Status, r.Size, r.Committed)
		}
		ctx := c.Request().Context()
		if err := ctx.Err(); err != nil {
			t.Errorf("context of the request: got %v, want it alive", context.Cause(ctx))
		}
		if ctx.Value(key{}) != "outer" || c.Get("user") != "ann" || c.Param("id") != "7" {
			t.Errorf("got %v, %v and %v, want the values of context, Context and path", ctx.Value(key{}), c.Get("user"), c.Param("id"))
		}
		return c.String(http.StatusConflict, "sold out")
	}))
	e := echo.New()
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), key{}, "outer")))
			return next(c)
		}
	})
	echo5creche.Use(e, app)
	e.GET("/:id", func(c *echo.Context) error {
		c.Set("user", "ann")
		_ = c.String(http.StatusCreated, "made")
		return &soldOut{"tea"}
	})
	checkAnswer(t, do(e, "GET", "/7", ""), http.StatusConflict, "sold out")
	if !checked {
		t.Error("the rule: got no call, want one")
	}
	told.check(t)
}

// E1: echo's errors and handlers are explained by the adapter.
func TestExplain(t *testing.T) {
	app, _ := newApp(echo5creche.OnStatus(http.StatusForbidden, answer("status")), onSoldOut(http.StatusConflict))
	for _, tc := range []struct {
		err  error
		rule string
	}{
		{echo.NewHTTPError(http.StatusForbidden, ""), "OnStatus(403)"},
		{&soldOut{"tea"}, "On[*echo5creche_test.soldOut]"},
		{errPlain, "OnAny"},
	} {
		if e := echo5creche.Explain(app, tc.err, echo5creche.OnAny(answer("any"))); e.Rule.Name() != tc.rule || e.Faults != nil {
			t.Errorf("%v: got %v, faults %v, want %s", tc.err, e, e.Faults, tc.rule)
		}
	}
	if e := echo5creche.Explain(app, echo.ErrNotFound); e.Status != http.StatusNotFound || e.Rule != nil {
		t.Errorf("got %v, want 404 by its own status", e)
	}
	panics(t, "echo5creche: Explain: nil app", func() { echo5creche.Explain(nil, errPlain) })
}

// Rules in echo's shape are for an application with an Echo: without one they
// are a fault, and Explain names them.
//
// E1
func TestRulesInEchosShapeWithoutAnEcho(t *testing.T) {
	for _, with := range []bool{false, true} {
		app, _ := newApp(onSoldOut(http.StatusConflict))
		app.Middleware(http.NotFoundHandler())
		if with {
			echo5creche.Use(echo.New(), app)
		}
		if err := app.Check(); (err == nil) != with || !with && !strings.Contains(err.Error(), "is in the shape of another router: none of this application's runs a echo5creche.Handler") {
			t.Errorf("with an Echo %v: got %v", with, err)
		}
		if got := app.Explain(&soldOut{"tea"}); with {
			if got.Skipped != nil || got.Rule == nil || got.Faults != nil {
				t.Errorf("got %v, want the rule where there is echo", got)
			}
			if got := app.Explain(echo.NewHTTPError(http.StatusTeapot, "")); got.Status != http.StatusTeapot {
				t.Errorf("got %v, want the status of echo's error, as on the wire", got)
			}
		} else if len(got.Skipped) != 1 || got.Skipped[0].Reason != "its handler is in the shape of another router, echo5creche.Handler" {
			t.Errorf("got %v, want the rule skipped where there is no echo", got)
		}
		if got := echo5creche.Explain(app, &soldOut{"tea"}); got.Skipped != nil || got.Rule == nil {
			t.Errorf("got %v, want the rule", got)
		}
	}
}
