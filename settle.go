package creche

import (
	"context"
	"net/http"

	"github.com/creche-go/creche/nursery"
)

// settle ends the response once all tasks are joined: it sends what is held
// or, if err says that something failed, answers in its place.
func (x *Exchange) settle(err error) {
	if err == nil {
		x.commit()
		return
	}
	x.App().tellFaults(x.scope())
	x.handOver(err)
	switch {
	case x.clientGone():
		x.reportGone(err)
		x.abort()
	case x.state() == hijacked:
		x.reportLeaves(err)
	case x.state() == committed:
		x.reportLeaves(err)
		x.abort()
	default:
		x.answer(err)
		for outer := ExchangeOf(x.ctx); outer != nil; outer = ExchangeOf(outer.ctx) {
			outer.mark(answered)
		}
	}
}

// unwritten returns what there is to answer for a handler that wrote nothing, not
// even a status, though it and its tasks did not fail.
func (x *Exchange) unwritten(parent context.Context) error {
	if why := x.cutShort(parent); why != nil {
		return why
	}
	return x.response.otherwise
}

// cutShort returns why parent, which is around the nursery, ended before a handler
// that wrote nothing and its tasks had ended. They may have stopped half way, and
// an empty 200 would say that they had not. It returns nil where there is nobody to
// tell, and where that is for the exchange around x, with which parent ended.
func (x *Exchange) cutShort(parent context.Context) error {
	if parent.Err() == nil {
		return nil
	}
	switch cause := requestCause(context.Cause(parent)); {
	case nursery.Is(cause, ErrRequestTimeout), nursery.Is(cause, ErrShutdown):
		return cause
	case nursery.Is(cause, ErrClientGone), x.aroundIsCancelled():
		return nil
	default:
		return cause
	}
}

// aroundIsCancelled reports whether the exchange around x, if there is one, is.
func (x *Exchange) aroundIsCancelled() bool {
	outer := ExchangeOf(x.ctx)
	return outer != nil && outer.scope().Err() != nil
}

// handOver raises what is not for the rules: [http.ErrAbortHandler], which is
// a handler's way to say that the response must not be completed, and, where
// the application wants it so, any panic.
func (x *Exchange) handOver(err error) {
	for leaf := range nursery.Leaves(err) {
		p, panicked := leaf.(*nursery.PanicError)
		switch {
		case leaf == http.ErrAbortHandler:
			x.reportLeaves(err)
			panic(leaf)
		case panicked && x.App().options.Repanic:
			x.reportLeaves(err) // the recoverer gets the panic alone
			x.discard()
			panic(p)
		}
	}
}

// abort ends the connection, so that nobody takes what was sent of the
// response for a whole one. What was committed has to be on the wire first:
// if nothing is, clients may repeat the request. Behind a writer that cannot
// flush, such as that of net/http's TimeoutHandler, nobody can see to that:
// then a second run is the lesser evil, as it is without us. To HTTP/1.0 the end of
// the connection is that of a response without a length, so there it passes for a
// whole one. Outside of a server there is no connection, and nothing to catch the
// panic.
func (x *Exchange) abort() {
	if x.ctx.Value(http.ServerContextKey) == nil {
		return
	}
	if x.state() == committed {
		_ = http.NewResponseController(x.response.w).Flush()
	}
	panic(http.ErrAbortHandler)
}
