package websocket

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"
	"unicode/utf8"

	coder "github.com/coder/websocket"
)

// Receive returns the next message. It waits for one until ctx ends, and then
// returns the cause of that; the connection is none the worse for it.
//
// When there are no more messages it returns [ErrEnd] if that is in good order:
// the peer closed with [NormalClosure], [GoingAway] or no code, [Conn.Close]
// was called, or the server is draining, which is the time for a last word.
// Otherwise it returns the cause of the connection's cancellation, from which
// [errors.As] gets the [*CloseError] of a peer that closed with another code or
// vanished. Returning either from the connection's function is right: neither
// counts as a failure. What the peer sent before it closed is received first.
//
// While another call waits Receive returns [ErrBusy]. A nil ctx panics.
func (c *Conn) Receive(ctx context.Context) (Message, error) {
	if ctx == nil {
		panic("websocket: Conn.Receive: nil context")
	}
	if !c.receiving.CompareAndSwap(false, true) {
		return Message{}, ErrBusy
	}
	defer c.receiving.Store(false)
	for {
		if m, err, ok := c.next(ctx); ok {
			return m, err
		}
		select {
		case <-c.in.arrived:
		case <-c.draining:
		case <-c.ctx.Done():
		case <-ctx.Done():
		}
	}
}

// next returns what Receive is to return, if there is anything yet.
func (c *Conn) next(ctx context.Context) (m Message, err error, ok bool) {
	if isClosed(c.draining) {
		return m, ErrEnd, true
	}
	if c.ctx.Err() != nil {
		m, err = c.remaining()
		return m, err, true
	}
	if ctx.Err() != nil {
		return m, context.Cause(ctx), true
	}
	m, ok = c.in.take()
	return m, nil, ok
}

// remaining is next for a connection that is ending.
func (c *Conn) remaining() (Message, error) {
	cause := context.Cause(c.ctx)
	if closed := c.closed.Load(); closed != nil && errors.Is(cause, closed) {
		return Message{}, ErrEnd
	}
	left := c.left.Load()
	if left == nil || !errors.Is(cause, left) {
		return Message{}, cause
	}
	if m, ok := c.in.take(); ok {
		return m, nil
	}
	switch left.Code {
	case NormalClosure, GoingAway, NoStatus:
		return Message{}, ErrEnd
	}
	return Message{}, cause
}

// Messages iterates over the messages that [Conn.Receive] returns. After its
// errors it ends, and at [ErrEnd] it just ends, without yielding it. Breaking
// out of the loop loses nothing: another one goes on where it stopped.
func (c *Conn) Messages() iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for {
			m, err := c.Receive(c.ctx)
			if err == ErrEnd || !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// read is the task that reads from the socket until nothing more can come: on,
// past the end of the context, to the peer's close frame. coder is never given
// a context that can end, since it would cut the socket; what ends the read is
// the peer or the closing of the socket.
func (c *Conn) read(ctx context.Context) error {
	c.readAll()
	close(c.silent)
	return c.end(ctx) // which somebody has to, before the nursery closes
}

func (c *Conn) readAll() {
	for {
		kind, payload, err := c.ws.Reader(context.Background())
		if err == nil {
			err = c.deliver(byte(kind), payload)
		}
		if err != nil {
			c.stopped(err)
			return
		}
	}
}

// deliver puts the message that begins with payload into the inbox, which may
// have to wait for room there. Once the connection is ending messages are read
// and forgotten. The error is one of reading.
func (c *Conn) deliver(op byte, payload io.Reader) error {
	if c.ctx.Err() == nil {
		m, err := readMessage(op, payload, c.opts.ReadLimit)
		switch {
		case err == ErrTooBig:
			c.nursery.Cancel(err)
		case err != nil:
			return err
		case m.IsText() && !utf8.Valid(m.Bytes()):
			c.nursery.Cancel(ErrNotText)
		case !c.pace.allows():
			c.nursery.Cancel(ErrTooMany)
		default:
			c.store(m)
			return nil
		}
	}
	_, err := io.Copy(io.Discard, payload)
	return err
}

// store puts m into the inbox, and waits for room there or for the end.
func (c *Conn) store(m Message) {
	if c.in.tryPut(m) {
		return
	}
	defer c.resume()
	for {
		c.pause() // anew whenever the application has received something
		select {
		case <-c.in.room:
		case <-c.ctx.Done():
			return
		}
		if c.in.tryPut(m) {
			return
		}
	}
}

// stopped ends the connection after coder failed with err: because the peer
// closed, because it cannot be reached or, if neither, because it broke the
// protocol. Then what it still sends is read and forgotten, for closing a
// socket with something unread can destroy what it was sent last.
func (c *Conn) stopped(err error) {
	var e coder.CloseError
	switch {
	case errors.As(err, &e) && !utf8.ValidString(e.Reason):
		c.answered.Store(true)
		c.nursery.Cancel(ErrNotText)
	case errors.As(err, &e):
		c.answered.Store(true)
		c.lose(&CloseError{Code: Code(e.Code), Reason: e.Reason})
	case c.socket.broken.Load():
		c.vanished()
	default:
		c.garbled.Store(true)
		c.nursery.Cancel(ErrProtocol)
		_, _ = io.Copy(io.Discard, c.socket.Conn)
	}
}

// scratches are what messages are read into before their size is known.
var scratches = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// maxScratch is the largest that is kept.
const maxScratch = 64<<10 + 1
