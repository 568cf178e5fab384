package nursery

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// errWon is the reason for which those who lose a race are cancelled.
var errWon = errors.New("nursery: another task won the race")

// Race runs tasks concurrently and returns the result of the first that
// succeeds. The others are cancelled, and Race returns when they have ended.
//
//	addr, err := nursery.Race(ctx, lookUpHere, lookUpThere)
//
// A task that fails leaves the others alone. If all do, the error is that of
// the only one, or a [*MultiError] of all in the order of failing, with each
// task's place in [Failure].Index. If the end of ctx cut the race short and
// nobody won, [context.Cause] of ctx is among them. What the losers of a race
// that somebody won returned, before or after, is dropped: it is the one place
// where a nursery forgets errors.
//
// A panic in a task is no lost race: it cancels the others and is raised, as
// in [Run], whoever else won. Likewise a Goexit, which Race returns as
// [ErrGoexit].
//
// A nil ctx, no tasks and a nil task panic before anything has started. Race
// runs nothing in the caller's goroutine.
func Race[T any](ctx context.Context, tasks ...func(ctx context.Context) (T, error)) (T, error) {
	if ctx == nil {
		panic("nursery: Race: nil context")
	}
	if len(tasks) == 0 {
		panic("nursery: Race: no tasks")
	}
	for i, task := range tasks {
		if task == nil {
			panic(fmt.Sprintf("nursery: Race: task %d is nil", i+1))
		}
	}
	r := new(race[T])
	r.n.open(ctx, nil)
	for i, task := range tasks {
		r.n.goFor(task, func(ctx context.Context) error { return r.run(ctx, i+1, task) })
	}
	r.n.wait()
	r.n.close()
	return r.outcome()
}

type race[T any] struct {
	n Nursery
	// What follows is under n.mu.
	lost  []loss
	won   bool
	value T
}

// loss is a failure that does not cancel the race, with how many that do came
// before it.
type loss struct {
	*failure
	filed int
}

func (r *race[T]) run(ctx context.Context, index int, task func(context.Context) (T, error)) error {
	value, err := task(ctx)
	if err != nil {
		r.lose(index, err)
		return nil
	}
	r.n.mu.Lock()
	first := !r.won
	if first {
		r.won, r.value = true, value
	}
	r.n.mu.Unlock()
	if first {
		r.n.cancelUnlessEnded(r.n.cancelledBy(fmt.Sprintf("task %d", index), errWon))
	}
	return nil
}

func (r *race[T]) lose(index int, err error) {
	err, cut := r.n.sift(err)
	if cut {
		r.n.fileCut()
	}
	if err == nil {
		return
	}
	r.n.mu.Lock()
	defer r.n.mu.Unlock()
	r.lost = append(r.lost, loss{&failure{Failure: Failure{Err: err, Index: index}}, len(r.n.rarely().failures)})
}

// outcome is what Race returns, or raises, when n has closed.
func (r *race[T]) outcome() (none T, err error) {
	r.n.mu.Lock()
	rare := r.n.rarely()
	rare.failures = r.counting(rare.failures)
	r.n.mu.Unlock()
	switch err := r.n.outcome(); {
	case err != nil:
		return none, err
	case r.won:
		return r.value, nil
	}
	return none, r.n.cancelled.Load() // a task cancelled the race, and all heeded it
}

// counting returns what counts of what n has filed and, if nobody won, of those who
// lost, in the order of failing. It makes a new list: the old one may have been
// handed to a reader.
func (r *race[T]) counting(filed []*failure) []*failure {
	if r.won { // then it is a panic or a Goexit
		return slices.DeleteFunc(slices.Clone(filed), func(f *failure) bool { return f.Index < 0 })
	}
	all := make([]*failure, 0, len(filed)+len(r.lost))
	done := 0
	for _, l := range r.lost {
		all = append(append(all, filed[done:l.filed]...), l.failure)
		done = l.filed
	}
	return append(all, filed[done:]...)
}
