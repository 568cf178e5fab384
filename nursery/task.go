package nursery

import (
	"context"
	"reflect"
	"sync"
	"sync/atomic"
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
	t := newTask()
	t.n, t.fn, t.pc = n, fn, codeOf(fn)
	for _, o := range opts {
		t.apply(o)
	}
	return t.begin(wait)
}

// goAs starts fn in a nursery of our own that is open and has no limit, under
// the name of code.
func (n *Nursery) goAs(code uintptr, fn func(context.Context) error) {
	t := newTask()
	t.n, t.fn, t.pc = n, fn, code
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
	if n.cfg.limit > 0 && !t.unlimited {
		return n.queueUp(t, s, wait)
	}
	n.enrol(t, s)
	spawn(t)
	return nil
}

// task is the record of one task. Records are pooled, and each carries its
// bound run method: starting a goroutine with it allocates nothing. They hold
// no channel and no WaitGroup, which must not cross from one synctest bubble
// to another.
//
// A record can be read by others from when it is on the roll until it is over,
// and what it has by then does not change: but for fn and solo, which are the
// task's own, and what is atomic.
type task struct {
	n         *Nursery
	fn        func(context.Context) error
	solo      *solo // of a task with a handle
	entry     func()
	index     uint32
	critical  bool
	helper    bool
	unlimited bool // does not count against the limit
	embedded  bool // in something that is not pooled

	below bool // stands for a nursery below, which is sub until it closes

	phase atomic.Uint32
	sub   atomic.Pointer[Nursery]

	name  string
	pc    uintptr        // where the code of fn begins
	began time.Time      // of named tasks, or with [Trace]
	place [depth]uintptr // the stack of who started it, likewise

	// Under the nursery's mu, once on the roll: see there.
	older *task
	above *task // of the oldest: the record of the nursery above
}

// depth is how much of the stack of who starts a named task is kept: enough to
// see past our own calls.
const depth = 6

// The phases of a task.
const (
	running = iota
	queued
	starting // it has not said yet that it is ready: see [Start]
	over
)

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
	t.helper = t.helper || o.helper
}

// codeOf returns where the code of a function begins.
func codeOf(fn any) uintptr { return reflect.ValueOf(fn).Pointer() }

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
	for labelled := false; next != nil; next.step(&next) {
		if labelled || next.name != "" {
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
	t.settle(f)
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
	t.settle(f)
}

// settle files f, or what of it is the nursery's business.
func (t *task) settle(f failure) {
	if t.helper {
		f.Err = t.n.siftHelper(f.Err)
	}
	if t.solo == nil || t.solo.takes(&f) {
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
	t.close()
	if helper {
		n.leaveHelper()
		return
	}
	n.leave()
}

// close marks t as over. Whoever sweeps the roll may then reuse it.
func (t *task) close() {
	t.fn, t.solo = nil, nil
	t.phase.Store(over)
}

func (t *task) release() {
	if t.embedded {
		return
	}
	*t = task{entry: t.entry}
	tasks.Put(t)
}
