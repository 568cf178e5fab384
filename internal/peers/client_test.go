package peers_test

import (
	"testing"
	"time"
)

// A command is what a client is told to do.
type command struct {
	Do     string `json:"do"` // "dial", "send" or "close"
	URL    string `json:"url"`
	Text   string `json:"text"`
	Code   int    `json:"code"`
	Reason string `json:"reason"`
}

// An event is what a client sees.
type event struct {
	Saw    string `json:"saw"` // "open", "text", "closed" or, if it can do no more, "failed"
	Text   string `json:"text"`
	Code   int    `json:"code"` // 1006 if there was no close frame
	Reason string `json:"reason"`
}

// A client is one of the implementations: how it is started, and then takes
// commands and tells what it sees. It has one connection at a time. Page is the
// address that a page of the chat would have.
type client struct {
	name  string
	start func(t *testing.T, page string, saw func(event)) (do func(command))
	plain bool // it compresses nothing of what it sends, whatever was agreed on
}

// A visitor is a client in the chat, behind a link of its own.
type visitor struct {
	client
	t    *testing.T
	link *link
	do   func(command)
	saw  chan event
}

func visit(t *testing.T, c client, chat *chat) *visitor {
	t.Helper()
	v := &visitor{client: c, t: t, link: newLink(t, chat.addr), saw: make(chan event, 1024)}
	v.do = c.start(t, "http://"+v.link.addr+"/", func(e event) {
		select {
		case v.saw <- e:
		case <-t.Context().Done(): // nobody listens any more
		}
	})
	v.enter()
	return v
}

// enter connects, and returns when the visitor is in the room: it has heard itself.
func (v *visitor) enter() {
	v.t.Helper()
	v.do(command{Do: "dial", URL: "ws://" + v.link.addr + "/ws"})
	if e := v.next("to be connected"); e.Saw != "open" {
		v.t.Fatalf("%s got %+v, want to be connected", v.name, e)
	}
	v.say(v.name + " is here")
	v.hear(v.name + " is here")
}

func (v *visitor) say(text string) { v.do(command{Do: "send", Text: text}) }

func (v *visitor) next(want string) event {
	v.t.Helper()
	select {
	case e := <-v.saw:
		if e.Saw == "failed" {
			v.t.Fatalf("%s, waiting %s: %s", v.name, want, e.Text)
		}
		return e
	case <-time.After(patience):
		v.t.Fatalf("%s waits %s, and nothing comes", v.name, want)
		return event{}
	}
}

// hear skips everything up to a text that is want.
func (v *visitor) hear(want string) {
	v.t.Helper()
	for {
		switch e := v.next("to hear " + short(want)); {
		case e.Saw == "closed":
			v.t.Fatalf("%s was closed with %d %q, want to hear %s", v.name, e.Code, e.Reason, short(want))
		case e.Saw == "text" && e.Text == want:
			return
		}
	}
}

func short(text string) string {
	if len(text) > 40 {
		return text[:40] + "…"
	}
	return text
}

// end skips everything up to the end of the connection, and returns it.
func (v *visitor) end() event {
	v.t.Helper()
	for {
		if e := v.next("for the end"); e.Saw == "closed" {
			return e
		}
	}
}

// wantClosed is for a connection that the chat ends.
func (v *visitor) wantClosed(code int, reason string) {
	v.t.Helper()
	if e := v.end(); e.Code != code || e.Reason != reason {
		v.t.Errorf("%s was closed with %d %q, want %d %q", v.name, e.Code, e.Reason, code, reason)
	}
}
