package nursery_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

var seeds = flag.Int("seeds", 2000, "how many random programs TestExplore runs")

// TestExplore runs random programs in bubbles: trees of tasks that sleep,
// fail, panic, exit, cancel, drain and start more of their kind, in nurseries
// with and without limits. Whatever they do, all tasks have ended when Run has,
// and every failure has come to light exactly once. A seed that fails is run
// again with go test -run 'TestExplore/seed_123$'.
//
// N1, N3, N4, N5, N7, N8, N9, N10, N11, N17, N20, N23
func TestExplore(t *testing.T) {
	runs := *seeds
	if testing.Short() {
		runs = min(runs, 300)
	}
	for seed := range runs {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := program{
					rand:  rand.New(rand.NewPCG(uint64(seed), 1)),
					fuel:  5 + seed%60,
					facts: facts{happened: make(map[int]string), handed: make(map[int]int), reported: make(map[int]int)},
				}
				p.run(t)
			})
		})
	}
}

// marked is a failure that can be told from all others.
type marked struct{ id int }

func (m *marked) Error() string { return fmt.Sprint("failure ", m.id) }

var errGone = errors.New("parent gone")

// facts is what happened in a program, and what became known of it.
type facts struct {
	mu       sync.Mutex
	happened map[int]string // how each marked failure came into the world
	handed   map[int]int    // how often each came back from Run or went to a hook
	reported map[int]int
	odd      []error // leaves that nobody failed with
	exits    int     // tasks that ended in a Goexit
	exitSeen int
}

// happens returns a new failure.
func (f *facts) happens(how string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := len(f.happened) + 1
	f.happened[id] = how
	return &marked{id}
}

// sees counts the leaves of err in to.
func (f *facts) sees(err error, to map[int]int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for leaf := range nursery.Leaves(err) {
		if m, ok := errors.AsType[*marked](leaf); ok {
			to[m.id]++
		} else if errors.Is(leaf, nursery.ErrGoexit) {
			f.exitSeen++
		} else {
			f.odd = append(f.odd, leaf)
		}
	}
}

// program is a random program, written while it runs.
type program struct {
	facts
	mu    sync.Mutex // guards rand and fuel
	rand  *rand.Rand
	fuel  int // how many more tasks may be started
	alive atomic.Int64
	late  []*nursery.Nursery // those that have ended, guarded by mu
}

func (p *program) pick(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rand.IntN(n)
}

func (p *program) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	if p.pick(3) == 0 {
		timer := time.AfterFunc(time.Duration(p.pick(2000))*time.Millisecond, func() { cancel(errGone) })
		defer timer.Stop()
	}
	defer cancel(nil)
	exits(func() {
		var err error
		v := raised(func() { err = p.nest(ctx, true) })
		if v != nil {
			err = v.(error)
		}
		p.sees(err, p.handed)
	})
	synctest.Wait()
	if got := p.alive.Load(); got != 0 {
		t.Errorf("%d tasks outlived Run", got)
	}
	for _, n := range p.late {
		if err := n.TryGo(succeeds); err != nursery.ErrClosed || n.Len() != 0 || len(n.Tree().Tasks) != 0 {
			t.Errorf("a nursery is still open: TryGo returned %v, Len %d, Tasks %v", err, n.Len(), n.Tree())
		}
	}
	p.check(t, ctx.Err() != nil)
}

// check compares what happened with what became known.
func (p *program) check(t *testing.T, gone bool) {
	t.Helper()
	for id, how := range p.happened {
		handed, reported := p.handed[id], p.reported[id]
		good := handed+reported == 1
		if how == "panic" { // reported always, handed unless an isolated task or an exiting body lost it
			good = reported == 1 && handed <= 1
		}
		if !good {
			t.Errorf("%s %d came back %d times and was reported %d times", how, id, handed, reported)
		}
	}
	if p.exits != p.exitSeen {
		t.Errorf("%d tasks exited, but %d failures say so", p.exits, p.exitSeen)
	}
	for i, leaf := range p.odd {
		if leaf != errGone || !gone || i > 0 {
			t.Errorf("got %v, with which nobody failed", leaf)
		}
	}
}

// nest runs a nursery of random options.
func (p *program) nest(ctx context.Context, root bool) error {
	opts := p.options()
	if root {
		opts = append(opts, nursery.Observe(func(_ context.Context, r nursery.Report) { p.sees(r.Err, p.reported) }))
	}
	var opened *nursery.Nursery
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.late = append(p.late, opened)
	}()
	return nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error {
		opened = n
		return p.behave(ctx, n)
	}, opts...)
}

func (p *program) options() (opts []nursery.Option) {
	if p.pick(3) == 0 {
		opts = append(opts, nursery.Isolate())
	}
	if p.pick(3) == 0 {
		opts = append(opts, nursery.Limit(1+p.pick(3)))
		if p.pick(2) == 0 {
			opts = append(opts, nursery.Queue(p.pick(3)))
		}
	}
	if p.pick(3) == 0 {
		opts = append(opts, nursery.OnPanic(nursery.ReturnPanics))
	}
	if p.pick(4) == 0 {
		opts = append(opts, nursery.OnCritical(func(err error) { p.sees(err, p.handed) }))
	}
	return opts
}

// task is one that counts how it lives.
func (p *program) task(ctx context.Context) error {
	p.alive.Add(1)
	exited := true
	defer func() {
		if v := recover(); v != nil {
			exited = false
			defer panic(v)
		}
		if exited {
			p.facts.mu.Lock()
			p.exits++
			p.facts.mu.Unlock()
		}
		p.alive.Add(-1)
	}()
	err := p.behave(ctx, nursery.From(ctx))
	exited = false
	return err
}

// behave does a few things and ends somehow.
func (p *program) behave(ctx context.Context, n *nursery.Nursery) error {
	for range p.pick(8) {
		switch p.pick(9) {
		case 0, 1, 2:
			p.start(n)
		case 3:
			time.Sleep(time.Duration(p.pick(1000)) * time.Millisecond)
		case 4, 5:
			select {
			case <-ctx.Done():
			case <-nursery.Draining(ctx):
			case <-time.After(time.Duration(p.pick(1000)) * time.Millisecond):
			}
		case 6:
			if p.takesFuel() {
				if err := p.nest(ctx, false); err != nil {
					return p.pass(err)
				}
			}
		case 7:
			if p.pick(4) == 0 {
				n.Cancel(errB)
			}
		case 8:
			if p.pick(4) == 0 {
				n.Drain(time.Duration(p.pick(500)-100) * time.Millisecond)
			}
		}
	}
	return p.end(ctx)
}

func (p *program) takesFuel() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fuel--
	return p.fuel >= 0
}

func (p *program) start(n *nursery.Nursery) {
	if !p.takesFuel() {
		return
	}
	var opts []nursery.TaskOption
	if p.pick(3) == 0 {
		opts = append(opts, nursery.Name("named"))
	}
	if p.pick(6) == 0 {
		opts = append(opts, nursery.Critical())
	}
	n.TryGo(p.task, opts...)
}

// pass hands err on as a caller may.
func (p *program) pass(err error) error {
	if p.pick(2) == 0 {
		return fmt.Errorf("passed on: %w", err)
	}
	return err
}

func (p *program) end(ctx context.Context) error {
	switch p.pick(12) {
	case 0:
		return p.happens("error")
	case 1:
		return fmt.Errorf("wrapped: %w", p.happens("error"))
	case 2:
		if ctx.Err() == nil {
			return nil
		}
		return errors.Join(ctx.Err(), fmt.Errorf("deeper: %w", errors.Join(context.Cause(ctx), p.happens("error"))), p.happens("error"))
	case 3:
		panic(p.happens("panic"))
	case 4:
		if p.pick(3) == 0 {
			runtime.Goexit()
		}
	case 5, 6, 7:
		return context.Cause(ctx)
	case 8:
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("wrapped: %w", err)
		}
	}
	return nil
}
