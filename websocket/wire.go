package websocket

// wire is what comes from the peer, with a buffer that is part of the
// connection, and small: most connections are idle most of the time. Several
// short messages are read at once, and payloads that are larger past it.
type wire struct {
	conn  *Conn
	early []byte // what came with the handshake
	buf   [256]byte
	r, w  int // what of buf has been read from it and written into it
}

// peek returns the next n bytes, of which it holds no more than fit into the
// buffer, and leaves them there.
func (w *wire) peek(n int) ([]byte, error) {
	if w.r+n > len(w.buf) {
		w.w = copy(w.buf[:], w.buf[w.r:w.w])
		w.r = 0
	}
	for w.w-w.r < n {
		m, err := w.receive(w.buf[w.w:])
		w.w += m
		if err != nil && w.w-w.r < n {
			return nil, err
		}
	}
	return w.buf[w.r : w.r+n], nil
}

// skip forgets n bytes that have been peeked at.
func (w *wire) skip(n int) {
	if w.r += n; w.r == w.w {
		w.r, w.w = 0, 0
	}
}

// Read returns what is in the buffer, or else reads past it.
func (w *wire) Read(p []byte) (int, error) {
	if w.r < w.w {
		n := copy(p, w.buf[w.r:w.w])
		w.skip(n)
		return n, nil
	}
	if len(p) >= len(w.buf) {
		return w.receive(p)
	}
	if _, err := w.peek(1); err != nil {
		return 0, err
	}
	return w.Read(p)
}

// receive reads from the socket.
func (w *wire) receive(p []byte) (int, error) {
	if len(w.early) > 0 {
		n := copy(p, w.early)
		if w.early = w.early[n:]; len(w.early) == 0 {
			w.early = nil
		}
		return n, nil
	}
	n, err := w.conn.socket.Read(p)
	if n > 0 {
		w.conn.hear()
	}
	return n, err
}
