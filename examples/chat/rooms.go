package main

import (
	"context"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/websocket"
)

// news is what members of a room with presence are sent, as JSON.
type news struct {
	Event string   `json:"event"`          // "here", "join", "leave" or "say"
	Who   string   `json:"who,omitempty"`  // did it; nobody did "here"
	Text  string   `json:"text,omitempty"` // of "say"
	Here  []string `json:"here,omitempty"` // who is in the room now, but for "say"
}

// enter is a stay in a room of that name, under a name: /ws/{room}?name=Ann.
func (c *chat) enter(w http.ResponseWriter, r *http.Request) error {
	room, name := chi.URLParam(r, "room"), r.URL.Query().Get("name")
	if name == "" || len(name) > 100 {
		return &errorhandlers.Problem{Status: http.StatusBadRequest, Detail: "Say who you are: ?name=, in at most 100 bytes."}
	}
	return stay(w, r, func(_ context.Context, conn *websocket.Conn) error {
		room := c.named.JoinAs(conn, room, name) // it leaves by itself
		for msg, err := range conn.Messages() {
			if err != nil {
				return err
			}
			tell(room, news{Event: "say", Who: name, Text: msg.String()}, conn) // to all but the one who says it
		}
		return nil
	})
}

// announcePresence tells a room who comes and goes. Whoever has several tabs open
// comes with the first and goes with the last; each is told who is there.
func announcePresence(p websocket.Presence) {
	here := p.Room.Who()
	switch {
	case p.Joined:
		if p.Here == 1 {
			tell(p.Room, news{Event: "join", Who: p.Who, Here: here}, p.Conn)
		}
		if m, err := websocket.JSON(news{Event: "here", Here: here}); err == nil {
			_ = p.Conn.TrySend(m) // who is not reached is on the way out
		}
	case p.Here == 0:
		tell(p.Room, news{Event: "leave", Who: p.Who, Here: here})
	}
}

func tell(room *websocket.Room, n news, except ...*websocket.Conn) {
	if m, err := websocket.JSON(n); err == nil { // texts always are
		room.Broadcast(m, except...)
	}
}
