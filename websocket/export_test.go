package websocket

import "time"

// Keys returns how many rooms there are.
func (rs *Rooms) Keys() int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return len(rs.byKey)
}

// Inflate undoes the compression of a message.
func Inflate(src []byte, limit int64) ([]byte, error) { return inflate(nil, src, limit) }

// CompressedFrame returns the compressed frame that m keeps, or nil.
func CompressedFrame(m Message) []byte {
	if m.packed == nil {
		return nil
	}
	return m.packed.frame
}

// StandStill has time pass for the heartbeats of c and of those beside it, as it
// does for a process that is stopped meanwhile. Nobody may be running, which the
// race detector does not know of a bubble.
//
//go:norace
func StandStill(c *Conn, d time.Duration) { c.sweeper.began = c.sweeper.began.Add(-d) }

// Heard has bytes of the peer of c be noted that were read so long ago.
func Heard(c *Conn, ago time.Duration) { c.pulse.heard.Store(int64(c.sweeper.now() - ago)) }

// Before waits for done until a timer comes, which is late by so much.
func Before(timer *time.Timer, late time.Duration, done <-chan struct{}) bool {
	by := time.Now().Add(-late)
	return before(by, timer, done)
}

// Shifts returns how often the items of a queue are moved that holds n of them all
// the while, when so many are taken and added.
func Shifts(n, more int) (shifts int) {
	var q fifo[int]
	for range n {
		q.push(0)
	}
	for range more {
		q.pop()
		head := q.head
		if q.push(0); q.head < head {
			shifts++
		}
	}
	return shifts
}
