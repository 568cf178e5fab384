package main

import (
	"context"

	"github.com/alitto/pond/v2"
)

// pondLibrary has one pool for all groups of a work, as pond's documentation
// has it.
var pondLibrary = library{"pond", map[kind]maker{
	scope:   pondTasks(func(context.Context) func() error { return plain }),
	looking: pondTasks(func(ctx context.Context) func() error { return func() error { return look(ctx) } }),
	limited: pondTasks(func(context.Context) func() error { return plain }),
	failing: pondMiddle(fail, func(ctx context.Context) func() error { return func() error { return await(ctx) } }),
	panics:  pondMiddle(func() error { explode(); return nil }, func(context.Context) func() error { return plain }),
	many: func(w work) (operation, func()) {
		p := pond.NewPool(0)
		return func(ctx context.Context) error {
			g := p.NewGroupContext(ctx)
			ctx = g.Context()
			open := func() error { return p.NewGroupContext(ctx).SubmitErr(plain).Wait() }
			for range w.n {
				g.SubmitErr(open)
			}
			return g.Wait()
		}, p.StopAndWait
	},
	nested: func(w work) (operation, func()) {
		p := pond.NewPool(0)
		return func(ctx context.Context) error { return pondNested(ctx, p, w.n) }, p.StopAndWait
	},
	each: func(w work) (operation, func()) {
		p, items := pond.NewPool(w.bound), make([]int, w.n)
		return func(ctx context.Context) error {
			g := p.NewGroupContext(ctx)
			for i := range items {
				g.Submit(func() { visit(&items[i]) })
			}
			return g.Wait()
		}, p.StopAndWait
	},
}}

func pondTasks(of func(ctx context.Context) func() error) maker {
	return func(w work) (operation, func()) {
		p := pond.NewPool(w.bound)
		return func(ctx context.Context) error {
			g := p.NewGroupContext(ctx)
			ctx = g.Context()
			for range w.n {
				g.SubmitErr(of(ctx))
			}
			return g.Wait()
		}, p.StopAndWait
	}
}

func pondMiddle(special func() error, of func(ctx context.Context) func() error) maker {
	return func(w work) (operation, func()) {
		p := pond.NewPool(0)
		return func(ctx context.Context) error {
			g := p.NewGroupContext(ctx)
			ctx = g.Context()
			for i := range w.n {
				if i == w.n/2 {
					g.SubmitErr(special)
					continue
				}
				g.SubmitErr(of(ctx))
			}
			return g.Wait()
		}, p.StopAndWait
	}
}

func pondNested(ctx context.Context, p pond.Pool, depth int) error {
	g := p.NewGroupContext(ctx)
	ctx = g.Context()
	g.SubmitErr(func() error {
		if depth == 1 {
			return plain()
		}
		return pondNested(ctx, p, depth-1)
	})
	return g.Wait()
}
