package main

import (
	"context"

	"github.com/creachadair/taskgroup"
)

// Its groups have no context; its documentation gives them the cancel function
// of one.
var taskgroupLibrary = library{"taskgroup", map[kind]maker{
	scope:   taskgroupTasks(func(context.Context, int) func() error { return plain }),
	looking: taskgroupTasks(func(ctx context.Context, _ int) func() error { return func() error { return look(ctx) } }),
	limited: func(w work) (operation, func()) {
		return func(ctx context.Context) error {
			_, cancel := context.WithCancel(ctx)
			defer cancel()
			g, start := taskgroup.New(cancel).Limit(w.bound)
			for range w.n {
				start.Go(plain)
			}
			return g.Wait()
		}, nil
	},
	failing: func(w work) (operation, func()) {
		return taskgroupTasks(func(ctx context.Context, i int) func() error {
			if i == w.n/2 {
				return fail
			}
			return func() error { return await(ctx) }
		})(w)
	},
	many: func(w work) (operation, func()) {
		return taskgroupTasks(func(ctx context.Context, _ int) func() error {
			return func() error {
				_, cancel := context.WithCancel(ctx)
				defer cancel()
				g := taskgroup.New(cancel)
				g.Go(plain)
				return g.Wait()
			}
		})(w)
	},
	nested: func(w work) (operation, func()) {
		return func(ctx context.Context) error { return taskgroupNested(ctx, w.n) }, nil
	},
	each: func(w work) (operation, func()) {
		items := make([]int, w.n)
		return func(ctx context.Context) error {
			_, cancel := context.WithCancel(ctx)
			defer cancel()
			g, start := taskgroup.New(cancel).Limit(w.bound)
			for i := range items {
				start.Run(func() { visit(&items[i]) })
			}
			return g.Wait()
		}, nil
	},
}}

func taskgroupTasks(of func(ctx context.Context, i int) func() error) maker {
	return func(w work) (operation, func()) {
		return func(ctx context.Context) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			g := taskgroup.New(cancel)
			for i := range w.n {
				g.Go(of(ctx, i))
			}
			return g.Wait()
		}, nil
	}
}

func taskgroupNested(ctx context.Context, depth int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g := taskgroup.New(cancel)
	g.Go(func() error {
		if depth == 1 {
			return plain()
		}
		return taskgroupNested(ctx, depth-1)
	})
	return g.Wait()
}
