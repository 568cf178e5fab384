package websocket

import (
	"sync/atomic"
	"time"

	"github.com/creche-go/creche"
)

// pulse is what is known of whether a peer is alive. Times are those of the
// sweeper.
type pulse struct {
	every, within, longest time.Duration // PingEvery, PongWithin and MaxPause

	heard  atomic.Int64 // when bytes of the peer were last read
	paused atomic.Int64 // since when nothing is read, for the inbox is full; 0: it is not
	moved  atomic.Int64 // when something was last written for which a ping has to wait

	last   time.Duration // when the time for a last word is over; 0: no need to know. Under the sweeper's mu
	asked  time.Duration // when the last ping was queued; this and putOff are the sweeper's task's alone
	putOff time.Duration // when what was looked at too late is due, if that is later
	at     time.Duration // when to look next; this and what follows is under the sweeper's mu
	place  int           // in its schedule, from 1; 0: in none at the moment
}

// forgotten is the place of a connection that is in no schedule any more.
const forgotten = -1

// never is later than anything.
const never = time.Duration(1<<63 - 1)

// next returns when something is to be done if nothing more is heard.
func (p *pulse) next(heard, paused time.Duration) time.Duration {
	if p.last > 0 {
		return min(p.last, p.nextBeat(heard, paused))
	}
	return p.nextBeat(heard, paused)
}

func (p *pulse) nextBeat(heard, paused time.Duration) time.Duration {
	switch {
	case paused > 0:
		return min(p.nextPing(max(paused, p.asked)), p.end(paused))
	case p.silent(heard):
		return p.answerBy()
	}
	return p.nextPing(heard)
}

func (p *pulse) nextPing(last time.Duration) time.Duration {
	if p.every < 0 {
		return never
	}
	return last + p.every
}

// look returns when to look for what is due then. While an answer is waited for
// it may have come long before it is due, and then the next ping is.
func (p *pulse) look(due, now time.Duration) time.Duration {
	if p.every < 0 {
		return due
	}
	return min(due, now+p.every)
}

// limit returns when a pause is too long.
func (p *pulse) limit(paused time.Duration) time.Duration {
	if p.longest < 0 {
		return never
	}
	return paused + p.longest
}

// end is limit for the sweeper, which may have put it off.
func (p *pulse) end(paused time.Duration) time.Duration { return max(p.limit(paused), p.putOff) }

// answerBy returns when a peer is dead that is silent. While the ping waits for a
// large message it is alive as long as it takes some of that.
func (p *pulse) answerBy() time.Duration {
	return max(p.asked+p.within, time.Duration(p.moved.Load())+p.within, p.putOff)
}

// silent reports whether nothing has come since the last ping was queued. What
// comes at that very time counts as its answer.
func (p *pulse) silent(heard time.Duration) bool { return heard < p.asked }

// verdict returns for what the connection is to end, if that is due now or was,
// and when it was; or else nil.
func (p *pulse) verdict(heard, paused, now time.Duration) (cause error, due time.Duration) {
	switch {
	case paused > 0 && p.end(paused) <= now:
		return ErrUnread, p.end(paused)
	case paused == 0 && p.silent(heard):
		return ErrHeartbeat, p.answerBy()
	}
	return nil, 0
}

// wait reports whether what was due then is to wait, once, for as long as this
// look is late: that is one of a process which stood still or had too much to do,
// and what came meanwhile has yet to be read. The answer to a later ping is due
// after all that has been put off, and may be put off in turn.
func (p *pulse) wait(due, now time.Duration) bool {
	if late := now - due; late > 0 && p.putOff < due {
		p.putOff = now + min(late, p.within)
		return true
	}
	return false
}

// beat does what is to be done now for the connection, and returns when to look
// again.
func (c *Conn) beat(now time.Duration) time.Duration {
	p := &c.pulse
	paused := time.Duration(p.paused.Load()) // first: resume sets it last
	heard := time.Duration(p.heard.Load())
	due := p.next(heard, paused)
	switch {
	case due > now:
		return p.look(due, now)
	case p.last > 0 && p.last <= now:
		c.nursery.Cancel(creche.ErrShutdown)
		return never
	}
	switch cause, due := p.verdict(heard, paused, now); {
	case cause == nil:
		p.asked = now
		c.frames.ping()
	case !p.wait(due, now):
		c.nursery.Cancel(cause)
		return never
	}
	return p.look(p.next(heard, paused), now)
}

// move notes that something has been written for which a ping has to wait.
func (c *Conn) move() { c.pulse.moved.Store(int64(c.sweeper.now())) }

// hear notes that bytes have been read.
func (c *Conn) hear() {
	if c.pulse.every > 0 {
		c.pulse.heard.Store(int64(c.sweeper.now()))
	}
}

// pause notes that nothing is read for a while. The peer cannot be heard then,
// so it is not taken for dead.
func (c *Conn) pause() {
	p, now := &c.pulse, c.sweeper.now()
	p.paused.Store(int64(now))
	c.sweeper.expect(c, p.limit(now))
}

// resume notes that reading goes on. What the peer sent meanwhile has yet to be
// read, so it counts as heard of now.
func (c *Conn) resume() {
	c.hear()
	c.pulse.paused.Store(0)
}
