package creche

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// Adopted is what a connection that outlives its handler keeps of the exchange
// it was taken over in: the rules that were in force. [Exchange.Adopt] makes
// it. It is part of the kit for authors of connection packages, its methods may
// be called from any goroutine, and the zero Adopted does not work.
type Adopted struct {
	setting setting
	ctx     context.Context
	call    call
}

// Adopt has run go on with a connection that the handler of x has taken over
// (see [http.Hijacker]), in a task that does not end with the handler. The
// task's context keeps the values of ctx, the handler's own, as those of a
// background task are kept: of what the router recycles, a copy. Its cancellation
// and its nursery are those of what is around the requests: it is told to finish
// when the server drains and cancelled when the grace of the requests is over,
// and the stop waits for run as it does for a request. [ExchangeOf] finds no
// exchange in it. A panic of run is reported and harms nobody else; a Goexit is a
// failure of the nursery around the requests, which App.Serve only reports. For
// tasks run opens a nursery of its own, with [App.Observer] to have their panics
// reported where the application's are.
//
// Adopt does not wait, nor has run wait: a [nursery.Limit] of what is around
// the requests does not hold for connections, which are open already. It
// returns false, and run is not called, where nobody would join the task: there
// is no nursery around the requests unless App.Serve or a BaseContext puts it
// there, and one that has closed takes no tasks. Then the handler has to stay
// for as long as the connection is open. It must be called while the handler
// runs. A nil ctx or run panics.
func (x *Exchange) Adopt(ctx context.Context, run func(ctx context.Context, a *Adopted)) bool {
	if ctx == nil {
		panic("creche: Adopt: nil context")
	}
	if run == nil {
		panic("creche: Adopt: nil function")
	}
	above := nursery.From(x.Around())
	if above == nil {
		return false
	}
	now := x.setting.Load()
	a := &Adopted{setting: setting{app: now.app, router: now.router, rules: *now.frame()}}
	values, err := x.valuesOf(ctx)
	if err != nil {
		return false
	}
	counting := a.enter(x.outermost(), above)
	err = above.TryGo(func(ctx context.Context) error {
		defer counting.leave(&a.call)
		a.ctx = &adoptedContext{Context: ctx, values: values, adopted: a}
		numbered(counting.idOf(&a.call), func() { a.run(run) })
		return nil
	}, nursery.Name(adoptedName), nursery.Unlimited())
	if err != nil {
		counting.leave(&a.call)
	}
	return err == nil
}

// adoptedName is what connections are called among the tasks around requests.
const adoptedName = "adopted connection"

// run calls f. A panic of it must not be one of the nursery around all requests,
// and is reported to the application's observer, whoever serves.
func (a *Adopted) run(f func(ctx context.Context, a *Adopted)) {
	defer func() {
		if v := recover(); v != nil {
			var n nursery.Nursery
			n.Open(a.ctx, a.setting.app.scope)
			n.FailPanic(v)
			_ = n.JoinOwned() // it has been reported
		}
	}()
	f(a.ctx, a)
}

// valuesOf returns the values of ctx that may be kept when the request is over.
// Where nothing has been added to the context of the exchange it is left out:
// otherwise the connection would hold on to it, and with it to the request.
func (x *Exchange) valuesOf(ctx context.Context) (context.Context, error) {
	if ctx != x.scope() {
		return x.App().detach(ctx)
	}
	ctx = x.ctx
	for outer := ExchangeOf(ctx); outer != nil && ctx == outer.scope(); outer = ExchangeOf(ctx) {
		ctx = outer.ctx
	}
	return x.App().copied(ctx, x.Router())
}

// Around returns the context of the nursery around all exchanges that the request
// is in, and [context.Background] where there is none. That is the nursery of
// App.Serve or of BaseContext, and then the context is the same for all requests
// of the server: it has the values that the nursery was opened with and none of a
// request, ends with the nursery, and [nursery.Draining] of it is one channel, so
// that all of these may be kept. (Middleware around that of the application may
// open a nursery for each request, and then it is that one.) It is part of the kit
// for authors of connection packages.
func (x *Exchange) Around() context.Context {
	if n := nursery.From(x.outermost().ctx); n != nil {
		return n.Context()
	}
	return context.Background()
}

// outermost returns the exchange that is around all others of the request.
func (x *Exchange) outermost() *Exchange {
	for outer := ExchangeOf(x.ctx); outer != nil; outer = ExchangeOf(x.ctx) {
		x = outer
	}
	return x
}

// enter counts a connection in that was taken over in x, the outermost exchange, to
// be a task of above, with the application that serves, if one does, and returns
// where it is counted, or nil. While its handler still runs that is counted, too.
// That of a service's server is the service's, and stops with it.
func (a *Adopted) enter(x *Exchange, above *nursery.Nursery) *underway {
	r := x.outer.Load()
	if r == nil {
		return nil
	}
	a.call = call{method: r.Method, path: r.URL.Path, conn: adopted}
	a.call.keep()
	server, _ := x.ctx.Value(appKey).(*App)
	if server == nil || above != &server.requests {
		return nil
	}
	server.life.handlers.enter(&a.call)
	return &server.life.handlers
}

// Resolve is [Exchange.Resolve] by the rules that were in force at the
// adoption, whenever it is called.
func (a *Adopted) Resolve(err error, below ...nursery.Report) *errorhandlers.Problem {
	return a.exchange().Resolve(err, below...)
}

// Report is [Exchange.Report] of a failure of the connection.
func (a *Adopted) Report(err error, below ...nursery.Report) { a.exchange().Report(err, below...) }

// exchange returns one that has nothing but the rules: it is made when
// something failed, so that a connection which is well need not carry it.
func (a *Adopted) exchange() *Exchange {
	x := &Exchange{ctx: a.ctx}
	x.setting.Store(&a.setting)
	x.request = *new(http.Request).WithContext(a.ctx)
	return x
}

// adoptedContext is the context of what is around the requests with the values
// of one request before its own.
type adoptedContext struct {
	context.Context
	values  context.Context
	adopted *Adopted
}

// callKey finds the call of an adopted connection.
var callKey = &contextKey{"call"}

func (c *adoptedContext) Value(key any) any {
	switch key {
	case exchangeKey:
		return nil // it has ended, or will before the connection does
	case appKey:
		return c.adopted.setting.app
	case callKey:
		return &c.adopted.call
	}
	if !isScopeKey(key) {
		if v := c.values.Value(key); v != nil {
			return v
		}
	}
	return c.Context.Value(key)
}

// Shared returns what a keeps under key, made by make when it is asked for the
// first time: what a connection package has once per application. It is part of
// the kit for their authors, may be called from any goroutine, and make may be
// called in vain by one of several that ask at once. The key should be of a type
// of the package's own. Nothing is ever removed.
func (a *App) Shared(key any, make func() any) any {
	if v, ok := a.shared.Load(key); ok {
		return v
	}
	v, _ := a.shared.LoadOrStore(key, make())
	return v
}

// Observer returns the option that sends the reports of a nursery to the
// observer of the application: [Options.Observe], or else its logger. It is part
// of the kit for authors of connection packages.
func (a *App) Observer() nursery.Option { return nursery.Observe(a.observe) }

// Log returns the logger of the application: [Options.Logger], or else what
// [slog.Default] is now. It is part of the kit for authors of connection
// packages.
func (a *App) Log() *slog.Logger { return a.log() }

// Warn logs msg and err at level warn, for what is no failure to be reported but
// somebody should know. The line has method and path, as that of a failure has, if
// ctx is that of a request or has the values of an adopted connection. A nil err
// does nothing, and a nil ctx panics. It is part of the kit for authors of
// connection packages.
func (a *App) Warn(ctx context.Context, msg string, err error) {
	if ctx == nil {
		panic("creche: App.Warn: nil context")
	}
	if err == nil {
		return
	}
	a.log().LogAttrs(ctx, slog.LevelWarn, msg, append([]slog.Attr{slog.Any("error", err)}, whence(ctx)...)...)
}

// Report reports err as a failure that belongs to no request, of what title
// says: to the observer of the application, [Options.Observe], or else its
// logger. A nil err does nothing, and a nil ctx panics. It is part of the kit for
// authors of connection packages.
func (a *App) Report(ctx context.Context, title string, err error) {
	if ctx == nil {
		panic("creche: App.Report: nil context")
	}
	if err != nil {
		a.observe(ctx, nursery.Report{Nursery: title, Failure: nursery.Failure{Err: err}})
	}
}
