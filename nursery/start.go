package nursery

import (
	"context"
	"errors"
)

// Start starts f as a task of n and returns when f says that it is ready, with
// the value that ready was called with: what a server listens on, a connection
// that stands. The task then goes on. It is Trio's nursery.start.
//
//	addr, err := nursery.Start(ctx, n, func(ctx context.Context, ready func(net.Addr)) error {
//		ln, err := net.Listen("tcp", "127.0.0.1:0")
//		if err != nil {
//			return err // Start's, and nobody else's
//		}
//		ready(ln.Addr())
//		return serve(ctx, ln) // from here on, the nursery's
//	})
//
// What goes wrong before ready is the business of Start's caller, and n does
// not notice: Start returns the task's error, or [ErrGoexit], raises its panic
// (which has been reported; under [ReturnPanics] it is returned), and of a task
// that just ends it returns [ErrNotReady]. From ready on the task is one of n
// like any. It does not count against a [Limit], so a task may always start
// what it needs.
//
// Until then the task is cancelled when ctx ends, beside when n is, and is
// joined: Start returns [context.Cause] of ctx, joined with whatever else the
// task failed with, and ready does nothing any more. A task that is cancelled
// with n makes Start return the [*Cancelled], which in n is no failure. While
// the task runs n stays open.
//
// To call ready twice is a mistake and panics. After the task has ended ready
// does nothing. On a nursery that has closed Start returns [ErrClosed]. A nil
// ctx or f, a nil nursery and one that was never opened panic. The cost is
// seven allocations, or ten if ctx is not that of n.
func Start[T any](ctx context.Context, n *Nursery, f func(ctx context.Context, ready func(T)) error, opts ...TaskOption) (T, error) {
	switch {
	case ctx == nil:
		panic("nursery: Start: nil context")
	case f == nil:
		panic("nursery: Start: nil function")
	}
	n.mustBeOpened("Start")
	var none T
	h := &beginning[T]{ready: make(chan struct{})}
	h.solo.pending = true
	t := n.newSolo(&h.solo, opts)
	t.stands(f)
	t.unlimited = true
	t.fn = func(context.Context) error {
		return f(&h.solo.ctx, func(v T) {
			if ctx.Err() != nil { // n's own is not followed: see begins
				h.solo.giveUp(ctx)
			}
			h.say(t, v)
		})
	}
	if ctx.Err() != nil { // then f is to see that from the start
		h.solo.giveUp(ctx)
	}
	if err := t.begin(false); err != nil {
		return none, err
	}
	if !h.solo.begins(ctx, h.ready) {
		return none, h.solo.failed(ctx)
	}
	return h.value, nil
}

// beginning is what a task that [Start] started has until it is ready.
type beginning[T any] struct {
	solo  solo
	ready chan struct{} // closed when the task has said so
	value T
}

// say is what the task calls ready.
func (h *beginning[T]) say(t *task, v T) {
	s := &h.solo
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended || s.stopped != nil:
	case !s.pending:
		panic("nursery: Start: ready called twice")
	default:
		s.pending = false
		h.value = v
		t.become(running)
		close(h.ready)
	}
}

// begins waits until the task is ready, or has ended without: then it returns
// false. When ctx ends before, the task is stopped.
func (s *solo) begins(ctx context.Context, ready <-chan struct{}) bool {
	if own, ok := ctx.(*scope); !ok || (*Nursery)(own) != s.n || s.shielded {
		unfollow := context.AfterFunc(ctx, func() { s.giveUp(ctx) })
		defer guarded(valueOf, func() { unfollow() })
	}
	select {
	case <-ready:
		return true
	case <-s.over:
	}
	select {
	case <-ready:
		return true
	default:
		return false
	}
}

// giveUp stops the task because ctx has ended, unless it is ready.
func (s *solo) giveUp(ctx context.Context) {
	cause := causeOf(ctx)
	s.mu.Lock()
	pending := s.pending
	if pending && s.stopped == nil {
		s.stopped = s.n.cancelledBy("Start", cause)
	}
	s.mu.Unlock()
	if pending {
		s.cancel(s.stopped)
	}
}

// failed returns, or raises, what Start does of a task that is not ready.
func (s *solo) failed(ctx context.Context) error {
	s.mu.Lock()
	stopped := s.stopped
	s.mu.Unlock()
	err := s.end.Err
	if s.end.panicked && s.n.cfg.onPanic != ReturnPanics {
		panic(err)
	}
	if stopped != nil {
		if err == nil || err == error(stopped) || err == error(s.n.cancelled.Load()) {
			return context.Cause(ctx)
		}
		return errors.Join(context.Cause(ctx), err)
	}
	if err != nil {
		return err
	}
	if c := s.n.ended(); c != nil {
		return c
	}
	return ErrNotReady
}
