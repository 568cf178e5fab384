package websocket

import (
	"sync"
	"syscall"
)

// wire is what comes from the peer. Most connections are idle most of the time,
// so the buffer that is part of the connection is small. Where one can ask whether
// there is something to read, that is read into a large one, which is borrowed
// until there is nothing more. So many messages come in one system call, and who
// waits for the peer has none of it, not even in the middle of a frame.
type wire struct {
	conn  *Conn
	raw   syscall.RawConn       // how to read without waiting; nil: one cannot
	now   func(fd uintptr) bool // attempt, bound once
	early []byte                // what came with the handshake
	small [maxControl + 3]byte  // as much as is peeked for, and a round number
	large *[largeSize]byte      // of larges, or nil
	r, w  int                   // what of the buffer has been read from it and written into it
	n     int                   // what the last attempt has read
	err   error                 // what it met
}

// largeSize is how much is read at once.
const largeSize = 4 << 10

var larges = sync.Pool{New: func() any { return new([largeSize]byte) }}

func (w *wire) open(c *Conn, early []byte) {
	w.conn, w.early, w.raw = c, early, c.out.raw
	w.now = w.attempt
}

// buffer returns where r and w point to.
func (w *wire) buffer() []byte {
	if w.large != nil {
		return w.large[:]
	}
	return w.small[:]
}

// peek returns the next n bytes, of which there are no more than fit into the
// small buffer, and leaves them there. They are valid until the next call.
func (w *wire) peek(n int) ([]byte, error) {
	if b := w.buffer(); w.r+n > len(b) {
		w.w = copy(b, b[w.r:w.w])
		w.r = 0
	}
	for w.w-w.r < n {
		if err := w.fill(); err != nil && w.w-w.r < n {
			return nil, err
		}
	}
	return w.buffer()[w.r : w.r+n], nil
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
		n := copy(p, w.buffer()[w.r:w.w])
		w.skip(n)
		return n, nil
	}
	if len(p) >= len(w.buffer()) {
		w.giveBack()
		return w.receive(p)
	}
	if _, err := w.peek(1); err != nil {
		return 0, err
	}
	return w.Read(p)
}

// fill reads what there is into the buffer, and waits for something to come.
func (w *wire) fill() error {
	if w.raw == nil || len(w.early) > 0 {
		n, err := w.receive(w.buffer()[w.w:])
		w.w += n
		return err
	}
	w.n, w.err = 0, nil
	if err := w.raw.Read(w.now); err != nil {
		return err
	}
	if w.w += w.n; w.n > 0 {
		w.conn.hear()
	}
	return w.err
}

// attempt reads into a large buffer. It returns false if there is nothing to read
// yet, and is called again when there is.
func (w *wire) attempt(fd uintptr) (ready bool) {
	w.borrow()
	if w.n, ready, w.err = readNow(fd, w.large[w.w:]); !ready {
		w.giveBack()
	}
	return ready
}

// borrow takes a large buffer, for what comes and what has not been read yet.
func (w *wire) borrow() {
	if w.large == nil {
		w.large = larges.Get().(*[largeSize]byte)
		w.w = copy(w.large[:], w.small[w.r:w.w])
		w.r = 0
	}
}

// giveBack gives it back. What has not been read yet is less than was peeked for.
func (w *wire) giveBack() {
	if w.large != nil {
		w.w = copy(w.small[:], w.large[w.r:w.w])
		w.r = 0
		larges.Put(w.large)
		w.large = nil
	}
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
