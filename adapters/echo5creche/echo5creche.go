// Package echo5creche puts an application's scopes, rules and held responses
// into an Echo of version 5. Package echocreche is its twin for version 4.
//
//	e := echo.New()
//	e.Use(middleware.RequestID(), middleware.RequestLogger())
//	echo5creche.Use(e, app)
//	e.Use(middleware.Gzip())
//	e.GET("/quote/:sku", quote) // an echo.HandlerFunc, as ever
//	admin := e.Group("/admin", echo5creche.Errors(app, adminRules...))
//	err := app.ListenAndServe(ctx, ":8080", e)
//
// Middleware that comes before [Use] is outside: it sees the final status and
// size in c.Response(), and the headers it sets are part of every answer. That
// is the place for loggers, request ids, CORS and security headers. Middleware
// after Use is inside: what it sets and writes is part of the response that is
// held back, and is discarded with it when the request fails. That is the
// place for compression, body limits and authentication. Compression works
// outside as well, but there it is given error answers to compress, too.
//
// A background task must not be given an [*echo.Context], which echo hands to
// another request as soon as this one is answered: see [Detach].
package echo5creche

import (
	"bufio"
	"fmt"
	"net"
	"net/http"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/labstack/echo/v5"
)

// Use makes the exchanges of app middleware of e, and has the errors of
// handlers and middleware, and echo's own 404 and 405, answered by the error
// rules.
//
// E.HTTPErrorHandler is wrapped. Foreign middleware that calls it for an error
// and returns the error as well fails the request once, and nothing is written
// before the request's tasks are joined. Errors from outside of the middleware,
// those of Pre among them, are answered by the rules too or, if the response
// has left, reported. A handler of the application's own, whether it was set
// before Use or is set after, keeps the answers that were its own: where no
// rule is for an error, it gets what is or wraps an [echo.HTTPStatusCoder],
// bare, and whatever would be the plain 500. The handler that echo.New
// installs gives way to problem details.
//
// The middleware joins the request's tasks, answers and returns nil. Use on an
// Echo for the second time panics, and so does a nil e or app.
func Use(e *echo.Echo, app *creche.App) {
	if e == nil {
		panic("echo5creche: Use: nil Echo")
	}
	if app == nil {
		panic("echo5creche: Use: nil app")
	}
	if isOurs(e.HTTPErrorHandler) {
		panic("echo5creche: Use: called for this Echo before")
	}
	a := &adapter{app: app}
	if isOwn(e.HTTPErrorHandler) {
		a.wrapped = e.HTTPErrorHandler
	}
	e.Use(a.middleware)
	e.HTTPErrorHandler = a.handleError
}

// Errors returns middleware that adds rules for the handlers inside it, as for
// those of a Group. They come before the rules further out. A late failure of
// a task meets them too. Faults in rules are returned by [creche.App.Check] and
// [creche.App.Serve]. A nil app panics.
func Errors(app *creche.App, rules ...errorhandlers.Rule) echo.MiddlewareFunc {
	if app == nil {
		panic("echo5creche: Errors: nil app")
	}
	set := app.Compile(rules...)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if x := exchangeOf(c); x != nil {
				x.Push(set)
				return next(c)
			}
			serve(app, c, func(c *echo.Context) error {
				exchangeOf(c).Push(set)
				return next(c)
			})
			return nil
		}
	}
}

// adapter is what Use makes for an Echo.
type adapter struct {
	app     *creche.App
	wrapped echo.HTTPErrorHandler // the application's own, or nil
}

func (a *adapter) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c *echo.Context) error {
		serve(a.app, c, next)
		return nil
	}
}

// request is one request on its way through the middleware: the router of its
// exchange and the handler that the exchange calls, in one allocation.
type request struct {
	creche.PlainRouter
	x     *creche.Exchange
	c     *echo.Context
	next  echo.HandlerFunc
	outer http.ResponseWriter // for what leaves the exchange
	inner echo.Response       // for what handlers write

	answer *errorhandlers.Answer // that is being given, or nil
	failed error                 // what its handler gave to the HTTPErrorHandler
}

// serve takes a request through an exchange that calls next. It has to be
// called in the frame of echo's ServeHTTP, which lets go of c when it returns,
// and at a panic too.
func serve(app *creche.App, c *echo.Context, next echo.HandlerFunc) {
	q := &request{c: c, next: next, outer: c.Response()}
	defer q.restore(c.Request())
	app.Exchange((*response)(q), c.Request(), q, q)
}

func (q *request) restore(r *http.Request) {
	q.c.SetRequest(r)
	q.c.SetResponse(q.outer)
}

// ServeHTTP calls the handler with a Response of its own. Echo's stays what it
// was: it is told of what leaves, when it leaves, so that outer middleware
// finds the truth in it.
func (q *request) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q.x = creche.ExchangeOf(r.Context())
	q.inner = *echo.NewResponse(w, q.c.Logger())
	q.inner.Status = http.StatusOK
	q.c.SetRequest(r)
	q.c.SetResponse(&q.inner)
	if err := q.next(q.c); err != nil {
		q.fail(err) //nolint:contextcheck // the exchange has its own
	}
}

// fail files err as a failure of the exchange, unless it has been. It is that
// of the request also where another was opened inside: middleware may have left
// the request of one that has ended in the Context.
func (q *request) fail(err error) {
	if filed(q.c, err) {
		return
	}
	if key := keptWith(err); key != "" {
		if values := q.c.Response().Header().Values(key); len(values) > 0 {
			q.x.Keep(key, values...)
		}
	}
	q.x.Fail(err)
}

// handleError is the HTTPErrorHandler.
func (a *adapter) handleError(c *echo.Context, err error) {
	q := requestOf(c)
	switch {
	case err == nil:
	case q == nil:
		a.handleOutside(c, err)
	case q.answer == nil:
		q.fail(err)
	case q.answer.Rule != nil: // its handler might as well have returned err
		q.failed = err
	case a.wrapped != nil:
		a.wrapped(c, err)
	default:
		problem(*q.answer).ServeHTTP(c.Response(), c.Request())
	}
}

// handleOutside answers an error of middleware outside of ours, for which the
// exchange is opened now.
func (a *adapter) handleOutside(c *echo.Context, err error) {
	if _, recovered := err.(*nursery.PanicError); recovered {
		// Bare it would be raised again by an application with Repanic.
		err = fmt.Errorf("echo5creche: recovered: %w", err)
	}
	if r, _ := echo.UnwrapResponse(c.Response()); r == nil || !r.Committed {
		serve(a.app, c, func(*echo.Context) error { return err })
		return
	}
	serve(a.app, c, func(c *echo.Context) error {
		if !filed(c, err) {
			exchangeOf(c).Report(err)
		}
		return nil
	})
}

func exchangeOf(c *echo.Context) *creche.Exchange {
	return creche.ExchangeOf(c.Request().Context())
}

// requestOf returns the request that c is inside of, or nil.
func requestOf(c *echo.Context) *request {
	x := exchangeOf(c)
	if x == nil {
		return nil
	}
	q, ok := x.Router().(*request)
	if !ok || q.c.Echo() != c.Echo() { // an Echo mounted in something of ours
		return nil
	}
	return q
}

// response is a request seen as the writer under its exchange: what was the
// context's, be it echo's Response, which keeps the books, or around that.
type response request

func (w *response) Header() http.Header         { return w.outer.Header() }
func (w *response) Write(p []byte) (int, error) { return w.outer.Write(p) }
func (w *response) Unwrap() http.ResponseWriter { return w.outer }

// WriteHeader writes informational responses around echo's Response, which
// would take the first for the final one.
func (w *response) WriteHeader(status int) {
	if r := w.echos(); r != nil && status < 200 && status != http.StatusSwitchingProtocols {
		r.ResponseWriter.WriteHeader(status)
		return
	}
	w.outer.WriteHeader(status)
}

// Hijack marks the response as committed, which echo does not.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.outer).Hijack()
	if r := w.echos(); r != nil && err == nil {
		r.Committed = true
	}
	return conn, rw, err
}

// Push is HTTP/2's server push.
func (w *response) Push(target string, opts *http.PushOptions) error {
	if r := w.echos(); r != nil {
		if p, ok := r.ResponseWriter.(http.Pusher); ok {
			return p.Push(target, opts)
		}
	}
	return http.ErrNotSupported
}

// echos returns echo's Response, or nil if a writer around it hides it.
func (w *response) echos() *echo.Response {
	r, _ := echo.UnwrapResponse(w.outer)
	return r
}
