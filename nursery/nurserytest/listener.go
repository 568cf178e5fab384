package nurserytest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
)

// A Listener is a [net.Listener] whose connections are in memory, each a
// [net.Pipe]: unbuffered, with deadlines, and without goroutines of its own. It
// may be used inside a bubble of [testing/synctest] if it was made there. Make
// one with [Listen]; the zero Listener does not work. All methods may be called
// from any goroutine.
type Listener struct {
	incoming chan net.Conn
	closed   chan struct{}
	close    sync.Once
	dialled  atomic.Uint32
}

// Listen returns a listener that nobody has connected to yet. It holds no
// resource: one that is forgotten is garbage.
func Listen() *Listener {
	return &Listener{incoming: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept waits for the next call of [Listener.Dial] and returns the server's
// end of its connection. Once the listener is closed the error reaches
// [net.ErrClosed].
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case <-l.closed: // first, for a select with both ready picks at random
		return nil, l.refuse("Accept")
	default:
	}
	select {
	case c := <-l.incoming:
		return c, nil
	case <-l.closed:
		return nil, l.refuse("Accept")
	}
}

// Dial connects to the listener and returns the client's end of the connection,
// as soon as the server accepted it: there is no backlog. The server sees
// connections come from different addresses. If ctx ends first the error
// reaches its cause, and once the listener is closed [net.ErrClosed].
func (l *Listener) Dial(ctx context.Context) (net.Conn, error) {
	if ctx == nil {
		panic("nurserytest: Dial: nil context")
	}
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("nurserytest: Dial: %w", err)
	}
	client, server := l.pipe()
	select {
	case l.incoming <- server:
		return client, nil
	case <-l.closed:
		return nil, l.refuse("Dial")
	case <-ctx.Done():
		return nil, fmt.Errorf("nurserytest: Dial: %w", context.Cause(ctx))
	}
}

// Close makes pending and later calls of Accept and Dial fail. Connections that
// were accepted stay open. It returns nil, on later calls too.
func (l *Listener) Close() error {
	l.close.Do(func() { close(l.closed) })
	return nil
}

// Addr returns the address that connections call the server's, the same for
// every listener: 192.0.2.1:80, of a network that is for documentation only.
func (l *Listener) Addr() net.Addr { return serverAddr }

// Client returns a new HTTP/1.1 client, every request of which goes to the
// listener whatever host its URL names. Call its CloseIdleConnections before the
// end of a bubble, unless the server closes them.
func (l *Listener) Client() *http.Client {
	return &http.Client{Transport: l.transport()}
}

func (l *Listener) transport() *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return l.Dial(ctx) },
	}
}

func (l *Listener) refuse(call string) error {
	return fmt.Errorf("nurserytest: %s: the listener: %w", call, net.ErrClosed)
}

// pipe returns the two ends of a new connection. The client's address has the
// shape host:port, unlike the "pipe" of net.Pipe, because middleware splits it.
func (l *Listener) pipe() (client, server net.Conn) {
	port := 1024 + l.dialled.Add(1)%64_000
	from := addr("192.0.2.2:" + strconv.FormatUint(uint64(port), 10))
	c, s := net.Pipe()
	return conn{c, from, serverAddr}, conn{s, serverAddr, from}
}

const serverAddr = addr("192.0.2.1:80")

type addr string

func (addr) Network() string  { return "memory" }
func (a addr) String() string { return string(a) }

type conn struct {
	net.Conn
	local, remote addr
}

func (c conn) LocalAddr() net.Addr  { return c.local }
func (c conn) RemoteAddr() net.Addr { return c.remote }
