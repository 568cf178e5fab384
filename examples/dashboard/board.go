package main

import (
	"context"
	"net/http"
	"sync"

	"github.com/creche-go/creche/websocket"
)

// options have a message that waits for a slow browser replaced by the next of
// the same key. A queue of 256 holds one of each.
var options = &websocket.Options{Slow: websocket.Conflate}

// watchers is the key of the room.
const watchers = "watchers"

// board is the newest reading of each name, and who watches.
type board struct {
	rooms websocket.Rooms // of which there is one

	mu     sync.Mutex // held while a reading is stored and sent, so that both go in the same order
	newest map[string]websocket.Message
}

func newBoard() *board {
	return &board{newest: make(map[string]websocket.Message)}
}

// reading is what is sent of a change.
type reading struct {
	Name  string `json:"name"`
	Value int    `json:"value"`
}

// set has everybody see a value. It waits for nobody.
func (b *board) set(name string, value int) error {
	m, err := websocket.JSON(reading{name, value})
	if err != nil {
		return err
	}
	m = m.Keyed(name)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.newest[name] = m
	b.rooms.To(watchers).Broadcast(m) // which does not block: it conflates
	return nil
}

// live is one watcher's stay: the board as it is, and from then on each change.
func (b *board) live(w http.ResponseWriter, r *http.Request) error {
	return websocket.Serve(w, r, options, func(_ context.Context, c *websocket.Conn) error {
		if err := b.show(c); err != nil {
			return err
		}
		for _, err := range c.Messages() { // watchers have nothing to say
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// show has c join, between two changes.
func (b *board) show(c *websocket.Conn) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.newest {
		if err := c.TrySend(m); err != nil {
			return err
		}
	}
	b.rooms.Join(c, watchers)
	return nil
}
