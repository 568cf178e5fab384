package nursery

import (
	"context"
	"fmt"
	"reflect"
)

// An Option configures a nursery when it is opened. Of options that contradict
// each other the last one counts. The zero Option panics there.
type Option struct {
	set    func(*config)
	bundle *config // what a Bundle amounts to on its own
}

type config struct {
	start       uint64 // the first state
	name        string
	owner       string // only that may join it; "": whoever opened it
	isolate     bool
	limit       int // 0: none
	queue       int // -1: unbounded
	onPanic     PanicPolicy
	observe     func(context.Context, Report)
	critical    func(Failure)
	parentCause func(error) error
	echo        func(error) bool
}

// plain is the configuration of a nursery without options. It is never
// written to.
var plain = &config{start: 1, queue: -1}

func configure(opts []Option) *config {
	if len(opts) == 0 {
		return plain
	}
	if len(opts) == 1 && opts[0].bundle != nil {
		return opts[0].bundle
	}
	c := *plain
	for _, o := range opts {
		if o.set == nil {
			panic("nursery: zero Option")
		}
		o.set(&c)
	}
	return &c
}

// Bundle makes one Option of several. A nursery opened with a single bundle
// shares it instead of allocating a configuration of its own, which is for
// code that opens one nursery after another. A zero Option in it panics.
func Bundle(opts ...Option) Option {
	all := append([]Option(nil), opts...)
	return Option{
		bundle: configure(all),
		set: func(c *config) {
			for _, o := range all {
				o.set(c)
			}
		},
	}
}

// Title names the nursery in reports, errors and listings.
func Title(name string) Option {
	return Option{set: func(c *config) { c.name = name }}
}

// Owned says that the nursery, opened with [Nursery.Open], belongs to by, which
// joins it with [Nursery.JoinOwned]: [Nursery.Join] panics and names by. It is for
// frameworks whose users find the nursery with [From], so that a Join that is not
// theirs to call fails there, with the caller's line in the stack. [Nursery.Go],
// when it comes too late, names by as well, and what to start longer work with. It
// costs the nursery nothing. An empty by panics.
func Owned(by string) Option {
	if by == "" {
		panic("nursery: Owned: no name")
	}
	return Option{set: func(c *config) { c.owner = by }}
}

// Isolate keeps failures apart: an error, panic or Goexit of a task is
// reported at once (see [Observe]) and neither cancels its siblings nor comes
// back from the join. The body's own failure, and that of a [Critical] task,
// still does both. It is Kotlin's supervisor scope.
func Isolate() Option {
	return Option{set: func(c *config) { c.isolate = true }}
}

// Limit lets at most max tasks run at once (the body, which does not count,
// beside them), on goroutines that are reused. The others wait in a queue, in
// order, so that [Nursery.Go] does not block and tasks that start tasks cannot
// deadlock (errgroup's can). [Queue] bounds the wait. When the nursery is
// cancelled, what still waits is dropped and never runs. A max below 1 panics.
func Limit(max int) Option {
	if max < 1 {
		panic(fmt.Sprintf("nursery: Limit(%d): want at least 1", max))
	}
	return Option{set: func(c *config) { c.limit = max }}
}

// Queue bounds how many tasks may wait for a place under [Limit]. When the
// queue is full [Nursery.Go] waits for room, or for the end of the nursery,
// and [Nursery.TryGo] returns [ErrFull]; tasks of the nursery itself should
// use TryGo. Without Queue the wait is unbounded, and without Limit nothing
// waits. A negative max panics.
func Queue(max int) Option {
	if max < 0 {
		panic(fmt.Sprintf("nursery: Queue(%d): want 0 or more", max))
	}
	return Option{set: func(c *config) { c.queue = max }}
}

// Observe sends the nursery's reports, and those of nurseries below it that
// have no observer of their own, to f instead of [log/slog]. Reported are,
// once and at once: panics, failures that [Isolate] keeps apart, failures
// beyond the 64 that are kept, and whatever else could not be returned to
// anybody. f may be called from many goroutines, and a panic in it is logged
// and goes no further. A nil f panics.
func Observe(f func(ctx context.Context, r Report)) Option {
	if f == nil {
		panic("nursery: Observe: nil function")
	}
	return Option{set: func(c *config) { c.observe = f }}
}

// Echoes teaches the nursery to know further echoes of its cancellation: once
// it is cancelled, an error for which is returns true is dropped as
// [context.Canceled] is. gRPC's status Canceled is the usual case. is sees
// one link of an error's chain at a time, in any goroutine; it is asked beside
// those of other Echoes, and a panic in it is logged and counts as false. It
// must not exit its goroutine, which would lose the error it is asked about. A
// nil is panics.
func Echoes(is func(err error) bool) Option {
	if is == nil {
		panic("nursery: Echoes: nil function")
	}
	return Option{set: func(c *config) {
		if known := c.echo; known != nil {
			c.echo = func(err error) bool { return known(err) || is(err) }
			return
		}
		c.echo = is
	}}
}

// ParentCause gives the end of the parent context another reason: f maps the
// cause of that end to the one that tasks find with [context.Cause], wrapped in
// a [*Cancelled], and that the join returns when work was cut short. It is for
// frameworks that know why: net/http cancels with a bare [context.Canceled]
// when a client leaves.
//
// The nursery is cancelled without waiting for f, which is called once at most:
// by the first that reads the reason, in its goroutine, be it a task or whoever
// holds the *Cancelled, and by the join at the latest. After the join it is not
// called. Others who read the reason meanwhile wait, so f itself must not.
// Where it returns nil, panics, which is logged, or exits its goroutine, the
// cause stays as it is. A nil f panics.
func ParentCause(f func(cause error) error) Option {
	if f == nil {
		panic("nursery: ParentCause: nil function")
	}
	return Option{set: func(c *config) { c.parentCause = f }}
}

// OnCritical hands the failure of a [Critical] task to f, with the task's name
// and place, in the task's goroutine, instead of cancelling the nursery and
// returning it from the join. A task that fails because of it, as who is told of it
// by [Task.Wait], cancels the nursery all the same. If f panics that is logged, and the
// failure taken as if there were no f. A nil f panics.
func OnCritical(f func(f Failure)) Option {
	if f == nil {
		panic("nursery: OnCritical: nil function")
	}
	return Option{set: func(c *config) { c.critical = f }}
}

// Trace has the tasks of the nursery tell in [Nursery.Tree] when and where they
// were started, as named ones do. That costs each half a microsecond when it
// starts. It is not inherited.
func Trace() Option {
	return Option{set: func(c *config) { c.start |= traced }}
}

// A PanicPolicy says what becomes of a panic in a task or in the body.
type PanicPolicy int

const (
	// RaisePanics raises it again in the goroutine that joins the nursery.
	RaisePanics PanicPolicy = iota
	// ReturnPanics makes it a failure like an error: the join returns it as a
	// [*PanicError].
	ReturnPanics
	// CrashOnPanic lets a panic of a task end the process at once, as it
	// would without a nursery. The body's, which has the caller's goroutine
	// to itself, is raised.
	CrashOnPanic
)

// OnPanic sets the nursery's [PanicPolicy]. It is not inherited. An unknown
// policy panics.
func OnPanic(p PanicPolicy) Option {
	if p < RaisePanics || p > CrashOnPanic {
		panic(fmt.Sprintf("nursery: OnPanic(%d): unknown policy", p))
	}
	return Option{set: func(c *config) { c.onPanic = p }}
}

// A TaskOption configures one task when it is started.
type TaskOption struct {
	name      string
	critical  bool
	helper    bool
	unlimited bool
	code      uintptr
	ctx       context.Context
}

// Name names the task in errors, reports, listings and goroutine profiles,
// where its goroutine, and those that it starts in turn, have the labels
// "nursery" (if that has a [Title]) and "task". [Nursery.Tree] tells its age
// and where it was started. All that costs half a microsecond, and for good the
// memory of the first thousand names of up to 128 bytes, less than half a
// megabyte; the labels of other names are made each time.
func Name(name string) TaskOption { return TaskOption{name: name} }

// Runs says for [Nursery.Tree] that the task runs f, which is for code that wraps
// a function it was handed. An f that is no function panics.
func Runs(f any) TaskOption {
	if v := reflect.ValueOf(f); v.Kind() != reflect.Func || v.IsNil() {
		panic(fmt.Sprintf("nursery: Runs: want a function, got %T", f))
	}
	return TaskOption{code: codeOf(f)}
}

// ReportedIn has the task's failures reported with ctx (see [Observe]) in place
// of the nursery's context. It is for code that hands the task a context of its own,
// with the values of a request, say. A nil ctx panics.
func ReportedIn(ctx context.Context) TaskOption {
	if ctx == nil {
		panic("nursery: ReportedIn: nil context")
	}
	return TaskOption{ctx: ctx}
}

// Critical makes the task's failure cancel the nursery even under [Isolate],
// or go to the nursery's [OnCritical] function where there is one.
func Critical() TaskOption { return TaskOption{critical: true} }

// Unlimited keeps the task from being counted against a [Limit]: it runs at once,
// is never queued and never dropped, as those of [Start] are, and [Helper]s. It
// is for a task that owns something which has to be let go of in any case, such
// as a connection that was accepted.
func Unlimited() TaskOption { return TaskOption{unlimited: true} }
