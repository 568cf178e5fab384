//go:build !race

package websocket_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/creche-go/creche/websocket"
)

// What a delivery of a broadcast costs, from the call to the bytes on the wire:
// the message is framed, and compressed, before or once for all.
//
// W7
func TestAllocOfADelivery(t *testing.T) {
	const members = 100
	tests := []struct {
		name     string
		compress int
		m        websocket.Message
		most     float64
	}{
		{"plain", 0, websocket.Text(strings.Repeat("x", 1000)), 0.1},
		{"compressed", 512, websocket.Text(strings.Repeat("x", 1000)), 0.1},
		{"compressed for each broadcast anew", 50, websocket.Text(strings.Repeat("x", 100)), 0.15},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var rooms websocket.Rooms
			ts := newTCPServer(t, &websocket.Options{Compress: tt.compress}, func(ctx context.Context, c *websocket.Conn) error {
				rooms.Join(c, "all")
				return forget(ctx, c)
			})
			var arrived atomic.Int64
			for range members {
				p := join(t, dialTCP(t, ts), offer)
				go count(p.conn, &arrived)
			}
			room := rooms.To("all")
			for room.Len() < members {
				runtime.Gosched()
			}
			expected, size := int64(0), int64(0)
			deliver := func() {
				room.Broadcast(tt.m)
				expected += members * size
				for arrived.Load() < expected {
					runtime.Gosched()
				}
			}
			deliver() // into nothing: how long the frame is has yet to be seen
			for arrived.Load() == 0 || arrived.Load()%members != 0 || !allSent(room) {
				runtime.Gosched()
			}
			expected = arrived.Load()
			size = expected / members
			if got := testing.AllocsPerRun(50, deliver) / members; got > tt.most {
				t.Errorf("got %v allocations for a delivery, want at most %v", got, tt.most)
			}
		})
	}
}

// Who waits for room asks again whenever there may be some. What is sent was
// received, and is compressed once for all that.
//
// W7
func TestAllocOfASendThatWaits(t *testing.T) {
	onlyOwn(t, once)
	const size, others = 300_000, 40                 // that many are queued, and most of them in the way
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // what compresses is pooled
	synctest.Test(t, func(t *testing.T) {
		o := &websocket.Options{Compress: size, ReadLimit: 2 * size, Queue: websocket.Bounds{Bytes: others * 20_100}}
		took := make(chan uint64, 1)
		s := serve(t, o, func(ctx context.Context, c *websocket.Conn) error {
			m, err := c.Receive(ctx)
			for range others {
				err = errors.Join(err, c.Send(ctx, websocket.Binary(make([]byte, 20_000))))
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err = errors.Join(err, c.Send(ctx, m))
			runtime.ReadMemStats(&after)
			took <- after.TotalAlloc - before.TotalAlloc
			return err
		})
		p := dial(t, s.Server, offer)
		p.send(opBinary, noise(size)+strings.Repeat("x", size))
		for buf := make([]byte, size); ; {
			synctest.Wait()
			if _, err := p.conn.Read(buf); err != nil {
				break
			}
		}
		if got := <-took; got > 10*size { // it would be thirty times
			t.Errorf("took %d bytes for a message of %d", got, size)
		}
	})
}

// allSent reports whether all members have been sent what there was to send.
func allSent(room *websocket.Room) bool {
	for _, c := range room.Members() {
		if s := c.Stats(); s.Sent.Messages == 0 || s.Unsent.Messages > 0 {
			return false
		}
	}
	return true
}

// count counts what comes.
func count(conn net.Conn, bytes *atomic.Int64) {
	var buf [4 << 10]byte
	for {
		n, err := conn.Read(buf[:])
		if err != nil {
			return
		}
		bytes.Add(int64(n))
	}
}
