package websocket

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// end closes the connection once its context has ended, within the close
// timeout, whatever the connection's function does. It is a task, or the end of
// the reader if that was first.
func (c *Conn) end(ctx context.Context) error {
	if !c.ending.CompareAndSwap(false, true) {
		return nil
	}
	c.tellLeft(c.leaveRooms())
	c.sweeper.forget(c)
	how, by, timeout := vanished, time.Now().Add(c.opts.timeout), time.NewTimer(c.opts.timeout)
	defer func() {
		timeout.Stop()
		c.socket.abort()
		c.crowd.account.leave(how)
	}()
	e := ending{code: InternalError}
	defer func() { how = c.sayGoodbye(e, by, timeout) }() // should a translation panic, or a log, too
	c.decide(ctx, &e)
	return nil
}

// tellLeft has what is to be told of rooms told.
func (c *Conn) tellLeft(rooms []*Rooms) {
	if len(rooms) > 0 {
		c.beside(func() {
			for _, rs := range rooms {
				rs.tell()
			}
		})
	}
}

// beside runs code of the application in a task of its own, for it must not keep
// the end of the connection waiting.
func (c *Conn) beside(f func()) {
	// This is a task of the nursery, so it takes others.
	_ = c.nursery.TryGo(func(context.Context) error { f(); return nil })
}

// sayGoodbye exchanges close frames with the peer, if it can.
func (c *Conn) sayGoodbye(end ending, by time.Time, timeout *time.Timer) outcome {
	c.told = end.told()
	if end.abort {
		c.socket.abort()
		c.out.fail()
		return vanished
	}
	done, dropped := c.out.finish(&CloseError{Code: end.code, Reason: end.reason}, end.drop)
	if len(dropped) > 0 && c.opts.onDrop != nil {
		c.beside(func() { c.tellDropped(dropped) })
	}
	switch {
	case !before(by, timeout, done):
		c.told = end.untold()
		return stalled
	case c.out.isBroken():
		c.told = end.untold()
		return vanished
	}
	if c.garbled.Load() {
		c.socket.closeWrite(by)
	}
	if !before(by, timeout, c.silent) {
		return silent
	}
	c.socket.end(by)
	if c.answered.Load() {
		return answered
	}
	return vanished
}

// late is how long is waited for at most, once more, by a process that stood still
// or had too much to do, to see what has come meanwhile.
const late = time.Second

// before waits until done is closed, and returns false if the time is over first,
// for which there is a timer. One that comes late has as long again.
func before(by time.Time, timer *time.Timer, done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	case <-timer.C:
	}
	timer.Reset(min(time.Since(by), late))
	select {
	case <-done:
		return true
	case <-timer.C:
		return isClosed(done)
	}
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// ending is how a connection is closed, and why.
type ending struct {
	abort  bool // without a word
	code   Code
	reason string
	drop   bool  // what is queued
	theirs bool  // the peer has closed, with that
	cause  error // nil if the function returned
}

// told returns what [Options.OnClose] is told.
func (e *ending) told() *CloseError {
	code, reason := e.code, sendable(e.reason)
	if e.abort {
		code = Abnormal
	}
	if same, ok := e.cause.(*CloseError); ok && same.Code == code && same.Reason == reason {
		return same
	}
	return &CloseError{Code: code, Reason: reason, Err: e.cause}
}

// untold is told for a close frame that has not left.
func (e *ending) untold() *CloseError {
	e.abort = e.abort || !e.theirs
	return e.told()
}

// decide finds out how the connection is closed whose context has ended. It
// reports what the close code does not tell the peer.
func (c *Conn) decide(ctx context.Context, e *ending) {
	cause := context.Cause(ctx)
	e.cause = errors.Unwrap(cause)
	if left := c.left.Load(); left != nil && e.cause == error(left) {
		e.abort, e.theirs, e.code, e.reason = left.Code == Abnormal, true, left.Code, left.Reason
		return
	}
	switch {
	case e.cause == http.ErrAbortHandler:
		e.abort = true
	case e.cause == ErrSlowConsumer: // has enough to read already
		e.drop = true
		e.code, e.reason = c.resolve(e.cause)
	case parentEnded(cause):
		e.code = c.endedAbove(e.cause)
	case failed(cause):
		e.code, e.reason = c.resolve(e.cause)
	default:
		e.code, e.reason = c.cancelled(e.cause)
	}
	e.code = e.code.sendable()
	if e.cause == errReturned {
		e.cause = nil
	}
}

// failed reports whether cause says that the body or a task failed, and not
// that somebody cancelled.
func failed(cause error) bool {
	c, ok := cause.(*nursery.Cancelled)
	return ok && c.Failed()
}

// cancelled returns code and reason for a connection that was cancelled.
func (c *Conn) cancelled(reason error) (Code, string) {
	switch {
	case nursery.Is(reason, creche.ErrShutdown):
		return GoingAway, ""
	case reason == errReturned, reason == context.Canceled:
		if isClosed(c.draining) {
			return GoingAway, ""
		}
		return NormalClosure, ""
	}
	return c.resolve(reason)
}

func parentEnded(cause error) bool {
	c, ok := cause.(*nursery.Cancelled)
	return ok && c.ParentEnded()
}

// endedAbove returns the code for a connection that ends with what is around it,
// for a reason that is told where it arose, but for a deadline.
func (c *Conn) endedAbove(reason error) Code {
	switch late := nursery.Is(reason, context.DeadlineExceeded); {
	case nursery.Is(reason, creche.ErrShutdown):
		return GoingAway
	case late && c.ctx.Err() == context.Canceled && isClosed(c.draining):
		return GoingAway // it is no deadline, but the grace of [nursery.Nursery.Drain]
	case late:
		c.warn(reason)
	}
	return InternalError
}
