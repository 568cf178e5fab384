package creche

import (
	"context"
	"crypto/tls"
	"maps"
	"net"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// connections follows the states of a server's connections, so that a stop
// can end with the last request instead of finding out at the next poll, as
// [http.Server.Shutdown] does up to half a second later.
type connections struct {
	fresh gauge // those whose first request has not reached the handler yet
	busy  gauge // those with a request under way
	http2 gauge // those that speak HTTP/2
	hooks gauge // calls of the caller's ConnState, but for new connections

	told atomic.Bool // to go, which each response says from then on

	mu     sync.Mutex
	known  map[net.Conn]*connection
	rested time.Time // when one that speaks HTTP/2 last ended its last request
}

// connection says in which gauges a connection is counted.
type connection struct {
	fresh atomic.Bool
	busy  bool        // only its own goroutine looks at it
	http2 atomic.Bool // set under the mu of connections
	gone  bool        // under that mu
	taken atomic.Bool // by a handler: hijacked
}

var connectionKey = &contextKey{"connection"}

// keyed returns conn, or a pointer to it where it can be no key of a map: a
// connection that is a struct with a function or a slice in it.
func keyed(conn net.Conn) net.Conn {
	if conn == nil || reflect.ValueOf(conn).Comparable() {
		return conn
	}
	return &keyedConn{conn}
}

// keyedConn is a net.Conn that is its own key.
type keyedConn struct{ net.Conn }

// given returns what the caller's listener gave for conn.
func given(conn net.Conn) net.Conn {
	if k, ok := conn.(*keyedConn); ok {
		return k.Conn
	}
	return conn
}

// meet is an [http.Server.ConnContext] hook: it comes first.
func (c *connections) meet(ctx context.Context, conn net.Conn) context.Context {
	k := new(connection)
	k.fresh.Store(true)
	c.fresh.enter()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = make(map[net.Conn]*connection)
	}
	c.known[conn] = k
	return context.WithValue(ctx, connectionKey, k)
}

// follow is an [http.Server.ConnState] hook.
func (c *connections) follow(conn net.Conn, state http.ConnState) {
	k, gone := c.find(conn, state)
	if k == nil {
		return // gone already
	}
	http2 := false
	if !gone {
		http2 = c.speaks(k, state == http.StateActive && k.fresh.Load() && speaksHTTP2(conn))
	}
	was := k.busy
	k.busy = state == http.StateActive
	if was && !k.busy && http2 {
		c.rest()
	}
	c.busy.follow(was, k.busy)
	// HTTP/2 rests before its first request, too.
	if gone || state == http.StateIdle && !http2 {
		c.heard(k)
	}
}

// followWith returns follow with a hook of the caller's after it. For new
// connections that is called by who accepts, who is waited for himself.
func (c *connections) followWith(theirs func(net.Conn, http.ConnState)) func(net.Conn, http.ConnState) {
	return func(conn net.Conn, state http.ConnState) {
		if state != http.StateNew {
			c.hooks.enter()
			defer c.hooks.leave()
		}
		c.follow(conn, state)
		theirs(given(conn), state)
	}
}

// cut closes all connections.
func (c *connections) cut() {
	c.mu.Lock()
	known := slices.Collect(maps.Keys(c.known))
	c.mu.Unlock()
	for _, conn := range known {
		_ = conn.Close()
	}
}

func (c *connections) find(conn net.Conn, state http.ConnState) (k *connection, gone bool) {
	gone = state == http.StateHijacked || state == http.StateClosed
	c.mu.Lock()
	defer c.mu.Unlock()
	k = c.known[conn]
	if gone && k != nil {
		delete(c.known, conn)
		k.gone = true
		k.taken.Store(state == http.StateHijacked)
		c.http2.follow(k.http2.Load(), false)
	}
	return k, gone
}

// speaks reports whether k speaks HTTP/2, which is known once somebody said so:
// the handshake or, without TLS, the first request.
func (c *connections) speaks(k *connection, http2 bool) bool {
	if k.http2.Load() || !http2 {
		return k.http2.Load()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !k.gone && k.http2.CompareAndSwap(false, true) {
		c.http2.enter()
	}
	return true
}

// heard notes that the first request of k has been heard, or never will be.
// (When the connection becomes active is too early: the server looks once more
// whether it is shutting down before it calls the handler.)
func (c *connections) heard(k *connection) {
	if k.fresh.Load() && k.fresh.CompareAndSwap(true, false) {
		c.fresh.leave()
	}
}

func (c *connections) rest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rested = time.Now()
}

// speaksHTTP2 tells the protocol of a connection whose first request has come.
func speaksHTTP2(conn net.Conn) bool {
	t, ok := conn.(*tls.Conn)
	return ok && t.ConnectionState().NegotiatedProtocol == "h2"
}

// parted returns until when a stop waits for clients that speak HTTP/2 to close
// their connections, as they have been asked to, which they do at once. Over
// HTTP/2 a request has ended a little before the last frames of its response
// leave, nobody tells when, and a client whose own frames meet a closed
// connection may drop what it has not read. What has rested for longer may be
// closed at once.
func (c *connections) parted() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rested.Add(farewell)
}

// farewell is how long net/http, too, lets a connection be that speaks HTTP/2,
// once its client was told to go and has all its answers.
const farewell = time.Second

// patience is how long a stop lets connections be that were opened but never
// used, as browsers open some in advance (Shutdown gives them five seconds),
// and how long it waits for what ends at once when its connection is closed.
const patience = 100 * time.Millisecond

// count returns h with its calls counted. The states of connections do not
// tell all: a handler goes on when its connection was hijacked or, over
// HTTP/2, its stream reset. Nor does net/http keep a connection that speaks
// HTTP/2 from calling h a moment after it was closed, when nobody would wait for
// the handler: such a request is dropped. A nil h is [http.DefaultServeMux].
func (l *life) count(h http.Handler) http.Handler {
	if h == nil {
		h = http.DefaultServeMux
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k, known := r.Context().Value(connectionKey).(*connection)
		c := callOf(r, k)
		if !l.handlers.admit(c) {
			panic(http.ErrAbortHandler)
		}
		defer l.handlers.finish(c)
		if known {
			l.conns.speaks(k, r.ProtoMajor == 2)
			l.conns.heard(k)
		}
		if l.conns.told.Load() {
			// Over HTTP/2 those who were not yet ready for it when all were told to go
			// are told by this, which net/http makes a GOAWAY of. Over HTTP/1 it says
			// so itself, but only once it closes idle connections.
			w.Header().Set("Connection", "close")
		}
		numbered(l.handlers.idOf(c), func() { h.ServeHTTP(w, r) })
	})
}
