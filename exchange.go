package creche

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// Exchange is one request on its way through the application: its nursery,
// which is also its context, the held response and the rules in force. It is
// part of the kit for authors of adapters and of connection packages: other
// code has [Handler], [Go] and the nursery.
//
// An Exchange ends when the middleware that opened it returns. What is left
// of it then is its context's values, for background tasks.
//
// It fills a size class of 448 bytes, of which 408 are the nursery and the
// request. Both may be kept by anybody, and so may the exchange: none of it is
// pooled, but for the response, which only the handler's goroutine may use.
type Exchange struct {
	nursery  nursery.Nursery
	ctx      context.Context // of the request before ours
	response *response       // nil once the exchange has ended
	// What a handler that net/http's TimeoutHandler has left behind may still
	// ask for is atomic, and never another request's.
	outer   atomic.Pointer[http.Request] // nil once the exchange has ended
	setting atomic.Pointer[setting]
	// request is the copy that handlers get, in the same allocation as the
	// nursery that is its context.
	request http.Request
}

// Through returns middleware like [App.Middleware] for a router that needs
// more. It is part of the kit for authors of adapters; router may be nil, which
// makes it [App.Middleware] itself, and a nil next panics.
func (a *App) Through(router Router) func(http.Handler) http.Handler {
	s := a.settingOf(router)
	a.Expect(router)
	return func(next http.Handler) http.Handler {
		if next == nil {
			panic("creche: Middleware: nil handler")
		}
		h := &middleware{setting: s, next: next}
		if router != nil {
			return h
		}
		return a.unlessMisplaced(next, h)
	}
}

// middleware is a struct with a method, not a closure, so that the compiler
// sees enough to keep an exchange to one allocation.
type middleware struct {
	setting *setting
	next    http.Handler
}

func (m *middleware) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := new(Exchange)
	x.open(m.setting, w, r)
	x.enter((*outerContext)(x), m.next)
}

// Exchange takes a request through the application: it opens an exchange,
// calls next with the exchange's writer and request, joins the tasks, answers
// and closes. It returns when nothing of the request runs any more. Where
// [net/http.ErrAbortHandler] has to reach the server it panics with it. It is
// part of the kit for authors of adapters; router may be nil.
func (a *App) Exchange(w http.ResponseWriter, r *http.Request, router Router, next http.Handler) {
	x, s := a.routed(router)
	x.open(s, w, r)
	x.enter((*outerContext)(x), next)
}

// open readies x, but for its nursery.
func (x *Exchange) open(s *setting, w http.ResponseWriter, r *http.Request) {
	x.ctx = r.Context()
	x.outer.Store(r)
	if outer := ExchangeOf(x.ctx); outer != nil {
		s = s.within(outer.setting.Load())
	}
	x.setting.Store(s)
	x.response = s.app.responses.Get().(*response)
	x.response.w = w
}

// enter opens the nursery and takes the request through it. The parent is x
// seen as the outer context, which adds the exchange to the values of the
// request's context, or a context below that.
func (x *Exchange) enter(parent context.Context, next http.Handler) {
	defer x.close()
	r := x.outer.Load()
	x.request = *r.WithContext(x.nursery.Open(parent, x.App().scope))
	if r.Body != nil && r.Body != http.NoBody {
		x.wrapBody()
	}
	x.handle(next)
	err := x.nursery.JoinOwned()
	if err == nil && x.state() == open && !x.written() {
		err = x.unwritten(parent)
	}
	x.settle(err)
}

// handle calls the handler in the goroutine of the exchange. A Goexit goes on
// even when a panic on its way is recovered, so the two have a frame each: the
// inner one recovers, the outer one sees whether it returned.
func (x *Exchange) handle(next http.Handler) {
	returned := false
	defer func() {
		if !returned {
			x.exited()
		}
	}()
	x.call(next)
	returned = true
}

func (x *Exchange) call(next http.Handler) {
	defer func() {
		if v := recover(); v != nil {
			x.nursery.FailPanic(v)
		}
	}()
	next.ServeHTTP(x.Writer(), &x.request)
}

// exited ends an exchange whose handler called Goexit. The exit takes the
// server's goroutine away before it can finish the response, so that has to
// be sent from here. (HTTP/2 resets the stream all the same.)
func (x *Exchange) exited() {
	if !x.is(exitAnswered) {
		x.nursery.Fail(nursery.ErrGoexit)
	}
	x.settle(x.nursery.JoinOwned())
	x.passExit()
}

// passExit lets a Goexit go on after it was answered.
func (x *Exchange) passExit() {
	if outer := ExchangeOf(x.ctx); outer != nil {
		outer.mark(exitAnswered) // it comes by there next
		return
	}
	if x.state() == committed {
		_ = http.NewResponseController(x.response.w).Flush()
	}
}

// close hands back what outer middleware expects to find on its request, and
// lets go of all that a background task must not keep alive by keeping the
// context.
func (x *Exchange) close() {
	outer := x.outer.Swap(nil)
	if form := x.request.MultipartForm; form != nil && outer.MultipartForm == nil {
		// The server removes the temporary files of forms on its own request
		// only, and who stands in between may have copied that, as chi does.
		_ = form.RemoveAll()
	}
	outer.MultipartForm = x.request.MultipartForm
	outer.Pattern = x.request.Pattern
	x.release()
	x.request.Body = http.NoBody
	x.request.Form, x.request.PostForm, x.request.MultipartForm = nil, nil, nil
}

// ExchangeOf returns the exchange that ctx belongs to, or nil outside any and
// in background tasks. An observer ([Options.Observe]) finds with it the request
// that failed: see [Exchange.Request].
func ExchangeOf(ctx context.Context) *Exchange {
	x, _ := ctx.Value(exchangeKey).(*Exchange)
	return x
}

var exchangeKey = &contextKey{"exchange"}

// Request returns the request that handlers get: its context is the nursery.
func (x *Exchange) Request() *http.Request { return &x.request }

// App returns the application.
func (x *Exchange) App() *App { return x.setting.Load().app }

// Router returns what the exchange was opened with, or nil. An exchange that
// was opened without one has that of the exchange around it.
func (x *Exchange) Router() Router { return x.setting.Load().router }

// Push puts the rules of set in force, before those that are, until the
// exchange ends. It must be called by the handler's goroutine. A nil set
// changes nothing.
func (x *Exchange) Push(set *errorhandlers.Set) {
	if set != nil {
		outer := x.rules()
		x.alter(func(s *setting) { s.rules = errorhandlers.Frame{Set: set, Outer: outer} })
	}
}

// Fail fails the request with err: its tasks are cancelled at once and, when
// they are joined, the rules answer. It may be called from any goroutine; of
// several errors none is lost. A nil err does nothing. After the exchange has
// ended err is reported.
func (x *Exchange) Fail(err error) { x.nursery.Fail(err) }

// Otherwise has the rules answer err if the handler returns without an error and
// without having written anything, not even a status. It is for what has been
// returned to a handler that may neither hand it on nor answer it: an empty 200
// would say that all was well. The last err counts, and nil is none. It must be
// called by the handler's goroutine, and does nothing after the exchange has ended.
func (x *Exchange) Otherwise(err error) {
	if x.response != nil {
		x.response.otherwise = err
	}
}

func (x *Exchange) scope() context.Context { return x.request.Context() }

// outerContext is an Exchange seen as the context around its nursery.
type outerContext Exchange

func (c *outerContext) Deadline() (time.Time, bool) { return c.ctx.Deadline() }
func (c *outerContext) Done() <-chan struct{}       { return c.ctx.Done() }
func (c *outerContext) Err() error                  { return c.ctx.Err() }

func (c *outerContext) Value(key any) any {
	switch key {
	case exchangeKey:
		return (*Exchange)(c)
	case appKey:
		return (*Exchange)(c).App()
	}
	return c.ctx.Value(key)
}
