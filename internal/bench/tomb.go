package main

import (
	"context"

	"gopkg.in/tomb.v2"
)

// A tomb is dead, and may not be used any more, once none of its goroutines
// is left. More than one task is therefore started by a goroutine of the tomb
// itself.
var tombLibrary = library{"tomb", map[kind]maker{
	scope:   tombTasks(func(context.Context, int) func() error { return plain }),
	looking: tombTasks(func(ctx context.Context, _ int) func() error { return func() error { return look(ctx) } }),
	failing: func(w work) (operation, func()) {
		return tombTasks(func(ctx context.Context, i int) func() error {
			if i == w.n/2 {
				return fail
			}
			return func() error { return await(ctx) }
		})(w)
	},
	many: func(w work) (operation, func()) {
		return tombTasks(func(ctx context.Context, _ int) func() error {
			return func() error {
				t, _ := tomb.WithContext(ctx)
				t.Go(plain)
				return t.Wait()
			}
		})(w)
	},
	nested: func(w work) (operation, func()) {
		return func(ctx context.Context) error { return tombNested(ctx, w.n) }, nil
	},
}}

func tombTasks(of func(ctx context.Context, i int) func() error) maker {
	return func(w work) (operation, func()) {
		return func(ctx context.Context) error {
			t, ctx := tomb.WithContext(ctx)
			if w.n == 1 {
				t.Go(of(ctx, 0))
				return t.Wait()
			}
			t.Go(func() error {
				for i := range w.n {
					t.Go(of(ctx, i))
				}
				return nil
			})
			return t.Wait()
		}, nil
	}
}

func tombNested(ctx context.Context, depth int) error {
	t, ctx := tomb.WithContext(ctx)
	t.Go(func() error {
		if depth == 1 {
			return plain()
		}
		return tombNested(ctx, depth-1)
	})
	return t.Wait()
}
