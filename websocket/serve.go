package websocket

import (
	"cmp"
	"context"
	"net/http"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// Serve upgrades the request to a websocket, calls f for it and returns when
// the connection, f and all that belongs to it have ended.
//
// Until the upgrade an error is returned, for the caller's error rules to
// answer by HTTP: faults in o ([Options.Check]), and a handshake that is refused, as an
// [errorhandlers.Problem], because it is none (426), malformed (400), not a GET
// (405), from a foreign origin (403), or because the server is draining or has
// enough connections (503). It is an error, too, and the connection is not taken
// over, when the response has begun: when the handler, or middleware of it, has
// written something before. What is held of that is dropped, as by any failure.
// (Outside any middleware of an application that is noticed only where the
// ResponseWriter has a method Written or BytesWritten: net/http's own does not
// tell.)
//
// A handler that hands the error on to nobody, and writes nothing, has it answered
// by the rules all the same. Outside any middleware there are none. There Serve
// itself has given the default answer when it returns the error, and logged what
// was answered with 500: the caller writes nothing.
//
// After the upgrade Serve returns nil: how the connection ended has been told
// to the peer, and failures have been reported.
//
// f's context ends as soon as the connection begins to end: when the peer
// closes (or ten milliseconds later, if there were messages that may want an
// answer) or vanishes, when f returns or a task of the connection fails, and
// when the server stops. The close frame leaves at once, after the messages
// that are queued. If the peer does not answer it within
// [Options.CloseTimeout] the socket is aborted, even if f still runs. The first
// of these decides the close code:
//
//   - f returned nil: [NormalClosure], or [GoingAway] if the server is draining;
//   - the server stops: GoingAway. f is given [Options.LastWord] first, in which
//     [Conn.Receive] says [ErrEnd] and [Conn.Send] still works;
//   - a [*CloseError]: its code. The mistakes of the peer ([ErrTooBig],
//     [ErrTooMany], [ErrNotText], [ErrCompression], [ErrProtocol], JSON that
//     [Message.Decode] could not) and [ErrSlowConsumer] are such;
//   - an error with an answer by the rules in force, translated or its own: the
//     CloseCode of a Problem, else [MessageTooBig] for a 413, [PolicyViolation]
//     for other statuses below 500 and [InternalError] from there. The reason
//     is the Problem's CloseReason, Detail or Title if one of them is set, and
//     that of a 503 is a line in the log. Of several errors the one
//     is taken that would make an HTTP answer, and the others are reported;
//   - a deadline of the request ([creche.App.Timeout]): InternalError, and a line
//     in the log;
//   - any other error, or a panic: InternalError without a reason, and the
//     error is reported. Panics do no harm to the server, and those of a
//     translation or of a log cost the peer no close frame;
//   - a panic with [http.ErrAbortHandler] aborts the socket without a word.
//
// f runs in the caller's goroutine, in a nursery below r.Context(). What f defers
// runs when f returns; tasks and the exchange of close frames may go on after
// that. What is to come last belongs into [Options.OnClose] or, without Detach, may
// as well follow the call of Serve. A nil o means the defaults. A nil f panics.
//
// With [Options.Detach] Serve returns nil as soon as the connection is upgraded,
// and f runs in a task of what is around the requests, which [creche.App.Serve]
// tells to finish, cancels and joins like the requests. Then net/http lets go
// of the request, its buffers and its goroutine, which is half of what an idle
// connection costs; but what middleware does when the handler returns (closing
// what it opened for the request, counting it, ending its trace) happens at the
// upgrade, and f must use nothing that ends with the request or, as the Context
// of echo, is another's after it. That is why it is not the default. F's context
// has the values of r.Context() either way, of what the router recycles a copy:
// the URL parameters of chi, and those of echo if r has the context that
// Detach of its adapter returns. The rules, limits and close codes are the same.
// Outside any middleware of an application, and where nothing is around the
// requests that would join f (App.Serve, or a nursery in BaseContext, is), Serve
// stays until the connection has ended, as if Detach was not set.
//
// [creche.App.Serve]: https://pkg.go.dev/github.com/creche-go/creche#App.Serve
// [errorhandlers.Problem]: https://pkg.go.dev/github.com/creche-go/creche/errorhandlers#Problem
func Serve(w http.ResponseWriter, r *http.Request, o *Options, f func(ctx context.Context, c *Conn) error) error {
	if f == nil {
		panic("websocket: Serve: nil function")
	}
	x := creche.ExchangeOf(r.Context())
	opts, err := o.orDefault()
	if err != nil {
		return refused(x, w, r, err)
	}
	crowd := crowdOf(x, r, opts.Detach)
	defer crowd.count(-1)
	if isClosed(crowd.sweeper.draining) {
		return refused(x, w, r, refusal(http.StatusServiceUnavailable, errorhandlers.ErrDraining))
	}
	c, err := upgrade(w, r, opts)
	if err != nil {
		return refused(x, w, r, err)
	}
	c.join(crowd)
	switch {
	case x == nil:
	case opts.Detach && c.detach(r.Context(), x, f):
		return nil
	default:
		c.rules = x
	}
	c.run(r.Context(), f)
	return nil
}

// detach has the connection live on without its handler. It returns false if
// nobody would join it.
func (c *Conn) detach(ctx context.Context, x *creche.Exchange, f func(context.Context, *Conn) error) bool {
	returned := false
	defer func() {
		if !returned { // the router's Detach has panicked, which goes on when nothing is left
			c.run(ctx, func(context.Context, *Conn) error { return &CloseError{Code: InternalError} })
		}
	}()
	adopted := x.Adopt(ctx, func(ctx context.Context, a *creche.Adopted) {
		c.rules = a
		c.run(ctx, f)
	})
	returned = true
	return adopted
}

const title = "websocket"

// scope is how a connection's nursery is opened. Panics are failures like
// others: they close the connection and are reported, and that is all.
var scope = nursery.Bundle(nursery.Title(title), nursery.OnPanic(nursery.ReturnPanics), nursery.ParentCause(requestCause))

// requestCause says why the request of a connection was cancelled. Until the
// very moment at which the connection is taken over the server looks out for a
// client that leaves, and may find one that has got its answer already: that is
// a peer that vanished like any other.
func requestCause(cause error) error {
	if cause == context.Canceled || nursery.Is(cause, creche.ErrClientGone) {
		return &CloseError{Code: Abnormal}
	}
	return cause
}

// run is the life of a connection, from the upgrade to the join. It needs
// nothing of the request but its context.
func (c *Conn) run(ctx context.Context, f func(context.Context, *Conn) error) {
	defer c.release() // also after a Goexit in f
	err := nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error {
		c.begin(ctx, n)
		err := failure(f(ctx, c))
		if err == nil {
			n.Cancel(errReturned)
		}
		return err
	}, c.crowd.scope)
	if err != nil {
		c.reportLate(ctx, err)
	}
}

// begin starts what belongs to the connection beside its function.
func (c *Conn) begin(ctx context.Context, n *nursery.Nursery) {
	begun := false
	defer func() {
		if !begun { // a context of the application's has panicked, and may have kept end from being called
			n.Cancel(&CloseError{Code: InternalError})
			_ = n.TryGo(c.end)
		}
	}()
	c.open(ctx, n)
	c.sweeper.watch(c)
	n.Go(c.read)
	// A task that waited for the end would cost its stack until then. If this
	// comes too late, the reader has ended the connection.
	context.AfterFunc(ctx, func() { _ = n.TryGo(c.end) })
	begun = true
}

// release lets go of what is left, when all has been joined.
func (c *Conn) release() {
	defer c.crowd.count(-1)
	defer c.crowd.account.finish()
	c.socket.abort() // should it not be closed already
	c.out.fail()     // nor what is counted be final
	c.out.telling.Wait()
	c.frames.release()
	c.opts.connections.leave()
	if c.opts.onClose != nil {
		c.opts.onClose(c, cmp.Or(c.told, &CloseError{Code: Abnormal}))
	}
}
