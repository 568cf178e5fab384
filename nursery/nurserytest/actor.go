package nurserytest

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/creche-go/creche/nursery"
)

// actor is somebody who does things at random: a step, or part of a program.
// Each has random numbers of its own, so that what it does depends on the seed
// and on its own past, and not on who else runs when. It is of one goroutine.
type actor struct {
	x    *Explorer
	rand *rand.Rand
	name string
	kids int

	// Of an actor of a program:
	n       *nursery.Nursery
	space   *space          // of n, if the program opened n
	outer   *actor          // the body or task that opened n, or nil
	body    bool            // it is the body of n
	helper  context.Context // of one that is a helper
	late    bool            // that ended before it could notice
	handles []*handle
	failed  bool // it ended itself with a failure
	spared  bool // which then does not touch its nursery
}

// longest is how long a pause is at most, and moment how long it takes to
// notice that a context has ended: not all do at the same instant.
const (
	longest = time.Second
	moment  = 50 * time.Millisecond
)

func (a *actor) pick(n int) int { return a.rand.IntN(n) }

// one tells in one of n cases.
func (a *actor) one(n int) bool { return a.rand.IntN(n) == 0 }

// wants tells in one of n cases if faults of this kind are wanted.
func (a *actor) wants(fault Fault, n int) bool { return a.one(n) && a.x.faults&fault != 0 }

// pause takes a while. So everything that happens after it happens at an
// instant of its own: in a bubble time stands still until all the others wait.
func (a *actor) pause(ctx context.Context) {
	d := random(a.rand, longest)
	var draining <-chan struct{}
	switch a.pick(5) {
	case 0, 1:
		time.Sleep(d)
		return
	case 2:
		draining = nursery.Draining(ctx)
	}
	a.late = a.late || ctx.Err() != nil
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return
	case <-draining:
	case <-ctx.Done():
		a.checkDismissal()
	}
	time.Sleep(random(a.rand, moment))
}

// end ends the actor somehow.
func (a *actor) end(ctx context.Context) error {
	if ctx.Err() != nil && !a.one(4) {
		return a.echo(ctx)
	}
	faults := a.x.faults
	switch k := a.pick(16); {
	case k < 2 && faults&Errors != 0:
		return a.fails()
	case k == 2 && faults&Errors != 0:
		return &wrapped{a.fails()}
	case k == 3 && faults&Panics != 0:
		a.failed = true
		panic(a.x.injects(a.name, true))
	case k == 4 && faults&Exits != 0 && a.one(3):
		a.x.note(a.name, "exits")
		runtime.Goexit()
	}
	a.x.note(a.name, "ends")
	return nil
}

func (a *actor) fails() error {
	a.failed = true
	return a.x.injects(a.name, false)
}

// echo ends an actor whose context has ended, as most do.
func (a *actor) echo(ctx context.Context) error {
	switch a.pick(5) {
	case 0:
		a.x.note(a.name, "echoes the error")
		return ctx.Err()
	case 1:
		a.x.note(a.name, "echoes the cause")
		return context.Cause(ctx)
	case 2:
		a.x.note(a.name, "wraps the echo")
		return &wrapped{ctx.Err()}
	case 3:
		a.x.note(a.name, "obeys")
		return nil
	}
	if a.x.faults&Errors == 0 {
		return context.Cause(ctx)
	}
	return errors.Join(ctx.Err(), &wrapped{errors.Join(context.Cause(ctx), a.fails())}, a.fails())
}
