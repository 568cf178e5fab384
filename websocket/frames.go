package websocket

// frames is how the frames of a connection are read and written: by this package
// ([own]) or, with [Options.Plain], by coder ([plain]). Who waits for what, and for
// how long, what is queued and when it leaves is none of theirs.
type frames interface {
	// next waits for what the peer sends next, deals with it, and returns how
	// reading ended, if it has: see Conn.stopped. It is the reader's alone.
	next() error
	// ping has a ping leave. It does not wait.
	ping()
	// size returns how long the frame is, at most or nearly, in which m leaves.
	size(m Message) int
	// message returns batch with the frame of m at its end or, if batch is empty
	// and has no room for the frame, that frame.
	message(batch []byte, m Message) []byte
	// last returns batch with the close frame at its end, which says e. Nothing
	// follows that.
	last(batch []byte, e *CloseError) []byte
	// release is called when the connection has ended.
	release()
}

// own is the frames of this package.
type own struct{ c *Conn }

// next waits in a frame of its own, and a small one: an idle connection keeps the
// stack that this takes.
func (o own) next() error {
	h, err := o.c.wire.header()
	switch {
	case err != nil:
		return err
	case h.op >= opClose:
		return o.control(h)
	}
	return o.data(h)
}

// control deals with a control frame. A pong has been heard, and that is all it
// is for.
func (o own) control(h header) error {
	payload, err := o.c.wire.control(h)
	switch {
	case err != nil:
		return err
	case h.op == opPing:
		o.c.out.pong(payload)
	case h.op == opClose:
		e, err := closeOf(payload)
		if err != nil {
			return err
		}
		return e
	}
	return nil
}

// data deals with a frame of a message. Once the connection is ending messages
// are read and forgotten. The error is one of reading.
func (o own) data(h header) error {
	m := &o.c.message
	if (h.op == opContinuation) != (m.op != 0) {
		return errViolation
	}
	if m.op == 0 {
		m.op, m.packed = h.op, h.packed
	}
	if err := o.collect(h); err != nil || !h.final {
		return err
	}
	if !m.skip {
		o.c.deliver()
	}
	m.end()
	return nil
}

// collect reads the payload of a frame of the message that is coming.
func (o own) collect(h header) error {
	c, m := o.c, &o.c.message
	if m.data == nil {
		m.data = scratch()
	}
	switch {
	case m.skip:
	case c.ctx.Err() != nil:
		m.skip = true
	case h.size > m.limit(c.opts.readLimit)-int64(len(*m.data)):
		m.skip = true
		c.nursery.Cancel(ErrTooBig)
	}
	for h.size > 0 {
		if m.skip {
			return c.wire.discard(h)
		}
		b, err := c.wire.some(*m.data, &h)
		*m.data = b
		if err != nil {
			return err
		}
		// At once, and not when the message is whole: the rest may be long in
		// coming (RFC 6455, section 8.1).
		if !m.mayBeText() {
			m.skip = true
			c.nursery.Cancel(ErrNotText)
		}
	}
	return nil
}

func (o own) ping() { o.c.out.ping() }

func (o own) size(m Message) int { return len(o.leaving(m)) }

// leaving returns the frame in which m, which is prepared, leaves.
func (o own) leaving(m Message) []byte {
	if o.c.out.packs(m) {
		return m.deflated()
	}
	return m.wire()
}

func (o own) message(batch []byte, m Message) []byte {
	frame := o.leaving(m)
	if len(frame) > cap(batch) {
		return frame
	}
	return append(batch, frame...)
}

func (o own) last(batch []byte, e *CloseError) []byte {
	return append(batch, closeFrame(e.Code, e.Reason)...)
}

func (own) release() {}
