package nursery

import (
	"context"
)

// maxFailures is how many failures a nursery keeps. The rest is counted, and
// each still reported, so that a nursery that lives for ever stays small.
const maxFailures = 64

// failure is a Failure with what the nursery has to know of it.
type failure struct {
	Failure
	panicked bool
	fresh    bool // a panic that nobody has been told of
	critical bool
	ctx      context.Context // of the task, or nil: the nursery's
	end      *Cancelled      // the parent's end, whose reason is to become Err
	back     *PanicError     // this panic with what failed beside it, filed as well
}

// mayEcho reports whether there may be echoes in f. A panic is never one, but
// what travels in it may be.
func (f *failure) mayEcho() bool {
	_, isPanic := f.Err.(*PanicError)
	return isPanic || !f.panicked
}

// exited returns f, the failure of a task that called Goexit, with the stack of
// that. It must be called while the deferred functions run: then it is there.
func exited(f *failure) *failure {
	where := callers()
	f.exit = &where
	return f
}

// settle files what a task or the body ended with: nothing, an echo of the
// cancellation, or a failure.
func (n *Nursery) settle(f *failure) {
	if f.Err == nil {
		return
	}
	if f.mayEcho() {
		var cut bool
		if f.Err, cut = n.sift(f.Err); cut {
			n.fileCut()
		}
		if f.Err == nil {
			return
		}
	}
	switch {
	case f.critical && n.cfg.critical != nil:
		n.handOver(f)
	case n.cfg.isolate && f.Index > 0 && !f.critical:
		n.reportNews(f)
	default:
		n.file(f)
	}
}

// handOver gives the failure of a critical task to the owner's function. If
// that panics the failure is filed as if there were none.
func (n *Nursery) handOver(f *failure) {
	if f.fresh {
		n.reportNews(f)
		f.fresh = false
	}
	if !n.guard("OnCritical", func() { n.cfg.critical(f.Failure) }) {
		n.file(f)
	}
}

// file keeps f. The first failure cancels the nursery.
func (n *Nursery) file(f *failure) {
	n.mu.Lock()
	r := n.rarely()
	if f = f.news(r.failures); f == nil {
		n.mu.Unlock()
		return
	}
	first, kept, fresh := len(r.failures) == 0, len(r.failures) < maxFailures, f.fresh
	f.fresh = false
	if f.panicked && !r.panicked { // the one to raise is kept in any case
		r.panicked, kept = true, true
	}
	if kept {
		r.failures = append(r.failures, f)
	} else {
		r.omitted++
	}
	n.mu.Unlock()
	if first {
		n.fail(&f.Failure)
	}
	if fresh || !kept {
		n.reportAs(f, fresh)
	}
}

// news returns what of f has not been filed: nothing of a panic on its way through
// the nursery that filed it when it happened, as that of what was attached from
// inside is, save what failed beside it on that way.
func (f *failure) news(before []*failure) *failure {
	p, ok := f.Err.(*PanicError)
	if !ok || !f.panicked || f.fresh {
		return f
	}
	for _, b := range before {
		switch was, ok := b.Err.(*PanicError); {
		case !ok || was == nil || was.withoutOthers() != p.withoutOthers():
		case p.Others == nil, was == p, b.back == p:
			return nil
		default: // a copy, for f is still a panic to who raises it
			b.back = p
			beside := *f
			beside.Err, beside.panicked = p.Others, false
			return &beside
		}
	}
	return f
}

// Failures returns what has failed in n so far and was kept, in the order in
// which it happened: what the join returns, or will return, with the tasks'
// names also where that is a single error, which comes bare. Of a nil nursery
// there is nothing.
func (n *Nursery) Failures() []Failure {
	if n == nil {
		return nil
	}
	fs := n.failures()
	out := make([]Failure, len(fs))
	for i, f := range fs {
		out[i] = f.Failure
	}
	return out
}

func (n *Nursery) failures() []*failure {
	r := n.rare.Load()
	if r == nil {
		return nil
	}
	n.mu.Lock()
	fs, cut := r.failures, r.cut
	n.mu.Unlock()
	if cut != nil {
		n.tellCut(cut)
	}
	return fs
}

// outcome is what the join of n, which has closed, returns or raises.
func (n *Nursery) outcome() error {
	fs := n.failures()
	if len(fs) == 0 {
		return nil
	}
	if n.cfg.onPanic != ReturnPanics {
		for i, f := range fs {
			if f.panicked {
				n.raise(i)
			}
		}
	}
	omitted := n.rare.Load().omitted
	if len(fs) == 1 && omitted == 0 {
		return fs[0].Err
	}
	return n.multi(-1)
}

// multi gathers all failures but the one at place except, if that is one.
func (n *Nursery) multi(except int) *MultiError {
	r := n.rare.Load()
	m := &MultiError{Nursery: n.cfg.name, Omitted: r.omitted, Failures: make([]Failure, 0, len(r.failures))}
	for i, f := range r.failures {
		if i != except {
			m.Failures = append(m.Failures, f.Failure)
		}
	}
	return m
}
