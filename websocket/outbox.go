package websocket

import (
	"context"
	"errors"
	"sync"
	"syscall"

	"github.com/creche-go/creche/nursery"
)

var (
	errFull  = errors.New("websocket: the queue is full")
	errEnded = errors.New("websocket: the connection has ended")
)

// batchSize is how much of what is queued is written at once. A write costs a
// system call, whatever its size.
const batchSize = 16 << 10

var batches = sync.Pool{New: func() any { return new([batchSize]byte) }}

// outbox is all that a connection writes: messages in order, pongs between
// them, and in the end a close frame. Its writer is a task that lives only
// while there is something to write.
type outbox struct {
	c   *Conn
	raw syscall.RawConn             // how to write without waiting; nil: one cannot
	run func(context.Context) error // transmit, bound once

	// begin is TryGo of the connection's nursery. As a value it hides from
	// linters that a Broadcast, which has no context, begins tasks, which have one.
	begin func(task func(context.Context) error, opts ...nursery.TaskOption) error

	mu      sync.Mutex // never held across a wait
	queue   fifo[Message]
	popped  int            // how many have been taken from it
	keys    map[string]int // of the newest message of each key in it, how many were put there before
	held    Bounds         // what is queued or being written
	flying  Bounds         // what of that is being written
	spared  int            // how many bytes of that by compression
	total   Count          // what has been written
	dropped Count          // what never will be
	answer  []byte         // pongs
	last    *CloseError    // what the close frame is to say
	ask     bool           // a ping is to leave
	writing bool           // there is a writer
	ended   bool           // nothing more is taken
	over    bool           // done is closed
	broken  bool           // writing has failed
	rest    *rest          // of what a round has begun to write; the writer's alone
	telling sync.WaitGroup // calls of OnDrop that are due
	room    chan struct{}
	done    chan struct{} // closed when the close frame has left, or cannot; made at the end
}

func (o *outbox) open(c *Conn) {
	o.c, o.raw, o.run = c, rawOf(c.socket.Conn), o.transmit
}

// maxPongs is how much of pongs is kept for a peer that sends pings faster than
// it reads. Only the latest ping wants an answer (RFC 6455, section 5.5.3), but
// whoever has sent a few mostly waits for each.
const maxPongs = 2 << 10

// pong queues the answer to a ping.
func (o *outbox) pong(payload []byte) {
	var frame [2 + maxControl]byte
	o.reply(append(append(frame[:0], final|opPong, byte(len(payload))), payload...))
}

// reply queues a control frame, which overtakes messages.
func (o *outbox) reply(frame []byte) {
	o.mu.Lock()
	if o.ended {
		o.mu.Unlock()
		return
	}
	if len(o.answer)+len(frame) > maxPongs {
		o.answer = o.answer[:0]
	}
	o.answer = append(o.answer, frame...)
	o.mu.Unlock()
	o.wake(nil)
}

var pingFrame = []byte{final | opPing, 0}

// ping queues a ping. If the last one is still queued that will do.
func (o *outbox) ping() {
	o.mu.Lock()
	ended := o.ended
	o.ask = !ended
	o.mu.Unlock()
	if !ended {
		o.wake(nil)
	}
}

// finish has the close frame follow what is queued, or take its place if drop is
// set, and takes nothing more. Done is closed when it has left, or cannot. Finish
// must be called once at most.
func (o *outbox) finish(last *CloseError, drop bool) (done <-chan struct{}, dropped []Message) {
	o.mu.Lock()
	o.done = make(chan struct{})
	if o.over {
		close(o.done)
	}
	o.ended, o.last = true, last
	for drop && o.queue.len() > 0 {
		dropped = append(dropped, o.dropOldest())
	}
	o.toTell(dropped)
	o.makeRoom()
	o.mu.Unlock()
	o.wake(nil)
	return o.done, dropped
}

// wake sees to it that somebody writes: w, if there is one, when that starts.
func (o *outbox) wake(w *waker) {
	o.mu.Lock()
	asleep := !o.writing && !o.broken
	o.writing = true
	o.mu.Unlock()
	switch {
	case !asleep:
	case w != nil && o.raw != nil:
		w.add(o.c)
	default:
		o.startWriter()
	}
}

func (o *outbox) startWriter() {
	if o.begin(o.run) != nil {
		o.fail()
	}
}

// transmit writes until there is nothing left to write.
func (o *outbox) transmit(context.Context) error {
	if r := o.rest; r != nil {
		o.rest = nil
		if !o.write(r.bytes, r.messages, r.last) {
			return nil
		}
	}
	buf := batches.Get().(*[batchSize]byte)
	defer batches.Put(buf)
	for {
		batch, messages, last := o.take(buf[:0])
		if batch == nil || !o.write(batch, messages, last) {
			return nil
		}
	}
}

// pieceSize is how much of a large message is written at once: little enough for
// a slow peer to take it in the time in which it would answer a ping, which waits
// for all of the message. A piece costs a system call.
const pieceSize = 64 << 10

// write writes a batch, and returns false if that has failed.
func (o *outbox) write(batch []byte, messages Bounds, last bool) bool {
	for ; len(batch) > pieceSize; batch = batch[pieceSize:] {
		if !o.writeAll(batch[:pieceSize]) {
			return false
		}
		o.mu.Lock()
		o.moved()
		o.mu.Unlock()
	}
	if !o.writeAll(batch) {
		return false
	}
	o.wrote(messages, last)
	return true
}

func (o *outbox) writeAll(b []byte) bool {
	if _, err := o.c.socket.Write(b); err != nil {
		o.c.unreachable()
		o.fail()
		return false
	}
	return true
}

// moved tells the heartbeat that the peer, or the network, takes what a ping has to
// wait for: that is among the answers if it is coder's. The caller holds o.mu.
func (o *outbox) moved() {
	if o.ask || len(o.answer) > 0 {
		o.c.move()
	}
}

// take returns the next bytes to write, gathered in buf as far as they fit,
// what of them is messages, and whether the close frame is among them. If there
// is nothing it returns nil, and the writer has ended.
func (o *outbox) take(buf []byte) (batch []byte, messages Bounds, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	batch = append(buf, o.answer...)
	if o.ask {
		batch = append(batch, pingFrame...)
	}
	if o.answer, o.ask = o.answer[:0], false; cap(o.answer) > 2+maxControl {
		o.answer = nil // a peer that sent so many may be idle from now on
	}
	for o.queue.len() > 0 {
		m := o.queue.front()
		if len(batch) > 0 && len(batch)+o.c.frames.size(m) > cap(buf) {
			return batch, messages, false
		}
		o.pop()
		from, size := len(batch), len(m.wire())
		batch = o.c.frames.message(batch, m)
		messages.add(1, size)
		o.flying = messages
		o.spared += size - (len(batch) - from)
		if len(batch) > cap(buf) {
			return batch, messages, false
		}
	}
	if o.last != nil && len(batch)+2+maxControl <= cap(buf) {
		batch = o.c.frames.last(batch, o.last)
		o.last, last = nil, true
	}
	if len(batch) == 0 {
		o.writing = false
		return nil, Bounds{}, false
	}
	return batch, messages, last
}

// wrote counts out what has been written.
func (o *outbox) wrote(messages Bounds, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.broken { // by its end, which has counted them
		return
	}
	o.moved()
	o.held.add(-messages.Messages, -messages.Bytes)
	o.total.add(messages.Messages, messages.Bytes-o.spared)
	o.flying, o.spared = Bounds{}, 0
	o.makeRoom()
	if last {
		o.end()
	}
}

// fail gives up what is queued or being written, which counts as dropped.
func (o *outbox) fail() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended, o.broken = true, true
	o.queue, o.keys, o.last, o.answer = fifo[Message]{}, nil, nil, nil
	o.dropped.add(o.held.Messages, o.held.Bytes)
	o.held, o.flying = Bounds{}, Bounds{}
	o.makeRoom()
	o.end()
}

// isBroken reports whether writing has failed.
func (o *outbox) isBroken() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.broken
}

// makeRoom has those that wait ask again. The caller holds o.mu.
func (o *outbox) makeRoom() {
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}

// end closes done. The caller holds o.mu.
func (o *outbox) end() {
	if !o.over && o.done != nil {
		close(o.done)
	}
	o.over = true
}
