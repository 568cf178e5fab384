package websocket_test

import (
	"context"
	"net/http"
	"strconv"
	"sync"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/websocket"
)

// What docs/websockets.md shows of rooms whose state one task keeps.

// A table is what the members of a room share with the task that has its state.
type table struct {
	moves   chan int
	members int           // under tables.mu
	empty   chan struct{} // closed when the last one has left
	over    chan struct{} // closed when the task has ended
}

type tables struct {
	app   *creche.App
	load  func(ctx context.Context, key string) (int, error)
	save  func(ctx context.Context, key string, sum int) error
	rooms websocket.Rooms
	turns nursery.Turns
	mu    sync.Mutex
	byKey map[string]*table
}

func (ts *tables) serve(w http.ResponseWriter, r *http.Request) error {
	return websocket.Serve(w, r, nil, func(ctx context.Context, c *websocket.Conn) error {
		t, err := ts.sit(r.PathValue("room"))
		if err != nil {
			return err
		}
		defer ts.rise(r.PathValue("room"), t)
		ts.rooms.Join(c, r.PathValue("room"))
		c.Go(t.watch)
		for msg, err := range c.Messages() {
			if err != nil {
				return err
			}
			var n int
			if err := msg.Decode(&n); err != nil { // the member's mistake, and not the room's
				return err
			}
			select {
			case t.moves <- n:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
}

// watch ends a member's connection when the task has ended, which has been
// reported: a CloseError is not.
func (t *table) watch(ctx context.Context) error {
	select {
	case <-t.over:
		return &websocket.CloseError{Code: websocket.TryAgainLater, Reason: "the game has ended"}
	case <-ctx.Done():
		return nil
	}
}

// sit returns the table of a room, with a new task unless there is one.
func (ts *tables) sit(key string) (*table, error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t := ts.byKey[key]
	if t == nil {
		t = &table{moves: make(chan int), empty: make(chan struct{}), over: make(chan struct{})}
		// The last task of the room may still be saving: this one takes its turn.
		play := ts.turns.Take(key, func(ctx context.Context) error { return ts.play(ctx, key, t) })
		err := ts.app.Go(context.Background(), "room "+key, func(ctx context.Context) error {
			defer close(t.over)
			defer ts.clear(key, t)
			return play(ctx)
		}, nursery.Unlimited()) // for its members wait for it
		if err != nil {
			return nil, err
		}
		ts.byKey[key] = t
	}
	t.members++
	return t, nil
}

func (ts *tables) rise(key string, t *table) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t.members--; t.members == 0 {
		close(t.empty)
		if ts.byKey[key] == t {
			delete(ts.byKey, key)
		}
	}
}

// clear has whoever comes now sit at another table.
func (ts *tables) clear(key string, t *table) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.byKey[key] == t {
		delete(ts.byKey, key)
	}
}

// play is the task of a room. What it has in variables is the state.
func (ts *tables) play(ctx context.Context, key string, t *table) error {
	sum, err := ts.load(ctx, key)
	if err != nil {
		return err
	}
	for {
		select {
		case n := <-t.moves:
			sum += 100 / n // which may panic
			ts.rooms.To(key).Broadcast(websocket.Text(strconv.Itoa(sum)))
		case <-t.empty:
			return ts.save(ctx, key, sum)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
