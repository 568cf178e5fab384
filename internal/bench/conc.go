package main

import (
	"context"

	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/iter"
	"github.com/sourcegraph/conc/pool"
)

func concPool(ctx context.Context) *pool.ContextPool {
	return pool.New().WithContext(ctx).WithCancelOnError()
}

var concLibrary = library{concName, map[kind]maker{
	scope:   concTasks(task),
	looking: concTasks(look),
	limited: func(w work) (operation, func()) {
		return func(ctx context.Context) error {
			p := concPool(ctx).WithMaxGoroutines(w.bound)
			for range w.n {
				p.Go(task)
			}
			return p.Wait()
		}, nil
	},
	failing: func(w work) (operation, func()) {
		return func(ctx context.Context) error {
			p := concPool(ctx)
			for i := range w.n {
				if i == w.n/2 {
					p.Go(func(context.Context) error { return fail() })
					continue
				}
				p.Go(await)
			}
			return p.Wait()
		}, nil
	},
	panics: func(w work) (operation, func()) {
		return func(context.Context) error {
			var g conc.WaitGroup
			for i := range w.n {
				if i == w.n/2 {
					g.Go(explode)
					continue
				}
				g.Go(nothing)
			}
			return recovered(g.Wait)
		}, nil
	},
	many: func(w work) (operation, func()) {
		open := func(ctx context.Context) error {
			p := concPool(ctx)
			p.Go(task)
			return p.Wait()
		}
		return func(ctx context.Context) error {
			p := concPool(ctx)
			for range w.n {
				p.Go(open)
			}
			return p.Wait()
		}, nil
	},
	nested: func(w work) (operation, func()) {
		return func(ctx context.Context) error { return concNested(ctx, w.n) }, nil
	},
	each: func(w work) (operation, func()) {
		items := make([]int, w.n)
		it := iter.Iterator[int]{MaxGoroutines: w.bound}
		return func(context.Context) error { it.ForEach(items, visit); return nil }, nil
	},
}}

func concTasks(f func(context.Context) error) maker {
	return func(w work) (operation, func()) {
		return func(ctx context.Context) error {
			p := concPool(ctx)
			for range w.n {
				p.Go(f)
			}
			return p.Wait()
		}, nil
	}
}

func concNested(ctx context.Context, depth int) error {
	p := concPool(ctx)
	p.Go(func(ctx context.Context) error {
		if depth == 1 {
			return task(ctx)
		}
		return concNested(ctx, depth-1)
	})
	return p.Wait()
}
