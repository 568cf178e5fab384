package creche

import (
	"context"
	"net/http"

	"github.com/creche-go/creche/errorhandlers"
)

// Router is what an adapter tells an exchange about the router around it. It
// is part of the kit for authors of adapters, who embed [PlainRouter] and
// override what is special. It may be one value for all requests, or one for
// each.
type Router interface {
	// Detach returns the context that a background task may keep: with copies
	// of what the router recycles when the request is over, and without what
	// cannot be copied. It is called while the request is being handled, by
	// any goroutine that calls Go. A router that still writes there, beside tasks of
	// its middleware, has to say so to those who write them.
	Detach(ctx context.Context) context.Context
	// ProblemOf returns what an error type of the router is answered with when
	// no rule answers it, or nil for what is none. It looks at err alone, not
	// at what err wraps.
	ProblemOf(err error) *errorhandlers.Problem
	// Accept reports whether a rule's answer is a handler in the router's own
	// shape, made by the adapter with [errorhandlers.NewRule]. See [App.Expect].
	Accept(answer any) bool
	// Answer answers a request that failed: it is offered every answer and
	// leaves those it returns false for to the exchange, which knows
	// [errorhandlers.Handler] and the default answers, [Exchange.Problem].
	// Those it accepted it has to take. R is the exchange's request with a
	// context that has not ended. Where there is no Rule, the status that it sends
	// decides whether the error is a failure to be reported.
	Answer(x *Exchange, r *http.Request, a errorhandlers.Answer) (handled bool, err error)
}

// PlainRouter is the [Router] of net/http, to which nothing is special.
type PlainRouter struct{}

// Detach returns ctx.
func (PlainRouter) Detach(ctx context.Context) context.Context { return ctx }

// ProblemOf knows no errors.
func (PlainRouter) ProblemOf(error) *errorhandlers.Problem { return nil }

// Accept accepts nothing.
func (PlainRouter) Accept(any) bool { return false }

// Answer leaves all answers to the exchange.
func (PlainRouter) Answer(*Exchange, *http.Request, errorhandlers.Answer) (handled bool, err error) {
	return false, nil
}
