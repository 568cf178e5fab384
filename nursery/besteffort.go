package nursery

import "context"

// BestEffort makes a task that runs task and takes a failure of it for no
// failure: what it returns is reported at once, as [Restart] reports a run (see
// [Observe]), and BestEffort returns nil. It is for work that is due again, as
// in [Every], where an outage of what it needs is to be seen and to end nothing:
//
//	n.Go(nursery.Every(time.Minute, nursery.BestEffort("sweep", sweep)))
//
// Name says in the reports what failed, and may be empty. What task returns
// after the context has ended, be it an echo of that, is returned as it is, for
// then nothing comes after it, and so is what is [Permanent], which ends an
// Every. A panic is not taken for a failure, nor is a Goexit: they end the task as
// they would without BestEffort, which is to say that they are reported.
//
// The decorated task may be run by several goroutines at once if task may. A nil
// task panics.
func BestEffort(name string, task func(ctx context.Context) error) func(ctx context.Context) error {
	if task == nil {
		panic("nursery: BestEffort: nil task")
	}
	return func(ctx context.Context) error {
		err := task(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if bare, is := isPermanent(err); is {
			return bare
		}
		reportRun(ctx, name, err)
		return nil
	}
}

// reportRun reports what a run of a task ended with, but for panics, which have
// been.
func reportRun(ctx context.Context, name string, err error) {
	nurseryFor(ctx).reportNews(&failure{Failure: Failure{Err: err, Task: name}, ctx: ctx})
}

// nurseryFor returns the nursery to report to: that of ctx or, outside any,
// one that logs.
func nurseryFor(ctx context.Context) *Nursery {
	if n := From(ctx); n != nil {
		return n
	}
	return &Nursery{parent: ctx, cfg: plain}
}
