package nursery

import (
	"context"
	"time"
)

// The contexts that are made here have no values but the nursery itself and what
// leads to their end. So code that keeps the values of a context for longer than
// that lasts need not keep the context: it asks for the method ValuesFrom, which
// is for package creche. Without it a background task that starts its successor
// would keep the contexts of all that went before it.

// ValuesFrom returns the context around the nursery.
func (s *scope) ValuesFrom() context.Context { return s.parent }

// ValuesFrom returns the context that the call was given.
func (s *timeScope) ValuesFrom() context.Context { return s.parent }

// apart is a standard context that ends apart from what it has its values from,
// which that does not tell.
type apart struct {
	context.Context
	from context.Context
}

// ValuesFrom returns the context that the standard one was made of.
func (a *apart) ValuesFrom() context.Context { return a.from }

// uncancelled is what [context.WithoutCancel] returns of a context, which does not
// tell it.
type uncancelled struct{ context.Context }

func (uncancelled) Deadline() (at time.Time, ok bool) { return time.Time{}, false }
func (uncancelled) Done() <-chan struct{}             { return nil }
func (uncancelled) Err() error                        { return nil }

// Value hides what leads to an end. That is behind a key of package context's own,
// a *int, which only that package can tell from somebody else's.
func (u uncancelled) Value(key any) any {
	if _, ok := key.(*int); ok {
		return context.WithoutCancel(u.Context).Value(key)
	}
	return u.Context.Value(key)
}

// ValuesFrom returns the context.
func (u uncancelled) ValuesFrom() context.Context { return u.Context }
