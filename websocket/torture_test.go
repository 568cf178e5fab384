package websocket_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery/nurserytest"
	"github.com/creche-go/creche/websocket"
)

// Clients that do everything the protocol allows, at once, over real sockets:
// messages whole and in fragments, compressed and not, with pings in between, in
// writes that end anywhere, read in drops, and closes at any time. What is echoed
// and what is broadcast arrives complete and in order, whatever else goes on.
//
//	CRECHE_SEED=7 go test -race -run Torture ./websocket
//
// W5, W7, W12
func TestTorture(t *testing.T) {
	clients, each := 12, 30
	if os.Getenv("CRECHE_LONG") != "" {
		clients, each = 50, 200
	}
	seed := rand.Uint64()
	if s := os.Getenv("CRECHE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	for _, secure := range []bool{false, true} {
		for _, detach := range []bool{false, true} {
			t.Run(fmt.Sprintf("TLS: %v, detached: %v", secure, detach), func(t *testing.T) {
				nurserytest.CheckLeaks(t)
				t.Logf("CRECHE_SEED=%d", seed)
				a := newArena(t, secure, detach)
				var all sync.WaitGroup
				for i := range clients {
					f := &fighter{t: t, arena: a, random: rand.New(rand.NewPCG(seed, uint64(i))), name: fmt.Sprintf("%02d", i)}
					all.Go(func() { f.fight(each) })
				}
				all.Wait()
				a.stop()
				if got := a.rooms.To("arena").Len(); got != 0 {
					t.Errorf("%d are left in the room, want none", got)
				}
			})
		}
	}
}

// arena is a server that broadcasts what begins with "all " and echoes the rest.
type arena struct {
	addr   string
	secure bool
	rooms  websocket.Rooms
	stop   func()
}

func newArena(t *testing.T, secure, detach bool) *arena {
	t.Helper()
	a := &arena{secure: secure}
	// What is broadcast may be more than fits while somebody is busy sending.
	o := &websocket.Options{Compress: 64, ReadLimit: 1 << 20, Detach: detach, CloseTimeout: 20 * time.Second,
		Queue: websocket.Bounds{Messages: 1 << 20, Bytes: 1 << 30}}
	app := creche.New(creche.Options{IgnoreSignals: true})
	h := app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return upgrade(w, r, o, func(ctx context.Context, c *websocket.Conn) error {
			room := a.rooms.Join(c, "arena")
			for m, err := range c.Messages() {
				switch {
				case err != nil:
					return err
				case bytes.HasPrefix(m.Bytes(), []byte("all ")):
					room.Broadcast(m)
				default:
					if err := c.Send(ctx, m); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a.addr = ln.Addr().String()
	ln = partial{ln}
	if secure {
		some := httptest.NewUnstartedServer(nil) // which has a certificate
		some.StartTLS()
		ln = tls.NewListener(ln, &tls.Config{Certificates: some.TLS.Certificates})
		some.Close()
	}
	served := make(chan error, 1)
	go func() { served <- app.Serve(context.Background(), ln, h) }()
	a.stop = func() {
		app.Stop(nil)
		if err := <-served; err != nil {
			t.Errorf("Serve returned %v", err)
		}
	}
	return a
}

// partial is a listener whose connections can send little at once.
type partial struct{ net.Listener }

func (l partial) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		err = conn.(*net.TCPConn).SetWriteBuffer(8 << 10)
	}
	return conn, err
}

// fighter is a client.
type fighter struct {
	t      *testing.T
	arena  *arena
	random *rand.Rand
	name   string
	conn   net.Conn
	packs  bool

	mu sync.Mutex // of writing
}

// fight sends, while another task receives, and closes.
func (f *fighter) fight(messages int) {
	f.packs = f.random.IntN(2) == 0
	drops := rand.New(rand.NewPCG(f.random.Uint64(), 0))
	conn, err := f.dial()
	if err != nil {
		f.t.Error(err)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Minute))
	f.conn = conn
	p := &peer{t: f.t, conn: conn, br: newReader(drop{conn, drops})}
	var header []string
	if f.packs {
		header = append(header, offer)
	}
	if response := p.request(handshake + lines(header) + "\r\n"); response.StatusCode != 101 ||
		response.Header.Get("Sec-WebSocket-Extensions") != "" != f.packs {
		f.t.Errorf("got %s with %v", response.Status, response.Header)
		return
	}
	received, complete := make(chan error, 1), make(chan struct{})
	leaves := f.random.IntN(4) == 0 // in the middle of it
	go func() { received <- f.receive(p, messages, complete) }()
	for i := range messages {
		if leaves && i == messages/2 {
			close(complete)
			break
		}
		f.send(i)
	}
	select {
	case <-complete:
		f.write(closing(1000, "enough"))
		err = <-received
	case err = <-received:
	}
	if err != nil {
		f.t.Errorf("client %s: %v", f.name, err)
	}
}

func (f *fighter) dial() (net.Conn, error) {
	conn, err := net.Dial("tcp", f.arena.addr)
	if err != nil || !f.arena.secure {
		return conn, err
	}
	return tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}), nil
}

// send sends a message, or a ping, in fragments of any length.
func (f *fighter) send(number int) {
	text := "echo "
	if f.random.IntN(5) == 0 {
		text = "all "
	}
	text = sealed(fmt.Sprintf("%s%s %d ", text, f.name, number), f.body())
	op := byte(opText)
	if f.packs && f.random.IntN(2) == 0 {
		text, op = deflated(f.t, text, f.random.IntN(10)), opText|0x40
	}
	for text != "" || op != opContinuation {
		n := f.random.IntN(len(text) + 1)
		if f.random.IntN(3) == 0 {
			n = len(text)
		}
		first := op
		if op = opContinuation; n == len(text) {
			first |= 0x80
		}
		f.write(frame(first, text[:n]))
		if text = text[n:]; first&0x80 != 0 {
			return
		}
		if f.random.IntN(3) == 0 {
			f.write(frame(0x80|opPing, "ping"))
		}
	}
}

// body is mostly short, sometimes long, and compresses well or not at all.
func (f *fighter) body() string {
	n := f.random.IntN(200)
	if f.random.IntN(10) == 0 {
		n = f.random.IntN(60_000)
	}
	if f.random.IntN(2) == 0 {
		return strings.Repeat(strconv.Itoa(n)+" ", n/8+1)
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(' ' + f.random.IntN(95))
	}
	return string(b)
}

// write writes in pieces that end anywhere.
func (f *fighter) write(b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(b) > 0 {
		n := len(b)
		if f.random.IntN(2) == 0 {
			n = 1 + f.random.IntN(n)
		}
		if _, err := f.conn.Write(b[:n]); err != nil {
			f.t.Errorf("client %s: %v", f.name, err)
			return
		}
		b = b[n:]
	}
}

// receive takes what comes, to the close, and closes complete when all its own
// messages have come back. Those of each sender must be in order, and its own
// without a gap.
func (f *fighter) receive(p *peer, messages int, complete chan<- struct{}) error {
	newest := make(map[string]int) // by kind and sender
	mine := 0
	for {
		first, payload, err := p.nextFrame()
		switch {
		case err != nil:
			return fmt.Errorf("after %d of its own messages: %w", mine, err)
		case first == 0x80|opPong && payload == "ping":
			continue
		case first == 0x80|opClose:
			if code := binary.BigEndian.Uint16([]byte(payload)); code != 1000 {
				return fmt.Errorf("closed with %d %q", code, payload[2:])
			}
			return nil
		case first == 0xc0|opText && f.packs:
			payload = inflated(f.t, payload)
		case first != 0x80|opText:
			return fmt.Errorf("got a frame that begins with %x", first)
		}
		kind, sender, number, err := unsealed(payload)
		if err != nil {
			return err
		}
		switch {
		case sender == f.name && number != mine:
			return fmt.Errorf("got its own message %d, want %d", number, mine)
		case sender == f.name:
			if mine++; mine == messages {
				close(complete)
			}
		case kind != "all":
			return fmt.Errorf("got what %s was to be echoed", sender)
		}
		if last, seen := newest[kind+sender]; seen && number <= last {
			return fmt.Errorf("got %s %s %d after %d", kind, sender, number, last)
		}
		newest[kind+sender] = number
	}
}

// sealed is a message with a sum over all that is in it.
func sealed(head, body string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(head + body))
	return fmt.Sprintf("%s%016x %s", head, h.Sum64(), body)
}

func unsealed(message string) (kind, sender string, number int, err error) {
	parts := strings.SplitN(message, " ", 5)
	if len(parts) != 5 {
		return "", "", 0, fmt.Errorf("got a message %.50q", message)
	}
	if sealed(strings.Join(parts[:3], " ")+" ", parts[4]) != message {
		return "", "", 0, fmt.Errorf("got a message that was changed: %.50q", message)
	}
	number, err = strconv.Atoi(parts[2])
	return parts[0], parts[1], number, err
}

// drop is a connection that is read in drops of any size.
type drop struct {
	net.Conn
	random *rand.Rand
}

func (d drop) Read(b []byte) (int, error) {
	if d.random.IntN(2) == 0 {
		b = b[:1+d.random.IntN(len(b))]
	}
	if d.random.IntN(200) == 0 {
		time.Sleep(time.Millisecond)
	}
	return d.Conn.Read(b)
}
