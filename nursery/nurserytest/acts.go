package nurserytest

import (
	"context"
	"errors"
	"time"

	"github.com/creche-go/creche/nursery"
)

// errStop is the cause of the cancellations that programs ask for.
var errStop = errors.New("nurserytest: stop")

// start starts a task in the nursery, or in one further out.
func (a *actor) start(context.Context) error {
	a.does("starts a task")
	in := a.somewhere()
	if in.n == nil || !a.spend(1) {
		return nil
	}
	o := a.taskOptions()
	k, run := a.task(in, o.as, o.live)
	k.spared = o.critical && in.space.isHooked()
	if in == a && a.mayWait() && a.one(2) {
		in.n.Go(run, o.list...)
		return nil
	}
	switch err := in.n.TryGo(run, o.list...); {
	case err == nil, err == nursery.ErrFull && in.space.isBounded(), err == nursery.ErrDropped && in.space.mayDrop():
	default:
		a.broken("TryGo returned %v", err)
	}
	return nil
}

// somewhere returns an actor in whose nursery to start something: a itself, or
// the one around it.
func (a *actor) somewhere() *actor {
	if a.outer != nil && a.one(5) {
		return a.outer
	}
	return a
}

// taskOptions say how to start a task, and what it is to do.
type taskOptions struct {
	as       role
	critical bool
	live     func(*actor, context.Context) error
	list     []nursery.TaskOption
}

func (a *actor) taskOptions() (o taskOptions) {
	o.live = (*actor).live
	if a.one(8) {
		o.live = (*actor).retry
	}
	if a.one(3) {
		o.list = append(o.list, nursery.Name("named"))
	}
	if a.one(6) {
		o.critical = true
		o.list = append(o.list, nursery.Critical())
	}
	if a.one(7) {
		o.as, o.live = helping, (*actor).help
		o.list = append(o.list, nursery.Helper())
	}
	return o
}

// mayWait tells whether the actor may wait for room in the queue: a task of the
// same nursery might wait for itself.
func (a *actor) mayWait() bool { return a.body || a.space != nil && !a.space.bounded }

// handle is a task that Async started.
type handle struct {
	task *nursery.Task[string]
	kid  *actor
}

// async starts a task with a handle.
func (a *actor) async(context.Context) error {
	a.does("starts a task with a handle")
	if a.n == nil || !a.mayWait() || !a.spend(1) {
		return nil
	}
	o := a.taskOptions()
	k, run := a.task(a, o.as, o.live)
	k.spared = o.critical && a.space.isHooked()
	h := &handle{kid: k}
	h.task = nursery.Async(a.n, func(ctx context.Context) (string, error) { return k.name, run(ctx) }, o.list...)
	a.handles = append(a.handles, h)
	return nil
}

// wait waits for one of the tasks that async started, for a while.
func (a *actor) wait(ctx context.Context) error {
	a.does("waits for a task")
	if len(a.handles) == 0 {
		return nil
	}
	h := a.handles[a.pick(len(a.handles))]
	_, err := nursery.MoveOnAfter(ctx, random(a.rand, 2*longest), func(ctx context.Context) error {
		got, err := h.task.Wait(ctx)
		if err == nil && got != h.kid.name {
			a.broken("Wait returned %q, want %q", got, h.kid.name)
		}
		return err
	})
	if err == nursery.ErrDropped || stopped(err) {
		return nil // which is no failure of the task, but would be one of ours
	}
	if a.space.isIsolated() || h.kid.spared {
		return nil // it has come to light without cancelling anything, and would once more
	}
	return err
}

// stop cancels one of the tasks that async started.
func (a *actor) stop(context.Context) error {
	a.does("cancels a task")
	if len(a.handles) > 0 && a.wants(Cancellations, 2) {
		a.handles[a.pick(len(a.handles))].task.Cancel(errStop)
	}
	return nil
}

// stopped tells whether err is nothing but a cancellation that a program asked
// for.
func stopped(err error) bool {
	c, ok := err.(*nursery.Cancelled)
	return ok && (c.By == "Task.Cancel" || c.By == "Cancel" || c.By == "Drain")
}

// startReady starts a task and waits until it is ready. A failure before that is
// the actor's own.
func (a *actor) startReady(ctx context.Context) error {
	a.does("starts a task that will be ready")
	if a.n == nil || !a.spend(1) {
		return nil
	}
	var ready func(string)
	said := false
	k, run := a.task(a, unlimited, func(k *actor, own context.Context) error {
		k.pause(own)
		if k.one(4) {
			return k.end(own)
		}
		said, k.spared = true, ctx.Err() != nil
		ready(k.name)
		return k.live(own)
	})
	k.spared = true
	got, err := nursery.Start(ctx, a.n, func(ctx context.Context, say func(string)) error {
		ready = say
		return run(ctx)
	})
	switch {
	case err == nursery.ErrNotReady && !said:
		return nil
	case err == nursery.ErrNotReady, err == nil && got != k.name:
		a.broken("Start returned %q and %v, ready was called: %t", got, err, said)
	}
	return err
}

// attach runs an actor as a task of the nursery, or of one further out, in the
// same goroutine.
func (a *actor) attach(context.Context) error {
	a.does("attaches itself")
	in := a.somewhere()
	if in.n == nil || !a.spend(1) {
		return nil
	}
	_, run := a.task(in, unlimited, (*actor).live)
	// Whatever it fails with is a failure of the nursery already.
	_ = caught(func() error { return in.n.Attach("attached", run) })
	return nil
}

func (a *actor) moveOn(ctx context.Context) error {
	a.does("moves on after a while")
	var t timing
	timedOut, err := nursery.MoveOnAfter(ctx, random(a.rand, 3*longest), a.timed(ctx, &t))
	if holds(err, t.late) || timedOut && t.late == nil {
		a.broken("MoveOnAfter returned %t and %v, its end was %v", timedOut, err, t.late)
	}
	return err
}

func (a *actor) failAfter(ctx context.Context) error {
	a.does("fails after a while")
	var t timing
	err := nursery.FailAfter(ctx, random(a.rand, 3*longest), a.timed(ctx, &t))
	a.x.timedOut(t.late, err)
	return err
}

// shield lives where the end of ctx does not reach it.
func (a *actor) shield(ctx context.Context) error {
	a.does("shields itself")
	t := timing{shield: true}
	err := nursery.Shield(ctx, random(a.rand, 3*longest), a.timed(ctx, &t))
	a.x.timedOut(t.late, err)
	return err
}

// timing is what an actor sees of the time scope that it lives in.
type timing struct {
	shield bool
	late   *nursery.TimeoutError // of this scope
}

// timed returns the life of an actor in a time scope, whose end it may put off.
func (a *actor) timed(outer context.Context, t *timing) func(ctx context.Context) error {
	k := a.inside()
	return func(ctx context.Context) error {
		if k.one(3) {
			k.pause(ctx)
			ended := ctx.Err() != nil
			if moved := nursery.MoveDeadline(ctx, time.Now().Add(random(k.rand, 3*longest))); moved == ended {
				k.broken("MoveDeadline returned %t of a scope that had ended: %t", moved, ended)
			}
		}
		err := k.live(ctx)
		if late, ok := context.Cause(ctx).(*nursery.TimeoutError); ok && context.Cause(outer) != error(late) {
			t.late = late
		}
		if t.shield && ctx.Err() != nil && t.late == nil {
			k.broken("a shield was cut by %v", context.Cause(ctx))
		}
		return err
	}
}

// cancel cancels the nursery.
func (a *actor) cancel(context.Context) error {
	a.does("may cancel")
	if a.n != nil && a.wants(Cancellations, 3) {
		a.x.note(a.name, "cancels")
		a.n.Cancel(errStop)
	}
	return nil
}

// drain drains the nursery.
func (a *actor) drain(context.Context) error {
	a.does("may drain")
	if a.n != nil && a.wants(Drains, 3) {
		a.x.note(a.name, "drains")
		a.n.Drain(time.Duration(a.pick(500)-100)*time.Millisecond + 1)
	}
	return nil
}

// tooLate tries to start something in a nursery that has ended.
func (a *actor) tooLate(ctx context.Context) error {
	a.does("is too late")
	a.x.mu.Lock()
	var n *nursery.Nursery
	if count := len(a.x.done); count > 0 {
		n = a.x.done[a.pick(count)]
	}
	a.x.mu.Unlock()
	if n == nil {
		return nil
	}
	run := func(ctx context.Context) error {
		a.broken("a task ran in a nursery that had ended")
		return ctx.Err()
	}
	switch a.pick(4) {
	case 0:
		a.wantClosed("TryGo", n.TryGo(run))
	case 1:
		a.wantClosed("TryGo of a helper", n.TryGo(run, nursery.Helper()))
	case 2:
		a.wantClosed("Attach", n.Attach("late", run))
	case 3:
		_, err := nursery.Start(ctx, n, func(ctx context.Context, _ func(int)) error { return run(ctx) })
		a.wantClosed("Start", err)
	}
	return nil
}

func (a *actor) wantClosed(call string, err error) {
	if err != nursery.ErrClosed {
		a.broken("%s in a nursery that had ended returned %v", call, err)
	}
}
