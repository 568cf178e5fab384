package main

import (
	"context"
	"slices"

	"github.com/arunsworld/nursery"
)

// job makes of a task what arunsworld/nursery runs.
func job(f func(context.Context) error) nursery.ConcurrentJob {
	return func(ctx context.Context, errs chan error) {
		if err := f(ctx); err != nil {
			errs <- err
		}
	}
}

// Its scope is a call with all jobs, which are known beforehand.
var arunsworldLibrary = library{"arunsworld", map[kind]maker{
	scope:   arunsworldTasks(task),
	looking: arunsworldTasks(look),
	failing: func(w work) (operation, func()) {
		jobs := slices.Repeat([]nursery.ConcurrentJob{job(await)}, w.n)
		jobs[w.n/2] = job(func(context.Context) error { return fail() })
		return func(ctx context.Context) error { return nursery.RunConcurrentlyWithContext(ctx, jobs...) }, nil
	},
	many: func(w work) (operation, func()) {
		inner := job(task)
		open := job(func(ctx context.Context) error { return nursery.RunConcurrentlyWithContext(ctx, inner) })
		jobs := slices.Repeat([]nursery.ConcurrentJob{open}, w.n)
		return func(ctx context.Context) error { return nursery.RunConcurrentlyWithContext(ctx, jobs...) }, nil
	},
	nested: func(w work) (operation, func()) {
		return func(ctx context.Context) error { return arunsworldNested(ctx, w.n) }, nil
	},
}}

func arunsworldTasks(f func(context.Context) error) maker {
	return func(w work) (operation, func()) {
		jobs := slices.Repeat([]nursery.ConcurrentJob{job(f)}, w.n)
		return func(ctx context.Context) error { return nursery.RunConcurrentlyWithContext(ctx, jobs...) }, nil
	}
}

func arunsworldNested(ctx context.Context, depth int) error {
	return nursery.RunConcurrentlyWithContext(ctx, job(func(ctx context.Context) error {
		if depth == 1 {
			return task(ctx)
		}
		return arunsworldNested(ctx, depth-1)
	}))
}
