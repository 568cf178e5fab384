package websocket

import (
	"bytes"
	"context"
	"sync"
	"syscall"
)

// round is connections that a broadcast has woken and that one task writes to,
// one after the other. A task for each would cost as much again as what it does
// besides the system call, and while the task is on its way, further broadcasts
// are queued that leave in the same writes.
//
// It writes only as much as the network takes at once. Who has no room for all of
// it, or no way to say so, gets a task of its own, which may wait. So nobody waits
// for another, and the connection whose nursery the task is in, for its end, no
// longer than for visits × roundSize system calls.
type round struct {
	members []*Conn
	write   func(context.Context) error // visit, bound once
	attempt attempt
}

// roundSize is how many connections a round has at most: few, so that all
// processors have something to do.
const roundSize = 32

var rounds sync.Pool

func newRound() *round {
	if r, ok := rounds.Get().(*round); ok {
		return r
	}
	r := &round{members: make([]*Conn, 0, roundSize)}
	r.write, r.attempt.once = r.visit, r.attempt.write
	return r
}

// waker collects those who are to be woken.
type waker struct{ round *round }

// add has c written to, by start at the latest.
func (w *waker) add(c *Conn) {
	if w.round == nil {
		w.round = newRound()
	}
	w.round.members = append(w.round.members, c)
	if len(w.round.members) == roundSize {
		w.start()
	}
}

// start starts the round, in the nursery of one of its members. One whose nursery
// has closed is not written to any more.
func (w *waker) start() {
	if w == nil || w.round == nil {
		return
	}
	r := w.round
	w.round = nil
	for i, c := range r.members {
		if c.out.begin(r.write) == nil {
			return
		}
		r.members[i] = nil
		c.out.fail()
	}
	r.release()
}

// visit is the task.
func (r *round) visit(context.Context) error {
	defer r.release()
	buf := batches.Get().(*[batchSize]byte)
	defer batches.Put(buf)
	for _, c := range r.members {
		if c != nil && !c.out.writeNow(buf, &r.attempt) {
			c.out.startWriter()
		}
	}
	return nil
}

func (r *round) release() {
	clear(r.members)
	r.members = r.members[:0]
	rounds.Put(r)
}

// visits is how often a round writes to a connection that has always something
// new, before that gets a task.
const visits = 4

// writeNow writes what there is to write, as far as that is possible without
// waiting. It returns false if a task has to go on.
func (o *outbox) writeNow(buf *[batchSize]byte, a *attempt) bool {
	if o.raw == nil {
		return false
	}
	for range visits {
		batch, messages, last := o.take(buf[:0])
		if batch == nil {
			return true
		}
		n := a.on(o.raw, batch)
		if n < len(batch) {
			o.rest = &rest{batch[n:], messages, last}
			if len(batch) <= batchSize { // it is in buf
				o.rest.bytes = bytes.Clone(batch[n:])
			}
			return false
		}
		o.wrote(messages, last)
	}
	return false
}

// rest is what a round could not write, and what has been written with it. It is
// what the task writes first.
type rest struct {
	bytes    []byte
	messages Bounds
	last     bool
}

// attempt is a write that does not wait.
type attempt struct {
	batch []byte
	n     int
	once  func(fd uintptr) bool // write, bound once
}

// on returns how many bytes of batch could be written. After an error that is
// none: whoever writes the rest finds out.
func (a *attempt) on(raw syscall.RawConn, batch []byte) int {
	a.batch, a.n = batch, 0
	_ = raw.Write(a.once) // an error that the rest will meet
	a.batch = nil
	return a.n
}
