package nursery

import (
	"math/rand/v2"
	"runtime"
	"time"
)

// The roll of a nursery is the list of its tasks, from which [Nursery.Tree] is
// made. It has to cost a task next to nothing, so nobody takes himself off it:
// who begins is put in front, with one atomic step, and who ends says so in
// his record. Records of tasks that are over go back to the pool when the
// nursery closes or, before that, when they are most of the roll.
//
// What links the records is read and changed by those who walk the roll, under
// the nursery's mu; a record that is not on it yet belongs to who puts it
// there. The one in front is never taken off, and so nobody has to look behind
// it to put another in front.

// A roll is looked at each time that about so many have been put on it.
const lookedAt = 64

// enrol puts t, which has made the state s, on the roll.
func (n *Nursery) enrol(t *task, s uint64) {
	for {
		front := n.roll.Load()
		if front == nil {
			if t.above == nil {
				t.above = n.enrolAbove()
			}
			s = n.state.Load() // it may be traced now
		} else {
			t.strikeAbove() // another was the first
		}
		if (t.name != "" || s&traced != 0) && t.began.IsZero() && !t.below {
			t.began = time.Now()
			runtime.Callers(3, t.place[:])
		}
		t.older = front
		if n.roll.CompareAndSwap(front, t) {
			break
		}
	}
	if !t.below && t.index%lookedAt == 0 {
		n.look(s, 0)
	}
}

// enrolAbove puts n, which is about to have its first task, on the roll of the
// nursery above, if there is one, and returns the record it has there. A
// nursery without tasks is on no roll: it has nothing that its body does not.
func (n *Nursery) enrolAbove() *task {
	above := From(n.parent)
	if above == nil {
		return nil
	}
	r := newTask()
	r.below = true
	r.sub.Store(n)
	above.enrol(r, above.state.Load())
	s := above.state.Load()
	if s&traced != 0 {
		n.state.Or(traced)
	}
	if rand.Uint32()%lookedAt == 0 { // they have no number
		above.look(s, lookedAt)
	}
	return r
}

// strikeAbove marks the record that t's nursery has on the roll above as over.
// From then on it is not ours any more.
func (t *task) strikeAbove() {
	if r := t.above; r != nil {
		t.above = nil
		r.sub.Store(nil)
		r.phase.Store(over)
	}
}

// rollCall is what is known of the length of a roll, under the nursery's mu.
type rollCall struct {
	below uint32 // how many nurseries below have been put on it, about
	swept uint32 // how many had been put on it when it was swept
	left  uint32 // how many were left then
}

// look sweeps the roll of n, in the state s, if most who are on it may be over.
// So many nurseries more are on it, beside the tasks.
func (n *Nursery) look(s uint64, below uint32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var c rollCall
	if r := n.rare.Load(); r != nil {
		c = r.call
	}
	c.below += below
	put := uint32(s>>32) + c.below
	if put-c.swept > max(c.left, uint32(s&live))+lookedAt {
		c.left, c.swept = n.sweep(), put
	} else if below == 0 {
		return
	}
	n.rarely().call = c
}

// sweep takes those who are over off the roll, and returns how many are left.
// It keeps the one in front, and the oldest, which knows the record above. The
// caller holds n.mu.
func (n *Nursery) sweep() (left uint32) {
	left = 1
	for last := n.roll.Load(); last.older != nil; {
		t := last.older
		if t.older != nil && t.phase.Load() == over {
			last.older = t.older
			t.release()
			continue
		}
		last = t
		left++
	}
	return left
}

// dissolve gives the records of a nursery that has closed back to the pool, and
// takes it off the roll above. Who is not over then is a nursery that was
// opened below this one and outlives it, in a goroutine that is none of its
// tasks. That will come back to its record.
func (n *Nursery) dissolve() {
	for t := n.roll.Swap(nil); t != nil; {
		older := t.older
		t.strikeAbove()
		if t.phase.Load() == over {
			t.release()
		}
		t = older
	}
}

// walkRoll calls visit for each record on the roll, the youngest first. It
// keeps n open meanwhile: a roll must not be dissolved under the hands of who
// reads it. It returns false if n has closed.
func (n *Nursery) walkRoll(visit func(t *task)) bool {
	if _, ok := n.enter(0); !ok {
		return false
	}
	defer n.leave()
	n.mu.Lock()
	defer n.mu.Unlock()
	for t := n.roll.Load(); t != nil; t = t.older {
		visit(t)
	}
	return true
}
