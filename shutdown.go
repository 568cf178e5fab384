package creche

import (
	"context"
	"time"

	"github.com/creche-go/creche/nursery"
)

// Shutdown ends the background work of an App that does not serve, because the
// server is somebody else's: a framework's, a test's ([net/http/httptest]), or a
// function's in a cloud. It comes when that server has shut down; requests are
// not waited for here, and services are started by [App.Serve] alone.
//
// From then on [App.Go] returns [nursery.ErrClosed], and tasks are told to finish
// ([nursery.Draining]). Shutdown waits until all have ended, queued ones too. When
// ctx ends they are cancelled with cause [ErrShutdown], and have
// [Stopping].Abandoned for their end. It returns the cause given to [App.Stop] or
// the error of a critical task, nil without any, joined with an
// [*UnfinishedError] that names the tasks that have not ended or never began.
//
// It may be called by any goroutine, and again: each call waits. Of an App that
// serves or has served it returns [ErrServed], for there the stop does all of it; and
// an App that was shut down does not serve. A nil ctx panics.
func (a *App) Shutdown(ctx context.Context) error {
	if ctx == nil {
		panic("creche: Shutdown: nil context")
	}
	joined := a.retire()
	if joined == nil {
		return ErrServed
	}
	select {
	case <-joined:
	case <-ctx.Done():
		a.background.Cancel(ErrShutdown)
		waitFor(context.Background(), time.Now().Add(a.stopping.Abandoned), joined)
	}
	cause := a.life.end(nil)
	if left := a.background.Tree(); len(left.Tasks) > 0 || a.waiting.len() > 0 {
		left.AddStacks()
		return together(cause, &UnfinishedError{Tasks: left.Tasks, Dropped: a.waiting.left(), at: time.Now()})
	}
	return cause
}

// retire has the background nursery drained and joined, and returns what is
// closed then, or nil if it is for [App.Serve] to do that.
func (a *App) retire() <-chan struct{} {
	l := &a.life
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.retired != nil:
	case l.served:
		return nil
	default:
		l.served, l.ending, l.retired = true, true, make(chan struct{})
		a.background.Drain(-1)
		var joins nursery.Nursery // which nobody joins: it has ended when this has
		joins.Open(context.Background(), nursery.Title("shutdown"))
		joins.Go(func(context.Context) error {
			defer close(l.retired)
			_ = a.background.JoinOwned() // each failure has been reported
			return nil
		})
	}
	return l.retired
}
