package main

import (
	"context"

	"github.com/creche-go/creche/nursery"
)

var crecheLibrary = library{crecheName, map[kind]maker{
	scope:   crecheTasks(func(int) func(context.Context) error { return task }),
	looking: crecheTasks(func(int) func(context.Context) error { return look }),
	limited: crecheTasks(func(int) func(context.Context) error { return task }),
	failing: crecheTasks(func(i int) func(context.Context) error {
		if i == 0 {
			return func(context.Context) error { return fail() }
		}
		return await
	}),
	panics: func(w work) (operation, func()) {
		quiet := nursery.Bundle(nursery.Observe(func(context.Context, nursery.Report) {}))
		body := func(_ context.Context, n *nursery.Nursery) error {
			for i := range w.n {
				if i == w.n/2 {
					n.Go(func(context.Context) error { explode(); return nil })
					continue
				}
				n.Go(task)
			}
			return nil
		}
		return func(ctx context.Context) error {
			return recovered(func() { _ = nursery.Run(ctx, body, quiet) })
		}, nil
	},
	many: func(w work) (operation, func()) {
		one := func(_ context.Context, n *nursery.Nursery) error { n.Go(task); return nil }
		open := func(ctx context.Context) error { return nursery.Run(ctx, one) }
		return func(ctx context.Context) error {
			return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
				for range w.n {
					n.Go(open)
				}
				return nil
			})
		}, nil
	},
	nested: func(w work) (operation, func()) {
		return func(ctx context.Context) error { return crecheNested(ctx, w.n) }, nil
	},
	all: func(w work) (operation, func()) {
		switch w.n {
		case 1:
			return func(ctx context.Context) error { return nursery.All(ctx, task) }, nil
		case 2:
			return func(ctx context.Context) error { return nursery.All(ctx, task, task) }, nil
		}
		return func(ctx context.Context) error { return nursery.All(ctx, task, task, task) }, nil
	},
	each: func(w work) (operation, func()) {
		items := make([]*int, w.n)
		call := func(_ context.Context, item *int) (struct{}, error) { visit(item); return struct{}{}, nil }
		return func(ctx context.Context) error {
			_, err := nursery.Map(ctx, w.bound, items, call)
			return err
		}, nil
	},
}}

// crecheTasks starts tasks one after the other. That of the place in the
// middle is what of returns for 0.
func crecheTasks(of func(i int) func(context.Context) error) maker {
	return func(w work) (operation, func()) {
		special, usual := of(0), of(1)
		body := func(_ context.Context, n *nursery.Nursery) error {
			for i := range w.n {
				if i == w.n/2 {
					n.Go(special)
					continue
				}
				n.Go(usual)
			}
			return nil
		}
		if w.bound == 0 {
			return func(ctx context.Context) error { return nursery.Run(ctx, body) }, nil
		}
		limit := nursery.Bundle(nursery.Limit(w.bound))
		return func(ctx context.Context) error { return nursery.Run(ctx, body, limit) }, nil
	}
}

func crecheNested(ctx context.Context, depth int) error {
	return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
		n.Go(func(ctx context.Context) error {
			if depth == 1 {
				return task(ctx)
			}
			return crecheNested(ctx, depth-1)
		})
		return nil
	})
}
