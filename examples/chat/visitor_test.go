package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/creche-go/creche/examples/internal/exampletest"
)

func startChat(t *testing.T) *room {
	t.Helper()
	log := exampletest.CaptureLog(t)
	return &room{Server: exampletest.Serve(t, newServer), t: t, log: log}
}

// room is a chat that serves.
type room struct {
	*exampletest.Server
	t   *testing.T
	log *exampletest.Log
}

// visitor is any websocket client.
type visitor struct {
	t    *testing.T
	conn *websocket.Conn
}

// join returns a visitor who is in the room: it has heard itself.
func (r *room) join(name string) *visitor {
	r.t.Helper()
	v := visit(r.t, r.URL)
	v.say(name + " is here")
	v.hear(name + " is here")
	return v
}

func visit(t *testing.T, url string) *visitor {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), url+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &visitor{t: t, conn: conn}
}

func (v *visitor) say(text string) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), 10*time.Second)
	defer cancel()
	if err := v.conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		v.t.Fatalf("saying %.40q: %v", text, err)
	}
}

// next returns the next text, whatever it is.
func (v *visitor) next() (string, error) {
	ctx, cancel := context.WithTimeout(v.t.Context(), 10*time.Second)
	defer cancel()
	kind, data, err := v.conn.Read(ctx)
	if err == nil && kind != websocket.MessageText {
		err = errors.New("not a text message")
	}
	return string(data), err
}

// hear skips everything up to a text that is want.
func (v *visitor) hear(want string) {
	v.t.Helper()
	if !v.hears(want) {
		v.t.FailNow()
	}
}

// hears is hear for goroutines that are not the test's own.
func (v *visitor) hears(want string) bool {
	v.t.Helper()
	for {
		got, err := v.next()
		if err != nil {
			v.t.Errorf("waiting for %.40q: %v", want, err)
			return false
		}
		if got == want {
			return true
		}
	}
}

// feel skips everything up to the n-th heartbeat from now.
func (v *visitor) feel(n int) {
	v.t.Helper()
	for range n {
		v.hear("Heartbeat")
	}
}

// end skips everything up to the close frame, and returns its code.
func (v *visitor) end() websocket.StatusCode {
	for {
		if _, err := v.next(); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}
