package websockettest

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/websocket"
)

// A Client is one end of a websocket connection, for one test. [Dial] makes it;
// the zero Client does not work. It reads all the time, keeps what it received,
// and answers pings and the server's close by itself, until it is told not to.
// All methods may be called from any goroutine.
type Client struct {
	conn     net.Conn
	br       *bufio.Reader
	response *http.Response
	packs    bool            // compression was agreed on
	tasks    nursery.Nursery // the reader, and answers on their way
	writing  chan struct{}   // holds one token: who has it writes
	arrived  chan struct{}   // of capacity 1: there may be something new
	ended    chan struct{}   // closed when nothing more comes
	released chan struct{}   // closed when the test ends

	pings         atomic.Int64
	mute, stalled atomic.Bool
	closing       atomic.Bool // our close frame is on its way, or has left
	releasing     sync.Once

	mu       sync.Mutex // never held across a wait
	received []websocket.Message
	err      error // why nothing more is received
}

func newClient(t testing.TB, conn net.Conn, br *bufio.Reader, response *http.Response, packs bool) *Client {
	c := &Client{
		conn: conn, br: br, response: response, packs: packs,
		writing: make(chan struct{}, 1), arrived: make(chan struct{}, 1),
		ended: make(chan struct{}), released: make(chan struct{}),
	}
	c.tasks.Open(context.Background(), nursery.Title("websockettest"))
	c.tasks.Go(c.read)
	t.Cleanup(func() {
		c.Vanish()
		if err := c.tasks.Join(); err != nil {
			t.Errorf("websockettest: %v", err)
		}
	})
	return c
}

// Response returns the server's answer to the handshake, the same on every
// call. Its Body is empty.
func (c *Client) Response() *http.Response { return c.response }

// Subprotocol returns the subprotocol that the server chose, or "".
func (c *Client) Subprotocol() string { return c.response.Header.Get("Sec-WebSocket-Protocol") }

// Pings returns how many pings have come from the server.
func (c *Client) Pings() int { return int(c.pings.Load()) }

// Waiting returns how many messages have come and not been received yet.
func (c *Client) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.received)
}

// Send sends m and returns when the server has read it from the connection,
// which it does until its inbox is full. Once the connection has ended, or while
// Send waits, it returns an error.
func (c *Client) Send(m websocket.Message) error {
	op := byte(opBinary)
	if m.IsText() {
		op = opText
	}
	if c.packs {
		return c.write(op|compressed, deflate(m.Bytes()))
	}
	return c.write(op, m.Bytes())
}

// SendRaw writes b, which need not be a frame, for tests of what a server does
// with it.
func (c *Client) SendRaw(b []byte) error {
	c.writing <- struct{}{}
	defer func() { <-c.writing }()
	_, err := c.conn.Write(b)
	return err
}

func (c *Client) write(op byte, payload []byte) error { return c.SendRaw(frame(op, payload)) }

// Receive returns the next message from the server, in their order, and waits
// for one until ctx ends, whose cause it then returns. When there are no more it
// returns a [*websocket.CloseError] with what the server closed with, as soon as
// its close frame has come, or with [websocket.Abnormal] if the connection ended
// without one; on every call from then on. A server that breaks the protocol is
// another error. Of several that wait each gets messages of its own. A nil ctx
// panics.
func (c *Client) Receive(ctx context.Context) (websocket.Message, error) {
	if ctx == nil {
		panic("websockettest: Client.Receive: nil context")
	}
	for {
		m, ok, err := c.next()
		if ok || err != nil {
			return m, err
		}
		select {
		case <-c.arrived:
		case <-ctx.Done():
			return websocket.Message{}, context.Cause(ctx)
		}
	}
}

// next returns what Receive is to return, if there is anything yet, and sees to
// it that others who wait look too.
func (c *Client) next() (m websocket.Message, ok bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.received) > 0 {
		m, ok = c.received[0], true
		c.received = c.received[1:]
	} else {
		err = c.err
	}
	if len(c.received) > 0 || c.err != nil {
		c.signal()
	}
	return m, ok, err
}

func (c *Client) signal() {
	select {
	case c.arrived <- struct{}{}:
	default:
	}
}

// Close sends a close frame and returns when the connection has ended: nil if
// the server answered it, or had closed before, else why it ended. A second
// call, and one after [Client.Mute], sends nothing, and after [Client.Stall] it
// is Vanish. Messages that came before the end can still be received.
func (c *Client) Close(code websocket.Code, reason string) error {
	if c.stalled.Load() {
		c.Vanish()
	}
	if !c.mute.Load() && c.closing.CompareAndSwap(false, true) {
		_ = c.write(opClose, closePayload(code, reason)) // the end says what came of it
	}
	<-c.ended
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.err.(*websocket.CloseError); ok && e.Code != websocket.Abnormal {
		return nil
	}
	return c.err
}

// Vanish closes the connection without a word. It does not wait.
func (c *Client) Vanish() {
	c.releasing.Do(func() { close(c.released) })
	_ = c.conn.Close()
}

// Mute makes the client answer nothing any more, neither pings nor the server's
// close, as one does whose machine has gone: it only reads.
func (c *Client) Mute() { c.mute.Store(true) }

// Stall makes the client read nothing any more, so that the server cannot write,
// as with one that is too slow by far. It sees the end of the connection no more
// either.
func (c *Client) Stall() {
	c.stalled.Store(true)
	_ = c.conn.SetReadDeadline(time.Unix(1, 0)) // ends the read that waits
}
