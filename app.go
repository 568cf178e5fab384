package creche

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// Options configures an [App]. The zero value is a good server.
type Options struct {
	// Errors are the application's error rules: those in force everywhere.
	// Groups of routes add their own with [App.Errors].
	Errors []errorhandlers.Rule
	// Order says which of several failures makes the answer.
	Order errorhandlers.Order
	// StatusOf finds the HTTP status that a foreign error carries, if any: a
	// router's own error type, say. An upstream client's errors often carry
	// the upstream's status, which is not ours to pass on. Nil knows none.
	StatusOf func(err error) (status int, ok bool)

	// Logger gets what is reported, and what the server has to say. Nil means
	// [slog.Default].
	Logger *slog.Logger
	// Observe gets what is reported instead of the Logger, to which [LogReport]
	// hands it on: failures that have no other way to be noticed. They are panics,
	// what makes no answer, and what is answered with a status of 500 or more, other
	// than 503, by no rule's handler; what the application has answered so far it logs
	// itself. Ctx is that of what failed: [ExchangeOf] of it, if that is not nil, has
	// the request. It may be called from many goroutines.
	Observe func(ctx context.Context, r nursery.Report)

	// Hold is how many bytes of a response's body are held back until the
	// request's tasks have been joined. A larger body is committed when it
	// exceeds this. 0 means 2048, as much as net/http itself buffers, and no
	// less than 64 are held. Up to 2048 bytes cost no allocation, more take memory
	// as they come.
	Hold int
	// ReadBody has request bodies that announce at most this many bytes read
	// before the handler is called. net/http notices that an HTTP/1 client
	// has left only once the body was read, so a handler that does not read
	// it is otherwise not cancelled. They take memory as they come. Of a body that
	// proves to be longer, as one may that outer middleware decompresses, the handler
	// reads the rest. 0 reads none.
	ReadBody int64
	// Repanic has panics raised again, once the tasks are joined, for a
	// recoverer further out, instead of being answered by the rules.
	Repanic bool

	// Background bounds the background nursery.
	Background Background
	// Starting is how long each service may take to start. Then it is cancelled
	// and, if it has not ended after Stopping.Abandoned, left behind. 0 means a
	// minute, a negative value as long as it takes.
	Starting time.Duration
	// Stopping bounds the stages of the stop.
	Stopping Stopping
	// Server is the server to use, for what it can be told: TLSConfig, which has
	// it speak TLS and HTTP/2, Protocols, time-outs. Its hooks still run, and
	// the stop waits for them as for requests, but not for what RegisterOnShutdown
	// has registered, which net/http calls when the stop begins. Its handler serves
	// where none is given, and it belongs to the App from then on.
	// What it leaves open is bounded: MaxHeaderBytes by 64 KiB, ReadHeaderTimeout by
	// 10 s and IdleTimeout by 2 min, or by ReadTimeout if there is one. A negative
	// time-out is none, and says nothing of the others. Nil means a new one.
	Server *http.Server
	// Listening is told each bound address when the server listens, before the
	// services start and it accepts. Nil: it is only logged.
	Listening func(addr net.Addr)
	// IgnoreSignals leaves SIGINT and SIGTERM to the program. By default
	// [App.Serve] stops at the first and gives up at the second, which is one that
	// comes at least a tenth of a second after the first or is the other of the two.
	IgnoreSignals bool
}

// Background bounds the background nursery: see [App.Go].
type Background struct {
	// Limit is how many tasks run at once; 0 means 10 000.
	Limit int
	// Queue is how many wait for a place; 0 means 10 000, negative none.
	Queue int
}

const defaultBackground = 10_000

// App is what a server has in common: rules, background nursery and life. It
// is made by [New] and must not be copied. Its methods may be called from any
// goroutine.
type App struct {
	options    Options
	rules      *errorhandlers.Frame
	logger     *slog.Logger
	scope      nursery.Option // how a request's nursery is opened
	answering  nursery.Option // how an error handler's is
	hold       int
	responses  sync.Pool  // of *response
	plain      *setting   // of exchanges without a router
	stopping   Stopping   // resolved
	services   []*service // under life.mu until it serves
	background nursery.Nursery
	waiting    waiting         // of the background
	requests   nursery.Nursery // above those of the requests, while serving
	life       life
	shared     sync.Map     // see Shared
	looked     atomic.Int32 // see recycledBy
	cutShort   cutShort     // of the background

	sayMisplaced sync.Once // see unlessMisplaced
	sayLate      sync.Once // see late

	mu     sync.Mutex
	faults []error     // of the configuration
	untold atomic.Bool // there are faults that are not in the log yet
	told   int         // how many of them are
	shapes shapes
}

// New makes an App. Faults in o, and in rules handed to [App.Errors] later,
// are collected: [App.Check] and [App.Serve] return them all together. An App
// with faults works as well as it can until then: a faulty rule is left out, and
// of two for the same errors the second. The first request that fails logs the
// faults, at level error.
func New(o Options) *App {
	a := &App{options: o, logger: o.Logger, hold: o.Hold}
	if a.hold <= 0 {
		a.hold = defaultHold
	}
	a.hold = max(a.hold, leastHold)
	a.responses.New = func() any { return &response{body: make([]byte, 0, min(a.hold, defaultHold))} }
	a.checkOptions()
	a.rules = &errorhandlers.Frame{Set: a.Compile(o.Errors...)}
	a.plain = a.settingOf(nil)
	a.scope = nursery.Bundle(
		nursery.Title("request"),
		nursery.Owned("the request"),
		nursery.OnPanic(nursery.ReturnPanics),
		nursery.Observe(a.observe),
		nursery.ParentCause(requestCause),
	)
	a.answering = nursery.Bundle(
		nursery.Title("error handler"),
		nursery.OnPanic(nursery.ReturnPanics),
		nursery.Observe(a.observeOthers),
		nursery.ParentCause(requestCause),
	)
	a.openBackground()
	a.life.init()
	return a
}

func (a *App) checkOptions() {
	o := &a.options
	if o.Hold < 0 {
		a.fault(fmt.Errorf("creche: Options.Hold is %d: want 0 or more bytes", o.Hold))
	}
	if o.ReadBody < 0 {
		a.fault(fmt.Errorf("creche: Options.ReadBody is %d: want 0 or more bytes", o.ReadBody))
	}
	if o.Order < errorhandlers.ByFailure || o.Order > errorhandlers.MostSpecific {
		a.fault(fmt.Errorf("creche: Options.Order is %v: want one of the constants of errorhandlers", o.Order))
	}
	if o.Background.Limit < 0 {
		a.fault(fmt.Errorf("creche: Options.Background.Limit is %d: want 0 or more tasks", o.Background.Limit))
	}
	var err error
	if a.stopping, err = o.Stopping.resolve(); err != nil {
		a.fault(err)
	}
	if err := checkServer(o.Server); err != nil {
		a.fault(err)
	}
}

// Compile makes a set of rules, for [Exchange.Push]. It is part of the kit for
// authors of adapters: faults in the rules are returned by [App.Check] and
// [App.Serve], and the set has the other rules.
func (a *App) Compile(rules ...errorhandlers.Rule) *errorhandlers.Set {
	set, err := compile(rules)
	if err != nil {
		a.fault(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shapes.keep(rules)
	return set
}

// Middleware opens an [Exchange] for each request: the request's nursery, the
// held response and the rules. It suits whatever takes standard middleware
// and recycles nothing when its ServeHTTP returns, such as a handler of your own.
// Routers have their adapter, which installs it with what they need besides:
// httpcreche.Wrap, chicreche.Use, echocreche.Use and echo5creche.Use. Neither around
// chi or echo nor as their middleware will this do: they recycle what tasks still
// read, and a background task would see the path parameters of another request.
// [Go] returns an error where it notices that (of chi); as echo's middleware it has
// all requests answered with 500, and the log says why. Inside itself it opens a
// second exchange in the first, which is right and costs another one. A nil next
// panics.
func (a *App) Middleware(next http.Handler) http.Handler {
	return a.Through(nil)(next)
}

// Errors returns middleware that adds rules for the handlers inside it: a chi
// Route, Group or Mount, a subtree of a ServeMux. They come before the rules
// further out. A late failure of a task meets them too. Faults in rules are
// returned by [App.Check] and [App.Serve].
func (a *App) Errors(rules ...errorhandlers.Rule) func(http.Handler) http.Handler {
	set := a.Compile(rules...)
	return func(next http.Handler) http.Handler {
		if next == nil {
			panic("creche: Errors: nil handler")
		}
		push := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ExchangeOf(r.Context()).Push(set)
			next.ServeHTTP(w, r)
		})
		return a.unlessMisplaced(next, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if ExchangeOf(r.Context()) != nil {
				push(w, r)
				return
			}
			a.Exchange(w, r, nil, push)
		}))
	}
}

// Handler makes an [http.HandlerFunc] of a handler that returns its error.
// The error fails the request's nursery at once: its tasks are cancelled, and
// when they are joined the rules answer. A response that h wrote before is
// discarded if it is still held, and with it the headers that h set; those
// that middleware had set when h was called are part of the answer, but for
// those about a body. So is, whoever has set it, the header without which a
// refusal would be incomplete: WWW-Authenticate for a 401, Allow for a 405,
// Proxy-Authenticate for a 407, Retry-After for a 413, 429 or 503.
//
// Outside any middleware it opens an [Exchange] itself, for the App that
// serves or, without one, for an App without options. A nil h panics.
func Handler(h func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	if h == nil {
		panic("creche: Handler: nil handler")
	}
	orphan := sync.OnceValue(func() *App { return New(Options{}) })
	inside := func(x *Exchange, w http.ResponseWriter, r *http.Request) {
		x.keepMiddlewares(w)
		if err := h(w, r); err != nil {
			x.Fail(err)
		}
	}
	alone := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inside(ExchangeOf(r.Context()), w, r) })
	return func(w http.ResponseWriter, r *http.Request) {
		if x := ExchangeOf(r.Context()); x != nil {
			inside(x, w, r)
			return
		}
		app := appOf(r.Context())
		if app == nil {
			app = orphan()
		}
		app.Exchange(w, r, nil, alone)
	}
}

// appKey finds the App in the contexts of the server and of background tasks.
var appKey = &contextKey{"app"}

// servingKey finds the App that serves, whichever App is inside it.
var servingKey = &contextKey{"serving"}

// servingContext is around all that a Serve of app runs.
type servingContext struct {
	context.Context
	app *App
}

func (c *servingContext) Value(key any) any {
	if key == appKey || key == servingKey {
		return c.app
	}
	return c.Context.Value(key)
}

type contextKey struct{ name string }

func (k *contextKey) String() string { return "creche: context key " + k.name }

func appOf(ctx context.Context) *App {
	if x := ExchangeOf(ctx); x != nil {
		return x.App()
	}
	a, _ := ctx.Value(appKey).(*App)
	return a
}

// logOf returns the log of the App that ctx belongs to, if it does.
func logOf(ctx context.Context) *slog.Logger {
	if a := appOf(ctx); a != nil {
		return a.log()
	}
	return slog.Default()
}

func (a *App) log() *slog.Logger {
	if a.logger != nil {
		return a.logger
	}
	return slog.Default()
}
