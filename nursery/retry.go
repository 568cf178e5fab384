package nursery

import (
	"context"
	"fmt"
	"time"
)

// RetryOptions say how [Retry] goes on after a failure. The zero value means
// until the context ends.
type RetryOptions struct {
	// Name says in reports and in [GaveUp] what is retried.
	Name string
	// BackOff makes the waits between the attempts, anew each time the
	// decorated task is run, and so possibly in several goroutines at once. If
	// nil they are those of [Exponential] with 100 milliseconds and 30 seconds.
	// A nil BackOff made by it panics when the task is run.
	BackOff func() BackOff
	// Attempts is how often to run the task at most, the first time included.
	// 0 sets no bound; less panics.
	Attempts int
}

// Retry makes a task that runs task again when it returns an error, after a
// wait, until it succeeds.
//
//	n.Go(nursery.Retry(migrate, nursery.RetryOptions{Attempts: 5}))
//
// It returns the task's nil; its error if that is [Permanent], or if the
// context ended during the run; and a [*GaveUp] with the last error when the
// attempts are spent, the BackOff has had enough, or the context ends during
// a wait. (Of a single attempt the error comes bare.) The errors of the other
// attempts are dropped, but not for long: before five seconds would pass
// without a word, waits included, that of the last attempt is reported (see
// [Observe]). So a retry without a bound shows in the log why it goes on, and one
// that soon succeeds does not.
//
// Panics and Goexit are not retried: they end the task as they would without
// Retry. A drain neither: attempts go on until the grace is over (see
// [Nursery.Drain]), for to finish is to succeed.
//
// The decorated task may be run by several goroutines at once if task may. A
// nil task and negative Attempts panic.
func Retry(task func(ctx context.Context) error, opts RetryOptions) func(ctx context.Context) error {
	if task == nil {
		panic("nursery: Retry: nil task")
	}
	if opts.Attempts < 0 {
		panic(fmt.Sprintf("nursery: Retry: Attempts of %d: want 0 or more", opts.Attempts))
	}
	return func(ctx context.Context) error { return retry(ctx, task, opts) }
}

// silence is how long a retry may fail and tell nobody.
const silence = 5 * time.Second

func retry(ctx context.Context, task func(context.Context) error, opts RetryOptions) error {
	waits := newBackOff("Retry", opts.BackOff)
	began := time.Now()
	told := began
	for runs := 1; ; runs++ {
		err, permanent := isPermanent(task(ctx))
		if err == nil || permanent || ctx.Err() != nil {
			return err
		}
		if opts.Attempts == 1 {
			return err
		}
		gaveUp := func(cut error) error {
			return &GaveUp{Name: opts.Name, Runs: runs, Over: time.Since(began), Last: err, cut: cut}
		}
		if runs == opts.Attempts {
			return gaveUp(nil)
		}
		wait, ok := next(waits)
		if !ok {
			return gaveUp(nil)
		}
		if time.Since(told) >= silence-wait {
			reportRun(ctx, opts.Name, err)
			told = time.Now()
		}
		if !pause(ctx, wait, nil) {
			return gaveUp(context.Cause(ctx))
		}
	}
}
