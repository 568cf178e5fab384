package nurserytest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// ErrGone is the cause with which [Explore] ends the context of the explored
// function, as if a client had left.
var ErrGone = errors.New("nurserytest: gone")

// An Injected is what a step failed with: the error that it returned, wrapped
// perhaps, or the value of its panic.
type Injected struct {
	Step string // the name of the step
	// Number tells it from others of the same seed, from 1.
	Number int
}

// Error tells number and step.
func (i *Injected) Error() string {
	return fmt.Sprintf("nurserytest: failure %d, of %s", i.Number, i.Step)
}

// An Explorer makes things go wrong in one run of [Explore], and keeps the
// books. It is also the run's [testing.TB], whose FailNow may be called in any
// task. All methods may be called from any goroutine of the bubble, but not
// after the end of the run.
//
// What happens to a step is drawn from the seed, the step's name and how often
// that name was used before. So steps that run concurrently need names of their
// own, or a seed could not be replayed.
type Explorer struct {
	testing.TB
	*exploration
	seed  uint64
	began time.Time
	ctx   context.Context

	ledger

	mu   sync.Mutex // guards what follows
	seen map[string]uint64
	fuel int                // how many more tasks may be started
	done []*nursery.Nursery // those of the program that have ended
}

// Context returns the context that the explored function was given, for what
// asks a testing.TB for it.
func (x *Explorer) Context() context.Context { return x.ctx }

// Step stands for something that the code under test does, waits for and
// cannot rely on: a query, a call of another service. It takes up to a second
// of the bubble's time. Then it returns nil or, less often, an error that
// reaches an [*Injected], or panics or exits (see [Faults]). If ctx ends
// meanwhile it returns, mostly soon after, an error that echoes that; at times it
// does not heed it and goes on as if nothing was. A nil ctx panics.
func (x *Explorer) Step(ctx context.Context, name string) error {
	if ctx == nil {
		panic("nurserytest: Explorer.Step: nil context")
	}
	x.enters(ctx)
	defer x.leaves(ctx, name)
	a := x.actor(name)
	a.pause(ctx)
	return x.counted(&x.stepExits, func() error { return a.end(ctx) })
}

// Pick draws a number from 0 to n-1, for choices of the test itself, in the way
// that steps are drawn. An n below 1 panics.
func (x *Explorer) Pick(name string, n int) int {
	if n < 1 {
		panic(fmt.Sprintf("nurserytest: Explorer.Pick: n of %d: want at least 1", n))
	}
	return x.draws(name).IntN(n)
}

// Take has the failures in err come to light, for code that deals with an error
// itself instead of returning it: logs it, counts it, answers with it. An err of
// nil does nothing.
func (x *Explorer) Take(err error) { x.sees(err, false) }

// Report has what r holds come to light as a report. [Explore] observes all
// nurseries that are opened below the context of f; for others there is
// nursery.Observe(x.Report).
func (x *Explorer) Report(_ context.Context, r nursery.Report) {
	if r.Task != attempted { // which comes to light in another way: see retry
		x.sees(r.Err, true)
	}
}

// draws returns the random numbers of the next use of a name.
func (x *Explorer) draws(name string) *rand.Rand {
	x.mu.Lock()
	count := x.seen[name]
	x.seen[name]++
	x.mu.Unlock()
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return rand.New(rand.NewPCG(x.seed, h.Sum64()+count))
}

func (x *Explorer) actor(name string) *actor {
	return &actor{x: x, rand: x.draws(name), name: name}
}

// explore is one run.
func (x *Explorer) explore() {
	goroutines := runtime.NumGoroutine()
	draws := x.draws("")
	x.fuel = 4 + draws.IntN(24)
	ctx, cancel := context.WithCancelCause(x.TB.Context())
	defer cancel(nil)
	gone := x.sometime(draws, Cancellations, 3, "ends", func() { cancel(ErrGone) })
	defer gone()
	x.sees(caught(func() error { return x.runBelow(ctx, draws) }), false)
	synctest.Wait()
	if x.Skipped() { // what was left undone is in no books
		x.skipped++
	} else {
		x.check(ctx.Err() != nil)
	}
	if runtime.NumGoroutine() != goroutines { // or it is another test's
		if left := others(); len(left) > 0 {
			x.Errorf("%s", complaint(left))
		}
	}
	if x.after != nil {
		x.after(x)
	}
	if x.Failed() {
		x.Logf("what happened:\n%s", x.history())
	}
}

// runBelow runs the explored function as the task of a nursery. There a Goexit
// is a failure like others.
func (x *Explorer) runBelow(ctx context.Context, draws *rand.Rand) error {
	stop := func() {}
	defer func() { stop() }()
	return nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error {
		x.ctx = ctx
		grace := random(draws, time.Second) - 200*time.Millisecond // below zero there is no end of it
		stop = x.sometime(draws, Drains, 6, "drains", func() { n.Drain(grace) })
		n.Go(func(ctx context.Context) error { return x.f(ctx, x) })
		return nil
	}, nursery.Observe(x.Report))
}

// sometime has f called in one run of so many, sometime, if the fault is wanted.
func (x *Explorer) sometime(draws *rand.Rand, fault Fault, of int, what string, f func()) (stop func()) {
	after := random(draws, 2*time.Second)
	if draws.IntN(of) != 0 || x.faults&fault == 0 {
		return func() {}
	}
	timer := time.AfterFunc(after, func() {
		x.note("the context", what)
		f()
	})
	return func() { timer.Stop() }
}

// random draws a time of at least a nanosecond and at most longest. Times are
// that fine so that no two things happen at the same instant, when it would be
// up to the scheduler which comes first.
func random(draws *rand.Rand, longest time.Duration) time.Duration {
	return 1 + time.Duration(draws.Int64N(int64(longest)))
}

// caught calls f and returns its error. A panic counts as one.
func caught(f func() error) (err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case error:
			err = v
		default:
			err = fmt.Errorf("nurserytest: panic: %v", v)
		}
	}()
	return f()
}
