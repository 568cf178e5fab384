package websocket

import (
	"context"
	"time"
)

// Send queues m to be written, and waits for room in the queue ([Options.Queue])
// until ctx ends. It returns nil when m is queued, the cause if ctx ended, and
// the cause of the connection's cancellation once the connection is ending; to
// return that from the connection's function is right, as it is not a second
// failure. Whatever ends ctx, what is being written is written to its end.
// Messages from one goroutine arrive in order. Of the policies ([Options.Slow])
// it heeds only [Conflate], the exception to that: then m takes the place of a
// message with the same key that still waits, if there is one, and need not wait
// itself. A nil ctx panics.
func (c *Conn) Send(ctx context.Context, m Message) error {
	if ctx == nil {
		panic("websocket: Conn.Send: nil context")
	}
	if c.ctx.Err() == nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	policy := Block
	if c.opts.slow == Conflate {
		policy = Conflate
	}
	return c.wait(ctx, m, policy)
}

// wait is Send that tries once at least, whether or not ctx has ended.
func (c *Conn) wait(ctx context.Context, m Message, policy SlowPolicy) error {
	m = c.out.shared(m)
	for {
		if c.ctx.Err() != nil {
			return context.Cause(c.ctx)
		}
		room, dropped, err := c.out.put(m, policy, true, nil)
		switch {
		case err == nil:
			c.tellDropped(dropped)
			return nil
		case err == errEnded:
			return context.Cause(c.ctx)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		select {
		case <-room:
		case <-ctx.Done():
		case <-c.ctx.Done():
		}
	}
}

// TrySend is Send for those who cannot wait: if the queue is full the policy
// decides ([Options.Slow]). If that ends the connection the error unwraps to
// [ErrSlowConsumer]; a message that was dropped instead is no error. It never
// blocks.
func (c *Conn) TrySend(m Message) error { return c.try(m, c.opts.slow, nil) }

func (c *Conn) try(m Message, policy SlowPolicy, w *waker) error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	_, dropped, err := c.out.put(m, policy, false, w)
	if err == errFull {
		c.nursery.Cancel(ErrSlowConsumer)
	}
	if len(dropped) > 0 {
		w.start() // nobody is to wait for OnDrop
	}
	c.tellDropped(dropped)
	if err == nil {
		return nil
	}
	return context.Cause(c.ctx)
}

// offer is try for a member of a room. It returns false if c is to be waited
// for.
func (c *Conn) offer(m Message, policy SlowPolicy, w *waker) bool {
	if policy == 0 {
		policy = c.opts.slow
	}
	if policy != Block {
		_ = c.try(m, policy, w) // whoever is not reached is on the way out
		return true
	}
	_, _, err := c.out.put(m, policy, true, w)
	return err != errFull
}

// waitPatiently is wait for a member of a room that was not served at once, since
// began. The error is the cause of ctx, if that ended.
func (c *Conn) waitPatiently(ctx context.Context, m Message, began time.Time) error {
	patient, cancel := context.WithDeadline(ctx, began.Add(c.opts.patience))
	defer cancel()
	if err := c.wait(patient, m, Block); err == nil || c.ctx.Err() != nil {
		return nil
	}
	dropped := c.out.giveUp(m) // before the end, which counts no more
	if ctx.Err() == nil {
		c.nursery.Cancel(ErrSlowConsumer)
	}
	c.tellDropped(dropped)
	return context.Cause(ctx)
}

// tellDropped tells what the outbox said is to be told.
func (c *Conn) tellDropped(dropped []Message) {
	if c.opts.onDrop == nil || len(dropped) == 0 {
		return
	}
	defer c.out.telling.Done()
	for _, m := range dropped {
		c.opts.onDrop(c, m)
	}
}
