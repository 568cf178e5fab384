package websocket

import "net"

// socket is the network connection, with the ways to end it.
type socket struct{ net.Conn }

// closeWrite tells the peer, where the connection can, that no more follows.
func (s socket) closeWrite() {
	if c, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // the close timeout ends what this could not
	}
}

// end closes the connection.
func (s socket) end() { _ = s.Conn.Close() }

// isCourteous reports whether closing the connection says farewell on the one below.
func (s socket) isCourteous() bool {
	_, ok := s.Conn.(interface{ NetConn() net.Conn })
	return ok
}

// abort closes the connection without a word. Under TLS that is the connection
// below: the farewell of TLS waits up to five seconds for a stalled peer.
func (s socket) abort() {
	if c, ok := s.Conn.(interface{ NetConn() net.Conn }); ok {
		_ = c.NetConn().Close()
	}
	_ = s.Conn.Close()
}
