package nursery

import (
	"context"
	"errors"
	"strconv"
)

// Sentinel errors.
var (
	// ErrClosed is what [Nursery.TryGo] returns once the nursery has closed,
	// and the reason that a closed nursery's context gives.
	ErrClosed = errors.New("nursery: closed")
	// ErrFull is what [Nursery.TryGo] returns when the nursery's [Limit] is
	// reached and its [Queue] is full.
	ErrFull = errors.New("nursery: full")
	// ErrGoexit is the failure of a task that called [runtime.Goexit].
	ErrGoexit = errors.New("nursery: task called runtime.Goexit")
	// ErrNotReady is what [Start] returns when the task ended without saying
	// that it is ready.
	ErrNotReady = errors.New("nursery: Start: the task ended without saying that it is ready")
	// ErrDropped is what became of a task that was still queued when its
	// nursery was cancelled.
	ErrDropped = errors.New("nursery: queued task dropped")
)

// Cancelled is the cause that [context.Cause] finds on the context of a
// nursery that was cancelled. It says which nursery and who did it, and
// unwraps to the reason: the failure of a task, the cause given to
// [Nursery.Cancel], the cause of the parent's end, or [ErrClosed].
//
// Each cancellation has a *Cancelled of its own, by which a nursery tells the
// echoes of its cancellation from failures. (Only the closing of a nursery,
// after which nothing is left to echo it, shares one.)
type Cancelled struct {
	// Nursery is the nursery's name, if it has one.
	Nursery string
	// By is for people to read: a task ("task 2", "task sweep"), "the body", "the
	// parent", "the close", "the loop" over a [MapSeq] that was left early, "the end
	// of the tasks it helped", which cancels a [Helper], or the call: "Cancel",
	// "Drain", and for one task alone "Task.Cancel" and, of whoever waited for it to
	// be ready, "Start". In a [Race] the task is the one that won. Code asks Failed
	// and ParentEnded.
	By     string
	reason error
	words  *words // what has to be asked for the reason, if it is not reason
	err    error  // what the context's Err returns
	failed bool   // a task or the body
	parent bool   // the parent ended
}

// Failed reports whether c was cancelled because a task or the body failed, by an
// error, a panic or a Goexit. That is the reason then.
func (c *Cancelled) Failed() bool { return c.failed }

// ParentEnded reports whether c was cancelled because the context around the
// nursery ended. The reason is that one's cause, or what [ParentCause] made of it.
func (c *Cancelled) ParentEnded() bool { return c.parent }

// Error tells the nursery, who cancelled it, and the reason; of a panic without
// the stack, which was reported, for whoever is cancelled may say why.
func (c *Cancelled) Error() string {
	s := "nursery: "
	if c.Nursery != "" {
		s = "nursery " + c.Nursery + ": "
	}
	s += "cancelled by " + c.By
	if reason := c.Unwrap(); reason != nil {
		s += ": " + headline(reason)
	}
	return s
}

// Unwrap returns the reason. The first to ask why the parent ended has the
// function of [ParentCause], if there is one, called.
func (c *Cancelled) Unwrap() error {
	if c.words != nil {
		return c.words.ask()
	}
	return c.reason
}

// Is makes a *Cancelled match what the cancelled context's Err returns, so
// that code which asks errors.Is(err, context.Canceled) keeps its answer when
// a library returns the cause instead, as net/http's client does.
func (c *Cancelled) Is(target error) bool { return target == c.err }

// closedCause is what the context of every closed nursery is cancelled with.
var closedCause = &Cancelled{By: "the close", reason: ErrClosed, err: context.Canceled}

func (n *Nursery) cancelledBy(who string, reason error) *Cancelled {
	return &Cancelled{Nursery: n.cfg.name, By: who, reason: reason, err: context.Canceled}
}

// Cancel cancels the nursery: its context ends with a [*Cancelled] that unwraps
// to cause, or to [context.Canceled] if cause is nil, and tasks still queued
// are dropped. Cancelling is not a failure: Run returns nil if nothing else
// goes wrong. The first cancellation wins, be it the parent's end, and further
// calls do nothing. So does Cancel after the nursery closed. It does not wait,
// and may be called from any goroutine; on a nursery that was never opened it
// panics.
func (n *Nursery) Cancel(cause error) {
	n.mustBeOpened("Cancel")
	if cause == nil {
		cause = context.Canceled
	}
	n.cancelUnlessEnded(n.cancelledBy("Cancel", cause))
}

// cancelUnlessEnded is cancel for those who have not looked whether the parent
// has ended, which then came first.
func (n *Nursery) cancelUnlessEnded(c *Cancelled) {
	if n.ended() == nil {
		n.cancel(c)
	}
}

// cancel ends the nursery's context with c unless it has ended.
func (n *Nursery) cancel(c *Cancelled) {
	if !n.cancelled.CompareAndSwap(nil, c) {
		return
	}
	if n.isBuilt() {
		n.cancelDone(c)
	}
	if n.cfg.limit > 0 {
		n.dropQueued()
	}
}

// fail cancels the nursery because of f.
func (n *Nursery) fail(f *Failure) {
	c := n.cancelledBy(f.whose(), f.Err)
	c.failed = true
	n.cancelUnlessEnded(c)
}

func (f *Failure) whose() string {
	switch {
	case f.Task != "":
		return "task " + f.Task
	case f.Index > 0:
		var room [24]byte
		return string(strconv.AppendInt(append(room[:0], "task "...), int64(f.Index), 10))
	}
	return "the body"
}
