package creche

import (
	"context"
	"errors"
	"os/signal"
	"slices"
	"time"

	"github.com/creche-go/creche/nursery"
)

// stop takes the stages of the stop. It returns the cause, joined with failed
// and with what was left unfinished.
func (s *server) stop(failed error) error {
	a := s.app
	due := a.options.Stopping.from(time.Now())
	hurry, now := context.WithCancel(context.Background())
	defer now()
	s.tasks.Go(func(ctx context.Context) error { return s.heed(ctx, now) })

	s.stopRequests(hurry, &due)
	s.stopBackground(hurry, &due)
	s.tasks.Cancel(nil)
	cause := together(a.life.end(nil), failed)
	if left := s.unfinished(); left != nil {
		return together(cause, left)
	}
	return together(cause, s.tasks.Join())
}

// heed cancels everything when the second signal comes. The first may be the
// one that began the stop, or that also ended the context of Serve, as with
// [os/signal.NotifyContext].
func (s *server) heed(ctx context.Context, now context.CancelFunc) error {
	for ; s.heard < 2; s.heard++ {
		select {
		case <-s.signals:
		case <-ctx.Done():
			return nil
		}
	}
	signal.Stop(s.signals) // the third is the system's again: it kills
	s.app.log().Warn("creche: second signal: cancelling what is left")
	now()
	s.app.life.endBackground()
	s.app.requests.Cancel(ErrShutdown)
	s.app.background.Cancel(ErrShutdown)
	return nil
}

// stopRequests stops accepting and waits for the requests and connections:
// first patiently, then cancelled.
func (s *server) stopRequests(hurry context.Context, due *deadlines) {
	a := s.app
	a.requests.Drain(-1)
	s.stopAccepting(hurry, due)
	s.closeIdle()

	s.quiet(hurry, due.requests)
	a.requests.Cancel(ErrShutdown)
	if hurry.Err() != nil {
		due.hurry(a.options.Stopping, time.Now())
	}
	s.quiet(context.Background(), due.cancelled)
	within(earliest(a.life.conns.parted(), due.abandoned), &a.life.conns.http2)
	_ = s.http.Close()
	// Now those end who could not be cancelled, but waited for their client.
	s.quiet(context.Background(), earliest(time.Now().Add(patience), due.abandoned))
}

// stopAccepting closes the listener and lets connections that were just
// opened say their first request, which [http.Server.Shutdown] would not hear.
func (s *server) stopAccepting(hurry context.Context, due *deadlines) {
	until := earliest(time.Now().Add(patience), due.requests)
	_ = s.ln.Close()
	if !waitFor(hurry, until, s.ended) { // afterwards no connection is unknown
		return
	}
	within(until, &s.app.life.conns.fresh)
}

// closeIdle closes the idle connections and has the server call no handler for
// a request that comes on them now. That must be settled before anybody looks
// whether the server is quiet, so the waiting, which Shutdown does by polling,
// is not left to it: its context has ended.
func (s *server) closeIdle() {
	ended, end := context.WithCancel(context.Background())
	end()
	_ = s.http.Shutdown(ended) // it has not waited
}

// within waits until nothing is counted by g any more, but not beyond until.
func within(until time.Time, g *gauge) {
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	g.wait(ctx)
}

// quiet waits until no request is being handled, hijacked ones included, and
// no response is under way, but not beyond due or the end of hurry.
func (s *server) quiet(hurry context.Context, due time.Time) {
	ctx, cancel := context.WithDeadline(hurry, due)
	defer cancel()
	l := &s.app.life
	for l.conns.busy.wait(ctx) && l.handlers.wait(ctx) {
		if l.conns.busy.len()+l.handlers.len() == 0 {
			return
		}
	}
}

// stopBackground waits for the background tasks: first patiently, then
// cancelled.
func (s *server) stopBackground(hurry context.Context, due *deadlines) {
	a := s.app
	a.life.endBackground()
	a.background.Drain(-1)
	joined := s.joining(func() error { return together(a.background.Join(), a.requests.Join()) })
	if waitFor(hurry, due.background, joined) {
		return
	}
	a.background.Cancel(ErrShutdown)
	if hurry.Err() != nil {
		due.hurry(a.options.Stopping, time.Now())
	}
	waitFor(context.Background(), due.abandoned, joined)
}

// joining joins in a task, because a join cannot be given up, and returns what
// is closed when it is over.
func (s *server) joining(join func() error) <-chan struct{} {
	joined := make(chan struct{})
	s.tasks.Go(func(context.Context) error {
		defer close(joined)
		return join()
	})
	return joined
}

// unwind ends an application whose start failed: background tasks that it was
// given before are cancelled and joined. It returns failed, or the cause of a
// Stop that came before, with what was left unfinished.
func (a *App) unwind(failed error) error {
	s := &server{app: a}
	s.tasks.Open(context.Background(), nursery.Title("server"), nursery.OnPanic(nursery.ReturnPanics), nursery.Observe(a.observe))
	a.life.endBackground()
	a.background.Cancel(ErrShutdown)
	joined := s.joining(a.background.Join)
	cause := together(a.life.end(nil), failed)
	waitFor(context.Background(), time.Now().Add(orDefault(a.options.Stopping.Abandoned, defaultStopping.Abandoned)), joined)
	if left := s.unfinished(); left != nil {
		return together(cause, left)
	}
	return together(cause, s.tasks.Join())
}

// unfinished says what is left, or nil.
func (s *server) unfinished() error {
	a := s.app
	e := &UnfinishedError{Connections: a.life.hijacked.len(), at: time.Now()}
	e.Requests = max(0, a.life.handlers.len()-e.Connections)
	// Listed before they are counted, so that one that ends now is not taken for
	// one without a name.
	e.Tasks = append(named(a.background.Tree().Tasks), named(a.requests.Tree().Tasks)...)
	e.Unnamed = max(0, a.background.Len()+a.requests.Len()-len(e.Tasks))
	e.Dropped = max(0, int(a.life.queued.Load()))
	if e.Requests+e.Connections+e.Unnamed+e.Dropped+len(e.Tasks) == 0 {
		return nil
	}
	return e
}

// named returns those of the tasks that have a name.
func named(tasks []nursery.TaskInfo) []nursery.TaskInfo {
	return slices.DeleteFunc(tasks, func(t nursery.TaskInfo) bool { return t.Name == "" })
}

// waitFor returns true when done is closed, false at due or the end of hurry.
func waitFor(hurry context.Context, due time.Time, done <-chan struct{}) bool {
	ctx, cancel := context.WithDeadline(hurry, due)
	defer cancel()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// together is [errors.Join] that leaves a single error as it is.
func together(a, b error) error {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return errors.Join(a, b)
}
