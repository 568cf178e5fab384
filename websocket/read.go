package websocket

import (
	"context"
	"io"
	"sync"
	"time"
	"unicode/utf8"
)

// incoming is a message whose frames are coming.
type incoming struct {
	op     byte    // 0: none is
	packed bool    // it is compressed
	skip   bool    // it is read and forgotten
	data   *[]byte // of scratches, once there is any
	text   int     // of a text, how much of data is known to be UTF-8
}

// scratches are what messages are read into before their size is known.
var scratches = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// maxScratch is the largest that is kept.
const maxScratch = 64<<10 + 1

func (m *incoming) end() {
	if m.data != nil {
		release(m.data)
	}
	*m = incoming{}
}

// scratch returns an empty one.
func scratch() *[]byte {
	b := scratches.Get().(*[]byte)
	*b = (*b)[:0]
	return b
}

// release gives one back.
func release(scratch *[]byte) {
	if cap(*scratch) <= maxScratch {
		scratches.Put(scratch)
	}
}

// read is the task that reads from the socket until nothing more can come: on,
// past the end of the context, to the peer's close frame. What ends it is the
// peer or the closing of the socket.
func (c *Conn) read(ctx context.Context) error {
	err := error(nil)
	defer func() {
		if err == nil { // the socket has panicked, which may be the application's own
			c.nursery.Cancel(&CloseError{Code: InternalError})
		}
		close(c.silent)
		_ = c.end(ctx) // which somebody has to, before the nursery closes
	}()
	for err == nil {
		err = c.frames.next()
	}
	c.message.end()
	c.wire.giveBack()
	c.stopped(err)
	return nil
}

// mayBeText returns false if the message should be UTF-8 and is not, whatever
// may still come.
func (m *incoming) mayBeText() (ok bool) {
	if m.op != opText || m.packed {
		return true
	}
	m.text, ok = textUpTo(*m.data, m.text)
	return ok
}

// limit returns how many bytes may come. Deflating what cannot be compressed
// makes it longer, by a few bytes in thousands. The limit of a message is never
// so large that this overflows: see forEver.
func (m *incoming) limit(message int64) int64 {
	if m.packed {
		return message + message/64 + 64
	}
	return message
}

// deliver puts the message that has come into the inbox, which may have to wait
// for room there.
func (c *Conn) deliver() {
	m, err := Message{}, ErrTooMany
	if c.pace.allows() { // first: undoing a compression costs more than sending it
		m, err = c.message.whole(c.opts.readLimit)
	}
	if err != nil {
		c.nursery.Cancel(err)
		return
	}
	c.store(m)
}

// whole returns the message that has come, or what is wrong with it.
func (m *incoming) whole(limit int64) (Message, error) {
	b, valid := *m.data, m.text == len(*m.data) // a text may end inside a code point
	if m.packed {
		inflated := scratch()
		defer release(inflated)
		var err error
		if *inflated, err = inflate(*inflated, b, limit); err != nil {
			return Message{}, err
		}
		b = *inflated
		valid = utf8.Valid(b)
	}
	if m.op == opText && !valid {
		return Message{}, ErrNotText
	}
	return message(m.op, b), nil
}

// store puts m into the inbox, and waits for room there or for the end.
func (c *Conn) store(m Message) {
	if c.in.tryPut(m) {
		return
	}
	defer c.resume()
	defer c.pace.rest()
	for {
		c.pause() // anew whenever the application has received something
		select {
		case <-c.in.room:
		case <-c.ctx.Done():
			return
		}
		if c.in.tryPut(m) {
			return
		}
	}
}

// stopped ends the connection after reading ended with err: because the peer
// closed, broke the protocol or, if neither, cannot be reached. After a violation
// what it still sends is read and forgotten, for closing a socket with something
// unread can destroy what it was sent last.
func (c *Conn) stopped(err error) {
	e, closed := err.(*CloseError)
	switch {
	case err == ErrNotText: // the reason of the close was not
		c.answered.Store(true)
		c.nursery.Cancel(err)
	case closed:
		c.answered.Store(true)
		c.answerFirst()
		c.lose(e)
	case err == errViolation:
		c.answerFirst()
		c.garbled.Store(true)
		c.nursery.Cancel(ErrProtocol)
		_, _ = io.Copy(io.Discard, c.socket.Conn)
	default:
		c.vanished()
	}
}

// moment is how long the end of a connection waits for the application to
// answer what came before.
const moment = 10 * time.Millisecond

// answerFirst gives the application a moment to answer the messages that came
// before a close or a violation: until all of them have been received and
// Receive is called once more. The peer may have sent its last one and the close
// in one go.
func (c *Conn) answerFirst() {
	if c.ctx.Err() != nil || c.Stats().Received.Messages == 0 {
		return
	}
	late := time.NewTimer(moment)
	defer late.Stop()
	asked := make(chan struct{})
	c.asked.Store(&asked)
	signal(c.in.arrived) // for one who waits already
	select {
	case <-asked:
	case <-late.C:
	case <-c.ctx.Done():
	}
}
