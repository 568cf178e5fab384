package nursery

import (
	"context"
	"time"
)

// scope is a Nursery seen as a context. The nursery is its own context so
// that opening one is one allocation, and so that a standard cancel context,
// which costs three more, is built only when somebody asks for Done.
type scope Nursery

// nurseryKey is the address by which [From] finds a nursery.
var nurseryKey = &contextKey{"nursery"}

type contextKey struct{ name string }

func (k *contextKey) String() string { return "nursery: context key " + k.name }

// From returns the nursery that ctx belongs to: the innermost one whose body
// or task was given ctx, or a context derived from it. It returns nil outside
// any nursery; [Nursery.Go] on that nil panics and says what is missing. A nil
// ctx panics.
func From(ctx context.Context) *Nursery {
	if ctx == nil {
		panic("nursery: From: nil context")
	}
	if s, ok := ctx.(*scope); ok {
		return (*Nursery)(s)
	}
	n, _ := ctx.Value(nurseryKey).(*Nursery)
	return n
}

// Context returns the context of n: the one that its body is given, or that
// [Nursery.Open] returned. It is for code that has found a nursery, with [From],
// and needs what is n's and not what has been added further in. Code of a task uses
// the context that the task is given. It may be called from any goroutine and after
// n closed, when the context has ended, and allocates nothing. On a nil nursery, and
// on one that was never opened, it panics.
func (n *Nursery) Context() context.Context {
	n.mustBeOpened("Context")
	return (*scope)(n)
}

// Deadline returns the parent's: a nursery has none of its own.
func (s *scope) Deadline() (time.Time, bool) { return s.parent.Deadline() }

func (s *scope) Done() <-chan struct{} {
	n := (*Nursery)(s)
	_ = n.ended() // so that who asks now need not wait for what follow started
	return n.signal().Done()
}

func (s *scope) Err() error {
	n := (*Nursery)(s)
	c := n.ended()
	if c == nil {
		return nil
	}
	if n.isBuilt() {
		n.signal() // not before Done is closed
	}
	return c.err
}

// Value answers for the nursery itself and for package context's own key,
// which must lead to the context that Done belongs to: then children made
// with [context.WithCancel] or [context.AfterFunc] hang on it directly,
// without a goroutine each, and [context.Cause] finds our cause.
func (s *scope) Value(key any) any {
	if key == nurseryKey {
		return (*Nursery)(s)
	}
	n := (*Nursery)(s)
	// Cause may get here before anybody noticed the end or asked for Done.
	// Context's key is a *int, which spares the other look-ups the walk up to
	// the parent.
	if _, ok := key.(*int); ok && n.ended() != nil {
		n.signal()
	}
	if n.isBuilt() {
		if v := n.done.Value(key); v != nil {
			return v
		}
	}
	return n.parent.Value(key)
}

func (s *scope) String() string {
	if name := s.cfg.name; name != "" {
		return "nursery " + name
	}
	return "nursery"
}

// signal returns the standard context whose Done is the nursery's, built on
// first use. Once the nursery is cancelled so is that context: who came
// between the two steps of a cancellation waits for the second, as in the
// standard context. No code of users runs there.
func (n *Nursery) signal() context.Context {
	if !n.isBuilt() {
		n.buildSignal()
	}
	if n.cancelled.Load() != nil {
		await(n.done.Done())
	}
	return n.done
}

// await returns when done is closed. That it is nearly always is seen without
// its lock.
func await(done <-chan struct{}) {
	select {
	case <-done:
	default:
		<-done
	}
}

func (n *Nursery) isBuilt() bool { return n.state.Load()&built != 0 }

func (n *Nursery) buildSignal() {
	n.mu.Lock()
	fresh := !n.isBuilt()
	if fresh {
		n.done, n.cancelDone = context.WithCancelCause(context.Background())
		n.state.Or(built)
	}
	n.mu.Unlock()
	// cancel sets cancelled and then looks whether it is built; here it is the
	// other way round, so at least one of the two closes Done.
	if c := n.cancelled.Load(); c != nil {
		n.cancelDone(c)
	} else if fresh && n.parent.Done() != nil {
		n.follow()
	}
}
