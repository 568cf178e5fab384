package creche

import (
	"context"
	"slices"
	"time"

	"github.com/creche-go/creche/nursery"
)

// scopeKeys are the keys by which package context finds the cancellation of a
// context, and package nursery the nursery and the call with a deadline that it
// is in. What a handler hands on beyond its request must lead there to nothing of
// the request. The keys are not exported, but asked for.
var scopeKeys = askedBy(func(ctx context.Context) {
	_ = context.Cause(ctx)
	_ = nursery.From(ctx)
	_ = nursery.MoveDeadline(ctx, time.Time{})
})

func isScopeKey(key any) bool { return slices.Contains(scopeKeys, key) }

// askedBy returns the keys of the values that f asks its context for.
func askedBy(f func(ctx context.Context)) []any {
	ended, end := context.WithCancel(context.Background())
	end() // for only then has it a cause
	seen := &witness{Context: ended}
	f(seen)
	return seen.keys
}

// witness is a context that keeps the keys it is asked for.
type witness struct {
	context.Context
	keys []any
}

func (w *witness) Value(key any) any {
	w.keys = append(w.keys, key)
	return nil
}
