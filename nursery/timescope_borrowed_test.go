package nursery_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// borrowing is a context with the values of another one behind its own.
type borrowing struct {
	context.Context
	values context.Context
}

func (b borrowing) Value(key any) any {
	if v := b.Context.Value(key); v != nil {
		return v
	}
	return b.values.Value(key)
}

// N15: who was given the values of a context is not inside of its calls, and
// has only deadlines of its own to move.
func TestADeadlineIsNotMovedByBorrowers(t *testing.T) {
	moves := func(ctx context.Context) bool { return nursery.MoveDeadline(ctx, time.Now().Add(time.Minute)) }
	inside := func(run func(ctx context.Context, f func(context.Context) error) error) func(ctx context.Context) bool {
		return func(ctx context.Context) (moved bool) {
			_ = run(ctx, func(ctx context.Context) error { moved = moves(ctx); return nil })
			return moved
		}
	}
	inNursery := inside(func(ctx context.Context, f func(context.Context) error) error { return nursery.Run(ctx, starts(f)) })
	inOwn := inside(func(ctx context.Context, f func(context.Context) error) error {
		return nursery.FailAfter(ctx, time.Second, f)
	})
	lenders := map[string]func(ctx context.Context, f func(context.Context) error) error{
		"outside any nursery": func(ctx context.Context, f func(context.Context) error) error { return f(ctx) },
		"in a nursery": func(ctx context.Context, f func(context.Context) error) error {
			return nursery.Run(ctx, func(ctx context.Context, _ *nursery.Nursery) error { return f(ctx) })
		},
	}
	tests := []struct {
		name  string
		moves func(ctx context.Context) bool
		want  bool // moved something, which is its own
	}{
		{"a task", moves, false},
		{"a task of a nursery in it", inNursery, false},
		{"what has a deadline of its own", inOwn, true},
		{"a task in what has", inside(func(ctx context.Context, f func(context.Context) error) error {
			return nursery.FailAfter(ctx, time.Second, func(ctx context.Context) error { return nursery.Run(ctx, starts(f)) })
		}), true},
	}
	for where, lend := range lenders {
		for _, tt := range tests {
			t.Run(tt.name+", of a call "+where, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					elsewhere := new(nursery.Nursery)
					elsewhere.Open(context.Background())
					began := time.Now()
					err := lend(t.Context(), func(ctx context.Context) error {
						return nursery.FailAfter(ctx, time.Hour, func(ctx context.Context) error {
							elsewhere.Go(func(own context.Context) error {
								if got := tt.moves(borrowing{own, ctx}); got != tt.want {
									t.Errorf("got moved %v, want %v", got, tt.want)
								}
								return nil
							})
							return waits(ctx)
						})
					})
					if timeout(t, err); time.Since(began) != time.Hour {
						t.Errorf("got the deadline after %v, want an hour", time.Since(began))
					}
					if err := elsewhere.Join(); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}
