package nurserytest

import (
	"context"
	"math/rand/v2"
	"strconv"

	"github.com/creche-go/creche/nursery"
)

// Task returns a task that is a random program: it starts tasks of its kind in
// its nursery, in all the ways there are, opens nurseries with random options
// and time scopes, maps, races, retries, cancels, drains, tries to start
// tasks where it is too late, and ends somehow; all that again in each of
// the tasks. It is for nurseries and pools of tasks that want to be filled. What
// it finds wrong on the way is an error of x.
//
// Tasks of one run have names of their own, or a seed could not be replayed.
// A task that is run twice goes on in its random numbers.
func (x *Explorer) Task(name string) func(ctx context.Context) error {
	a := x.actor(name)
	return func(ctx context.Context) error {
		a.n = nursery.From(ctx)
		return x.counted(&x.exits, func() error { return a.live(ctx) })
	}
}

// live does a few things and ends.
func (a *actor) live(ctx context.Context) error {
	for range a.pick(6) {
		a.pause(ctx)
		a.checkCancelled()
		if err := a.act(ctx); err != nil {
			return a.pass(err)
		}
	}
	a.pause(ctx)
	a.checkCancelled()
	return a.end(ctx)
}

// pass hands an error on as a caller may.
func (a *actor) pass(err error) error {
	if a.one(2) {
		return &wrapped{err}
	}
	return err
}

// wrapped is what fmt.Errorf makes, but says what only when it is asked.
type wrapped struct{ err error }

func (w *wrapped) Error() string { return "wrapped: " + w.err.Error() }
func (w *wrapped) Unwrap() error { return w.err }

// act does one of the things that an actor may do, some of them more often.
func (a *actor) act(ctx context.Context) error {
	switch a.pick(32) {
	default:
		return a.start(ctx)
	case 0, 1, 2:
		return a.nest(ctx)
	case 3, 4:
		return a.async(ctx)
	case 5, 6:
		return a.wait(ctx)
	case 7:
		return a.stop(ctx)
	case 8, 9:
		return a.startReady(ctx)
	case 10:
		return a.attach(ctx)
	case 11:
		return a.moveOn(ctx)
	case 12:
		return a.failAfter(ctx)
	case 13:
		return a.shield(ctx)
	case 14:
		return a.mapItems(ctx)
	case 15:
		return a.mapSeq(ctx)
	case 16:
		return a.race(ctx)
	case 17:
		return a.all(ctx)
	case 18:
		return a.inside().retry(ctx)
	case 19, 20:
		return a.list(ctx)
	case 21:
		return a.cancel(ctx)
	case 22:
		return a.drain(ctx)
	case 23:
		return a.tooLate(ctx)
	}
}

// spend takes from what is left for the whole program, which has to end.
func (a *actor) spend(tasks int) bool {
	a.x.mu.Lock()
	defer a.x.mu.Unlock()
	if a.x.fuel < tasks {
		return false
	}
	a.x.fuel -= tasks
	return true
}

// kid returns a new actor, who comes from a and is not yet in any nursery.
func (a *actor) kid() *actor {
	a.kids++
	name := a.name + "." + strconv.Itoa(a.kids)
	return &actor{x: a.x, rand: rand.New(rand.NewPCG(a.rand.Uint64(), a.rand.Uint64())), name: name}
}

// inside returns a new actor that is where a is.
func (a *actor) inside() *actor {
	k := a.kid()
	k.n, k.space, k.outer, k.body = a.n, a.space, a.outer, a.body
	return k
}

// A role is how a task is started, in which the books about it differ.
type role int

const (
	ordinary  role = iota
	unlimited      // does not count against the limit
	helping
)

// task returns the life of a new actor as a task of the nursery that the actor
// in is in.
func (a *actor) task(in *actor, as role, live func(k *actor, ctx context.Context) error) (k *actor, run func(ctx context.Context) error) {
	k = a.kid()
	k.n, k.space, k.outer = in.n, in.space, in.outer
	seq := k.space.queued()
	return k, func(ctx context.Context) error {
		if as == helping {
			k.helper = ctx
		}
		k.space.begins(k, as, seq)
		defer k.space.ends(k, as)
		return k.x.counted(&k.x.exits, func() error { return live(k, ctx) })
	}
}

// help is the life of a helper, which may wait for its dismissal.
func (a *actor) help(ctx context.Context) error {
	if a.one(2) {
		return a.live(ctx)
	}
	a.late = ctx.Err() != nil
	<-ctx.Done()
	a.checkDismissal()
	a.pause(ctx)
	return a.end(ctx)
}

// nest runs a nursery of random options.
func (a *actor) nest(ctx context.Context) error {
	a.does("opens a nursery")
	if !a.spend(1) {
		return nil
	}
	k := a.kid()
	k.outer, k.body = a, true
	s := &space{x: a.x}
	k.space = s
	opts := k.options(s)
	defer func() { s.over(k) }()
	return nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error {
		k.n, s.ctx = n, ctx
		defer s.bodyOut()
		return k.live(ctx)
	}, opts...)
}

func (a *actor) options(s *space) (opts []nursery.Option) {
	if a.one(3) {
		s.isolated = true
		opts = append(opts, nursery.Isolate())
	}
	if a.one(3) {
		s.limit = 1 + a.pick(3)
		opts = append(opts, nursery.Limit(s.limit))
		if a.one(2) {
			s.bounded = true
			opts = append(opts, nursery.Queue(a.pick(3)))
		}
	}
	if a.one(3) {
		opts = append(opts, nursery.OnPanic(nursery.ReturnPanics))
	}
	if a.one(4) {
		s.hooked = true
		opts = append(opts, nursery.OnCritical(func(f nursery.Failure) { a.x.Take(f.Err) }))
	}
	if a.one(4) {
		s.traced = true
		opts = append(opts, nursery.Trace())
	}
	if a.one(4) {
		opts = append(opts, nursery.Title(a.name))
	}
	return opts
}

// does keeps what the actor is about to do for the history.
func (a *actor) does(what string) { a.x.note(a.name, what) }

func (a *actor) broken(format string, args ...any) {
	a.x.Errorf("nurserytest: %s: "+format, append([]any{a.name}, args...)...)
}
