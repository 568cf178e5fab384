package nursery

import (
	"context"
	"time"
)

// drain is the soft signal of a nursery: who asked for it, and who is below.
// All of it is under the nursery's mu.
type drain struct {
	signal  chan struct{} // made when somebody asks
	begun   bool
	above   *Nursery // where this one is among below
	below   map[*Nursery]struct{}
	timer   *time.Timer // for the hard cancel, at at
	at      time.Time
	stopped bool // the nursery has closed
}

// Draining returns a channel that is closed when the nursery of ctx, or one
// above it, is told to finish what it does: see [Nursery.Drain]. It is the
// polite signal; the end of ctx is the other one. Whatever is long-lived (a
// stream, a long poll, a connection) selects on both. The channel is the same
// for every call, is closed too once the nursery has closed, and is nil, and
// so blocks for ever, outside any nursery. A nil ctx panics.
func Draining(ctx context.Context) <-chan struct{} {
	if ctx == nil {
		panic("nursery: Draining: nil context")
	}
	n := From(ctx)
	if n == nil {
		return nil
	}
	return n.draining()
}

// Drain is the soft cancel: it closes what [Draining] returns for every task
// of n and of the nurseries below, and if n has not closed after grace it is
// cancelled with cause [context.DeadlineExceeded]. With a grace of zero that
// is at once, with a negative one never. Tasks may still be started. Drain
// does not wait, and calling it again can only bring the end closer. It may be
// called from any goroutine, does nothing after n closed, and panics on a
// nursery that was never opened.
func (n *Nursery) Drain(grace time.Duration) {
	n.mustBeOpened("Drain")
	n.softly()
	if grace >= 0 {
		n.cancelAfter(grace)
	}
}

// draining returns the signal, and sees to it that it comes from above too.
func (n *Nursery) draining() <-chan struct{} {
	n.mu.Lock()
	d := &n.rarely().drain
	signal := d.signal
	if signal == nil {
		signal = make(chan struct{})
		d.signal = signal
		if d.begun || d.stopped || n.closed() {
			d.begun = true
			close(signal)
			n.mu.Unlock()
			return signal
		}
		n.mu.Unlock()
		n.heedAbove()
		return signal
	}
	n.mu.Unlock()
	return signal
}

// heedAbove has n told when a nursery above it is. Locks are taken one after
// the other, never one inside the other.
func (n *Nursery) heedAbove() {
	above := n.above()
	if above == nil {
		return
	}
	above.draining()
	above.mu.Lock()
	d := &above.rarely().drain
	begun := d.begun
	if !begun {
		if d.below == nil {
			d.below = make(map[*Nursery]struct{})
		}
		d.below[n] = struct{}{}
	}
	above.mu.Unlock()
	n.mu.Lock()
	n.rarely().drain.above = above
	late := n.rarely().drain.stopped
	n.mu.Unlock()
	switch {
	case begun:
		n.softly()
	case late:
		above.forget(n)
	}
}

func (n *Nursery) forget(below *Nursery) {
	n.mu.Lock()
	delete(n.rarely().drain.below, below)
	n.mu.Unlock()
}

// softly gives the signal to n and to all below.
func (n *Nursery) softly() {
	n.mu.Lock()
	d := &n.rarely().drain
	if d.begun {
		n.mu.Unlock()
		return
	}
	d.begun = true
	if d.signal != nil {
		close(d.signal)
	}
	below := d.below
	d.below = nil
	n.mu.Unlock()
	for b := range below {
		b.softly()
	}
}

func (n *Nursery) cancelAfter(grace time.Duration) {
	hard := func() { n.cancelUnlessEnded(n.cancelledBy("Drain", context.DeadlineExceeded)) }
	if grace == 0 {
		hard()
		return
	}
	at := time.Now().Add(grace)
	n.mu.Lock()
	defer n.mu.Unlock()
	switch d := &n.rarely().drain; {
	case d.stopped, n.closed():
	case d.timer == nil:
		d.timer, d.at = time.AfterFunc(grace, hard), at
	case at.Before(d.at):
		d.timer.Reset(grace)
		d.at = at
	}
}

// undrain lets go of what a closed nursery's signal holds on to.
func (n *Nursery) undrain() {
	n.mu.Lock()
	d := &n.rarely().drain
	d.stopped = true
	above, timer := d.above, d.timer
	d.above, d.below, d.timer = nil, nil, nil
	n.mu.Unlock()
	n.softly()
	if timer != nil {
		timer.Stop()
	}
	if above != nil {
		above.forget(n)
	}
}

// drains reports whether n, or one above it, has been told to drain.
func (n *Nursery) drains() bool {
	for ; n != nil; n = n.above() {
		if n.rare.Load() == nil {
			continue
		}
		n.mu.Lock()
		begun := n.rarely().drain.begun
		n.mu.Unlock()
		if begun {
			return true
		}
	}
	return false
}
