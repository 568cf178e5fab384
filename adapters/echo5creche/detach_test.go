package echo5creche_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/echo5creche"
	"github.com/creche-go/creche/nursery"
	"github.com/labstack/echo/v5"
)

// B1
func TestDetach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, told := newApp()
		release := make(chan struct{})
		got := make(map[string]string)
		e := echo.New()
		echo5creche.Use(e, app)
		e.GET("/:id/:name", func(c *echo.Context) error {
			c.Set("user", "user of "+c.Param("id"))
			c.Set("other", "other")
			return creche.Go(echo5creche.Detach(c, "user", "missing"), "job", func(ctx context.Context) error {
				<-release
				id := echo5creche.Param(ctx, "id")
				got[id] = fmt.Sprintln(
					echo5creche.Param(ctx, "name"), echo5creche.Param(ctx, "nothing"), echo5creche.Value(ctx, "user"),
					echo5creche.Value(ctx, "other"), echo5creche.Value(ctx, "missing"), ctx.Err(),
				)
				return nil
			})
		})
		for _, path := range []string{"/1/ann", "/2/ben", "/3/cid"} { // each in the Context of the one before
			if w := do(e, "GET", path, ""); w.Code != http.StatusOK {
				t.Fatalf("%s: got %d, want 200", path, w.Code)
			}
			release <- struct{}{}
			synctest.Wait()
		}
		for id, want := range map[string]string{
			"1": "ann  user of 1 <nil> <nil> <nil>\n", "2": "ben  user of 2 <nil> <nil> <nil>\n", "3": "cid  user of 3 <nil> <nil> <nil>\n",
		} {
			if got[id] != want {
				t.Errorf("task %s: got %q, want %q", id, got[id], want)
			}
		}
		told.check(t)
	})
}

// Of the path parameters [creche.Go] makes a copy by itself, as on every router.
//
// B1
func TestABackgroundTaskKeepsThePathParametersWithoutDetach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, told := newApp()
		release := make(chan struct{})
		var got []string
		e := echo.New()
		echo5creche.Use(e, app)
		start := func(f func(c *echo.Context) context.Context) echo.HandlerFunc {
			return func(c *echo.Context) error {
				return creche.Go(f(c), "job", func(ctx context.Context) error {
					<-release
					got = append(got, echo5creche.Param(ctx, "id")+" "+echo5creche.Param(ctx, "name"))
					return nil
				})
			}
		}
		plain := start(func(c *echo.Context) context.Context { return c.Request().Context() })
		detached := start(func(c *echo.Context) context.Context { return echo5creche.Detach(c) })
		inner := echo.New()
		echo5creche.Use(inner, app)
		inner.GET("/inner/:id", plain)
		e.GET("/:id/:name", plain)
		e.GET("/detached/:id/:name", detached)
		e.GET("/none", plain)
		e.GET("/outer/:id", func(c *echo.Context) error {
			r := c.Request().WithContext(echo5creche.Detach(c))
			r.URL.Path = "/inner/7"
			inner.ServeHTTP(c.Response(), r)
			return nil
		})
		for _, path := range []string{"/1/ann", "/2/ben", "/detached/3/cid", "/none", "/outer/4"} { // each in the Context of the one before
			if w := do(e, "GET", path, ""); w.Code != http.StatusOK {
				t.Fatalf("%s: got %d, want 200", path, w.Code)
			}
			release <- struct{}{}
			synctest.Wait()
		}
		if want := []string{"1 ann", "2 ben", "3 cid", " ", "7 "}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		told.check(t)
	})
}

func TestDetachedValuesOutsideOfAnyDetach(t *testing.T) {
	if v, p := echo5creche.Value(t.Context(), "user"), echo5creche.Param(t.Context(), "id"); v != nil || p != "" {
		t.Errorf("got %v and %q, want nothing", v, p)
	}
}

func TestDetachRefusesAContext(t *testing.T) {
	c := echo.New().NewContext(httptest.NewRequest("GET", "/", nil), nil)
	c.Set("me", c)
	panics(t, "echo5creche: Detach: the value of me is an *echo.Context", func() { echo5creche.Detach(c, "me") })
}

// R1
func TestTasksAreJoinedBeforeEchoTakesTheContextBack(t *testing.T) {
	for _, ending := range []struct {
		name string
		end  func() error
	}{
		{"after an answer", func() error { return nil }},
		{"after an error", func() error { return errPlain }},
		{"after a panic", func() error { panic("secret") }},
		{"after an abort", func() error { panic(http.ErrAbortHandler) }},
	} {
		t.Run(ending.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, _ := newApp()
				var running bool
				e := echo.New()
				echo5creche.Use(e, app)
				e.GET("/:id", func(c *echo.Context) error {
					nursery.From(c.Request().Context()).Go(func(ctx context.Context) error {
						running = true
						defer func() { running = false }()
						<-ctx.Done()
						synctest.Wait() // for all others to come as far as they can
						if id := c.Param("id"); id != "1" {
							t.Errorf("parameter: got %q, want that of its own request", id)
						}
						return nil
					})
					synctest.Wait()
					if ending.name == "after an answer" {
						nursery.From(c.Request().Context()).Cancel(nil)
					}
					return ending.end()
				})
				func() {
					defer func() { _ = recover() }() // the abort
					do(e, "GET", "/1", "")
				}()
				if running {
					t.Error("the task: got it running after the request, want it joined")
				}
			})
		})
	}
}
