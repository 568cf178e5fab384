package websocket

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Limit bounds how many connections are open at once, over all that [Serve]
// runs with options that have the same one. It is made by [NewLimit]; the zero
// Limit, which would admit nobody, is a fault of the options ([Options.Check]).
type Limit struct {
	max  int64
	open atomic.Int64
}

// NewLimit makes a limit of max connections. Whoever comes when there are that
// many is answered by 503. A max below 1 panics.
func NewLimit(max int) *Limit {
	if max < 1 {
		panic(fmt.Sprintf("websocket: NewLimit(%d): want at least 1", max))
	}
	return &Limit{max: int64(max)}
}

// Len returns how many connections are open.
func (l *Limit) Len() int { return int(l.open.Load()) }

// enter counts a connection in if there is room for it. A nil limit has room.
func (l *Limit) enter() bool {
	if l == nil {
		return true
	}
	for n := l.open.Load(); n < l.max; n = l.open.Load() {
		if l.open.CompareAndSwap(n, n+1) {
			return true
		}
	}
	return false
}

func (l *Limit) leave() {
	if l != nil {
		l.open.Add(-1)
	}
}

// pace is a token bucket that holds a second's worth of messages, and more after a
// time in which nothing was read.
type pace struct {
	perSecond int // 0: no limit
	tokens    float64
	filled    time.Time
}

// allows takes a token, if there is one.
func (p *pace) allows() bool {
	if p.perSecond == 0 {
		return true
	}
	most, gained := float64(p.perSecond), p.gain()
	// What there is beyond a second's worth goes as fast as it came.
	p.tokens = min(p.tokens+gained, max(most, p.tokens-gained))
	if p.tokens < 1 {
		return false
	}
	p.tokens--
	return true
}

// rest adds the tokens for the time since the last message, in which nothing was
// read: what comes next may have been sent any time in it.
func (p *pace) rest() {
	if p.perSecond > 0 {
		p.tokens += p.gain()
	}
}

// gain returns the tokens for the time since it was called last; at first a
// second's worth.
func (p *pace) gain() float64 {
	now, passed := time.Now(), time.Second
	if !p.filled.IsZero() {
		passed = now.Sub(p.filled)
	}
	p.filled = now
	return passed.Seconds() * float64(p.perSecond)
}
