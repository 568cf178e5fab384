package main

import (
	"context"
	"net/http"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/labstack/echo/v4"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/echocreche"
	"github.com/creche-go/creche/examples/internal/exampletest"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/websocket"
)

// newSockets is a server of websockets within handlers of echo.
func newSockets() (*creche.App, http.Handler) {
	app := creche.New(creche.Options{Errors: rules()})
	e := echo.New()
	echocreche.Use(e, app)
	e.GET("/rooms/:room", func(c echo.Context) error {
		return websocket.Serve(c.Response(), c.Request(), nil, func(ctx context.Context, conn *websocket.Conn) error {
			for m, err := range conn.Messages() {
				if err != nil {
					return err
				}
				if err := conn.Send(ctx, websocket.Text(c.Param("room")+": "+m.String())); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return app, e
}

// W1, W3, B5
func TestASocketInAHandlerOfEcho(t *testing.T) {
	exampletest.CaptureLog(t)
	s := exampletest.Serve(t, newSockets)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()

	if a := s.Do("GET", "/rooms/lobby", ""); a.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("a request that is no handshake: got %d with %q, want 426", a.StatusCode, a.Text)
	}
	var conns []*coder.Conn
	for _, room := range []string{"lobby", "attic"} { // the second in a Context of its own
		conn, _, err := coder.Dial(ctx, s.URL+"/rooms/"+room, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.CloseNow() }()
		conns = append(conns, conn)
	}
	for i, want := range []string{"lobby: hello", "attic: hello"} {
		if err := conns[i].Write(ctx, coder.MessageText, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, got, err := conns[i].Read(ctx); err != nil || string(got) != want {
			t.Errorf("got %q and %v, want %q", got, err, want)
		}
	}
	if err := conns[0].Close(coder.StatusNormalClosure, ""); err != nil {
		t.Errorf("closing: got %v, want the server's close frame", err)
	}
	var stopping nursery.Nursery
	stopping.Open(ctx)
	stopping.Go(func(context.Context) error { return s.Stop() })
	if _, _, err := conns[1].Read(ctx); coder.CloseStatus(err) != coder.StatusGoingAway {
		t.Errorf("reading while the server stops: got %v, want it going away", err)
	}
	if err := stopping.Join(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}
