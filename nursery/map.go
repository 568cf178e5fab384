package nursery

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
)

// Map calls f for each item, at most limit calls at once, and returns the
// results in the order of the items:
//
//	prices, err := nursery.Map(ctx, 8, skus, lookUpPrice)
//
// It is [Run] with limit workers that share the items out, and returns when
// all have ended. The first failure cancels the context of the calls under
// way, and items that nobody has begun are left alone. Map then returns no
// results and the failure, or a [*MultiError] if several calls failed, in
// which [Failure].Index is the item's place, counted from 1. The end of ctx,
// panics and [ErrGoexit] are treated as in Run. Results are never incomplete
// beside a nil error: where f cancelled the nursery of its own context the
// error is that [*Cancelled].
//
// Each call may start more tasks with [From] of its context; Map joins them
// too. No items give no results and no error. A nil ctx or f and a limit below
// 1 panic. Map runs nothing in the caller's goroutine. Beside the results it
// makes three allocations, however many items there are.
func Map[T, R any](ctx context.Context, limit int, items []T, f func(ctx context.Context, item T) (R, error)) ([]R, error) {
	checkMap(ctx, "Map", limit, f == nil)
	if len(items) == 0 {
		return nil, nil
	}
	results := make([]R, len(items))
	err := share(ctx, codeOf(f), limit, len(items), func(ctx context.Context, i int) (err error) {
		results[i], err = f(ctx, items[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

func checkMap(ctx context.Context, call string, limit int, nilFunction bool) {
	switch {
	case ctx == nil:
		panic("nursery: " + call + ": nil context")
	case limit < 1:
		panic(fmt.Sprintf("nursery: %s: limit %d: want at least 1", call, limit))
	case nilFunction:
		panic("nursery: " + call + ": nil function")
	}
}

// batch is a nursery whose tasks are workers that take items by number. A
// task for each item would cost ten times as much where items are small.
type batch struct {
	n     Nursery
	t     task // what spawn starts, once for each worker
	do    func(ctx context.Context, i int) error
	count int
	next  atomic.Int64
	done  atomic.Int64 // calls that succeeded
}

// share calls do with the numbers below count, by at most limit workers. On the
// roll they are one, that runs code.
func share(ctx context.Context, code uintptr, limit, count int, do func(ctx context.Context, i int) error) error {
	b := &batch{do: do, count: count}
	b.t.entry, b.t.n, b.t.pc, b.t.index, b.t.embedded = b.work, &b.n, code, 1, true
	b.n.open(ctx, nil)
	workers := min(limit, count, live-1)
	// Items are numbered as tasks are, and tasks that they start come after.
	b.n.state.Store(uint64(min(count, math.MaxUint32))*spawned + uint64(workers) + 1)
	b.n.enrol(&b.t, b.n.state.Load())
	for range workers {
		spawn(&b.t)
	}
	err := b.n.Join()
	if err == nil && int(b.done.Load()) < count {
		return b.n.cancelled.Load()
	}
	return err
}

// work is the life of a worker's goroutine. It keeps the promises that
// task.step keeps for other tasks, with the item's number in place of the
// task's.
func (b *batch) work() {
	n := &b.n
	defer n.leave()
	i, done, returned := 0, 0, false
	defer func() {
		b.done.Add(int64(done))
		if returned {
			return
		}
		if v := recover(); v != nil {
			n.settle(n.panicked(uint32(i+1), "", v))
		} else {
			n.settle(exited(itemFailure(i, ErrGoexit)))
		}
	}()
	for i = b.take(); i >= 0; i = b.take() {
		if err := b.do((*scope)(n), i); err != nil {
			n.settle(itemFailure(i, err))
			break // for n is cancelled, by this failure or by what it echoes
		}
		done++
	}
	returned = true
}

// take returns the next item's number, or -1 if there is none or it may not
// be begun any more.
func (b *batch) take() int {
	i := int(b.next.Add(1)) - 1
	if i >= b.count {
		return -1
	}
	if c := b.n.ended(); c != nil {
		if c.parent {
			b.n.fileCut()
		}
		return -1
	}
	return i
}

func itemFailure(i int, err error) failure {
	return failure{Failure: Failure{Err: err, Index: i + 1}}
}
