package creche

import (
	"context"
	"errors"
	"slices"
	"time"
)

// stop takes the stages of the stop. It returns the cause, joined with what
// services failed with and with what was left unfinished.
func (s *server) stop() error {
	due := s.app.stopping.from(time.Now())
	waitFor(s.hurry, due.delay, s.ended) // what this leaves the next stages have
	return s.wind(&due, nil)
}

// unwind ends an application whose start failed: it stops what had started, and
// background tasks that were given to it before are cancelled and joined.
func (s *server) unwind(failed error) error {
	due := s.app.stopping.unwinding(time.Now())
	s.app.Stop(failed)
	<-s.stopping
	s.app.life.endBackground()
	s.app.background.Cancel(ErrShutdown)
	return s.wind(&due, failed)
}

// wind takes the stages from that of the requests on.
func (s *server) wind(due *deadlines, failed error) error {
	s.stopRequests(due)
	s.stopBackground(due)
	stopped := s.stopServices(due)
	s.tasks.Cancel(nil)
	cause := s.app.life.end(nil)
	if failed != nil && cause != failed {
		cause = together(cause, failed)
	}
	cause = together(cause, stopped)
	if left := s.unfinished(); left != nil {
		return together(cause, left)
	}
	return together(cause, s.tasks.Join())
}

// heed cancels everything when the second signal comes. The first may be the
// one that began the stop, or that also ended the context of Serve, as with
// [os/signal.NotifyContext].
func (s *server) heed(ctx context.Context) error {
	heard := &s.app.life.signals
	if !heard.second(ctx) {
		return nil
	}
	s.now()
	s.app.life.endBackground()
	s.app.requests.Cancel(ErrShutdown)
	s.app.background.Cancel(ErrShutdown)
	s.app.logWarning(s.base, "creche: second signal: cancelling what is left")
	heard.settle(ctx)
	return nil
}

// stopRequests stops accepting and waits for the requests and connections:
// first patiently, then cancelled.
func (s *server) stopRequests(due *deadlines) {
	a := s.app
	a.requests.Drain(-1)
	for _, v := range s.opened {
		v.drain()
	}
	s.stopAccepting(due)
	s.closeIdle(due)

	s.quiet(s.hurry, due.requests)
	s.logCancelling()
	a.requests.Cancel(ErrShutdown)
	s.hurryUp(due)
	s.quiet(context.Background(), due.cancelled)
	s.takeLeave(due)
	a.life.handlers.shutOut()
	s.quiet(context.Background(), due.cancelled) // who came in the meantime
	s.takeLeave(due)
	s.cut(due)
}

// hurryUp moves the deadlines when the second signal has come.
func (s *server) hurryUp(due *deadlines) {
	if s.hurry.Err() != nil {
		due.hurry(&s.app.stopping, time.Now())
	}
}

// stopAccepting closes the listeners and lets connections that were just
// opened say their first request, which [http.Server.Shutdown] would not hear.
func (s *server) stopAccepting(due *deadlines) {
	until := earliest(time.Now().Add(patience), due.requests)
	for _, ln := range s.listeners {
		s.releases = append(s.releases, s.joining(ln.Close))
	}
	if s.released(context.Background(), due.moment()) { // afterwards no connection is unknown
		within(until, &s.app.life.conns.fresh)
	}
}

// released waits until all listeners are closed and no longer served, and
// returns false at due or the end of hurry.
func (s *server) released(hurry context.Context, due time.Time) bool {
	for _, done := range s.releases {
		if !waitFor(hurry, due, done) {
			return false
		}
	}
	return true
}

// closeIdle closes the idle connections and has the server call no handler for
// a request that comes on them now. That must be settled before anybody looks
// whether the server is quiet, so the waiting, which Shutdown does by polling,
// is not left to it: its context has ended.
//
// It also tells the clients that speak HTTP/2 to go, but only those whose
// connection is ready for it; the others are told with their first answer.
func (s *server) closeIdle(due *deadlines) {
	s.app.life.conns.told.Store(true)
	ended, end := context.WithCancel(context.Background())
	end()
	s.call("closing of idle connections", due, func() { _ = s.http.Shutdown(ended) })
}

// cut closes all connections. Then those end who could not be cancelled, but
// waited for their client.
func (s *server) cut(due *deadlines) {
	until := earliest(time.Now().Add(patience), due.abandoned)
	s.call("closing of connections", due, func() {
		s.app.life.conns.cut()
		_ = s.http.Close() // of those that a listener gives back now: it waits for it
	})
	s.quiet(context.Background(), until)
}

// closing is a call of the http.Server that closes connections. Whatever its
// context says it waits for the listeners, and over TLS for clients that take
// nothing.
type closing struct {
	what string
	done <-chan struct{}
}

// call makes such a call, and waits a moment for it and for those before.
func (s *server) call(what string, due *deadlines, f func()) {
	s.closing = append(s.closing, closing{what, s.joining(func() error { f(); return nil })})
	until := due.moment()
	for _, c := range s.closing {
		waitFor(context.Background(), until, c.done)
	}
}

// stuck says what of the http.Server, and of what the caller gave it, has not
// returned. What waits for a listener is not named beside it.
func (s *server) stuck() (left []string) {
	for _, ln := range s.listeners {
		if what := ln.stuck(); what != "" {
			left = append(left, what)
		}
	}
	if n := s.app.life.conns.hooks.len(); n > 0 {
		left = append(left, counted(n, "call")+" of Options.Server.ConnState")
	}
	for _, c := range s.closing {
		if len(left) == 0 && !isClosed(c.done) {
			left = append(left, c.what)
		}
	}
	return left
}

// takeLeave waits for the clients that speak HTTP/2 to close their connections.
func (s *server) takeLeave(due *deadlines) {
	conns := &s.app.life.conns
	within(earliest(conns.parted(), due.abandoned), &conns.http2)
}

// within waits until nothing is counted by g any more, but not beyond until.
func within(until time.Time, g *gauge) {
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	g.wait(ctx)
}

// quiet waits until no listener is held, no request is being handled, hijacked
// ones included, no response is under way and no hook called, but not beyond due
// or the end of hurry.
func (s *server) quiet(hurry context.Context, due time.Time) {
	ctx, cancel := context.WithDeadline(hurry, due)
	defer cancel()
	l := &s.app.life
	for l.conns.busy.wait(ctx) && l.handlers.wait(ctx) && l.conns.hooks.wait(ctx) && s.released(hurry, due) {
		if l.conns.busy.len()+l.handlers.len()+l.conns.hooks.len() == 0 {
			return
		}
	}
}

// stopBackground waits for the background tasks: first patiently, then
// cancelled.
func (s *server) stopBackground(due *deadlines) {
	a := s.app
	defer s.logCutShort()
	a.life.endBackground()
	a.background.Drain(-1)
	joined := s.joining(func() error { return together(a.background.JoinOwned(), a.requests.JoinOwned()) })
	if waitFor(s.hurry, due.background, joined) {
		return
	}
	a.background.Cancel(ErrShutdown)
	s.hurryUp(due)
	waitFor(context.Background(), due.abandoned, joined)
}

// stopServices stops the services in reverse. One that hangs leaves the others
// little, but something.
func (s *server) stopServices(due *deadlines) (failed error) {
	for i, v := range slices.Backward(s.opened) {
		left := max(0, time.Until(due.services))
		reserve := min(patience, left/time.Duration(i+1)) * time.Duration(i)
		failed = together(failed, v.stop(s, due.services.Add(-reserve)))
		s.hurryUp(due)
	}
	return failed
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

// waitFor returns true when done is closed, false at due or the end of hurry if
// it is not closed then.
func waitFor(hurry context.Context, due time.Time, done <-chan struct{}) bool {
	ctx, cancel := context.WithDeadline(hurry, due)
	defer cancel()
	select {
	case <-done:
		return true
	case <-ctx.Done():
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
