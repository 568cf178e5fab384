package nursery

import (
	"context"
	"sync"
	"sync/atomic"
)

// A Nursery owns the tasks started in it. It joins them all, cancels them
// together, keeps every error and survives their panics.
//
// [Run] opens one and is what nearly all code needs; [All] is its short form.
// The zero Nursery is not open: [Nursery.TryGo] on it returns [ErrClosed], Len,
// Tree and Failures find nothing, and all else but Open panics. A Nursery is used
// once and must not be copied. All methods but Open, FailPanic and Join may be
// called from any goroutine.
type Nursery struct {
	parent context.Context
	cfg    *config

	// state holds the spawn sequence in its upper half and, in its lower, the
	// number of live tasks with the body as one of them (and a bit for its
	// having left). Once that number is zero it stays zero: a nursery closes
	// in the very step that counts its last task out, so a late start can
	// neither run nor corrupt the count.
	state atomic.Uint64
	idle  sync.WaitGroup // what Join waits on when tasks outlive the body

	cancelled atomic.Pointer[Cancelled]

	mu         sync.Mutex // guards what follows; never held across a wait
	done       context.Context
	cancelDone context.CancelCauseFunc
	unfollow   func() bool          // stops waiting for the parent's end
	rare       atomic.Pointer[rare] // set under mu
}

// The parts of state.
const (
	live    = 1<<27 - 1 // mask of the number of live tasks
	byHand  = 1 << 27   // opened with Open, and so to be joined with Join
	helped  = 1 << 28   // one of them stands for all helpers: see help
	traced  = 1 << 29   // [Trace] is on
	built   = 1 << 30   // done and cancelDone are set
	bodyOut = 1 << 31   // set when the join has begun
	spawned = 1 << 32   // unit of the spawn sequence
)

// rare is what most nurseries never need: it lives out of line to keep the
// nursery itself within one small allocation.
type rare struct {
	failures []*failure
	first    [1]*failure // room for the only one, which most are
	omitted  int
	panicked bool     // a panic is among them
	cut      *failure // the parent's end, if that cut work short
	line     line
	drain    drain
	helpers  helpers
}

// rarely returns what n.rare holds, made on first use. The caller holds n.mu.
func (n *Nursery) rarely() *rare {
	if r := n.rare.Load(); r != nil {
		return r
	}
	r := new(rare)
	r.failures = r.first[:0]
	n.rare.Store(r)
	return r
}

// Run opens a nursery, calls body with its context and returns when the body
// and every task, and their tasks, have ended.
//
// The first failure of a task or of the body cancels the nursery's context,
// and Run returns what failed: nil if nothing did, the error itself if one
// did, a [*MultiError] in the order of failing if several did. Errors that
// only echo the cancellation are dropped. Use the ctx handed to body, not the
// outer one: only the inner ends when a sibling fails.
//
// If ctx ends and that cut work short, Run returns [context.Cause] of it,
// beside any real failure; if all work completed all the same, nil.
//
// A panic in the body or in a task cancels the others at once, is reported at
// once (see [Observe]), and once all have ended is raised in the caller's
// goroutine as a [*PanicError] (net/http's ErrAbortHandler as it is, and
// unreported). [OnPanic] chooses otherwise. A Goexit of the body cancels,
// joins, reports what failed and then continues.
//
// A nil ctx or body panics. The cost without options is one allocation.
func Run(ctx context.Context, body func(ctx context.Context, n *Nursery) error, opts ...Option) error {
	if ctx == nil {
		panic("nursery: Run: nil context")
	}
	if body == nil {
		panic("nursery: Run: nil body")
	}
	n := new(Nursery)
	n.open(ctx, opts)
	return n.run(0, body)
}

// Open opens n for code that is not shaped like a function and cannot use
// [Run], such as a framework that keeps the nursery inside a struct of its
// own, and returns the nursery's context. Every Open must be paired with a
// [Nursery.Join] on every way out. A nil ctx, and opening twice, panic.
func (n *Nursery) Open(ctx context.Context, opts ...Option) context.Context {
	if ctx == nil {
		panic("nursery: Open: nil context")
	}
	if n.parent != nil {
		panic("nursery: Open of a nursery that was opened before")
	}
	n.open(ctx, opts)
	n.state.Or(byHand)
	return (*scope)(n)
}

func (n *Nursery) open(ctx context.Context, opts []Option) {
	n.parent, n.cfg = ctx, configure(opts)
	n.state.Store(n.cfg.start)
}

// mustBeOpened panics, in the name of call, on a nursery that there is not or
// that never was opened.
func (n *Nursery) mustBeOpened(call string) {
	if n == nil {
		panic("nursery: " + call + onNil)
	}
	if n.parent == nil {
		panic("nursery: " + call + " on a nursery that was never opened")
	}
}

// Join waits for all tasks of a nursery opened with [Nursery.Open], closes it
// and returns, or raises, what [Run] would. It must be called once; another
// call panics. So does a call in a nursery that [Run] or another function here
// opened, for that is what joins it, and in one that is [Owned]. Who wants to wait
// for some tasks has [Run] and [All].
func (n *Nursery) Join() error {
	n.mustBeOpened("Join")
	if by := n.cfg.owner; by != "" {
		panic("nursery: Join of a nursery that belongs to " + by + ", which joins it" + instead)
	}
	return n.joinByHand("Join")
}

// JoinOwned is [Nursery.Join] for the owner of a nursery that is [Owned]. On any
// other it panics.
func (n *Nursery) JoinOwned() error {
	n.mustBeOpened("JoinOwned")
	if n.cfg.owner == "" {
		panic("nursery: JoinOwned of a nursery that was not opened with Owned")
	}
	return n.joinByHand("JoinOwned")
}

// instead is what to do for who joins a nursery that others do.
const instead = ": to wait for tasks of your own, start them with All, or in a nursery of their own with Run"

func (n *Nursery) joinByHand(call string) error {
	s := n.state.Load()
	if s&byHand == 0 {
		panic("nursery: " + call + " of a nursery that was not opened with Open: the call that opened it joins it when its body returns" + instead)
	}
	if s&live == 0 || s&bodyOut != 0 {
		panic("nursery: " + call + " of a nursery that was joined before")
	}
	return n.join()
}

func (n *Nursery) join() error {
	n.wait()
	n.close()
	return n.outcome()
}

// wait counts the body out and blocks until the last task is out too.
func (n *Nursery) wait() {
	if s := n.state.Load(); s&live == 1 && n.state.CompareAndSwap(s, s-1+bodyOut) {
		return
	}
	n.idle.Add(1)
	if s := n.state.Add(bodyOut - 1); s&live != 0 {
		n.released(s)
		n.idle.Wait()
	}
}

// enter keeps n open until leave is called, and returns the state it made. It
// refuses when the nursery is closed.
func (n *Nursery) enter(step uint64) (s uint64, ok bool) {
	for {
		s := n.state.Load()
		if s&live == 0 {
			return 0, false
		}
		if s&live == live {
			panic("nursery: more than 134 million tasks at once")
		}
		if n.state.CompareAndSwap(s, s+step+1) {
			return s + step + 1, true
		}
	}
}

// place returns the place in the order of starting, from 1, of the task that
// made the state s. After four thousand million tasks it begins again: 0 is
// the body.
func place(s uint64) uint32 { return max(1, uint32(s>>32)) }

// leave counts one task out.
func (n *Nursery) leave() {
	if s := n.state.Add(^uint64(0)); s&live <= 1 {
		n.released(s)
	}
}

// released is told of a state with few live tasks: none is the end, and one
// may be the helpers, whose time has come when the body is out as well.
func (n *Nursery) released(s uint64) {
	switch {
	case s&live == 0:
		n.idle.Done()
	case s&(live|helped|bodyOut) == 1|helped|bodyOut:
		n.dismissHelpers()
	}
}

func (n *Nursery) closed() bool { return n.state.Load()&live == 0 }

// close ends the context of a nursery that has no tasks any more. Whether the
// parent has ended meanwhile matters only if somebody has been watching, and
// would cost those who have not a walk up to the root.
func (n *Nursery) close() {
	if n.isBuilt() {
		_ = n.ended()
		// Not when cancelled: that is often the work of a task, whose small
		// stack would have to grow for it.
		n.stopFollowing()
	}
	n.cancel(closedCause)
	if n.rare.Load() != nil {
		n.undrain()
		n.releaseHelpers()
	}
	if w := n.cancelled.Load().words; w != nil {
		_ = w.ask() // last, for it may exit; later the function may no longer be called
	}
}

// Len returns how many tasks of n are live, queued ones included and the body
// not. It is a snapshot; before n is opened and after it closed it is 0. On a
// nil nursery Len panics.
func (n *Nursery) Len() int {
	if n == nil {
		panic("nursery: Len" + onNil)
	}
	s := n.state.Load()
	count := int(s & live)
	if count > 0 && s&bodyOut == 0 {
		count--
	}
	if s&helped != 0 {
		count += n.helpersMore()
	}
	return count
}
