package nursery

import "context"

const onNil = " on a nil nursery: this context belongs to none (is the middleware installed?)"

// Go starts task in a goroutine of the nursery and returns at once, except
// under a [Limit] with a full [Queue], where it waits for room. The task's
// context is the nursery's; in a nursery that is cancelled but still open the
// task runs and finds its context cancelled, or is dropped if the limit leaves
// no place for it.
//
// The body, tasks and tasks of tasks may all call Go, also while the nursery
// is being joined. After it closed, Go panics, as a send on a closed channel
// does: whoever may be late uses [Nursery.TryGo]. So it does on a nil nursery, on
// one that was never opened, and with a nil task.
//
// A task without options costs no allocation.
func (n *Nursery) Go(task func(ctx context.Context) error, opts ...TaskOption) {
	if n.prepare("Go", task, opts).begin(true) != nil {
		n.mustBeOpened("Go")
		panic(n.tooLate("Go", ", and late ones with TryGo"))
	}
}

// tooLate says that call came after n had closed, and what else there is: of a
// nursery that is somebody's, as a request's is, one that lives longer.
func (n *Nursery) tooLate(call, orElse string) string {
	s := "nursery: " + call + " after the nursery closed"
	if by := n.cfg.owner; by != "" {
		return s + ", which belongs to " + by + " and is joined with it: start what is to live longer with creche.Go"
	}
	return s + ": tasks may be started until the join has ended" + orElse
}

// TryGo is [Nursery.Go] for those who may come too late or one too many: when
// the nursery has closed, or was never opened, it returns [ErrClosed], and when
// its [Limit] is reached and its queue full [ErrFull], or [ErrDropped] if it is
// cancelled; then the task never runs. It never waits. Like Go it panics on a nil
// nursery and with a nil task.
func (n *Nursery) TryGo(task func(ctx context.Context) error, opts ...TaskOption) error {
	return n.prepare("TryGo", task, opts).begin(false)
}

// prepare returns the record of a task that has not begun.
func (n *Nursery) prepare(call string, fn func(context.Context) error, opts []TaskOption) *task {
	if n == nil {
		panic("nursery: " + call + onNil)
	}
	if fn == nil {
		panic("nursery: " + call + ": nil task")
	}
	t := n.newTask(opts)
	t.fn = fn
	return t
}

// newTask returns the record of a task of n that has nothing to run yet.
func (n *Nursery) newTask(opts []TaskOption) *task {
	t := newTask()
	t.n = n
	for i := range opts {
		t.apply(&opts[i]) // a copy of it would be on every task's stack
	}
	return t
}

// goFor starts fn, which runs f, in a nursery of our own that is open and has no
// limit.
func (n *Nursery) goFor(f any, fn func(context.Context) error) {
	t := n.newTask(nil)
	t.fn = fn
	t.stands(f)
	_ = t.begin(true)
}

// begin counts t in and starts its goroutine, or has it queue for one. It lets
// go of t if it returns an error.
func (t *task) begin(wait bool) error {
	n := t.n
	if t.helper {
		return t.help()
	}
	s, ok := n.enter(spawned)
	if !ok {
		t.release()
		return ErrClosed
	}
	t.index = place(s)
	t.notice(s)
	if n.cfg.limit > 0 && !t.unlimited {
		return n.queueUp(t, wait)
	}
	t.launch()
	return nil
}

// launch starts t's goroutine.
func (t *task) launch() {
	if t.solo != nil && t.solo.pending {
		t.phase.Store(starting)
	} else {
		t.phase.Store(running)
	}
	spawn(t)
}

func (t *task) apply(o *TaskOption) {
	if o.name != "" {
		t.note().name = o.name
	}
	if o.code != 0 {
		t.note().code = o.code
	}
	if o.ctx != nil {
		t.note().ctx = o.ctx
	}
	t.critical = t.critical || o.critical
	t.helper = t.helper || o.helper
	t.unlimited = t.unlimited || o.unlimited
}

// spawn starts every goroutine of the module, and of the modules on top of
// it. (That it is the only place is tested.)
func spawn(t *task) { go t.entry() }

// run is a goroutine's life: a task, and under a limit those that waited for
// its place.
func (t *task) run() {
	if t.name() != "" {
		t.label()
	}
	if t.n.cfg.limit == 0 {
		var none *task
		t.step(&none)
		return
	}
	t.runOn()
}

// runOn runs t and those after it. A Goexit takes the goroutine away, be it
// called by a task, by its deferred functions or by an observer; whoever is
// next then gets a new one.
func (t *task) runOn() {
	next, labelled := t, true // by who started it, if not by its name: others must not have that
	defer func() {
		if next == nil {
			return
		}
		if labelled { // or it would inherit the labels of the one that exited
			next.label()
		}
		spawn(next)
	}()
	for {
		next.step(&next)
		if next == nil {
			return
		}
		if labelled || next.name() != "" {
			labelled = next.label()
		}
	}
}

// step runs t, files how it ended, counts it out and stores the task that
// takes its place, if any, in *next. It does not return it because after a
// Goexit it does not return, not even when it recovered from a panic on the
// way.
func (t *task) step(next **task) {
	*next = nil
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v == nil {
			t.exits(next)
		} else if t.n.cfg.onPanic == CrashOnPanic {
			panic(v)
		} else {
			t.end(t.n.panicked(t.index, t.name(), v), next)
		}
	}()
	err := t.fn((*scope)(t.n))
	returned = true
	if err == nil { // nearly always, and then there is nothing to file
		t.out(next)
		return
	}
	t.fails(err, next)
}

// fails ends t with an error. Its frame is no part of that of step, which is
// under every task, and it does not call end, because cancelling the nursery
// goes deep from here: stacks are small and costly to grow.
//
//go:noinline
func (t *task) fails(err error, next **task) {
	defer t.out(next)
	// So end nearly all tasks of a cancelled nursery.
	if c := t.n.cancelled.Load(); c != nil && !c.parent && c.echoedPlainlyBy(err) && t.solo == nil && !t.helper {
		return
	}
	f := t.failure(err)
	f.critical = t.critical
	t.settle(f)
}

// exits is fails for a Goexit.
//
//go:noinline
func (t *task) exits(next **task) {
	t.end(exited(t.failure(ErrGoexit)), next)
}

func (t *task) failure(err error) *failure {
	return &failure{Failure: Failure{Err: err, Task: t.name(), Index: int(t.index)}}
}

// end files f, a panic, and counts t out, also when filing it ends in a Goexit:
// an observer is free to call t.FailNow of a test.
func (t *task) end(f *failure, next **task) {
	defer t.out(next)
	f.critical = t.critical
	t.settle(f)
}

// settle files f, or what of it is the nursery's business.
func (t *task) settle(f *failure) {
	if t.helper {
		f.Err = t.n.siftHelper(f.Err)
	}
	if t.notes != nil {
		f.ctx = t.notes.ctx
	}
	if t.solo == nil || t.solo.takes(f) {
		t.n.settle(f)
	}
}

// out counts t out, lets go of it and stores the task that takes its place.
// The nursery may be gone when the count is down, so that comes last.
func (t *task) out(next **task) {
	n, helper := t.n, t.helper
	if t.solo != nil {
		t.solo.finish()
	}
	if n.cfg.limit > 0 && !t.unlimited {
		*next = n.nextQueued()
	}
	t.retire()
	if helper {
		n.leaveHelper()
		return
	}
	n.leave()
}

// retire lets go of a task that is over, or never was.
func (t *task) retire() {
	if !t.phase.CompareAndSwap(running, idle) {
		t.become(idle)
	}
	t.release()
}
