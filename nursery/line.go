package nursery

// line is the queue of a nursery with a limit: who runs is counted, who does
// not fit waits, and a task that ends hands its goroutine to the next. All of
// it is under the nursery's mu.
type line struct {
	running int
	waiting ring
	outside []outsider // Go calls that wait for room in a bounded queue
	dropped int        // tasks that never ran
}

// outsider is a Go call that waits for room in the queue. taken is closed
// when its task has been queued, or dropped.
type outsider struct {
	t     *task
	taken chan struct{}
}

// queueUp finds a place for t, which is counted as live: among those that run,
// in the queue or, if wait is set, in front of it. It returns an error only if
// wait is not set.
func (n *Nursery) queueUp(t *task, wait bool) error {
	t.phase.Store(queued)
	n.mu.Lock()
	l := &n.rarely().line
	switch {
	case l.running < n.cfg.limit:
		l.running++
		n.mu.Unlock()
		t.become(running)
		spawn(t)
		return nil
	case n.cancelled.Load() != nil: // dropQueued may be over
		n.mu.Unlock()
		n.drop(t)
		if wait {
			return nil
		}
		return ErrDropped
	case n.cfg.queue < 0 || l.waiting.count < n.cfg.queue:
		l.waiting.push(t)
		n.mu.Unlock()
		n.signal() // from now on the parent's end has something to drop
		return nil
	case !wait:
		n.mu.Unlock()
		n.discard(t)
		return ErrFull
	}
	o := outsider{t: t, taken: make(chan struct{})}
	l.outside = append(l.outside, o)
	n.mu.Unlock()
	n.signal()
	<-o.taken
	return nil
}

// droppedTasks returns how many tasks have been dropped.
func (n *Nursery) droppedTasks() int {
	r := n.rare.Load()
	if r == nil {
		return 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return r.line.dropped
}

// nextQueued returns the task that takes the place of one that has ended, or
// gives the place back.
func (n *Nursery) nextQueued() *task {
	cancelled := n.ended() != nil
	n.mu.Lock()
	defer n.mu.Unlock()
	l := &n.rarely().line
	if cancelled || n.cancelled.Load() != nil { // the rest is for dropQueued
		l.running--
		return nil
	}
	if len(l.outside) > 0 {
		o := l.outside[0]
		l.outside[0] = outsider{}
		l.outside = l.outside[1:]
		l.waiting.push(o.t)
		close(o.taken)
	}
	if l.waiting.count == 0 {
		l.running--
		return nil
	}
	t := l.waiting.pop()
	t.become(running)
	return t
}

// dropQueued drops what waits in a nursery that has been cancelled.
func (n *Nursery) dropQueued() {
	n.mu.Lock()
	l := &n.rarely().line
	waiting, outside := l.waiting, l.outside
	l.waiting, l.outside = ring{}, nil
	n.mu.Unlock()
	for waiting.count > 0 {
		n.drop(waiting.pop())
	}
	for _, o := range outside {
		n.drop(o.t)
		close(o.taken)
	}
}

// drop counts out a task that was queued, or would have been, when the
// nursery was cancelled.
func (n *Nursery) drop(t *task) {
	if n.cancelled.Load().parent {
		n.fileCut()
	}
	n.mu.Lock()
	n.rarely().line.dropped++
	n.mu.Unlock()
	n.discard(t)
}

// discard counts out a task that does not run.
func (n *Nursery) discard(t *task) {
	if t.solo != nil {
		t.solo.drop()
	}
	t.retire()
	n.leave()
}

// ring is a queue of tasks.
type ring struct {
	buf         []*task
	head, count int
}

func (r *ring) push(t *task) {
	if r.count == len(r.buf) {
		grown := make([]*task, max(16, 2*len(r.buf)))
		for i := range r.count {
			grown[i] = r.buf[(r.head+i)%len(r.buf)]
		}
		r.buf, r.head = grown, 0
	}
	r.buf[(r.head+r.count)%len(r.buf)] = t
	r.count++
}

func (r *ring) pop() *task {
	t := r.buf[r.head]
	r.buf[r.head] = nil
	r.head = (r.head + 1) % len(r.buf)
	r.count--
	return t
}
