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
// Its nearest relative is golang.org/x/sync/errgroup. The differences: a
// nursery is shaped like a function, so the join cannot be forgotten; it keeps
// all errors, in order, and not only the first; a panic of a task reaches the
// caller instead of ending the process, and a Goexit is a failure instead of
// a success; tasks may start tasks under a limit without deadlock; and what a
// cancelled sibling says about its cancellation is not mistaken for the cause.
//
// Read [Run] and [All] first, then [Nursery.Go], then [MultiError]. After that,
// [Map] and [Race] are short for what one would write with those, [FailAfter]
// and [Shield] are scopes in time, and [Retry], [Restart] and [Every] make a
// task of a task.
package nursery
