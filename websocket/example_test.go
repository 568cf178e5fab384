package websocket_test

import (
	"context"
	"net/http"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/websocket"
)

// A chat room with a heartbeat. Nothing has to be cleaned up: the connection
// leaves the room when it ends, and the heartbeat ends with it.
func Example_chat() {
	var rooms websocket.Rooms

	heartbeat := func(c *websocket.Conn) func(context.Context) error {
		return func(ctx context.Context) error {
			tick := time.NewTicker(10 * time.Second)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					if err := c.Send(ctx, websocket.Text("Heartbeat")); err != nil {
						return err
					}
				case <-ctx.Done():
					return nil
				}
			}
		}
	}
	chat := func(w http.ResponseWriter, r *http.Request) error {
		return websocket.Serve(w, r, nil, func(_ context.Context, c *websocket.Conn) error {
			room := rooms.Join(c, r.PathValue("room"))
			c.Go(heartbeat(c)) // a sibling of this function
			for msg, err := range c.Messages() {
				if err != nil {
					return err // its close code is known
				}
				room.Broadcast(msg)
			}
			return nil
		})
	}

	mux := http.NewServeMux()
	mux.Handle("GET /chat/{room}", creche.Handler(chat))
}
