package main

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/go-chi/chi/v5"
	echo4 "github.com/labstack/echo/v4"
	echo5 "github.com/labstack/echo/v5"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/chicreche"
	"github.com/creche-go/creche/adapters/echo5creche"
	"github.com/creche-go/creche/adapters/echocreche"
	"github.com/creche-go/creche/adapters/httpcreche"
	"github.com/creche-go/creche/examples/internal/exampletest"
	"github.com/creche-go/creche/websocket"
)

// name serves a connection that answers everything with the parameter of its
// own path, after its handler has returned.
func name(w http.ResponseWriter, r *http.Request, param func(context.Context) string) error {
	o := &websocket.Options{Detach: true}
	return websocket.Serve(w, r, o, func(ctx context.Context, c *websocket.Conn) error {
		for _, err := range c.Messages() {
			if err != nil {
				return err
			}
			if err := c.Send(ctx, websocket.Text(param(ctx))); err != nil {
				return err
			}
		}
		return nil
	})
}

// namers are the same server on each router, each in the way of the router.
var namers = map[string]func(app *creche.App) http.Handler{
	"net/http": func(app *creche.App) http.Handler {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /rooms/{room}", creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
			room := r.PathValue("room")
			return name(w, r, func(context.Context) string { return room })
		}))
		return httpcreche.Wrap(mux, app)
	},
	"chi": func(app *creche.App) http.Handler {
		r := chi.NewRouter()
		chicreche.Use(r, app)
		r.Get("/rooms/{room}", creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
			return name(w, r, func(ctx context.Context) string { return chi.URLParamFromCtx(ctx, "room") })
		}))
		return r
	},
	"echo v4": func(app *creche.App) http.Handler {
		e := echo4.New()
		echocreche.Use(e, app)
		e.GET("/rooms/:room", func(c echo4.Context) error {
			r := c.Request().WithContext(echocreche.Detach(c))
			return name(c.Response(), r, func(ctx context.Context) string { return echocreche.Param(ctx, "room") })
		})
		return e
	},
	"echo v5": func(app *creche.App) http.Handler {
		e := echo5.New()
		echo5creche.Use(e, app)
		e.GET("/rooms/:room", func(c *echo5.Context) error {
			r := c.Request().WithContext(echo5creche.Detach(c))
			return name(c.Response(), r, func(ctx context.Context) string { return echo5creche.Param(ctx, "room") })
		})
		return e
	},
}

// Routers recycle what they know of a request as soon as its handler has
// returned. A connection that goes on without its handler keeps its own.
//
// W9, W13
func TestADetachedSocketKeepsTheParametersOfItsPath(t *testing.T) {
	for router, build := range namers {
		t.Run(router, func(t *testing.T) {
			exampletest.CaptureLog(t)
			s := exampletest.Serve(t, func() (*creche.App, http.Handler) {
				app := creche.New(creche.Options{})
				return app, build(app)
			})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var conns []*coder.Conn
			for i := range 8 {
				conn, _, err := coder.Dial(ctx, fmt.Sprintf("%s/rooms/room-%d", s.URL, i), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.CloseNow() }()
				conns = append(conns, conn)
			}
			for i := range 32 { // refused, but by a handler that had a Context to recycle
				s.Do("GET", fmt.Sprintf("/rooms/other-%d", i), "")
			}
			for i, conn := range conns {
				if err := conn.Write(ctx, coder.MessageText, []byte("who?")); err != nil {
					t.Fatal(err)
				}
				if _, got, err := conn.Read(ctx); err != nil || string(got) != fmt.Sprintf("room-%d", i) {
					t.Errorf("socket %d: got %q, %v, want its own room", i, got, err)
				}
			}
			for _, conn := range conns {
				go func() { _, _, _ = conn.Read(ctx) }() // which answers the close
			}
			if err := s.Stop(); err != nil {
				t.Errorf("Serve: got %v, want nil", err)
			}
		})
	}
}
