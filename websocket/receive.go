package websocket

import (
	"context"
	"iter"

	"github.com/creche-go/creche/nursery"
)

// Receive returns the next message. It waits for one until ctx ends, and then
// returns the cause of that; the connection is none the worse for it.
//
// When nothing more is to be received it returns [ErrEnd] if that is in good order:
// the peer closed with [NormalClosure], [GoingAway] or no code, [Conn.Close]
// was called, or the server is draining, which is the time for a last word.
// Otherwise it returns the cause of the connection's cancellation, from which
// [errors.As] gets the [*CloseError] of a peer that closed with another code or
// vanished. Returning either from the connection's function is right: neither
// counts as a failure. What the peer sent before it closed is received first; what
// is unread when Close is called, or the server begins to drain, is not received.
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
		if asked := c.asked.Swap(nil); asked != nil {
			close(*asked)
		}
		done := ctx.Done()
		if ctx == c.ctx {
			done = nil // each case costs an idle connection a hundred bytes
		}
		select {
		case <-c.in.arrived: // or the server has begun to drain
		case <-c.ctx.Done():
		case <-done:
		}
	}
}

// next returns what Receive is to return, if there is anything yet.
func (c *Conn) next(ctx context.Context) (m Message, err error, ok bool) {
	if isClosed(c.draining) {
		return m, ErrEnd, true
	}
	ended := ctx.Err() != nil // asked first: ctx ends when c.ctx does, if it is below it
	if c.ctx.Err() != nil {
		m, err = c.remaining()
		return m, err, true
	}
	if ended {
		return m, context.Cause(ctx), true
	}
	m, ok = c.in.take()
	return m, nil, ok
}

// remaining is next for a connection that is ending.
func (c *Conn) remaining() (Message, error) {
	cause := context.Cause(c.ctx)
	if closed := c.closed.Load(); closed != nil && nursery.Is(cause, closed) {
		return Message{}, ErrEnd
	}
	left := c.left.Load()
	if left == nil || !nursery.Is(cause, left) {
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
