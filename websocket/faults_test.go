package websocket_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/websocket"
)

// A fault is what goes wrong with a peer's connection once it has written some
// number of bytes.
type fault struct {
	name   string
	strike func(c *faulty, p []byte) (int, error)
	deaf   bool             // it also stops reading
	ends   []websocket.Code // as the peer sees it
}

var faults = []fault{
	{"slow", func(c *faulty, p []byte) (int, error) { return c.drip(p, time.Millisecond) }, false, []websocket.Code{1000}},
	{"dribbling", func(c *faulty, p []byte) (int, error) { return c.drip(p, 9*time.Second) }, false, []websocket.Code{1000}},
	{"cut", func(c *faulty, _ []byte) (int, error) { return 0, c.Conn.Close() }, false, []websocket.Code{1006}},
	{"half-open", func(_ *faulty, p []byte) (int, error) { return len(p), nil }, false, []websocket.Code{1011, 1006}},
	{"stalled", func(c *faulty, p []byte) (int, error) { return len(p), nil }, true, []websocket.Code{1011, 1006}},
	{"deaf", func(c *faulty, p []byte) (int, error) { return c.Conn.Write(p) }, true, []websocket.Code{1000, 1006}},
	{"garbled", func(c *faulty, p []byte) (int, error) {
		noise := make([]byte, len(p))
		for i := range noise {
			noise[i] = byte(c.random.Uint32())
		}
		return c.Conn.Write(noise)
	}, false, nil},
}

// faulty is a connection that goes wrong after some bytes have been written.
type faulty struct {
	net.Conn
	fault  *fault
	random *rand.Rand
	left   int
	struck chan struct{}
}

func (c *faulty) Write(p []byte) (int, error) {
	if c.left >= len(p) {
		c.left -= len(p)
		return c.Conn.Write(p)
	}
	n, err := c.Conn.Write(p[:c.left])
	c.left = 0
	if err != nil {
		return n, err
	}
	select {
	case <-c.struck:
	default:
		close(c.struck)
	}
	m, err := c.fault.strike(c, p[n:])
	return n + m, err
}

func (c *faulty) Read(p []byte) (int, error) {
	if c.fault.deaf {
		select {
		case <-c.struck:
			time.Sleep(patience)
			return 0, io.EOF
		default:
		}
	}
	return c.Conn.Read(p)
}

// patience is more than a connection can outlive a peer: the time until a ping,
// that for its answer, and the close timeout.
const patience = 43 * time.Second

func (c *faulty) drip(p []byte, pause time.Duration) (int, error) {
	for i := range p {
		time.Sleep(pause)
		if _, err := c.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// Both sides of a connection end, whatever goes wrong between them and wherever
// in the stream, and nothing is left.
//
// W1, W2, W4, W6
func TestFaultyConnections(t *testing.T) {
	trials := uint64(200)
	if testing.Short() {
		trials = 20
	}
	for _, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			for seed := range trials {
				synctest.Test(t, func(t *testing.T) { fault.try(t, rand.New(rand.NewPCG(seed, 0))) })
			}
		})
	}
	t.Attr("did", fmt.Sprintf("%d faults, %d connections each", len(faults), trials))
}

func (f *fault) try(t *testing.T, random *rand.Rand) {
	var rooms websocket.Rooms
	limit := websocket.NewLimit(1)
	o := &websocket.Options{Connections: limit, Detach: random.IntN(2) == 0}
	s := serve(t, o, func(ctx context.Context, c *websocket.Conn) error {
		rooms.Join(c, "all")
		return echo(ctx, c)
	})
	raw, err := s.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	conn := &faulty{Conn: raw, fault: f, random: random, left: 1 << 20, struck: make(chan struct{})}
	p := join(t, conn)
	conn.left = random.IntN(1200)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for range 8 {
			if _, err := conn.Write(frame(0x80|opText, strings.Repeat("x", random.IntN(200)))); err != nil {
				return
			}
		}
		_, _ = conn.Write(closing(1000, "done"))
	}()
	var code websocket.Code
	for code == 0 {
		switch op, payload, err := p.next(); {
		case err != nil:
			code = websocket.Abnormal
		case op == opClose:
			code = websocket.Code(payload[0])<<8 | websocket.Code(payload[1])
		}
	}
	if !f.mayEnd(conn, code) {
		t.Errorf("got %v, want one of %v", code, f.ends)
	}
	time.Sleep(patience)
	if got := limit.Len() + rooms.To("all").Len(); got != 0 {
		t.Error("the connection is still open")
	}
	conn.Close()
	<-sent
	s.finish()
	if got := s.reports(); len(got) > 0 {
		t.Errorf("got reports %q, want none", got)
	}
}

// mayEnd reports whether code is what the peer may see of f.
func (f *fault) mayEnd(c *faulty, code websocket.Code) bool {
	select {
	case <-c.struck:
		return f.ends == nil || slices.Contains(f.ends, code)
	default:
		return code == websocket.NormalClosure
	}
}
