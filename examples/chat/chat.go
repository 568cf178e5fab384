package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/creche-go/creche/websocket"
)

// lobby is the key of the room behind /ws. Those with more to tell are in rooms.go.
const lobby = "lobby"

// options let a burst of small talk queue for a visitor. Whoever falls behind
// further than that is sent away (1008), so that nobody waits for anybody. The
// flags of main.go set the heartbeat.
var options = &websocket.Options{Queue: websocket.Bounds{Messages: 4096}}

// chat is what the handlers share.
type chat struct {
	rooms websocket.Rooms // of which there is one, the lobby
	named websocket.Rooms // with presence, see enter
	jobs  atomic.Int64    // started so far
}

//go:embed index.html
var index []byte

func page(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, err := w.Write(index)
	return err
}

// socket is one visitor's stay. The function it hands to Serve, by stay, and the
// heartbeat are siblings in the connection's nursery: whichever ends first,
// because the visitor left, the server stops or something failed, ends the
// other, and Serve returns when both have ended.
func (c *chat) socket(w http.ResponseWriter, r *http.Request) error {
	return stay(w, r, func(_ context.Context, conn *websocket.Conn) error {
		room := c.rooms.Join(conn, lobby) // it leaves by itself
		conn.Go(heartbeat(conn))
		for msg, err := range conn.Messages() {
			if err != nil {
				return err // too big, not UTF-8: each has its close code
			}
			room.Broadcast(msg) // to everybody, the sender too, and waits for nobody
		}
		return nil
	})
}

// stay is [websocket.Serve] with the chat's options, and logs how the visitor
// left: the code and reason with which a peer closed are the cause, and so is
// whatever else ended the connection.
func stay(w http.ResponseWriter, r *http.Request, f func(context.Context, *websocket.Conn) error) error {
	var visit context.Context // stays nil if there is no upgrade
	err := websocket.Serve(w, r, options, func(ctx context.Context, conn *websocket.Conn) error {
		visit = ctx
		return f(ctx, conn)
	})
	if visit != nil {
		slog.InfoContext(visit, "chat: a visitor has left", "from", r.RemoteAddr, "why", context.Cause(visit))
	}
	return err
}

// heartbeat sends a text every second. It does not say when to end: the
// connection's end ends it.
func heartbeat(conn *websocket.Conn) func(context.Context) error {
	return func(ctx context.Context) error {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if err := conn.Send(ctx, websocket.Text("Heartbeat")); err != nil {
					return err
				}
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}

// who says how many are in the room.
func (c *chat) who(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	return json.NewEncoder(w).Encode(struct {
		Count int `json:"count"`
	}{c.rooms.To(lobby).Len()})
}
