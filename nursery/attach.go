package nursery

import "context"

// Attach runs f as a task of n in the caller's own goroutine, and returns what
// f does, a failure wrapped. It is for goroutines that others own and that call
// us: a handler of net/http, a callback of a driver.
//
//	func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
//		err := s.nursery.Attach("snapshot", func(ctx context.Context) error { return s.snapshot(ctx, w) })
//		…
//	}
//
// While f runs n stays open. F is given the context of n, not that of the
// caller, and what it fails with is a failure of n too, under that name (""
// is none). A panic of f cancels n and is reported like any, and is then raised
// in the caller as a [*PanicError], unless [ReturnPanics] says otherwise; a
// Goexit is a failure of n and goes on. So both the caller and the join of n
// learn of it. A caller who is of n, its body or a task, may pass that on: error
// and panic are known there, as those of [Task.Wait] are, and told once, where they
// have cancelled n or the caller's failure would not. (A Goexit
// ends caller and f, and counts for both.) It does not count against a [Limit].
//
// When n has closed Attach returns [ErrClosed] and does not call f. A nil f, a
// nil nursery and one that was never opened panic.
func (n *Nursery) Attach(name string, f func(ctx context.Context) error) error {
	n.mustBeOpened("Attach")
	if f == nil {
		panic("nursery: Attach: nil function")
	}
	s, ok := n.enter(spawned)
	if !ok {
		return ErrClosed
	}
	t := newTask()
	t.n, t.unlimited, t.index, t.fn = n, true, place(s), f
	if name != "" {
		t.note().name = name
	}
	t.notice(s)
	t.phase.Store(running)
	return t.attached(f)
}

// attached runs f in place of t's goroutine. It has a frame of its own for the
// Goexit, as [Nursery.run] has.
func (t *task) attached(f func(context.Context) error) error {
	onPanic := t.n.cfg.onPanic
	returned := false
	defer func() {
		var none *task
		defer t.out(&none)
		if !returned {
			t.settle(exited(t.failure(ErrGoexit)))
		}
	}()
	err, end := t.callAttached(f)
	returned = true
	switch {
	case end == nil || end.Err == nil: // an echo is the caller's to return
		return err
	case end.panicked && onPanic != ReturnPanics:
		panic(err)
	}
	return &told{err: err, n: t.n}
}

// callAttached returns what f ended with and, if that is an error, how it was
// settled.
func (t *task) callAttached(f func(context.Context) error) (err error, end *failure) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			end = t.n.panicked(t.index, t.name(), v)
			err = end.Err
			t.settle(end)
		}
	}()
	err = f((*scope)(t.n))
	returned = true
	if err != nil {
		end = t.failure(err)
		t.settle(end)
	}
	return err, end
}
