package nursery

import "context"

// body is what runs in the caller's goroutine: the body, or a task that takes
// its place.
type body = func(ctx context.Context, n *Nursery) error

// run runs the body in the caller's goroutine, and the nursery to its end. A
// Goexit of the body cannot be turned into a return: the nursery then ends
// here, and the exit goes on.
func (n *Nursery) run(index uint32, f body) error {
	returned := false
	defer func() {
		if !returned {
			n.exit()
		}
	}()
	n.callHere(index, f)
	returned = true
	return n.join()
}

// callHere has a frame of its own because a recovered panic may not be the
// end: a Goexit whose deferred functions panicked goes on after the recovery.
func (n *Nursery) callHere(index uint32, f body) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			n.settle(n.panicked(index, "", v))
		}
	}()
	err := f((*scope)(n), n)
	returned = true
	if err != nil {
		n.failsHere(index, err)
	}
}

// failsHere is no part of callHere, whose frame is under the body and all it
// calls, on a stack that may be small and costly to grow.
//
//go:noinline
func (n *Nursery) failsHere(index uint32, err error) {
	n.settle(&failure{Failure: Failure{Err: err, Index: int(index)}})
}

// exit ends n while a Goexit takes the body's goroutine away: what would have
// been returned can only be reported.
func (n *Nursery) exit() {
	n.fail(&Failure{Err: ErrGoexit})
	n.wait()
	n.close()
	n.reportFailures()
}

// Fail files err as a failure of the body of a nursery opened with
// [Nursery.Open], with all that follows from it: the nursery is cancelled at
// once unless err is nil or an echo. A value recovered from a panic in the
// body is filed with [Nursery.FailPanic]. Fail may be called from any
// goroutine; when the nursery has closed, err is reported instead. On a
// nursery that was never opened Fail panics.
func (n *Nursery) Fail(err error) {
	n.mustBeOpened("Fail")
	if err != nil {
		n.fileLate(&failure{Failure: Failure{Err: err}})
	}
}

// FailPanic files the value of a panic in the body of a nursery opened with
// [Nursery.Open], or reports it when the nursery has closed. It must be called
// by the deferred function that recovered v, so that the stack it keeps is the
// panic's. What to do about a nil v, which may be no panic at all or a Goexit,
// the caller knows better: FailPanic panics. So it does on a nursery that was
// never opened.
func (n *Nursery) FailPanic(v any) {
	n.mustBeOpened("FailPanic")
	if v == nil {
		panic("nursery: FailPanic: nil value")
	}
	n.fileLate(n.panicked(0, "", v))
}

// fileLate files f while it holds the nursery open, so that the join cannot
// miss it.
func (n *Nursery) fileLate(f *failure) {
	if _, ok := n.enter(0); !ok {
		n.reportNews(f)
		return
	}
	defer n.leave()
	n.settle(f)
}
