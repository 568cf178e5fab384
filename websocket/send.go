package websocket

import "context"

// Send queues m to be written, and waits for room in the queue ([Options.Queue])
// until ctx ends. It returns nil when m is queued, the cause if ctx ended, and
// the cause of the connection's cancellation once the connection is ending; to
// return that from the connection's function is right, as it is not a second
// failure. Whatever ends ctx, what is being written is written to its end.
// Messages from one goroutine arrive in order. A nil ctx panics.
func (c *Conn) Send(ctx context.Context, m Message) error {
	if ctx == nil {
		panic("websocket: Conn.Send: nil context")
	}
	for {
		if c.ctx.Err() != nil {
			return context.Cause(c.ctx)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		room, err := c.out.put(m.wire(), true)
		switch err {
		case nil:
			return nil
		case errEnded:
			return context.Cause(c.ctx)
		}
		select {
		case <-room:
		case <-ctx.Done():
		case <-c.ctx.Done():
		}
	}
}

// TrySend is Send for those who cannot wait: if the queue is full the peer is
// too slow, and the connection is ended with [ErrSlowConsumer], to which the
// error unwraps. It never blocks.
func (c *Conn) TrySend(m Message) error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	_, err := c.out.put(m.wire(), false)
	if err == nil {
		return nil
	}
	if err == errFull {
		c.nursery.Cancel(ErrSlowConsumer)
	}
	return context.Cause(c.ctx)
}
