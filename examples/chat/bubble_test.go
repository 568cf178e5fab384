package main

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery/nurserytest"
	"github.com/creche-go/creche/websocket"
	"github.com/creche-go/creche/websocket/websockettest"
)

// In a bubble, with the whole program in memory, minutes take no time and
// happen on the second: what takes the other tests a real second for each
// heartbeat.
//
// W6, W11
func TestTwoMinutesInTheRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, handler := newServer()
		s := nurserytest.NewServer(t, handler)
		ann, bob := enter(t, s), enter(t, s)

		time.Sleep(2*time.Minute + time.Second/2)
		for name, c := range map[string]*websockettest.Client{"Ann": ann, "Bob": bob} {
			if got := texts(t, c, "Heartbeat"); got != 120 {
				t.Errorf("%s: got %d heartbeats of the chat, want one a second", name, got)
			}
			if got := c.Pings(); got != 4 {
				t.Errorf("%s: got %d pings, want one in thirty seconds", name, got)
			}
		}

		bob.Mute() // as one does whose train is in a tunnel
		time.Sleep(39 * time.Second)
		if err := ann.Send(websocket.Text("Ann: where is Bob?")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := texts(t, bob, "Ann: where is Bob?"); got != 1 {
			t.Errorf("Bob heard it %d times, want once: he is there still", got)
		}
		time.Sleep(time.Second)
		texts(t, bob, "") // the heartbeats since
		_, err := bob.Receive(t.Context())
		if e, ok := errors.AsType[*websocket.CloseError](err); !ok || e.Code != websocket.InternalError {
			t.Errorf("Bob got %v, want a close: he has not answered for too long", err)
		}
		if err := ann.Close(websocket.NormalClosure, ""); err != nil {
			t.Errorf("Ann leaves: %v", err)
		}
	})
}

// A page of another site is refused before the upgrade, which is no close.
//
// W11
func TestAForeignPageIsRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, handler := newServer()
		o := &websockettest.Options{Header: map[string][]string{"Origin": {"https://elsewhere.test"}}}
		_, err := websockettest.Dial(t, nurserytest.NewServer(t, handler), "/ws", o)
		if e, ok := errors.AsType[*websockettest.RejectedError](err); !ok || e.Status != 403 {
			t.Errorf("got %v, want a 403", err)
		}
	})
}

func enter(t *testing.T, s *nurserytest.Server) *websockettest.Client {
	t.Helper()
	c, err := websockettest.Dial(t, s, "/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// texts receives all that is there, and returns how often it is want.
func texts(t *testing.T, c *websockettest.Client, want string) (n int) {
	t.Helper()
	for c.Waiting() > 0 {
		m, err := c.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if m.String() == want {
			n++
		}
	}
	return n
}
