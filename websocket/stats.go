package websocket

import "time"

// Count is a number of messages, and how many bytes they had together.
type Count struct {
	// Messages is how many there were.
	Messages int64
	// Bytes is how many they had: on the way out with the headers of their
	// frames, which the payload alone does not tell.
	Bytes int64
}

func (c *Count) add(messages, bytes int) {
	c.Messages += int64(messages)
	c.Bytes += int64(bytes)
}

// Stats is what a connection has done so far: see [Conn.Stats].
type Stats struct {
	// Received is what came from the peer and passed the limits, and Sent what
	// has been written to the socket.
	Received, Sent Count
	// Unread is what waits for [Conn.Receive], and Unsent what waits to be
	// written or is being written.
	Unread, Unsent Bounds
	// Dropped is what was to be sent and never will be: because the peer was too
	// slow (see [SlowPolicy]), or because it was still unsent when the connection
	// broke or was aborted. Of what was being written then the peer may have got
	// some.
	Dropped Count
	// Silence is for how long nothing has been read from the peer, pongs
	// included. Without a heartbeat it is 0. While Paused is not 0 it says
	// nothing about the peer.
	Silence time.Duration
	// Paused is for how long the inbox has been full and nothing is read
	// therefore; 0 means that it is not.
	Paused time.Duration
}

// Stats returns what c has done so far. Its parts are looked at one after the
// other, so that they need not fit together to the message. It takes two locks
// that are never held for long, allocates nothing, and works after the end too.
func (c *Conn) Stats() Stats {
	var s Stats
	c.in.mu.Lock()
	s.Received, s.Unread = c.in.total, Bounds{c.in.queue.len(), c.in.bytes}
	c.in.mu.Unlock()
	c.out.mu.Lock()
	s.Sent, s.Unsent, s.Dropped = c.out.total, c.out.held, c.out.dropped
	c.out.mu.Unlock()
	now := c.sweeper.now()
	if heard := c.pulse.heard.Load(); c.pulse.every > 0 && heard > 0 {
		s.Silence = max(0, now-time.Duration(heard))
	}
	if paused := c.pulse.paused.Load(); paused > 0 {
		s.Paused = max(0, now-time.Duration(paused))
	}
	return s
}
