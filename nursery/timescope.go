package nursery

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// timeScope is the context of a [MoveOnAfter], [FailAfter] or [Shield]. The
// standard library's context with a deadline would do but for two things: its
// deadline cannot be moved, and of a context that was cancelled by hand its
// children say Canceled where DeadlineExceeded is meant. So Done belongs to a
// standard cancel context whose parent is the trunk, a view of the scope that
// decides when and with what words it ends.
type timeScope struct {
	parent   context.Context
	call     string
	began    time.Time
	inner    context.Context // the standard one, which children hang on
	cancel   context.CancelCauseFunc
	spread   func()      // ends inner in the words of end
	unfollow func() bool // stops waiting for the parent's end

	end atomic.Pointer[ending]

	mu       sync.Mutex // guards what follows; never held across a wait
	deadline time.Time
	timer    *time.Timer
	yielded  bool // see expire
}

// ending is how a scope ended. There is only one, and it is never changed.
type ending struct {
	err     error           // what the context's Err returns
	why     context.Context // where the cause is found
	timeout *TimeoutError   // if time was up
}

// returned is how a scope ends that nothing cut.
var returned = &ending{err: context.Canceled}

var timeScopeKey = &contextKey{"time scope"}

func openTimeScope(parent context.Context, call string, d time.Duration) *timeScope {
	s := &timeScope{parent: parent, call: call, began: time.Now()}
	s.deadline = s.began.Add(d)
	s.inner, s.cancel = context.WithCancelCause((*trunk)(s))
	if s.ended() != nil {
		return s
	}
	if d <= 0 {
		s.move(s.deadline)
		return s
	}
	s.mu.Lock() // for the timer may be quick
	s.timer = time.AfterFunc(d, s.expire)
	s.mu.Unlock()
	if parent.Done() != nil {
		s.unfollow = context.AfterFunc(parent, func() { s.ended() })
	}
	return s
}

// close lets go of what the scope holds. Its context ends, if it has not, with
// cause [ErrClosed].
func (s *timeScope) close() {
	if s.ended() == nil && s.end.CompareAndSwap(nil, returned) {
		s.cancel(closedCause)
	}
	if s.unfollow != nil {
		guarded(valueOf, func() { s.unfollow() })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
}

// ended returns how the scope ended, noticing the parent's end if nobody has
// yet, or nil if it has not.
func (s *timeScope) ended() *ending {
	if e := s.end.Load(); e != nil {
		return e
	}
	if err := s.parent.Err(); err != nil && s.end.CompareAndSwap(nil, &ending{err: err, why: s.parent}) {
		s.spread()
	}
	return s.end.Load()
}

// expire ends the scope if its time is up.
func (s *timeScope) expire() {
	if s.ended() != nil {
		return
	}
	outer, bounded := s.parent.Deadline()
	s.mu.Lock()
	left := time.Until(s.deadline)
	up := false
	switch {
	case s.end.Load() != nil:
	case left > 0: // it was moved, or the clock was set back
		s.timer.Reset(left)
	case bounded && !s.yielded && !outer.After(s.deadline):
		// The parent's time is up too, in this very instant, and it has the
		// precedence. Should it not end after all, because it was moved or
		// tells a deadline that it does not keep, our own counts.
		s.yielded = true
		s.timer.Reset(time.Millisecond)
	default:
		up = s.timeUp()
	}
	s.mu.Unlock()
	if up {
		s.spread()
	}
}

// timeUp settles that time is up, and reports whether it did. The caller holds
// mu, so that no deadline is moved after it, and calls spread without it.
func (s *timeScope) timeUp() bool {
	timeout := &TimeoutError{Call: s.call, After: max(0, s.deadline.Sub(s.began)), words: new(atomic.Pointer[string])}
	why, cancel := context.WithCancelCause(context.Background())
	cancel(timeout)
	return s.end.CompareAndSwap(nil, &ending{err: context.DeadlineExceeded, why: why, timeout: timeout})
}

// move sets the deadline to t unless the scope has ended.
func (s *timeScope) move(t time.Time) bool {
	if s.ended() != nil {
		return false
	}
	s.mu.Lock()
	if s.end.Load() != nil {
		s.mu.Unlock()
		return false
	}
	s.deadline, s.yielded = t, false
	left := time.Until(t)
	up := false
	if left > 0 {
		s.timer.Reset(left)
	} else {
		up = s.timeUp()
	}
	s.mu.Unlock()
	if up {
		s.spread()
	}
	return true
}

// isAround reports whether ctx, which has the value of s, is inside of s. Otherwise it
// has only taken over values, and is in a nursery that is not inside: on the way out
// of that one s is not met again.
func (s *timeScope) isAround(ctx context.Context) bool {
	home := From(s.parent)
	for {
		n := From(ctx)
		if n == home {
			return true
		}
		if n == nil || n.parent.Value(timeScopeKey) != s {
			return false
		}
		ctx = n.parent
	}
}

// Deadline returns the scope's own or, if that is sooner, the parent's.
func (s *timeScope) Deadline() (time.Time, bool) {
	outer, ok := s.parent.Deadline()
	s.mu.Lock()
	defer s.mu.Unlock()
	if ok && outer.Before(s.deadline) {
		return outer, true
	}
	return s.deadline, true
}

func (s *timeScope) Done() <-chan struct{} {
	_ = s.ended() // so that who asks now need not wait for what follows the parent
	return s.inner.Done()
}

func (s *timeScope) Err() error {
	e := s.ended()
	if e == nil {
		return nil
	}
	<-s.inner.Done() // whoever ended the scope is about to close it
	return e.err
}

// Value answers for the scope itself, and for package context's own key, a
// *int, with the context that Done belongs to: see the same of a nursery.
func (s *timeScope) Value(key any) any {
	if key == timeScopeKey {
		return s
	}
	if _, ok := key.(*int); ok {
		if s.ended() != nil {
			<-s.inner.Done()
		}
		if v := s.inner.Value(key); v != nil {
			return v
		}
	}
	return s.parent.Value(key)
}

func (s *timeScope) String() string { return "nursery." + s.call }

// trunk is a timeScope seen as the parent of its own inner context. Package
// context lets a type of somebody else's end its children without a goroutine
// if it has the method AfterFunc; the children then get its Err, and its cause
// as [context.Cause] finds it.
type trunk timeScope

// AfterFunc keeps f, which ends the inner context. It is called once, by
// [context.WithCancelCause].
func (r *trunk) AfterFunc(f func()) (stop func() bool) {
	r.spread = f
	return func() bool { return false }
}

// Deadline is never asked for: the scope answers itself.
func (r *trunk) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done returns a channel that is not nil, which would mean that the trunk
// never ends. Nothing waits for it, because there is AfterFunc.
func (r *trunk) Done() <-chan struct{} { return make(chan struct{}) }

func (r *trunk) Err() error {
	if e := r.end.Load(); e != nil {
		return e.err
	}
	return nil
}

// Value leads context.Cause to the cause once there is one.
func (r *trunk) Value(key any) (v any) {
	if e := r.end.Load(); e != nil && e.why != nil {
		guarded(valueOf, func() { v = e.why.Value(key) })
	}
	return v
}
