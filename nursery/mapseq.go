package nursery

import (
	"context"
	"iter"
	"sync/atomic"
)

// MapSeq calls f for each item of a sequence, at most limit calls at once, and
// yields the results as they complete. ([Map] has them in order.) A result
// that has to be known by its item carries it.
//
//	for page, err := range nursery.MapSeq(ctx, 8, urls, fetch) {
//		if err != nil {
//			return err
//		}
//		...
//	}
//
// An error comes once, last and without a result: when a call has failed the
// others are cancelled and joined, results that are complete all the same are
// yielded, and err is what [Run] would return, with the item's place in
// [Failure].Index, from 1. If the end of ctx cut the work short it is
// [context.Cause] of ctx, and if f cancelled the nursery of its own context,
// that [*Cancelled]. Panics are raised out of the loop, as Run raises them.
//
// Leaving the loop early cancels what is under way and waits for it; what
// fails then is reported (see [Observe]), for there is nobody to return it to,
// and panics are raised. A panic or Goexit of the loop's own body goes on,
// untouched, after the same.
//
// A call whose result is not yet wanted keeps its place, so a slow loop holds
// back the calls, and at most limit items and one more are read ahead. items
// is read in a goroutine of the nursery, where a panic is the body's and where
// it should not block for longer than ctx lives: a sequence cannot be cancelled
// while it waits.
//
// Nothing starts before the loop does, and each loop over the result starts
// anew. A nil ctx, items or f and a limit below 1 panic at once. The cost is
// that of a task and one allocation for each item.
func MapSeq[T, R any](ctx context.Context, limit int, items iter.Seq[T], f func(ctx context.Context, item T) (R, error)) iter.Seq2[R, error] {
	checkMap(ctx, "MapSeq", limit, f == nil)
	if items == nil {
		panic("nursery: MapSeq: nil sequence")
	}
	return func(yield func(R, error) bool) {
		s := &stream[T, R]{f: f, places: make(chan struct{}, limit), results: make(chan R, min(limit, 64))}
		s.n.open(ctx, nil)
		s.begin(func(ctx context.Context) error { return s.read(ctx, items) })
		s.deliver(yield)
	}
}

// stream is the nursery of one loop over what MapSeq returned.
type stream[T, R any] struct {
	n       Nursery
	f       func(context.Context, T) (R, error)
	places  chan struct{} // one for each call, until its result is received
	results chan R        // closed when nobody is left to send
	senders atomic.Int64
	short   atomic.Bool // something was left out
}

// begin starts the reader in the body's place, so that calls are numbered as
// items are.
func (s *stream[T, R]) begin(read func(context.Context) error) {
	s.senders.Add(1)
	s.n.enter(0)
	t := newTask()
	t.n, t.fn = &s.n, read
	t.phase.Store(running)
	spawn(t)
}

func (s *stream[T, R]) read(ctx context.Context, items iter.Seq[T]) error {
	defer s.sent()
	for item := range items {
		if ctx.Err() == nil {
			select {
			case s.places <- struct{}{}:
				s.senders.Add(1)
				s.n.goFor(s.f, func(ctx context.Context) error { return s.call(ctx, item) })
				continue
			case <-ctx.Done():
			}
		}
		s.short.Store(true)
		return ctx.Err()
	}
	return nil
}

// call need not give its place back when it fails, for then s.n is cancelled
// and there is no next one.
func (s *stream[T, R]) call(ctx context.Context, item T) error {
	defer s.sent()
	result, err := s.f(ctx, item)
	if err != nil {
		s.short.Store(true)
		return err
	}
	s.results <- result // until all have sent, somebody receives
	return nil
}

// sent counts a sender out.
func (s *stream[T, R]) sent() {
	if s.senders.Add(-1) == 0 {
		close(s.results)
	}
}

func (s *stream[T, R]) deliver(yield func(R, error) bool) {
	ended := false
	defer func() {
		if !ended { // by a panic or Goexit of the loop's body, which goes on
			s.leave()
			s.n.reportFailures()
		}
	}()
	for result := range s.results {
		<-s.places
		if !yield(result, nil) {
			ended = true
			s.leave()
			s.n.raiseOrReport()
			return
		}
	}
	ended = true
	err := s.n.join()
	if err == nil && s.short.Load() {
		err = s.n.cancelled.Load()
	}
	if err != nil {
		var none R
		yield(none, err)
	}
}

// leave ends the nursery of a loop that wants no more.
func (s *stream[T, R]) leave() {
	s.n.cancel(s.n.cancelledBy("the loop", context.Canceled))
	for range s.results {
	}
	s.n.wait()
	s.n.close()
}

// raiseOrReport raises a panic with all else that failed in it or, without
// one, reports what failed.
func (n *Nursery) raiseOrReport() {
	for _, f := range n.failures() {
		if f.panicked {
			_ = n.outcome()
		}
	}
	n.reportFailures()
}
