package websocket

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// sweeper looks after all connections of a crowd, for their heartbeats and for
// the server that begins to drain, in one task, with one timer. The task belongs
// to the nursery of one of the connections, which hands it on when it ends;
// while there is no connection there is no task.
type sweeper struct {
	draining <-chan struct{}
	began    time.Time     // what the times of pulses are counted from
	wake     chan struct{} // of capacity 1: the first is due earlier than it was

	mu      sync.Mutex // never held across a wait
	due     schedule
	running bool // there is a task, or there will be
	drains  bool // draining is closed, and all connections know
}

func (s *sweeper) open(draining <-chan struct{}) {
	s.draining, s.began, s.wake = draining, time.Now(), make(chan struct{}, 1)
}

// now is never 0, which stands for never.
func (s *sweeper) now() time.Duration { return time.Since(s.began) + 1 }

// watch begins to look after c.
func (s *sweeper) watch(c *Conn) {
	p, now := &c.pulse, s.now()
	p.heard.Store(int64(now))
	s.mu.Lock()
	if s.drains { // that it does is seen by whoever begins to receive
		p.last = now + c.opts.lastWord
	}
	s.put(c, p.next(now, 0))
	idle, first := !s.running, p.place == 1
	s.running = true
	s.mu.Unlock()
	switch {
	case idle:
		s.handOn()
	case first:
		signal(s.wake)
	}
}

// put has c looked at at the given time. The caller holds s.mu.
func (s *sweeper) put(c *Conn, at time.Duration) {
	c.pulse.at = at
	heap.Push(&s.due, c)
}

// putBack is put for a connection that was taken, unless it has been forgotten
// meanwhile.
func (s *sweeper) putBack(c *Conn, at time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := &c.pulse; p.place != forgotten {
		if paused := p.paused.Load(); paused > 0 { // perhaps while nobody expected c
			at = min(at, p.end(time.Duration(paused)))
		}
		s.put(c, at)
	}
}

// expect has c looked at at the given time, if that is earlier than it was to
// be.
func (s *sweeper) expect(c *Conn, at time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := &c.pulse; p.place > 0 && at < p.at {
		p.at = at
		heap.Fix(&s.due, p.place-1)
		if p.place == 1 {
			signal(s.wake)
		}
	}
}

// forget has c not looked after any more.
func (s *sweeper) forget(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.pulse.place > 0 {
		heap.Remove(&s.due, c.pulse.place-1)
	}
	c.pulse.place = forgotten
}

// take returns a connection that is due now, to be put back, or else how long
// until the first is. Without any the task has ended.
func (s *sweeper) take() (c *Conn, wait time.Duration, ended bool) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.due) == 0:
		s.running = false
		return nil, 0, true
	case s.due[0].pulse.at > now:
		return nil, s.due[0].pulse.at - now, false
	}
	return heap.Pop(&s.due).(*Conn), 0, false
}

// handOn gives the task to a connection that goes on. Each one that does not is
// forgotten, so that two that are ending cannot pass it to and fro.
func (s *sweeper) handOn() {
	for {
		s.mu.Lock()
		if len(s.due) == 0 {
			s.running = false
			s.mu.Unlock()
			return
		}
		c := s.due[0]
		s.mu.Unlock()
		sweep := func(ctx context.Context) error { return s.sweep(ctx, c) }
		if c.ctx.Err() == nil && c.nursery.TryGo(sweep) == nil {
			return
		}
		s.forget(c)
	}
}

// sweep is the task, in the nursery of c.
func (s *sweeper) sweep(ctx context.Context, c *Conn) error {
	timer := time.NewTimer(0)
	var wait time.Duration
	var over bool
	defer func() {
		timer.Stop()
		if !over { // c ends, or a context of the application's has panicked
			s.forget(c)
			s.handOn()
		}
	}()
	draining := s.draining
	for {
		if draining != nil && isClosed(draining) {
			draining = nil
			s.drain()
		}
		if wait, over = s.look(); over {
			return nil
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-s.wake:
		case <-draining:
		case <-ctx.Done():
			return nil
		}
	}
}

// drain gives all connections the time for their last word, and wakes those that
// wait for a message: none comes any more.
func (s *sweeper) drain() {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drains {
		return
	}
	s.drains = true
	for _, c := range s.due {
		c.pulse.last = now + c.opts.lastWord
		c.pulse.at = min(c.pulse.at, c.pulse.last)
		signal(c.in.arrived)
	}
	heap.Init(&s.due)
}

// look looks at all that are due.
func (s *sweeper) look() (wait time.Duration, ended bool) {
	for {
		c, wait, ended := s.take()
		if c == nil {
			return wait, ended
		}
		s.putBack(c, c.beat(s.now()))
	}
}

// schedule is a heap of connections, by when they are to be looked at.
type schedule []*Conn

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].pulse.at < s[j].pulse.at }

func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].pulse.place, s[j].pulse.place = i+1, j+1
}

// Push is for package heap.
func (s *schedule) Push(c any) {
	*s = append(*s, c.(*Conn))
	c.(*Conn).pulse.place = len(*s)
}

// Pop is for package heap.
func (s *schedule) Pop() any {
	last := len(*s) - 1
	c := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	c.pulse.place = 0
	return c
}
