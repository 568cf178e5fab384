package nursery

import (
	"context"
	"sync"
)

// solo is what a task has beyond others if somebody holds a handle to it: a
// context of its own, so that it can be cancelled alone, and an end that can
// be waited for.
type solo struct {
	n      *Nursery
	ctx    apart
	cancel context.CancelCauseFunc
	over   chan struct{} // closed when the task has ended
	end    failure       // how it ended; settled before over is closed

	shielded bool // from the nursery's cancellation, as helpers are

	mu      sync.Mutex // guards what follows; never held across a wait
	stopped *Cancelled // the task was cancelled alone
	pending bool       // the task's failures are its starter's: see Start
	ended   bool
}

// open readies s for a task of n. A helper's context is not that of others.
func (s *solo) open(n *Nursery, helper bool) {
	var parent context.Context = (*scope)(n)
	if helper {
		n.mu.Lock()
		parent = n.helperContext(&n.rarely().helpers)
		n.mu.Unlock()
	}
	s.n, s.over, s.shielded = n, make(chan struct{}), helper
	s.ctx.from = parent
	s.ctx.Context, s.cancel = context.WithCancelCause(parent)
}

// stop cancels the task alone, unless it has been with all others.
func (s *solo) stop(who string, reason error) {
	if !s.shielded && s.n.ended() != nil { // or the parent's end might not have got to s.ctx yet
		return
	}
	s.mu.Lock()
	c := s.stopped
	if c == nil {
		c = s.n.cancelledBy(who, reason)
		s.stopped = c
	}
	s.mu.Unlock()
	s.cancel(c)
}

// takes is told that the task ended with f, and keeps it for the handle. It
// returns true, with f less its echoes of s being stopped, if f is also the
// nursery's business.
func (s *solo) takes(f *failure) bool {
	s.mu.Lock()
	stopped, pending := s.stopped, s.pending
	if stopped != nil && !pending && context.Cause(s.ctx) != error(stopped) {
		stopped = nil // it came too late, and the first counts
	}
	s.ended = true // a ready that comes now cannot take back whose failure it is
	s.mu.Unlock()
	s.end = *f // should a function of an option exit below, which is no success
	real, why, cut := s.sift(f, stopped)
	f.Err = real
	s.end = *f
	if pending {
		if f.fresh { // its starter will be handed it, but perhaps much later
			s.n.reportNews(f)
		}
	} else if real != nil {
		s.end.Err = &told{err: real, n: s.n}
	}
	if real == nil {
		s.end.Err = why
	}
	if cut && !pending {
		s.n.fileCut()
	}
	return !pending && real != nil
}

// sift strips the echoes of a cancellation of the task alone, or with all, from
// f. If nothing is left it returns the cancellation. It also tells whether the
// end of the nursery's parent cut the task short.
func (s *solo) sift(f *failure, stopped *Cancelled) (real, why error, cut bool) {
	err := f.Err
	if !f.mayEcho() {
		return err, nil, false
	}
	if stopped != nil {
		if real, _ = s.n.siftBy(err, stopped); real == nil {
			return nil, stopped, false
		}
		err = real
	}
	if err == nil { // siftHelper has left nothing
		return nil, s.n.dismissal(), false
	}
	c := s.n.ended()
	if c == nil {
		return err, nil, false
	}
	if real, cut = s.n.siftBy(err, c); real == nil {
		why = c
	}
	return real, why, cut
}

// drop is told that the task will never run.
func (s *solo) drop() {
	s.end.Err = &told{err: ErrDropped, n: s.n}
	s.finish()
}

// finish is told that the task is over.
func (s *solo) finish() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.cancel(closedCause)
	close(s.over)
}

// told is the failure of a task, or its having been dropped, as its handle tells
// it. In the nursery of the task, which knows, it is no failure of whoever
// returns it.
type told struct {
	err error
	n   *Nursery
}

func (t *told) Error() string { return Text(t.err) }
func (t *told) Unwrap() error { return t.err }

// hasTold reports whether err is what the handle of a task of n told, and so
// has been filed, or reported, before. What [Filter], or a time scope, leaves of
// it is no other.
func (n *Nursery) hasTold(err error) bool {
	for p, ok := err.(*pruned); ok; p, ok = err.(*pruned) {
		err = p.link
	}
	t, ok := err.(*told)
	return ok && t != nil && t.n == n
}
