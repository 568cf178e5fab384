package nurserytest

import (
	"context"

	"github.com/creche-go/creche/nursery"
)

// space is what is known of a nursery that a program opened, to compare with
// what the nursery does. A nil space is one of which nothing is known. What
// changes is guarded by the explorer's mu.
type space struct {
	x        *Explorer
	ctx      context.Context // the nursery's
	limit    int
	isolated bool
	bounded  bool // the queue is
	hooked   bool // failures of critical tasks go elsewhere
	traced   bool

	tasks    int // live ones that have begun
	helpers  int // of them
	limited  int // of them, those that count against the limit
	started  int // tasks so far
	lastSeq  int // of those that count against the limit, the last that began
	bodyGone bool
	failed   bool // somebody failed, so the nursery has to be cancelled
}

func (s *space) isBounded() bool { return s == nil || s.bounded }

func (s *space) isIsolated() bool { return s != nil && s.isolated }

func (s *space) isHooked() bool { return s != nil && s.hooked }

func (s *space) mayDrop() bool { return s == nil || s.limit > 0 && s.ctx.Err() != nil }

// queued returns the place of the next task in the order of starting.
func (s *space) queued() int {
	if s == nil {
		return 0
	}
	s.x.mu.Lock()
	defer s.x.mu.Unlock()
	s.started++
	return s.started
}

func (s *space) begins(a *actor, as role, seq int) {
	if s == nil {
		return
	}
	s.x.mu.Lock()
	defer s.x.mu.Unlock()
	s.tasks++
	switch {
	case as == helping:
		s.helpers++
	case as == ordinary && s.limit > 0:
		s.limited++
		if s.limited > s.limit {
			a.broken("%d tasks run at once under a limit of %d", s.limited, s.limit)
		}
		if seq < s.lastSeq {
			a.broken("task %d began after task %d", seq, s.lastSeq)
		}
		s.lastSeq = seq
	}
}

func (s *space) ends(a *actor, as role) {
	if s == nil {
		return
	}
	s.x.mu.Lock()
	defer s.x.mu.Unlock()
	s.tasks--
	switch {
	case as == helping:
		s.helpers--
	case as == ordinary && s.limit > 0:
		s.limited--
	}
	if a.failed && !s.isolated && !a.spared {
		s.failed = true
	}
}

func (s *space) bodyOut() {
	s.x.mu.Lock()
	defer s.x.mu.Unlock()
	s.bodyGone = true
}

// over is told that the join of the nursery, whose body was a, is over.
func (s *space) over(a *actor) {
	s.x.mu.Lock()
	defer s.x.mu.Unlock()
	if s.tasks != 0 {
		a.broken("%d tasks outlived the join", s.tasks)
	}
	s.x.done = append(s.x.done, a.n)
}

// checkCancelled looks whether the failure of a task, which was at an earlier
// instant, has cancelled its nursery.
func (a *actor) checkCancelled() {
	if a.space == nil {
		return
	}
	a.x.mu.Lock()
	failed := a.space.failed
	a.x.mu.Unlock()
	if failed && a.space.ctx.Err() == nil {
		a.broken("its nursery is not cancelled, though a task has failed")
	}
}

// checkDismissal looks, in a helper whose context has just ended, whether its
// time has come. Who is started after that is free to start others again.
func (a *actor) checkDismissal() {
	if a.helper == nil || a.space == nil || a.late {
		return
	}
	a.late = true
	if c, ok := context.Cause(a.helper).(*nursery.Cancelled); !ok || c.By == "Task.Cancel" {
		return
	}
	a.x.mu.Lock()
	defer a.x.mu.Unlock()
	if others := a.space.tasks - a.space.helpers; others > 0 || !a.space.bodyGone {
		a.broken("a helper was dismissed while %d tasks ran, the body gone: %t", others, a.space.bodyGone)
	}
}

// list compares the nursery's tree with what is known. At the instants of an
// actor all others wait, so it has to be exact.
func (a *actor) list(context.Context) error {
	a.does("lists the tree")
	if a.n == nil {
		return nil
	}
	tree := a.n.Tree()
	if a.space == nil {
		return nil
	}
	begun, helpers := a.checkTasks(tree)
	a.x.mu.Lock()
	defer a.x.mu.Unlock()
	if s := a.space; begun != s.tasks || helpers != s.helpers || len(tree.Tasks) != a.n.Len() {
		a.broken("%d tasks live, %d of them helpers, Len returns %d, but the tree is:\n%v", s.tasks, s.helpers, a.n.Len(), tree)
	}
	if cancelled := a.space.ctx.Err() != nil; cancelled != (tree.State == "cancelled") || cancelled != (tree.Cause != nil) {
		a.broken("cancelled: %t, but the tree is:\n%v", cancelled, tree)
	}
	for _, below := range tree.Below {
		if len(below.Tasks)+len(below.Below) == 0 {
			a.broken("a nursery without tasks in the tree:\n%v", tree)
		}
	}
	return nil
}

// checkTasks looks whether the tasks of a tree are plausible by themselves, and
// returns how many have begun and how many are helpers.
func (a *actor) checkTasks(tree nursery.Tree) (begun, helpers int) {
	last := 0
	for _, task := range tree.Tasks {
		known := task.State == "running" || task.State == "queued" && a.space.limit > 0 || task.State == "starting"
		told := task.Name == "" && !a.space.traced || !task.Began.IsZero() && task.Place != ""
		if !known || !told || task.Index <= last || task.Func == "" {
			a.broken("a task in the tree is odd: %v", task)
		}
		last = task.Index
		if task.State != "queued" {
			begun++
		}
		if task.Helper {
			helpers++
		}
	}
	return begun, helpers
}
