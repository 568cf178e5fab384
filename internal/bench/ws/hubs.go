package main

import (
	"context"
	"net"
	"net/http"
	"sync"

	coder "github.com/coder/websocket"
	"github.com/gorilla/websocket"
	"github.com/lxzan/gws"

	"github.com/creche-go/creche"
	ours "github.com/creche-go/creche/websocket"
)

// queue is how many messages wait for a connection at most. None is dropped in
// a window that is smaller.
const queue = 256

// serveCreche returns a function that serves with the handler put beside /ws.
func serveCreche(ln net.Listener, mux *http.ServeMux, plain bool) func(http.Handler) error {
	app := creche.New(creche.Options{})
	var rooms ours.Rooms
	o := &ours.Options{Detach: true, Plain: plain}
	mux.Handle("/ws", creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return ours.Serve(w, r, o, func(_ context.Context, c *ours.Conn) error {
			room := rooms.Join(c, "all")
			for m, err := range c.Messages() {
				if err != nil {
					return err
				}
				room.Broadcast(m)
			}
			return nil
		})
	}))
	mux.Handle("/echo", creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return ours.Serve(w, r, o, echoCreche)
	}))
	return func(h http.Handler) error {
		return app.Serve(context.Background(), ln, app.Middleware(h))
	}
}

func echoCreche(ctx context.Context, c *ours.Conn) error {
	for m, err := range c.Messages() {
		if err != nil {
			return err
		}
		if err := c.Send(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// hub is what people write by hand: a queue and a writer for each connection.
type hub[M any] struct {
	mu     sync.Mutex
	queues map[chan M]struct{}
}

func (h *hub[M]) join() chan M {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.queues == nil {
		h.queues = make(map[chan M]struct{})
	}
	q := make(chan M, queue)
	h.queues[q] = struct{}{}
	return q
}

func (h *hub[M]) leave(q chan M) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.queues, q)
	close(q)
}

func (h *hub[M]) broadcast(m M) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for q := range h.queues {
		select {
		case q <- m:
		default:
		}
	}
}

type coderHub struct{ hub[[]byte] }

func (h *coderHub) socket(w http.ResponseWriter, r *http.Request) {
	c, err := coder.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	ctx, q := r.Context(), h.join()
	var writer sync.WaitGroup
	defer writer.Wait()
	defer h.leave(q)
	writer.Go(func() {
		for m := range q {
			if c.Write(ctx, coder.MessageBinary, m) != nil {
				return
			}
		}
	})
	for {
		_, m, err := c.Read(ctx)
		if err != nil {
			return
		}
		h.broadcast(m)
	}
}

type gorillaHub struct {
	hub[*websocket.PreparedMessage]
}

var gorilla websocket.Upgrader

func (h *gorillaHub) socket(w http.ResponseWriter, r *http.Request) {
	c, err := gorilla.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	q := h.join()
	var writer sync.WaitGroup
	defer writer.Wait()
	defer h.leave(q)
	writer.Go(func() {
		for m := range q {
			if c.WritePreparedMessage(m) != nil {
				return
			}
		}
	})
	for {
		_, b, err := c.ReadMessage()
		if err != nil {
			return
		}
		m, err := websocket.NewPreparedMessage(websocket.BinaryMessage, b)
		if err != nil {
			return
		}
		h.broadcast(m)
	}
}

// gwsHub is as the documentation of gws has it: its broadcaster has queues.
type gwsHub struct {
	gws.BuiltinEventHandler
	upgrader *gws.Upgrader
	readers  sync.WaitGroup
	mu       sync.Mutex
	all      map[*gws.Conn]struct{}
}

func newGwsHub() *gwsHub {
	h := &gwsHub{all: make(map[*gws.Conn]struct{})}
	h.upgrader = gws.NewUpgrader(h, nil)
	return h
}

func (h *gwsHub) socket(w http.ResponseWriter, r *http.Request) {
	c, err := h.upgrader.Upgrade(w, r)
	if err != nil {
		return
	}
	h.mu.Lock()
	h.all[c] = struct{}{}
	h.mu.Unlock()
	h.readers.Go(c.ReadLoop)
}

func (h *gwsHub) OnClose(c *gws.Conn, _ error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.all, c)
}

func (h *gwsHub) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	b := gws.NewBroadcaster(m.Opcode, m.Bytes())
	defer b.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.all {
		_ = b.Broadcast(c)
	}
}
