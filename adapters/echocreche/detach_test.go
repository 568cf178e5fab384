package echocreche_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/echocreche"
	"github.com/creche-go/creche/nursery"
	"github.com/labstack/echo/v4"
)

// B1
func TestDetach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, told := newApp()
		release := make(chan struct{})
		got := make(map[string]string)
		e := echo.New()
		echocreche.Use(e, app)
		e.GET("/:id/:name", func(c echo.Context) error {
			c.Set("user", "user of "+c.Param("id"))
			c.Set("other", "other")
			return creche.Go(echocreche.Detach(c, "user", "missing"), "job", func(ctx context.Context) error {
				<-release
				id := echocreche.Param(ctx, "id")
				got[id] = fmt.Sprintln(
					echocreche.Param(ctx, "name"), echocreche.Param(ctx, "nothing"), echocreche.Value(ctx, "user"),
					echocreche.Value(ctx, "other"), echocreche.Value(ctx, "missing"), ctx.Err(),
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
		echocreche.Use(e, app)
		start := func(f func(c echo.Context) context.Context) echo.HandlerFunc {
			return func(c echo.Context) error {
				return creche.Go(f(c), "job", func(ctx context.Context) error {
					<-release
					got = append(got, echocreche.Param(ctx, "id")+" "+echocreche.Param(ctx, "name"))
					return nil
				})
			}
		}
		plain := start(func(c echo.Context) context.Context { return c.Request().Context() })
		detached := start(func(c echo.Context) context.Context { return echocreche.Detach(c) })
		inner := echo.New()
		echocreche.Use(inner, app)
		inner.GET("/inner/:id", plain)
		e.GET("/:id/:name", plain)
		e.GET("/detached/:id/:name", detached)
		e.GET("/none", plain)
		e.GET("/outer/:id", func(c echo.Context) error {
			r := c.Request().WithContext(echocreche.Detach(c))
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
	if v, p := echocreche.Value(t.Context(), "user"), echocreche.Param(t.Context(), "id"); v != nil || p != "" {
		t.Errorf("got %v and %q, want nothing", v, p)
	}
}

func TestDetachRefusesAContext(t *testing.T) {
	c := echo.New().NewContext(httptest.NewRequest("GET", "/", nil), nil)
	c.Set("me", c)
	panics(t, "echocreche: Detach: the value of me is an echo.Context", func() { echocreche.Detach(c, "me") })
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
				echocreche.Use(e, app)
				e.GET("/:id", func(c echo.Context) error {
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
