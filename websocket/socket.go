package websocket

import (
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// socket is what coder takes for the network connection. It reads through it.
// What it writes are control frames, whole ones, because we write the messages
// ourselves; they go into the outbox and never block the reader. And it cannot
// close the connection, because the end is ours to arrange.
type socket struct {
	net.Conn
	conn   *Conn
	early  []byte // what came with the handshake
	frames framing
	wrong  bool        // the peer's frames are not to be followed any further
	broken atomic.Bool // a Read has failed: what the parser says is no fault of the peer's frames
}

var errLength = errors.New("websocket: a length in more bytes than it needs")

// maxControl is the size of the largest control frame that a server sends. A
// buffer of that size makes each one Write.
const maxControl = 2 + 125

func (s *socket) Read(p []byte) (int, error) {
	if s.wrong {
		return 0, errLength
	}
	n, err := s.receive(p)
	if err != nil {
		s.broken.Store(true)
	}
	if n, ok := s.frames.follow(p[:n]); !ok {
		s.wrong = true
		return n, nil
	}
	return n, err
}

func (s *socket) receive(p []byte) (int, error) {
	if len(s.early) > 0 {
		n := copy(p, s.early)
		if s.early = s.early[n:]; len(s.early) == 0 {
			s.early = nil
		}
		return n, nil
	}
	n, err := s.Conn.Read(p)
	if n > 0 {
		s.conn.hear()
	}
	return n, err
}

// Write takes a control frame. A pong is queued; a close frame is left out, for
// the connection's end sends its own, with the messages that are still to go
// before it.
func (s *socket) Write(p []byte) (int, error) {
	if p[0] == final|opPong {
		s.conn.out.pong(p)
	}
	return len(p), nil
}

// Close ends reading: coder calls it when the peer has closed, or stalled for
// five seconds in the middle of a control frame.
func (s *socket) Close() error {
	return s.SetReadDeadline(time.Unix(1, 0))
}

// closeWrite tells the peer, where the connection can, that no more follows.
func (s *socket) closeWrite() {
	if c, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // the close timeout ends what this could not
	}
}

// end closes the connection.
func (s *socket) end() { _ = s.Conn.Close() }

// abort closes the connection without a word. Under TLS that is the connection
// below: the farewell of TLS waits up to five seconds for a stalled peer.
func (s *socket) abort() {
	if c, ok := s.Conn.(interface{ NetConn() net.Conn }); ok {
		_ = c.NetConn().Close()
	}
	_ = s.Conn.Close()
}
