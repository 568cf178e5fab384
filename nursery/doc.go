// Package nursery gives goroutines an owner. A nursery is a scope that joins
// the goroutines started in it, cancels them together when one fails, loses
// none of their errors and survives their panics: structured concurrency, as
// Trio has it for Python.
//
//	err := nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error {
//		n.Go(readRequests)
//		n.Go(writeAnswers)
//		return nil
//	})
//	// Here both have ended, whatever happened.
//
// # If you know errgroup
//
// Its nearest relative is golang.org/x/sync/errgroup. What you write there has
// its place here:
//
//	g, ctx := errgroup.WithContext(ctx)    nursery.Run(ctx, func(ctx, n) error { … })
//	g.Go(func() error { … })               n.Go(func(ctx context.Context) error { … })
//	g.Wait()                               the end of Run
//	g.SetLimit(8)                          the option nursery.Limit(8)
//	g.TryGo(f)                             n.TryGo(f)
//
// The differences:
//
//   - A nursery is shaped like a function, so the join cannot be forgotten. Its
//     body counts as a task does: an error of it cancels the others.
//   - Each task is handed its context, and none is left with the caller, who
//     might use it after the join, when it has ended.
//   - All errors come back, in order and with the tasks' names, and not only the
//     first. One alone comes as it is; several are a [*MultiError], which
//     [errors.Is] and [errors.As] see through.
//   - What a cancelled sibling says about its cancellation is not mistaken for
//     a failure, and [context.Cause] tells it who is to blame: see [Cancelled].
//   - A panic of a task reaches the caller of Run instead of ending the process,
//     and a Goexit is a failure instead of a success: see [PanicError].
//   - What a limit has no place for waits in a queue, and [Nursery.Go] does not
//     wait with it, so tasks may start tasks without deadlock. They may also be
//     started while the nursery is being joined.
//
// # Reading order
//
// Most programs need three names: [Run] (or [All] with [Into], its short form),
// [Nursery.Go] and, where a failure is looked at, [MultiError] with [Leaves].
// Then, as the need arises:
//
//   - Over many: [Map] and [MapSeq] call a function for each item, a few at a
//     time; [Race] takes the first success.
//   - One task that others need: [Async] gives a handle, to wait for its result
//     or to cancel it alone. [Start] waits until it says that it is ready. A
//     [Helper] is there until the others are done.
//   - In time: [MoveOnAfter] and [FailAfter] bound what a function may take,
//     [Shield] keeps clean-up from being cut, and [Nursery.Drain] asks tasks to
//     finish before it cancels them.
//   - A task of a task: [Retry], [Restart], [Every] and [BestEffort].
//   - Who fails alone: [Isolate] reports a failure (see [Observe]) instead of
//     cancelling the siblings, unless the task is [Critical].
//   - How many: [Limit] and [Queue]. A bound that several nurseries share is
//     golang.org/x/sync/semaphore.
//   - Goroutines of others: [Nursery.Attach] makes a task of what they call.
//     [From] finds the nursery that a context belongs to, and [Nursery.Open] is
//     for frameworks that cannot be shaped like a function.
//   - What is going on: [Nursery.Tree] lists all that is alive.
//
// # Mistakes
//
// Four are common enough to have examples of their own, called incorrect: to wait
// for the outer context in the body ([Run]), to read a result before the join
// ([Into]), to wait in a task for the task's own nursery ([Nursery.Join]), and
// to let a nursery out of the function that opened it ([Nursery.Go]). A fifth is
// to take the failure of a task for handled because [Task.Wait] returned it.
package nursery
