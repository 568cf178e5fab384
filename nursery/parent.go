package nursery

import (
	"context"
	"sync/atomic"
)

// above returns the nursery around n, or nil. Contexts in between are others', and
// their Value may panic where nothing would catch that: in the goroutine of a
// task that has ended, a timer's, or the one of a parent's end. A panic there is
// logged, and there is nothing above.
func (n *Nursery) above() (above *Nursery) {
	if s, ok := n.parent.(*scope); ok {
		return (*Nursery)(s)
	}
	guarded(valueOf, func() { above = From(n.parent) })
	return above
}

// causeOf is [context.Cause], which asks for a value, in the same way.
func causeOf(ctx context.Context) (cause error) {
	if !guarded(valueOf, func() { cause = context.Cause(ctx) }) {
		cause = ctx.Err()
	}
	return cause
}

const valueOf = "the Value of a context"

// follow has the nursery cancelled when its parent ends. A child made with
// context.WithCancelCause(parent) would end in the same step as the parent,
// but with the parent's cause instead of one of its own, which could then not
// be told from a task's failure with the same error.
func (n *Nursery) follow() {
	unfollow := context.AfterFunc(n.parent, func() { n.parentEnded() })
	n.mu.Lock()
	n.unfollow = unfollow
	n.mu.Unlock()
	if n.ended() != nil {
		unfollow()
	}
}

// stopFollowing undoes follow.
func (n *Nursery) stopFollowing() {
	n.mu.Lock()
	unfollow := n.unfollow
	n.unfollow = nil
	n.mu.Unlock()
	if unfollow != nil {
		guarded(valueOf, func() { unfollow() })
	}
}

// ended returns how the nursery was cancelled, noticing the parent's end if
// nobody has yet, or nil if it is not.
func (n *Nursery) ended() *Cancelled {
	if c := n.cancelled.Load(); c != nil {
		return c
	}
	if !n.endedAbove() {
		return nil
	}
	n.parentEnded()
	return n.cancelled.Load()
}

// endedAbove reports whether the parent has ended. It is what n.parent.Err()
// says, but goes up through nurseries without recursion: in nurseries nested
// deep that would have each goroutine grow its stack for the asking alone.
func (n *Nursery) endedAbove() bool {
	above := n.parent
	for {
		s, ok := above.(*scope)
		if !ok {
			return above.Err() != nil
		}
		if s.cancelled.Load() != nil {
			return true
		}
		above = s.parent
	}
}

// parentEnded cancels the nursery, whose parent has ended. It may be called in
// a goroutine of package context or in a timer's, which no join waits for: it
// calls no function of an option.
func (n *Nursery) parentEnded() { n.cancel(n.cancelledByParent()) }

func (n *Nursery) cancelledByParent() *Cancelled {
	c := n.cancelledBy("the parent", causeOf(n.parent))
	c.parent = true
	if n.parent.Err() == context.DeadlineExceeded {
		c.err = context.DeadlineExceeded
	}
	if f := n.cfg.parentCause; f != nil {
		c.words = &words{of: f, reason: c.reason, told: make(chan struct{})}
	}
	return c
}

// words are those that the function of [ParentCause] has for a parent's end. It
// is called once, by the first who asks: a task, the caller of the join, or
// whoever else reads the reason. Others who ask then wait, on a channel and not
// on a [sync.Once], so that a bubble's clock goes on if it takes its time.
type words struct {
	of     func(error) error
	asked  atomic.Bool
	reason error // the parent's cause, and from told on the function's word for it
	told   chan struct{}
}

func (w *words) ask() error {
	if w.asked.CompareAndSwap(false, true) {
		w.find()
	}
	<-w.told
	return w.reason
}

func (w *words) find() {
	defer close(w.told) // also if the function exits
	guarded("the function of ParentCause", func() {
		if mapped := w.of(w.reason); mapped != nil {
			w.reason = mapped
		}
	})
}

// fileCut files, once, that the parent's end cut work short. What Run returns
// for it is the parent's own cause, so that a nursery further up knows it for
// the echo it is. That cause is not asked for here, where what was queued may
// have been dropped by who noticed the parent's end: see parentEnded.
func (n *Nursery) fileCut() {
	c := n.cancelled.Load()
	if !c.parent {
		c = n.cancelledByParent() // it asks contexts: not under mu
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if r := n.rarely(); r.cut == nil {
		r.cut = &failure{Failure: Failure{Index: -1}, end: c}
		r.failures = append(r.failures, r.cut)
	}
}

// tellCut completes what fileCut filed, before it is looked at.
func (n *Nursery) tellCut(cut *failure) {
	n.mu.Lock()
	end := cut.end
	n.mu.Unlock()
	if end == nil {
		return
	}
	reason := end.Unwrap()
	n.mu.Lock()
	if cut.end != nil { // or another has, and may be reading it
		cut.Err, cut.end = reason, nil
	}
	n.mu.Unlock()
}
