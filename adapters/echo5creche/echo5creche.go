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
// Middleware before [Use] is outside: it finds in c.Response() what has left,
// and its headers are part of every answer. Loggers, request ids and CORS
// belong there. What middleware after Use sets and writes is held back, and
// discarded when the request fails, but for the challenge of a 401 and its like:
// the place for compression, body limits and authentication. Compression
// outside is given error answers to compress, too.
//
// A background task must not be given an [*echo.Context], which echo hands to
// another request as soon as this one is answered: see [Detach].
package echo5creche

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/labstack/echo/v5"
)

// Use makes the exchanges of app middleware of e, and has the errors of
// handlers and middleware, and echo's own 404 and 405, answered by the rules.
// The middleware joins the request's tasks, answers and returns nil.
//
// E.HTTPErrorHandler is wrapped. An error that middleware hands to it and
// returns as well is one failure. Errors from outside of the middleware, those
// of Pre among them, are answered too or, if the response has left, reported.
// A handler of the application's own, set before Use or after, gives every
// answer that no rule gives. It gets an [echo.HTTPStatusCoder] and whatever
// would be the plain 500 as they are; for what else carries a status an
// [*echo.HTTPError] of it that wraps the error, once the answer's headers are
// set. [echo.DefaultHTTPErrorHandler](false), which echo.New installs, gives way
// to problem details, whoever has set it; that of true does not.
// Whether an error is reported is decided by the status that the handler sends.
//
// Use comes after the middleware for logs, request ids and CORS: the headers that
// middleware inside sets are no part of the answer to an error.
//
// Use on an Echo for the second time panics, and so does a nil e or app.
func Use(e *echo.Echo, app *creche.App) {
	if e == nil || app == nil {
		panic("echo5creche: Use: nil Echo or app")
	}
	if sameFunc(e.HTTPErrorHandler, (*adapter)(nil).handleError) {
		panic("echo5creche: Use: called for this Echo before")
	}
	app.Expect((*request)(nil))
	a := &adapter{exchange: app.Exchange}
	if isOwn(e.HTTPErrorHandler) {
		a.own = e.HTTPErrorHandler
	}
	e.HTTPErrorHandler = a.handleError
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error { return serve(a.exchange, c, next) }
	})
}

// Errors returns middleware that adds rules for the handlers inside it, as for
// those of a Group. They come before the rules further out. A late failure of
// a task meets them too. Faults in rules are returned by [creche.App.Check] and
// [creche.App.Serve]. A nil app panics.
func Errors(app *creche.App, rules ...errorhandlers.Rule) echo.MiddlewareFunc {
	if app == nil {
		panic("echo5creche: Errors: nil app")
	}
	app.Expect((*request)(nil))
	set, exchange := app.Compile(rules...), app.Exchange
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if x := exchangeOf(c); x != nil {
				x.Push(set)
				return next(c)
			}
			return serve(exchange, c, func(c *echo.Context) error {
				exchangeOf(c).Push(set)
				return next(c)
			})
		}
	}
}

// Timeout returns middleware that gives what is inside it d from the begin of
// each request, as [creche.App.Timeout] does: its context ends, all is joined,
// and the rules answer. It suits a Group and a single route. A nil app panics.
func Timeout(app *creche.App, d time.Duration) echo.MiddlewareFunc {
	if app == nil {
		panic("echo5creche: Timeout: nil app")
	}
	app.Expect((*request)(nil))
	exchange := app.Within(d)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error { return serve(exchange, c, next) }
	}
}

// Explain is [creche.App.Explain] with what is special to echo: its errors, and
// rules in its shape. A nil app panics.
func Explain(app *creche.App, err error, group ...errorhandlers.Rule) errorhandlers.Explanation {
	if app == nil {
		panic("echo5creche: Explain: nil app")
	}
	return app.ExplainFor((*request)(nil), err, group...)
}

// request is one request on its way through the middleware: the router of its
// exchange and the handler that this calls, in one allocation.
type request struct {
	creche.PlainRouter
	x     *creche.Exchange
	c     *echo.Context
	next  echo.HandlerFunc
	outer http.ResponseWriter // that was the context's
	inner echo.Response       // for what handlers write

	asked  *errorhandlers.Problem // what the HTTPErrorHandler is asked for, or nil
	handed error                  // what it was given for that
}

// exchangeFunc is [creche.App.Exchange], of some app.
type exchangeFunc func(w http.ResponseWriter, r *http.Request, router creche.Router, next http.Handler)

// serve takes a request through an exchange that calls next. It has to be
// called in the frame of echo's ServeHTTP, which takes c back at its end, and
// at a panic too.
func serve(exchange exchangeFunc, c *echo.Context, next echo.HandlerFunc) error {
	q := &request{c: c, next: next, outer: c.Response()}
	defer q.show(c.Request(), q.outer)
	exchange((*response)(q), c.Request(), q, q)
	return nil
}

func (q *request) show(r *http.Request, w http.ResponseWriter) {
	q.c.SetRequest(r)
	q.c.SetResponse(w)
}

// ServeHTTP calls the handler with a Response of its own: echo's is told what
// leaves, when it leaves, so that outer middleware finds the truth in it.
func (q *request) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q.x = creche.ExchangeOf(r.Context())
	q.inner = *echo.NewResponse(w, q.c.Logger())
	q.inner.Status = http.StatusOK
	q.show(r, &q.inner)
	if err := q.next(q.c); err != nil {
		q.fail(err)
	}
}

// fail fails the request, also where another exchange was opened inside: the
// Context may still have the request of one that has ended.
func (q *request) fail(err error) {
	q.c.Set(lastKey, q.x)
	q.x.FailOnce(err)
}

// lastKey finds the exchange that was last told of an error.
const lastKey = "github.com/creche-go/creche/adapters/echo5creche"

// adapter is what Use makes for an Echo.
type adapter struct {
	exchange exchangeFunc
	own      echo.HTTPErrorHandler // that was there before, or nil
}

// handleError is the HTTPErrorHandler.
func (a *adapter) handleError(c *echo.Context, err error) {
	switch q := requestOf(c); {
	case err == nil:
	case q == nil:
		a.handleOutside(c, err)
	case q.asked == nil:
		q.fail(err)
	case a.own != nil:
		a.own(c, err)
	default:
		if !reflect.ValueOf(err).Comparable() || err != q.handed { // by who wraps us
			q.asked = q.x.Default(err)
		}
		q.asked.ServeHTTP(c.Response(), c.Request())
	}
}

// handleOutside deals with an error of middleware outside of ours. Once the
// response has left it is reported, by an exchange that has ended.
func (a *adapter) handleOutside(c *echo.Context, err error) {
	if r, _ := echo.UnwrapResponse(c.Response()); r == nil || !r.Committed {
		if _, recovered := err.(*nursery.PanicError); recovered { // and not for Repanic
			err = fmt.Errorf("echo5creche: recovered: %w", err)
		}
		_ = serve(a.exchange, c, func(*echo.Context) error { return err })
		return
	}
	if c.Get(lastKey) == nil {
		_ = serve(a.exchange, c, func(c *echo.Context) error {
			c.Set(lastKey, exchangeOf(c))
			return nil
		})
	}
	c.Get(lastKey).(*creche.Exchange).FailOnce(err)
}

func exchangeOf(c *echo.Context) *creche.Exchange { return creche.ExchangeOf(c.Request().Context()) }

// requestOf returns the request that c is inside of, or nil.
func requestOf(c *echo.Context) *request {
	if x := exchangeOf(c); x != nil {
		if q, ok := x.Router().(*request); ok && q.c.Echo() == c.Echo() {
			return q
		}
	}
	return nil
}

// Accept takes the rules made here.
func (*request) Accept(answer any) bool {
	_, ok := answer.(Handler)
	return ok
}

// ProblemOf knows whatever echo takes a status from. The message of an HTTPError
// is the detail; that of a 5xx is for the log.
func (*request) ProblemOf(err error) *errorhandlers.Problem {
	if e := problemError(err); e != nil {
		return &errorhandlers.Problem{
			Status: e.Status, Type: e.Type, Title: e.Title, Detail: e.Detail, Instance: e.Instance, Err: err,
		}
	}
	status, ok := errorhandlers.ForeignStatus(err)
	if !ok {
		return nil
	}
	p := &errorhandlers.Problem{Status: status, Err: err}
	if text := message(err); text != http.StatusText(status) && status < http.StatusInternalServerError {
		p.Detail = text
	}
	return p
}

// problemError returns echo's problem details that err itself is or makes, or
// nil.
func problemError(err error) *echo.ProblemError {
	switch err := err.(type) {
	case *echo.ProblemError:
		return err
	case echo.ProblemErrorer:
		return err.ProblemError()
	}
	return nil
}

func message(err error) string {
	switch err := err.(type) {
	case *echo.HTTPError:
		return err.Message
	case *echo.BindingError:
		return err.Message
	}
	return ""
}

// Answer gives all answers, through a Response that is as new: the Committed
// of one that was written to says nothing about what has left. The functions
// registered with Before run for this answer, as they would without us.
func (q *request) Answer(x *creche.Exchange, r *http.Request, a errorhandlers.Answer) (handled bool, err error) {
	defer q.show(q.c.Request(), q.c.Response())
	fresh := q.inner
	fresh.ResponseWriter, fresh.Status, fresh.Size, fresh.Committed = x.Writer(), http.StatusOK, 0, false
	q.show(r, &fresh)
	if a.Rule == nil {
		q.giveDefault(a, x.Problem(a))
		return true, nil
	}
	if h, ok := a.Rule.Answer().(Handler); ok {
		return true, h(q.c, a.Err)
	}
	return true, a.Rule.Answer().(errorhandlers.Handler)(&fresh, r, a.Err)
}

// giveDefault asks for the HTTPErrorHandler, which may have been set since Use.
// What it is given that is not echo's own is made so, with the answer's headers
// set.
func (q *request) giveDefault(a errorhandlers.Answer, p *errorhandlers.Problem) {
	h := q.c.Echo().HTTPErrorHandler
	if !isOwn(h) {
		p.ServeHTTP(q.c.Response(), q.c.Request())
		return
	}
	q.asked, q.handed = p, a.Err
	defer func() { q.asked = nil }()
	if _, is := a.Err.(echo.HTTPStatusCoder); !is && a.Leaf != nil {
		p.SetHeader(q.c.Response().Header())
		text := cmp.Or(p.Detail, p.Title, http.StatusText(p.HTTPStatus()))
		q.handed = echo.NewHTTPError(p.HTTPStatus(), text).Wrap(a.Err)
	}
	h(q.c, q.handed)
}

// isOwn reports whether h is neither nil nor what echo.New installs. That is a
// closure which the compiler may have copied to where it is made, so it is known
// by its place in the source, and what it has closed over by what it does.
func isOwn(h echo.HTTPErrorHandler) (own bool) {
	if h == nil || placeOf(h) != placeOf(echo.DefaultHTTPErrorHandler(false)) {
		return h != nil
	}
	defer func() { _ = recover() }() // for there is nothing to write to
	h(echo.New().NewContext(nil, nil), probe{&own})
	return own
}

// probe is an error that notes that its text is wanted.
type probe struct{ wanted *bool }

func (p probe) Error() string {
	*p.wanted = true
	return "probe"
}

func placeOf(h echo.HTTPErrorHandler) string {
	pc := reflect.ValueOf(h).Pointer()
	file, line := runtime.FuncForPC(pc).FileLine(pc)
	return fmt.Sprint(file, line)
}

// sameFunc reports whether two methods are the same, of whatever receiver.
func sameFunc(f, g echo.HTTPErrorHandler) bool {
	return reflect.ValueOf(f).Pointer() == reflect.ValueOf(g).Pointer()
}

// response is a request seen as the writer under its exchange: echo's Response,
// which keeps the books, or what is around that.
type response request

func (w *response) Header() http.Header         { return w.outer.Header() }
func (w *response) Write(p []byte) (int, error) { return w.outer.Write(p) }
func (w *response) Unwrap() http.ResponseWriter { return w.outer }

// WriteHeader writes informational responses around echo's Response, which
// would take the first for the final one. After a Flush, of which the handler's
// Response takes no note, it writes the same status again, about which echo's would
// complain.
func (w *response) WriteHeader(status int) {
	switch r, _ := echo.UnwrapResponse(w.outer); {
	case r == nil:
		w.outer.WriteHeader(status)
	case status < 200 && status != http.StatusSwitchingProtocols:
		r.ResponseWriter.WriteHeader(status)
	case !r.Committed || r.Status != status:
		w.outer.WriteHeader(status)
	}
}

// Hijack marks the response as committed, which echo does not.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.outer).Hijack()
	if r, _ := echo.UnwrapResponse(w.outer); r != nil && err == nil {
		r.Committed = true
	}
	return conn, rw, err
}

// Handler is the handler of a rule in echo's shape. It writes to a response
// that is as new, whatever was written before; the context of its request is
// not the one that the failure cancelled. What it returns, or gives to the
// HTTPErrorHandler, is a failure of the handler.
type Handler func(c *echo.Context, err error) error

// On is [errorhandlers.On] in echo's shape: see [Handler].
func On[E error](h func(c *echo.Context, err E) error) errorhandlers.Rule {
	if h == nil {
		return rule(errorhandlers.TypeKey[E](), nil)
	}
	return rule(errorhandlers.TypeKey[E](), func(c *echo.Context, err error) error { return h(c, err.(E)) })
}

// OnIs is [errorhandlers.OnIs] in echo's shape.
func OnIs(target error, h Handler) errorhandlers.Rule { return rule(errorhandlers.IsKey(target), h) }

// OnStatus is [errorhandlers.OnStatus] in echo's shape. What an
// [echo.HTTPStatusCoder] returns is such a status.
func OnStatus(status int, h Handler) errorhandlers.Rule {
	return rule(errorhandlers.StatusKey(status), h)
}

// OnStatusClass is [errorhandlers.OnStatusClass] in echo's shape.
func OnStatusClass(class int, h Handler) errorhandlers.Rule {
	return rule(errorhandlers.ClassKey(class), h)
}

// OnMatch is [errorhandlers.OnMatch] in echo's shape.
func OnMatch(is func(error) bool, h Handler) errorhandlers.Rule {
	return rule(errorhandlers.MatchKey(is), h)
}

// OnGroup is [errorhandlers.OnGroup] in echo's shape.
func OnGroup(h Handler) errorhandlers.Rule { return rule(errorhandlers.GroupKey(), h) }

// OnAny is [errorhandlers.OnAny] in echo's shape.
func OnAny(h Handler) errorhandlers.Rule { return rule(errorhandlers.AnyKey(), h) }

func rule(key errorhandlers.Key, h Handler) errorhandlers.Rule {
	return errorhandlers.NewRule(key, h, 2)
}

// Detach returns the context of c's request with a copy of the path parameters
// and of the values that c.Get returns for keys, which [Param] and [Value] read
// after c has been recycled:
//
//	creche.Go(echo5creche.Detach(c, "user"), "send mail", sendMail)
//
// The values themselves are not copied: what they point to must not be tied to
// the request. One that is an [*echo.Context] panics. The path parameters alone need no
// Detach: [creche.Go] copies them, too, if it is handed the context of c's request.
// Like c, Detach is for the handler's goroutine.
func Detach(c *echo.Context, keys ...string) context.Context {
	ctx := withParams(c.Request().Context(), c)
	for _, key := range keys {
		value := c.Get(key)
		if _, is := value.(*echo.Context); is {
			panic("echo5creche: Detach: the value of " + key + " is an *echo.Context")
		}
		ctx = context.WithValue(ctx, valueKey(key), value)
	}
	return ctx
}

// Value returns what [Detach] found for key, or nil if key was not among the
// keys or there is no Detach above ctx.
func Value(ctx context.Context, key string) any { return ctx.Value(valueKey(key)) }

// Param returns in a background task the path parameter that c.Param did when
// [creche.Go] or [Detach] was called, or "" if there is none. In the request itself
// there is c.Param.
func Param(ctx context.Context, name string) string {
	value, _ := ctx.Value(paramKey(name)).(string)
	return value
}

// Detach keeps the path parameters for a background task, as chi's are: echo
// fills those of the request with those of another. They are kept already where
// the task is handed the context of [Detach].
func (q *request) Detach(ctx context.Context) context.Context {
	for _, param := range q.c.PathValues() {
		if ctx.Value(paramKey(param.Name)) != any(param.Value) {
			return withParams(ctx, q.c)
		}
	}
	return ctx
}

// params is a context with a copy of path parameters.
type params struct {
	context.Context
	values echo.PathValues
}

func withParams(ctx context.Context, c *echo.Context) context.Context {
	if len(c.PathValues()) == 0 {
		return ctx
	}
	return &params{ctx, slices.Clone(c.PathValues())}
}

func (p *params) Value(key any) any {
	if name, is := key.(paramKey); is {
		if value, has := p.values.Get(string(name)); has {
			return value
		}
	}
	return p.Context.Value(key)
}

type paramKey string

type valueKey string
