package nursery

import (
	"context"
	"fmt"
	"time"
)

// Every makes a task that runs task at once and then each time that interval
// has passed, until its context ends.
//
//	n.Go(nursery.Every(time.Minute, sweep))
//
// Runs never overlap, and keep to the times counted from the first: those that
// a long run has missed are left out, not made up for. (To begin with a wait
// instead, wait first.)
//
// A run that fails ends it, with the run's error. To go on with the next, wrap
// the run in [BestEffort], which reports what failed; to have another attempt
// before that, in [Retry]. ([Restart] around the whole gives up after some
// failures.) When a drain begins (see [Nursery.Drain]) it returns nil after the
// run under way, if there is one, and started under a drain at once. When the
// context ends between runs it returns [context.Cause] of it.
//
// The decorated task may be run by several goroutines at once if task may. An
// interval that is not positive and a nil task panic.
func Every(interval time.Duration, task func(ctx context.Context) error) func(ctx context.Context) error {
	if interval <= 0 {
		panic(fmt.Sprintf("nursery: Every: interval of %v: want more than 0", interval))
	}
	if task == nil {
		panic("nursery: Every: nil task")
	}
	return func(ctx context.Context) error { return every(ctx, interval, task) }
}

func every(ctx context.Context, interval time.Duration, task func(context.Context) error) error {
	drain := Draining(ctx)
	due := time.Now()
	for !isClosed(drain) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := task(ctx); err != nil {
			return err
		}
		due = due.Add(interval)
		if late := time.Since(due); late > 0 {
			due = due.Add((late + interval - 1).Truncate(interval))
		}
		pause(ctx, time.Until(due), drain) // what cut it short, if anything, is seen above
	}
	return nil
}
