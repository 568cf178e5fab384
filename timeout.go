package creche

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Timeout returns middleware that gives what is inside it d from the begin of
// each request: for a single route, a chi Route, Group or Mount, a subtree of a
// ServeMux. When the time is over the context of the handler and of its tasks
// ends with [ErrRequestTimeout]. They are joined, and then the rules answer; by
// default that is a 503, and a line in the log, at level warn, has method, path and
// d. Work that is completed all the same has not timed out, however late, and its
// response is sent; but of a handler that has written nothing when it returns, not
// even a status, nobody knows that: it has timed out, whatever it returns.
//
// Nothing goes on behind an answer's back: a handler that ignores its context
// is waited for, as is one that reads a body which does not come, for which
// there is [http.ResponseController.SetReadDeadline]. A response that was
// flushed is cut. Rules and their handlers are not under the deadline.
//
// A d of 0 or less is a fault, returned by [App.Check] and [App.Serve], and no
// limit until then. Of several, one in the other, the first to be over counts.
// The cost is that of an [Exchange] and of [context.WithTimeout].
func (a *App) Timeout(d time.Duration) func(http.Handler) http.Handler {
	exchange := a.within(d, 1)
	return func(next http.Handler) http.Handler {
		if next == nil {
			panic("creche: Timeout: nil handler")
		}
		return a.unlessMisplaced(next, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { exchange(w, r, nil, next) }))
	}
}

// Within returns an [App.Exchange] that ends d after its begin, for timeouts in
// a router's own shape: see [App.Timeout]. It is part of the kit for authors of
// adapters. The place that a fault names is where the function was called that
// calls Within.
func (a *App) Within(d time.Duration) func(w http.ResponseWriter, r *http.Request, router Router, next http.Handler) {
	return a.within(d, 2)
}

// within is Within. For skip see placeOf.
func (a *App) within(d time.Duration, skip int) func(w http.ResponseWriter, r *http.Request, router Router, next http.Handler) {
	if d <= 0 {
		a.fault(fmt.Errorf("creche: Timeout of %v (%s): want more than 0", d, placeOf(skip)))
		return a.Exchange
	}
	var timedOut error = timeLimit(d)
	return func(w http.ResponseWriter, r *http.Request, router Router, next http.Handler) {
		x, s := a.routed(router)
		x.open(s, w, r)
		ctx, cancel := context.WithTimeoutCause((*outerContext)(x), d, timedOut)
		defer cancel()
		x.enter(ctx, next)
	}
}
