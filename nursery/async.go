package nursery

import "context"

// Task is a handle to a task that [Async] started. All methods may be called
// from any goroutine and as often as wanted, also after the nursery closed. On a
// Task that Async did not make, and on nil, they panic.
type Task[T any] struct {
	solo  solo
	value T
}

// Async starts f as a task of n, as [Nursery.Go] does, and returns a handle
// that waits for its result and can cancel it alone.
//
//	price := nursery.Async(n, lookUpPrice)
//	stock := nursery.Async(n, lookUpStock)
//	…
//	p, err := price.Wait(ctx)
//
// The nursery owns the task all the same: it joins it, waited for or not, and
// a failure cancels it. (Who only wants the results of several has [All] with
// [Into], and no handle to leak.) Async panics as Go does: after the nursery
// closed, on a nil nursery, with a nil f. Under a [Limit] the task waits for
// its turn and Async, as Go, for room in the [Queue].
//
// It costs five allocations, where Go costs none.
func Async[T any](n *Nursery, f func(ctx context.Context) (T, error), opts ...TaskOption) *Task[T] {
	if n == nil {
		panic("nursery: Async" + onNil)
	}
	if f == nil {
		panic("nursery: Async: nil function")
	}
	n.mustBeOpened("Async")
	h := new(Task[T])
	t := n.newSolo(&h.solo, opts)
	t.stands(f)
	t.fn = func(context.Context) error {
		v, err := f(&h.solo.ctx)
		if err == nil {
			h.value = v
		}
		return err
	}
	if err := t.begin(true); err != nil {
		panic(n.tooLate("Async", ""))
	}
	return h
}

// newSolo returns the record of a task of n that has s.
func (n *Nursery) newSolo(s *solo, opts []TaskOption) *task {
	t := n.newTask(opts)
	t.solo = s
	s.open(n, t.helper)
	return t
}

// Wait returns the task's result, or its error, when it has ended. If ctx ends
// before, it returns [context.Cause] of ctx and the task goes on. A nil ctx
// panics. A task that waits for itself, or for one that waits for it, waits
// until ctx ends; a join cannot help them, for it waits for both.
//
// The error is that of the task: what it returned, a [*PanicError] (the panic
// itself is raised by the join, see [Run]), [ErrGoexit], a [*Cancelled] if it
// was cancelled and heeded that, or [ErrDropped] if it was still queued then.
// It wraps a failure of the task, and ErrDropped, in a way that the nursery
// knows: who passes it on there has not failed for another reason, and the join
// returns, or the observer is told, the failure once. In any other nursery it
// is a failure. And so it is in this one where it has not cancelled the nursery,
// under [Isolate] or [OnCritical], of those whose failures do: the body, a [Critical]
// task, and any task unless failures are isolated. To end because of it is a reason
// to cancel, though it is then returned, or handed over, as well.
func (t *Task[T]) Wait(ctx context.Context) (T, error) {
	if ctx == nil {
		panic("nursery: Task.Wait: nil context")
	}
	t.mustBeStarted("Task.Wait")
	var none T
	select {
	case <-t.solo.over:
	default:
		select {
		case <-t.solo.over:
		case <-ctx.Done():
			return none, context.Cause(ctx)
		}
	}
	if err := t.solo.end.Err; err != nil {
		return none, err
	}
	return t.value, nil
}

// Cancel cancels this task and no other: its context ends with a [*Cancelled]
// that unwraps to cause, or to [context.Canceled] if cause is nil. If the task
// heeds that, which is to return an echo of it or nil, nothing has failed, and
// Wait returns that *Cancelled, or the result; any other error is a failure as
// ever. A task that is still queued under a [Limit] runs all the same in its
// turn, with its context ended. The first cancellation counts, be it that of all, and once the
// task has ended Cancel does nothing. It does not wait.
func (t *Task[T]) Cancel(cause error) {
	t.mustBeStarted("Task.Cancel")
	if cause == nil {
		cause = context.Canceled
	}
	t.solo.stop("Task.Cancel", cause)
}

// mustBeStarted panics, in the name of call, on a handle to no task: a Wait
// would never end.
func (t *Task[T]) mustBeStarted(call string) {
	if t == nil || t.solo.n == nil {
		panic("nursery: " + call + " of a task that Async did not start")
	}
}
