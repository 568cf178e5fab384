package main

import (
	"errors"
	"net/url"
	"testing"
	"testing/synctest"

	"github.com/creche-go/creche/nursery/nurserytest"
	"github.com/creche-go/creche/websocket"
	"github.com/creche-go/creche/websocket/websockettest"
)

// W7
func TestARoomTellsWhoComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, handler := newServer()
		s := nurserytest.NewServer(t, handler)
		enter := func(room, name string) *websockettest.Client {
			t.Helper()
			c, err := websockettest.Dial(t, s, "/ws/"+room+"?name="+url.QueryEscape(name), nil)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		hears := func(name string, c *websockettest.Client, want ...string) {
			t.Helper()
			synctest.Wait()
			if got := c.Waiting(); got != len(want) {
				t.Errorf("%s: got %d messages, want %d", name, got, len(want))
			}
			for _, want := range want {
				if m, err := c.Receive(t.Context()); err != nil || m.String() != want {
					t.Errorf("%s: got %s, %v; want %s", name, m, err, want)
				}
			}
		}
		ann := enter("tea", "Ann")
		hears("Ann", ann, `{"event":"here","here":["Ann"]}`)
		bob := enter("tea", "Bob ☕")
		hears("Ann", ann, `{"event":"join","who":"Bob ☕","here":["Ann","Bob ☕"]}`)
		hears("Bob", bob, `{"event":"here","here":["Ann","Bob ☕"]}`)
		tab := enter("tea", "Bob ☕")
		hears("Ann, of a second tab", ann)
		hears("the second tab", tab, `{"event":"here","here":["Ann","Bob ☕"]}`)
		cid := enter("coffee", "Cid")
		hears("Cid", cid, `{"event":"here","here":["Cid"]}`)

		if err := bob.Send(websocket.Text("hello")); err != nil {
			t.Fatal(err)
		}
		said := `{"event":"say","who":"Bob ☕","text":"hello"}`
		hears("Ann", ann, said)
		hears("the second tab", tab, said)
		hears("Bob", bob)
		hears("Cid, in another room", cid)

		bob.Vanish()
		hears("Ann, of a tab that goes", ann)
		if err := tab.Close(websocket.NormalClosure, ""); err != nil {
			t.Fatal(err)
		}
		hears("Ann", ann, `{"event":"leave","who":"Bob ☕","here":["Ann"]}`)
	})
}

// W3
func TestNobodyEntersARoomWithoutAName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, handler := newServer()
		_, err := websockettest.Dial(t, nurserytest.NewServer(t, handler), "/ws/tea", nil)
		if e, ok := errors.AsType[*websockettest.RejectedError](err); !ok || e.Status != 400 {
			t.Errorf("got %v, want a 400", err)
		}
	})
}
