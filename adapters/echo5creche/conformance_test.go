package echo5creche_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/adaptertest"
	"github.com/creche-go/creche/adapters/echo5creche"
	"github.com/creche-go/creche/nursery/nurserytest"
	"github.com/labstack/echo/v5"
)

func TestMain(m *testing.M) { nurserytest.CheckMain(m) }

// R12
func TestConformance(t *testing.T) {
	adaptertest.Run(t, adaptertest.Adapter{Build: build, Bare: bare, HandOver: handOver, Watch: watch, Allocs: 2})
}

func build(app *creche.App, root adaptertest.Group) http.Handler {
	return around(app, root, nil, nil)
}

// around builds an Echo with middleware before Use and after it.
func around(app *creche.App, root adaptertest.Group, outer, inner []echo.MiddlewareFunc) http.Handler {
	e := echo.New()
	e.Logger = slog.New(slog.DiscardHandler) // it says so when a header is written twice
	e.Use(outer...)
	echo5creche.Use(e, app)
	e.Use(inner...)
	mount(e.Group(""), app, root)
	return e
}

func handOver(app *creche.App, root adaptertest.Group, hand adaptertest.Hand) http.Handler {
	return around(app, root, nil, []echo.MiddlewareFunc{func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if err := next(c); err != nil {
				return hand(err, func(err error) { c.Echo().HTTPErrorHandler(c, err) })
			}
			return nil
		}
	}})
}

func watch(app *creche.App, root adaptertest.Group, seen func(adaptertest.View)) http.Handler {
	return around(app, root, []echo.MiddlewareFunc{func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			defer func() {
				r, _ := echo.UnwrapResponse(c.Response())
				seen(adaptertest.View{Status: r.Status, Size: r.Size, Committed: r.Committed})
			}()
			return next(c)
		}
	}}, nil)
}

func mount(g *echo.Group, app *creche.App, of adaptertest.Group) {
	for _, route := range of.Routes {
		g.Add(route.Method, pattern(route), handle(route))
	}
	for _, sub := range of.Groups {
		group := g.Group(sub.Prefix, echo5creche.Errors(app, sub.Rules...))
		if sub.Timeout != 0 {
			group.Use(echo5creche.Timeout(app, sub.Timeout))
		}
		mount(group, app, sub)
	}
}

func handle(route adaptertest.Route) echo.HandlerFunc {
	return func(c *echo.Context) error {
		return route.Handle(c.Response(), c.Request(), adaptertest.Params{
			Get:  c.Param,
			Kept: echo5creche.Param,
		})
	}
}

func bare(routes []adaptertest.Route) http.Handler {
	e := echo.New()
	e.Logger = slog.New(slog.DiscardHandler)
	for _, route := range routes {
		e.Add(route.Method, pattern(route), handle(route))
	}
	return e
}

func pattern(route adaptertest.Route) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(route.Path)
}
