package websocket

import (
	"context"
	"net/http"

	"github.com/creche-go/creche/nursery"
)

// Serve upgrades the request to a websocket, calls f for it and returns when
// the connection, f and all that belongs to it have ended.
//
// Until the upgrade an error is returned, for the caller's error rules to
// answer by HTTP: faults in o, and a handshake that is refused, as an
// [errorhandlers.Problem], because it is none (426), malformed (400), not a GET
// (405), from a foreign origin (403), or because the server is draining or has
// enough connections (503).
// After the upgrade Serve returns nil: how the connection ended has been told
// to the peer, and failures have been reported.
//
// f's context ends as soon as the connection begins to end: when the peer
// closes or vanishes, when f returns or a task of the connection fails, and
// when the server stops. The close frame leaves at once, after the messages
// that are queued. If the peer does not answer it within
// [Options.CloseTimeout] the socket is aborted, even if f still runs. The first
// of these decides the close code:
//
//   - f returned nil: [NormalClosure], or [GoingAway] if the server is draining;
//   - the server stops: GoingAway. f is given [Options.LastWord] first, in which
//     [Conn.Receive] says [ErrEnd] and [Conn.Send] still works;
//   - a [*CloseError]: its code. The mistakes of the peer ([ErrTooBig],
//     [ErrTooMany], [ErrNotText], [ErrProtocol], JSON that [Message.Decode]
//     could not) and [ErrSlowConsumer] are such;
//   - an error with an answer by the rules in force, translated or its own: the
//     CloseCode of a Problem, else [MessageTooBig] for a 413, [PolicyViolation]
//     for other statuses below 500 and [InternalError] from there. The reason
//     is the Problem's CloseReason, Detail or Title. Of several errors the one
//     is taken that would make an HTTP answer, and the others are reported;
//   - any other error, or a panic: InternalError without a reason, and the
//     error is reported. Panics do no harm to the server;
//   - a panic with [http.ErrAbortHandler] aborts the socket without a word.
//
// f runs in the caller's goroutine, in a nursery below r.Context(). A nil o
// means the defaults. A nil f panics.
//
// [errorhandlers.Problem]: https://pkg.go.dev/github.com/creche-go/creche/errorhandlers#Problem
func Serve(w http.ResponseWriter, r *http.Request, o *Options, f func(ctx context.Context, c *Conn) error) error {
	if f == nil {
		panic("websocket: Serve: nil function")
	}
	opts, err := o.orDefault()
	if err != nil {
		return err
	}
	c, err := upgrade(w, r, opts)
	if err != nil {
		return err
	}
	c.run(r.Context(), f)
	return nil
}

const title = "websocket"

// scope is how a connection's nursery is opened. Panics are failures like
// others: they close the connection and are reported, and that is all.
var scope = nursery.Bundle(nursery.Title(title), nursery.OnPanic(nursery.ReturnPanics))

// run is the life of a connection, from the upgrade to the join. It needs
// nothing of the request but its context.
func (c *Conn) run(ctx context.Context, f func(context.Context, *Conn) error) {
	defer c.release() // also after a Goexit in f
	err := nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error {
		c.open(ctx, n)
		n.Go(c.read)
		n.Go(c.keep)
		err := failure(f(ctx, c))
		if err == nil {
			n.Cancel(errReturned)
		}
		return err
	}, scope)
	if err != nil {
		c.reportLate(ctx, err)
	}
}

// release lets go of what coder holds. The socket has been closed.
func (c *Conn) release() {
	c.socket.abort()
	_ = c.ws.CloseNow()
	c.opts.Connections.leave()
}
