package main

import (
	"context"

	"golang.org/x/sync/errgroup"
)

var errgroupLibrary = library{errgroupName, map[kind]maker{
	scope: func(w work) (operation, func()) {
		return func(ctx context.Context) error {
			g, _ := errgroup.WithContext(ctx)
			for range w.n {
				g.Go(plain)
			}
			return g.Wait()
		}, nil
	},
	looking: func(w work) (operation, func()) {
		return func(ctx context.Context) error {
			g, ctx := errgroup.WithContext(ctx)
			for range w.n {
				g.Go(func() error { return look(ctx) })
			}
			return g.Wait()
		}, nil
	},
	limited: func(w work) (operation, func()) {
		return func(ctx context.Context) error {
			g, _ := errgroup.WithContext(ctx)
			g.SetLimit(w.bound)
			for range w.n {
				g.Go(plain)
			}
			return g.Wait()
		}, nil
	},
	failing: func(w work) (operation, func()) {
		return func(ctx context.Context) error {
			g, ctx := errgroup.WithContext(ctx)
			for i := range w.n {
				if i == w.n/2 {
					g.Go(fail)
					continue
				}
				g.Go(func() error { return await(ctx) })
			}
			return g.Wait()
		}, nil
	},
	many: func(w work) (operation, func()) {
		return func(ctx context.Context) error {
			g, ctx := errgroup.WithContext(ctx)
			open := func() error {
				g, _ := errgroup.WithContext(ctx)
				g.Go(plain)
				return g.Wait()
			}
			for range w.n {
				g.Go(open)
			}
			return g.Wait()
		}, nil
	},
	nested: func(w work) (operation, func()) {
		return func(ctx context.Context) error { return errgroupNested(ctx, w.n) }, nil
	},
	each: func(w work) (operation, func()) {
		items := make([]int, w.n)
		return func(ctx context.Context) error {
			g, _ := errgroup.WithContext(ctx)
			g.SetLimit(w.bound)
			for i := range items {
				g.Go(func() error { visit(&items[i]); return nil })
			}
			return g.Wait()
		}, nil
	},
}}

func errgroupNested(ctx context.Context, depth int) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if depth == 1 {
			return plain()
		}
		return errgroupNested(ctx, depth-1)
	})
	return g.Wait()
}
