package websocket_test

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/websocket"
)

// What docs/websockets.md shows, step by step.

func echoServer(w http.ResponseWriter, r *http.Request) error {
	return websocket.Serve(w, r, nil, func(ctx context.Context, c *websocket.Conn) error {
		for msg, err := range c.Messages() {
			if err != nil {
				return err
			}
			if err := c.Send(ctx, msg); err != nil {
				return err
			}
		}
		return nil
	})
}

func clock(w http.ResponseWriter, r *http.Request) error {
	return websocket.Serve(w, r, nil, func(_ context.Context, c *websocket.Conn) error {
		c.Go(func(ctx context.Context) error { // a sibling of this function
			for {
				if err := c.Send(ctx, websocket.Text(time.Now().Format(time.TimeOnly))); err != nil {
					return err
				}
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
					return nil
				}
			}
		})
		for _, err := range c.Messages() {
			if err != nil {
				return err
			}
		}
		return nil
	})
}

var lobby websocket.Rooms

func roomServer(w http.ResponseWriter, r *http.Request) error {
	return websocket.Serve(w, r, nil, func(_ context.Context, c *websocket.Conn) error {
		room := lobby.Join(c, r.PathValue("room")) // it leaves by itself
		for msg, err := range c.Messages() {
			if err != nil {
				return err
			}
			room.Broadcast(msg, c) // to all but the sender
		}
		return nil
	})
}

var users websocket.Rooms

func notify(user, text string) {
	users.To(user).Broadcast(websocket.Text(text)) // however many tabs, if any
}

var plainly = &websocket.Options{Plain: true}

var auditors = websocket.Rooms{Slow: websocket.Block}

func record(ctx context.Context, entry []byte) error {
	return auditors.To("all").Send(ctx, websocket.Binary(entry))
}

var limit = websocket.NewLimit(10_000)

var choices = &websocket.Options{
	Origins:     []string{"app.example.com"},
	Connections: limit,
	Slow:        websocket.DropOldest,
	Queue:       websocket.Bounds{Messages: 64, Bytes: 256 << 10},
	OnDrop: func(c *websocket.Conn, m websocket.Message) {
		slog.DebugContext(c.Context(), "dropped", "bytes", len(m.Bytes()))
	},
	OnClose: func(c *websocket.Conn, e *websocket.CloseError) {
		slog.InfoContext(c.Context(), "closed", "why", e, "received", c.Stats().Received.Messages)
	},
	ReadLimit:         4 << 10,
	MessagesPerSecond: 20,
	PingEvery:         20 * time.Second,
	Detach:            true,
}

func observe(_ context.Context, r nursery.Report) {
	if e, ok := errors.AsType[*websocket.AbortedError](r.Err); ok {
		slog.Warn("peers out of reach", "silent", e.Silent, "stalled", e.Stalled, "answered", e.Answered)
		return
	}
	slog.Error("failed", "nursery", r.Nursery, "error", r.Err)
}

func Example_steps() {
	if err := choices.Check(); err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /echo", creche.Handler(echoServer))
	mux.Handle("GET /clock", creche.Handler(clock))
	mux.Handle("GET /rooms/{room}", creche.Handler(roomServer))
	_, _, _ = notify, record, plainly
	_ = creche.New(creche.Options{Observe: observe})
}
