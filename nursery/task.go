package nursery

import (
	"context"
	"sync"
	"time"
)

const onNil = " on a nil nursery: this context belongs to none (is the middleware installed?)"

// Go starts task in a goroutine of the nursery and returns at once, except
// under a [Limit] with a full [Queue], where it waits for room. The task's
// context is the nursery's; in a nursery that is cancelled but still open the
// task runs and finds its context cancelled, or is dropped if the limit leaves
// no place for it.
//
// The body, tasks and tasks of tasks may all call Go, also while the nursery
// is being joined. After it closed, Go panics, as a send on a closed channel
// does: whoever may be late uses [Nursery.TryGo]. So it does on a nil nursery
// and with a nil task.
//
// A task without options costs no allocation.
func (n *Nursery) Go(task func(ctx context.Context) error, opts ...TaskOption) {
	if err := n.start("Go", task, opts, true); err != nil {
		panic("nursery: Go after the nursery closed: tasks may be started until the join has ended, and late ones with TryGo")
	}
}

// TryGo is [Nursery.Go] for those who may come too late or one too many: when
// the nursery has closed it returns [ErrClosed], and when its [Limit] is
// reached and its queue full [ErrFull], or [ErrDropped] if it is cancelled;
// then the task never runs. It never waits. Like Go it panics on a nil nursery
// and with a nil task.
func (n *Nursery) TryGo(task func(ctx context.Context) error, opts ...TaskOption) error {
	return n.start("TryGo", task, opts, false)
}

func (n *Nursery) start(call string, fn func(context.Context) error, opts []TaskOption, wait bool) error {
	if n == nil {
		panic("nursery: " + call + onNil)
	}
	if fn == nil {
		panic("nursery: " + call + ": nil task")
	}
	index, ok := n.admit()
	if !ok {
		return ErrClosed
	}
	t := newTask()
	t.n, t.fn, t.index = n, fn, index
	for _, o := range opts {
		t.apply(o)
	}
	if t.name != "" {
		n.list(t)
	}
	if n.cfg.limit > 0 {
		return n.queueUp(t, wait)
	}
	spawn(t)
	return nil
}

// task is the record of one task. Records are pooled, and each carries its
// bound run method: starting a goroutine with it allocates nothing. They hold
// no channel and no WaitGroup, which must not cross from one synctest bubble
// to another.
type task struct {
	n        *Nursery
	fn       func(context.Context) error
	entry    func()
	index    uint32
	critical bool

	name       string
	began      time.Time
	prev, next *task // in the nursery's list of named tasks, under its mu
}

var tasks sync.Pool

func newTask() *task {
	if t, ok := tasks.Get().(*task); ok {
		return t
	}
	t := new(task)
	t.entry = t.run
	return t
}

func (t *task) apply(o TaskOption) {
	if o.name != "" {
		t.name = o.name
	}
	t.critical = t.critical || o.critical
}

// spawn starts every goroutine of the module, and of the modules on top of
// it. (That it is the only place is tested.)
func spawn(t *task) { go t.entry() }

// run is a goroutine's life: a task, and those that waited for its place. A
// Goexit takes the goroutine away, be it called by a task, by its deferred
// functions or by an observer; whoever is next then gets a new one.
func (t *task) run() {
	next := t
	defer func() {
		if next != nil {
			spawn(next)
		}
	}()
	for next != nil {
		next.step(&next)
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
			t.end(t.n.panicked(t.index, t.name, v), next)
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
	f := t.failure(err)
	f.critical = t.critical
	t.n.settle(f)
}

// exits is fails for a Goexit.
//
//go:noinline
func (t *task) exits(next **task) {
	t.end(exited(t.failure(ErrGoexit)), next)
}

func (t *task) failure(err error) failure {
	return failure{Failure: Failure{Err: err, Task: t.name, Index: int(t.index)}}
}

// end files f, a panic, and counts t out, also when filing it ends in a Goexit:
// an observer is free to call t.FailNow of a test.
func (t *task) end(f failure, next **task) {
	defer t.out(next)
	f.critical = t.critical
	t.n.settle(f)
}

// out counts t out, lets go of it and stores the task that takes its place.
// The nursery may be gone when the count is down, so that comes last.
func (t *task) out(next **task) {
	n := t.n
	if t.name != "" {
		n.unlist(t)
	}
	if n.cfg.limit > 0 {
		*next = n.nextQueued()
	}
	t.release()
	n.leave()
}

func (t *task) release() {
	*t = task{entry: t.entry}
	tasks.Put(t)
}
