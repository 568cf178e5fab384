package nursery

import (
	"context"
	"reflect"
)

// sift strips the echoes of the nursery's cancellation from what a task or
// the body returned. It returns what is left, which is err itself if there
// are none, and whether an echo shows that the parent's end cut work short.
//
// While the nursery is not cancelled there are no echoes: a context.Canceled
// is then a failure like any other.
func (n *Nursery) sift(err error) (real error, cut bool) {
	c := n.ended()
	if c == nil {
		return err, false
	}
	return n.siftBy(err, c)
}

// siftBy strips the echoes of the cancellation c, of the nursery or of some of
// its tasks alone.
func (n *Nursery) siftBy(err error, c *Cancelled) (real error, cut bool) {
	if c.echoedPlainlyBy(err) { // first, because what follows takes more stack than there may be
		return nil, c.parent
	}
	if _, kids := branch(err); kids == nil {
		if echo, ofParent := n.isEcho(err, c); echo {
			return nil, ofParent
		}
		return err, false
	}
	return n.siftBranches(err, c)
}

// echoedPlainlyBy reports whether err is what most code returns when c ended
// its context.
func (c *Cancelled) echoedPlainlyBy(err error) bool { return saidOf(err, c.err) || err == error(c) }

// siftBranches is sift for an err that wraps several. It is apart because its
// results live on the heap.
func (n *Nursery) siftBranches(err error, c *Cancelled) (real error, cut bool) {
	p := pruner{known: n.hasTold}
	p.keep = func(leaf error) bool {
		echo, ofParent := n.isEcho(leaf, c)
		cut = cut || ofParent
		return !echo
	}
	real = p.prune(err)
	return bare(real, err), cut
}

// bare returns real, which is what prune left of err. If a single failure is
// left of several, that comes without the multi-error.
func bare(real, err error) error {
	if m, ok := real.(*MultiError); ok && real != err && len(m.Failures) == 1 && m.Omitted == 0 {
		return m.Failures[0].Err
	}
	return real
}

// isEcho follows the chain of a leaf. c is how the nursery was cancelled.
func (n *Nursery) isEcho(leaf error, c *Cancelled) (echo, ofParent bool) {
	var parentCause error
	parentEnd := n.parent.Err()
	if parentEnd != nil {
		parentCause = causeOf(n.parent)
	}
	err := leaf
	for range maxChain {
		if _, ok := err.(*PanicError); ok {
			return false, false
		}
		switch {
		case err == nil:
			return false, false
		case n.hasTold(err):
			return true, false
		case saidOf(err, c.err), saidOf(err, parentEnd), n.knowsEcho(err):
			return true, c.parent
		case err == error(c):
			return true, c.parent
		case parentCause != nil && equal(err, parentCause), c.parent && equal(err, c.Unwrap()):
			return true, true
		}
		switch other := err.(type) {
		case *TimeoutError: // of a time scope below, whose caller wants it known
			return false, false
		case *Cancelled: // of a nursery in between
			if other == nil {
				return false, false
			}
			err = other.Unwrap()
		default:
			err, _ = below(err)
		}
	}
	return false, false
}

// knowsEcho asks what [Echoes] taught.
func (n *Nursery) knowsEcho(err error) (echo bool) {
	if n.cfg.echo != nil {
		n.guard("Echoes", func() { echo = n.cfg.echo(err) })
	}
	return echo
}

// equal is == that also knows errors which cannot be compared, such as slices:
// by what is in them.
func equal(a, b error) bool {
	t := reflect.TypeOf(a)
	switch {
	case t != reflect.TypeOf(b):
		return false
	case t.Kind() == reflect.Pointer, reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable():
		return a == b
	}
	return reflect.DeepEqual(a, b)
}

// saidOf reports whether err may be what code returns whose context ended with
// end: that, or that somebody was cancelled, as in a context below whose own
// cancel function was quicker. A deadline that passed where none ended the
// context is that of somebody else, and a failure.
func saidOf(err, end error) bool {
	return err == context.Canceled || err == context.DeadlineExceeded && err == end
}
