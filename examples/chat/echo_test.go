package main

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/coder/websocket"
	echov4 "github.com/labstack/echo/v4"
	echov5 "github.com/labstack/echo/v5"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/echo5creche"
	"github.com/creche-go/creche/adapters/echocreche"
	"github.com/creche-go/creche/examples/internal/exampletest"
	"github.com/creche-go/creche/nursery"
)

// stays notes the names in the paths of visitors, when they come and when they
// have left.
type stays struct {
	mu    sync.Mutex
	names []string
}

func (s *stays) note(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names = append(s.names, name)
}

// onEcho4 and onEcho5 serve the chat's own handler of sockets inside a handler
// of echo.
func onEcho4(s *stays) (*creche.App, http.Handler) {
	app, c, e := creche.New(creche.Options{}), new(chat), echov4.New()
	echocreche.Use(e, app)
	e.GET("/:name/ws", func(ec echov4.Context) error {
		s.note(ec.Param("name") + " comes")
		defer func() { s.note(ec.Param("name") + " left") }()
		return c.socket(ec.Response(), ec.Request())
	})
	return app, e
}

func onEcho5(s *stays) (*creche.App, http.Handler) {
	app, c, e := creche.New(creche.Options{}), new(chat), echov5.New()
	echo5creche.Use(e, app)
	e.GET("/:name/ws", func(ec *echov5.Context) error {
		s.note(ec.Param("name") + " comes")
		defer func() { s.note(ec.Param("name") + " left") }()
		return c.socket(ec.Response(), ec.Request())
	})
	return app, e
}

// W1, W3, W9
func TestTheChatInsideAHandlerOfEcho(t *testing.T) {
	for name, serve := range map[string]func(*stays) (*creche.App, http.Handler){"version 4": onEcho4, "version 5": onEcho5} {
		t.Run(name, func(t *testing.T) {
			exampletest.CaptureLog(t)
			stays := new(stays)
			s := exampletest.Serve(t, func() (*creche.App, http.Handler) { return serve(stays) })

			if a := s.Do("GET", "/zoe/ws", ""); a.StatusCode != http.StatusUpgradeRequired {
				t.Errorf("a request that is no handshake: got %d with %q, want 426", a.StatusCode, a.Text)
			}
			ann, bob := visit(t, s.URL+"/ann"), visit(t, s.URL+"/bob")
			for _, v := range []*visitor{ann, bob} { // until both are in the room
				v.say("here")
				v.hear("here")
			}
			ann.say("Ann: hello")
			bob.hear("Ann: hello")
			bob.feel(1)
			if err := ann.conn.Close(websocket.StatusNormalClosure, ""); err != nil {
				t.Errorf("closing: got %v, want the server's close frame", err)
			}
			var stopping nursery.Nursery
			stopping.Open(t.Context())
			stopping.Go(func(context.Context) error { return s.Stop() })
			if got := bob.end(); got != websocket.StatusGoingAway {
				t.Errorf("close code at the stop: got %v, want 1001", got)
			}
			if err := stopping.Join(); err != nil {
				t.Errorf("Serve: got %v, want nil", err)
			}
			slices.Sort(stays.names)
			want := []string{"ann comes", "ann left", "bob comes", "bob left", "zoe comes", "zoe left"}
			if !slices.Equal(stays.names, want) {
				t.Errorf("names in the handlers' paths: got %q, want %q", stays.names, want)
			}
		})
	}
}
