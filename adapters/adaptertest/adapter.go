package adaptertest

import (
	"context"
	"net/http"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
)

// An Adapter is what the suite has to know of a router and of the adapter for
// it. Its functions are called inside a bubble, often, and each call must
// build a router of its own.
type Adapter struct {
	// Build returns a router that serves the routes of root and of the groups
	// in it, with app put into it by the adapter. The handlers are those of
	// the router, made as its users make them. Root has no prefix and no
	// rules.
	Build func(app *creche.App, root Group) http.Handler
	// Bare returns a router without creche that serves routes: what a router
	// sends with it, and what it costs, is compared with this. The handlers
	// get the same [Params], and the errors that they return here are nil.
	Bare func(routes []Route) http.Handler
	// HandOver, for a router that has an error handler which middleware calls,
	// returns a router like that of Build, with middleware of the router's own
	// kind between the adapter's and the routes: it calls hand with each error
	// that the rest returns and with the router's error handler, and returns
	// what hand does. Nil means that the router has no such error handler.
	HandOver func(app *creche.App, root Group, hand Hand) http.Handler
	// Watch, for a router that has a view of the response of its own, returns a
	// router like that of Build, with middleware of the router's own kind before
	// the adapter's: it calls seen when the rest has returned or panicked. Nil
	// means that the router has no such view.
	Watch func(app *creche.App, root Group, seen func(View)) http.Handler
	// Allocs is how many allocations more than the router alone a request that
	// starts no task may cost. 0 means 1, which is what an exchange costs.
	Allocs int
}

// A Hand deals with an error as middleware of other people's does: it may give
// handle, the router's error handler, any error, at any time before it returns.
type Hand func(err error, handle func(error)) error

// A View is what a router tells its middleware of a response.
type View struct {
	// Status is that of the response, if it is Committed.
	Status int
	// Size is how many bytes of the body have left.
	Size int64
	// Committed is false if the router knows of nothing that has left: then the
	// server sends an empty 200.
	Committed bool
}

// A Group is a group of routes: a Route, Group or Mount of chi, a Group of
// echo, a subtree of a ServeMux.
type Group struct {
	// Prefix begins the paths of all that is in the group. It begins with a
	// slash and does not end with one.
	Prefix string
	// Rules are the group's own error rules. They come before those further
	// out.
	Rules []errorhandlers.Rule
	// Timeout is how much time the requests to the group have, or 0 for as much
	// as they want. What makes it so is inside of what adds the Rules.
	Timeout time.Duration
	// Routes are the group's own.
	Routes []Route
	// Groups are those inside this one.
	Groups []Group
}

// A Route is a route of the suite, written once for all routers.
type Route struct {
	// Method is GET, HEAD or POST.
	Method string
	// Path follows the prefixes of the groups around the route and begins with
	// a slash. Parameters are written in braces and fill a whole segment:
	// "/items/{id}".
	Path string
	// Handle is called for each request that the route gets. What it returns
	// is what a handler of the router returns.
	Handle Handler
}

// A Handler is a handler of the suite. W and r are what the router's own
// handlers get.
type Handler func(w http.ResponseWriter, r *http.Request, p Params) error

// Params is how one request's handler gets at the parameters of its path: the
// way that users of the router are told to.
type Params struct {
	// Get reads a parameter in the handler and in tasks of the request. It
	// must read it from the router anew each time it is called.
	Get func(name string) string
	// Detach returns the context that the handler hands to [creche.Go]. Nil
	// means that of its request.
	Detach func() context.Context
	// Kept reads a parameter in a background task, whose context is ctx, while
	// or after the request is handled.
	Kept func(ctx context.Context, name string) string
}
