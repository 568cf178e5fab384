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
// makes two allocations, however many items there are.
func Map[T, R any](ctx context.Context, limit int, items []T, f func(ctx context.Context, item T) (R, error)) ([]R, error) {
	checkMap(ctx, "Map", limit, f == nil)
	if len(items) == 0 {
		return nil, nil
	}
	b := &batch[T, R]{f: f, items: items, results: make([]R, len(items))}
	if err := b.run(ctx, limit); err != nil {
		return nil, err
	}
	return b.results, nil
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
// task for each item would cost ten times as much where items are small. (To
// take several at a time would cost less still, and have slow ones wait for
// each other while other workers are idle.)
type batch[T, R any] struct {
	n       Nursery
	t       task // what spawn starts, once for each worker
	f       func(ctx context.Context, item T) (R, error)
	items   []T
	results []R
	next    atomic.Int64
	done    atomic.Int64 // calls that succeeded
}

// run has at most limit workers call f with the items. In listings they are
// one task.
func (b *batch[T, R]) run(ctx context.Context, limit int) error {
	b.t.entry = b.work
	b.n.open(ctx, nil)
	count := len(b.items)
	workers := min(limit, count, live-1)
	// Items are numbered as tasks are, and tasks that they start come after.
	b.n.state.Store(min(uint64(count), math.MaxUint32)*spawned + uint64(workers) + 1)
	listed := newTask()
	listed.n, listed.index = &b.n, 1
	listed.stands(b.f)
	listed.phase.Store(running)
	defer listed.retire()
	for range workers {
		spawn(&b.t)
	}
	err := b.n.join()
	if err == nil && int(b.done.Load()) < count {
		return b.n.cancelled.Load()
	}
	return err
}

// work is the life of a worker's goroutine. It keeps the promises that
// task.step keeps for other tasks, with the item's number in place of the
// task's.
func (b *batch[T, R]) work() {
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
	var err error
	for i = b.take(); i >= 0; i = b.take() {
		if b.results[i], err = b.f((*scope)(n), b.items[i]); err != nil {
			n.settle(itemFailure(i, err))
			break // for n is cancelled, by this failure or by what it echoes
		}
		done++
	}
	returned = true
}

// take returns the next item's number, or -1 if there is none or it may not
// be begun any more.
func (b *batch[T, R]) take() int {
	i := int(b.next.Add(1)) - 1
	switch {
	case i >= len(b.items):
		return -1
	case b.n.cancelled.Load() != nil || b.n.parent.Err() != nil:
		if c := b.n.ended(); c.parent {
			b.n.fileCut()
		}
		return -1
	}
	return i
}

func itemFailure(i int, err error) *failure {
	return &failure{Failure: Failure{Err: err, Index: i + 1}}
}
