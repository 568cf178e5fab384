package websocket_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creche-go/creche/websocket"
)

// tcpRoom has n peers join a room over TCP, in this order, each with little room
// in the network if small is set.
func tcpRoom(t *testing.T, rooms *websocket.Rooms, o *websocket.Options, n int, small func(i int) bool) (*httptest.Server, []*peer, []*websocket.Conn) {
	t.Helper()
	joined := make(chan *websocket.Conn)
	ts := newTCPServer(t, o, func(ctx context.Context, c *websocket.Conn) error {
		rooms.Join(c, "all")
		joined <- c
		return forget(ctx, c)
	})
	peers, conns := make([]*peer, n), make([]*websocket.Conn, n)
	for i := range peers {
		conn := dialTCP(t, ts)
		if small != nil && small(i) {
			if err := conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
				t.Fatal(err)
			}
		}
		peers[i] = join(t, conn)
		conns[i] = <-joined
	}
	return ts, peers, conns
}

// More than a round of connections over TCP, some of which read slowly, so that
// what is written to them stops in the middle of a frame. Each gets all of it, in
// order.
//
// W7, W8
func TestBroadcastsOverTCP(t *testing.T) {
	const members, messages = 40, 60
	var rooms websocket.Rooms
	o := &websocket.Options{Queue: websocket.Bounds{Messages: messages, Bytes: 1 << 30}}
	slow := func(i int) bool { return i%10 == 0 }
	_, peers, _ := tcpRoom(t, &rooms, o, members, slow)
	text := func(i int) string { return strings.Repeat(strconv.Itoa(i)+" ", 1+i*7_919%30_000) } // to 90 KB
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range messages {
			rooms.To("all").Broadcast(websocket.Text(text(i)))
		}
	}()
	var all sync.WaitGroup
	for i, p := range peers {
		all.Go(func() {
			if slow(i) {
				p.br = bufio.NewReaderSize(dribble{p.conn}, 16)
				<-sent
			}
			for n := range messages {
				if op, got, err := p.next(); err != nil || op != opText || got != text(n) {
					t.Errorf("peer %d, message %d: got frame %d of %d bytes, %v; want %d", i, n, op, len(got), err, len(text(n)))
					return
				}
			}
			p.close(1000, "")
			p.wantEnd(1000)
		})
	}
	all.Wait()
}

// The network takes a part of a batch, after many that it took whole. Then the
// peer reads again.
//
// W7, W8
func TestABroadcastThatStopsInTheMiddle(t *testing.T) {
	for _, size := range []int{10_000, 100_000} { // which fits into a batch, and which is one
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			var rooms websocket.Rooms
			o := &websocket.Options{Queue: websocket.Bounds{Bytes: 1 << 30}}
			_, peers, conns := tcpRoom(t, &rooms, o, 2, func(i int) bool { return i == 0 })
			text := func(i int) string { return strings.Repeat(strconv.Itoa(i)+" ", size/5) }
			sent, more := 0, 5
			for ; more > 0; sent++ {
				rooms.To("all").Broadcast(websocket.Text(text(sent)))
				peers[1].want(opText, text(sent))
				for wait := 0; conns[0].Stats().Unsent.Messages > 0 && wait < 30; wait++ {
					time.Sleep(time.Millisecond)
				}
				if conns[0].Stats().Unsent.Messages > 0 {
					more--
				}
			}
			for i := range sent {
				peers[0].want(opText, text(i))
			}
			peers[0].close(1000, "")
			peers[0].wantEnd(1000)
		})
	}
}

// dribble is a connection that is read slowly.
type dribble struct{ net.Conn }

func (d dribble) Read(b []byte) (int, error) {
	if len(b) > 4<<10 {
		b = b[:4<<10]
	}
	return d.Conn.Read(b)
}

// One of 51 never reads. What the others get is late by nothing that they would
// notice, on a real network too.
//
// W8
func TestAStalledPeerOverTCPDelaysNobody(t *testing.T) {
	const members, messages, bound = 51, 100, 50 * time.Millisecond
	for _, policy := range []websocket.SlowPolicy{websocket.Disconnect, websocket.DropNewest, websocket.DropOldest} {
		t.Run(policy.String(), func(t *testing.T) {
			var rooms websocket.Rooms
			o := &websocket.Options{Slow: policy, CloseTimeout: 100 * time.Millisecond}
			_, peers, conns := tcpRoom(t, &rooms, o, members, func(i int) bool { return i == 0 })
			for _, c := range conns[1:] {
				rooms.Join(c, "without it")
			}
			fill(t, conns[0], 32<<10, func(s websocket.Stats) bool { return s.Unsent.Bytes > 990_000 })
			m, late := websocket.Binary(make([]byte, 1000)), make(map[string]int)
			for range messages {
				for _, room := range []string{"all", "without it"} { // what else the machine does falls on both
					began := time.Now()
					rooms.To(room).Broadcast(m)
					for _, p := range peers[1:] {
						p.want(opBinary, m.String())
					}
					if time.Since(began) > bound {
						late[room]++
					}
				}
			}
			if late["all"] > late["without it"]+messages/20 {
				t.Errorf("late by more than %v of %d messages: got %v", bound, messages, late)
			}
			if got := conns[0].Stats(); got.Dropped.Messages == 0 || got.Unsent.Bytes > 1<<20+64<<10 {
				t.Errorf("the one that stalls: got %+v, want something dropped and little unsent", got)
			}
		})
	}
}

// fill sends to c, of which nobody reads, until enough is unsent and the network
// takes no more.
func fill(t *testing.T, c *websocket.Conn, size int, enough func(websocket.Stats) bool) {
	t.Helper()
	m := websocket.Binary(make([]byte, size))
	for sent := int64(-1); !enough(c.Stats()) || c.Stats().Sent.Messages != sent; {
		for !enough(c.Stats()) {
			if err := c.TrySend(m); err != nil {
				t.Fatal(err)
			}
		}
		sent = c.Stats().Sent.Messages
		time.Sleep(100 * time.Millisecond)
	}
}

// Whoever is told what was dropped may take his time, or panic: those before in
// the room have got the message.
//
// W7, W8
func TestOnDropOverTCP(t *testing.T) {
	for _, panics := range []bool{false, true} {
		t.Run(fmt.Sprint("panics: ", panics), func(t *testing.T) {
			const members = 8
			var rooms websocket.Rooms
			var told sync.Once
			all, got := make(chan struct{}), make(chan any, 1)
			o := &websocket.Options{Slow: websocket.DropNewest, Queue: websocket.Bounds{Messages: 8, Bytes: 1 << 30}}
			o.OnDrop = func(*websocket.Conn, websocket.Message) {
				told.Do(func() {
					if panics {
						panic("told")
					}
					<-all
				})
			}
			_, peers, conns := tcpRoom(t, &rooms, o, members, func(i int) bool { return i == 0 })
			fill(t, conns[0], 1<<20, func(s websocket.Stats) bool { return s.Unsent.Messages == 8 })
			go func() {
				defer func() { got <- recover() }()
				rooms.To("all").Broadcast(websocket.Text("hello"))
			}()
			if panics {
				if r := <-got; r != "told" {
					t.Errorf("got panic %v, want that of OnDrop", r)
				}
			}
			reached := 0
			for _, p := range peers[1:] { // the list has no order: some are before, and get it
				_ = p.conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
				if _, payload, err := p.next(); err == nil && payload == "hello" {
					reached++
				}
			}
			for _, c := range conns[1:] {
				// A peer may have read what is not counted as sent yet.
				for wait := 0; c.Stats().Unsent.Messages > 0 && wait < 5_000; wait++ {
					time.Sleep(time.Millisecond)
				}
				if got := c.Stats(); got.Unsent.Messages > 0 {
					t.Errorf("got %+v while OnDrop is called, want nothing unsent", got)
				}
			}
			close(all)
			if !panics && reached < members-1 { // who came after it
				<-got
			}
		})
	}
}
