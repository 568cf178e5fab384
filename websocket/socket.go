package websocket

import (
	"net"
	"time"
)

// socket is the network connection, with the ways to end it.
type socket struct{ net.Conn }

// closeWrite tells the peer, where the connection can, that no more follows.
func (s socket) closeWrite(by time.Time) {
	if c, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		defer s.abortAt(by).Stop()
		_ = c.CloseWrite() // the close timeout ends what this could not
	}
}

// end closes the connection.
func (s socket) end(by time.Time) {
	defer s.abortAt(by).Stop()
	_ = s.Conn.Close()
}

// abortAt has the connection aborted at that time: the farewell of TLS waits for a
// stalled peer.
func (s socket) abortAt(by time.Time) *time.Timer {
	return time.AfterFunc(time.Until(by), func() {
		defer func() { _ = recover() }() // of the application's; whoever says farewell meets it as well
		s.abort()
	})
}

// abort closes the connection without a word. Under TLS that is the connection
// below: the farewell of TLS waits up to five seconds for a stalled peer.
func (s socket) abort() {
	if c, ok := s.Conn.(interface{ NetConn() net.Conn }); ok {
		_ = c.NetConn().Close()
	}
	_ = s.Conn.Close()
}
