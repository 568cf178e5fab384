package nursery

import (
	"context"
	"fmt"
)

// All runs tasks concurrently, in a nursery of their own, and returns when
// all have ended: nil, the error of the one that failed or, if several did, a
// [*MultiError]. The first failure cancels the others' context. It is [Run]
// in one line, and [Into] gets results out:
//
//	err := nursery.All(ctx,
//		nursery.Into(&user, fetchUser),
//		nursery.Into(&cart, fetchCart),
//	)
//
// The last task runs in the caller's goroutine, so a Goexit in it (t.FailNow,
// say) exits the caller once the others have ended. Without tasks All returns
// nil. A nil ctx or task panics before anything has started.
func All(ctx context.Context, tasks ...func(ctx context.Context) error) error {
	if ctx == nil {
		panic("nursery: All: nil context")
	}
	for i, task := range tasks {
		if task == nil {
			panic(fmt.Sprintf("nursery: All: task %d is nil", i+1))
		}
	}
	if len(tasks) == 0 {
		return nil
	}
	n := &Nursery{parent: ctx, cfg: plain}
	count := uint64(len(tasks))
	n.state.Store(count*spawned + count) // the last one is live in the body's place
	last := len(tasks) - 1
	for i, task := range tasks[:last] {
		t := newTask()
		t.n, t.fn, t.index = n, task, uint32(i+1)
		t.launch()
	}
	return n.run(uint32(count), func(ctx context.Context, _ *Nursery) error { return tasks[last](ctx) })
}

// Into makes a task of f that stores its result in *dst. An f that fails
// leaves *dst as it was. Read *dst when the nursery has been joined, not
// before. A nil dst or f panics.
func Into[T any](dst *T, f func(ctx context.Context) (T, error)) func(ctx context.Context) error {
	if dst == nil {
		panic("nursery: Into: nil destination")
	}
	if f == nil {
		panic("nursery: Into: nil function")
	}
	return func(ctx context.Context) error {
		v, err := f(ctx)
		if err == nil {
			*dst = v
		}
		return err
	}
}
