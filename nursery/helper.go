package nursery

import (
	"context"
	"errors"
)

// Helper makes the task a helper of the others: what they rely on until they
// are done, such as a connection that they share, a progress bar, or a flusher
// that has to outlive the last write. (Trio discusses it in issue 1521.)
//
//	n.Go(pool.Run, nursery.Helper())
//	n.Go(readAll)
//	n.Go(writeAll)
//
// Helpers are shielded: neither a failure nor [Nursery.Cancel] nor the end of
// the parent context ends their context. When the body and all tasks that are
// no helpers have ended it does, with a [*Cancelled], and the join waits for
// the helpers too. A helper that fails cancels the nursery like any task, and
// may return before its time. Tasks that helpers start are ordinary ones unless
// they are helpers as well.
//
// Who waits in the body, or in a task that is no helper, for one that waits to
// be dismissed ([Task.Wait] of [Async] with this option) waits for ever.
//
// Of a drain helpers are told by [Draining], but who is told there is only
// asked to finish: for a helper that is to wait. A helper does not count
// against a [Limit] and has no deadline. It costs an allocation, and the first
// of a nursery some more.
func Helper() TaskOption { return TaskOption{helper: true} }

// errDone is the reason for which helpers are cancelled.
var errDone = errors.New("nursery: the tasks that it helped have ended")

// helpers are the helper tasks of a nursery. One of its live tasks stands for
// all of them, so that it shows in the count when only they are left. It is all
// under the nursery's mu.
type helpers struct {
	count     int
	ctx       apart
	cancel    context.CancelCauseFunc
	dismissed *Cancelled
}

// help is begin for a helper.
func (t *task) help() error {
	n := t.n
	s, ctx, ok := n.admitHelper()
	if !ok {
		t.release()
		return ErrClosed
	}
	t.index, t.unlimited = place(s), true
	t.notice(s)
	if t.solo == nil {
		fn := t.fn
		t.stands(fn)
		t.fn = func(context.Context) error { return fn(ctx) }
	}
	t.launch()
	return nil
}

// admitHelper counts one more helper in, and returns the state that makes and
// the helpers' context.
func (n *Nursery) admitHelper() (s uint64, ctx context.Context, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := &n.rarely().helpers
	step := uint64(spawned - 1) // one that is live stands for all
	if h.count == 0 {
		step = spawned + helped
	}
	if s, ok = n.enter(step); !ok {
		return 0, nil, false
	}
	h.count++
	return s, n.helperContext(h), true
}

// helperContext returns the context of all helpers of n. The caller holds n.mu.
func (n *Nursery) helperContext(h *helpers) context.Context {
	if h.ctx.Context == nil {
		h.ctx.from = (*scope)(n)
		h.ctx.Context, h.cancel = context.WithCancelCause(context.WithoutCancel((*scope)(n)))
	}
	return &h.ctx
}

// leaveHelper counts one helper out.
func (n *Nursery) leaveHelper() {
	n.mu.Lock()
	h := &n.rare.Load().helpers
	h.count--
	last := h.count == 0
	if last && n.state.Add(^uint64(helped))&live != 0 {
		last = false
	}
	n.mu.Unlock()
	if last {
		n.idle.Done()
	}
}

// helpersMore returns how many helpers there are beyond the one that is counted
// among the live tasks for all.
func (n *Nursery) helpersMore() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return max(0, n.rarely().helpers.count-1)
}

// dismissHelpers ends the helpers' context.
func (n *Nursery) dismissHelpers() {
	n.mu.Lock()
	h := &n.rarely().helpers
	if h.dismissed == nil {
		h.dismissed = n.cancelledBy("the end of the tasks it helped", errDone)
	}
	cancel, c := h.cancel, h.dismissed
	n.mu.Unlock()
	cancel(c)
}

// dismissal returns how the helpers were dismissed, or nil.
func (n *Nursery) dismissal() *Cancelled {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rarely().helpers.dismissed
}

// releaseHelpers ends the helpers' context when n has closed. If they had all
// ended before their time nobody has dismissed them, and whatever they hung on
// their context still waits.
func (n *Nursery) releaseHelpers() {
	n.mu.Lock()
	cancel := n.rarely().helpers.cancel
	n.mu.Unlock()
	if cancel != nil {
		cancel(closedCause)
	}
}

// siftHelper strips from what a helper returned the echoes of its dismissal.
func (n *Nursery) siftHelper(err error) error {
	c := n.dismissal()
	if c == nil {
		return err
	}
	real, _ := n.siftBy(err, c)
	return real
}
