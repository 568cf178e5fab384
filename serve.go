package creche

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/creche-go/creche/nursery"
)

// ErrServed is what [App.Serve] returns when the App has served before.
var ErrServed = errors.New("creche: Serve: an App serves once")

// life is the App's way from serving to having stopped.
type life struct {
	mu     sync.Mutex
	served bool
	ending bool  // background work is told to end
	cause  error // of the Stop that came first

	retired chan struct{} // closed when Shutdown has joined the background; nil without it

	ready    atomic.Bool
	stop     chan struct{} // closed by Stop, or when Serve has stopped
	signals  signals
	conns    connections
	handlers underway // calls of the handler: see count
}

func (l *life) init() {
	l.stop = make(chan struct{})
	l.signals.init()
	l.handlers.init()
}

func (l *life) backgroundEnds() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ending
}

// serves reports whether there was a Serve.
func (l *life) serves() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.served
}

func (l *life) endBackground() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ending = true
}

// begin notes a Serve, and reports whether this is the first Serve.
func (l *life) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := !l.served
	l.served = true
	return first
}

// Stop ends the server gracefully, from inside: [App.Serve] takes the stages
// of the stop and returns cause. A cause of nil makes it a clean stop. The
// first call decides, the others do nothing. Stop does not wait, and before
// Serve it keeps the server from starting.
func (a *App) Stop(cause error) { _ = a.life.end(cause) }

// end is Stop. It returns the cause that came first.
func (l *life) end(cause error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.stop:
	default:
		l.cause = cause
		close(l.stop)
	}
	return l.cause
}

// ListenAndServe is [App.Serve] on a TCP address as [net.Listen] takes it; an
// empty one is that of [Options.Server] or else ":http", with TLS ":https". It
// returns the error of listening, such as an address in use, as an error of
// starting: see there. A nil ctx panics.
func (a *App) ListenAndServe(ctx context.Context, addr string, h http.Handler) error {
	if ctx == nil {
		panic("creche: ListenAndServe: nil context")
	}
	if !a.life.begin() {
		return ErrServed
	}
	return a.serve(ctx, addr, nil, h)
}

// Serve starts the services ([App.Service]), accepts connections on ln, and on
// more if there are, and serves them with h until ctx ends, the process is sent
// SIGINT or SIGTERM (see [Options.IgnoreSignals]), [App.Stop] is called, or a
// critical background task or a service fails. Then it stops, in stages which
// [Stopping] bounds: it says that it is not ready ([App.Ready]) and goes on for
// a while, if that is wanted; stops accepting, tells what is long-lived to
// finish ([nursery.Draining]) and waits for the requests and connections;
// cancels those that are left with cause [ErrShutdown], and joins them; waits
// for the background tasks; cancels those that are left, and joins them; stops
// the services in reverse. A second signal cancels everything at once (what
// came before it, be it ctx or Stop, is no signal), and a third ends the process
// as if nobody listened. The same signal again, less than a tenth of a second
// after the one before, is no further one: who passes signals on often sends
// them twice.
//
// It returns nil after a stop by ctx or signal, the cause given to Stop, the
// error of a critical task, with its name, or of a service, or the error that
// ended a listener; joined with the errors of services that did not stop well,
// and with an [*UnfinishedError] if something ignored its cancellation until
// the budget was spent. Faults in the configuration are returned before
// anything is served. Where the start fails, what had started is stopped, in
// reverse, and background tasks that were handed over before are cancelled and
// joined. Serve closes the listeners in any case, and an App serves once.
//
// The values of ctx are visible in every request. A nil h is the handler of
// [Options.Server] or else [http.DefaultServeMux]. A nil ctx or listener panics.
func (a *App) Serve(ctx context.Context, ln net.Listener, h http.Handler, more ...net.Listener) error {
	if ctx == nil {
		panic("creche: Serve: nil context")
	}
	all := append([]net.Listener{ln}, more...)
	for _, ln := range all {
		if ln == nil {
			panic("creche: Serve: nil listener")
		}
	}
	if !a.life.begin() {
		return together(ErrServed, closeAll(all))
	}
	return a.serve(ctx, "", all, h)
}

// server is one run of Serve.
type server struct {
	app       *App
	http      httpServer
	base      context.Context // without end, with all values
	listeners []*listener
	listens   atomic.Bool       // and has said so
	opened    []*service        // in the order of starting
	stopping  chan struct{}     // closed when the stop is to begin
	began     time.Time         // of the stop; it and why are set before stopping is closed
	why       string            // the stop begins
	broken    chan error        // what ended a listener
	ended     chan struct{}     // closed when no listener is served (any more)
	releases  []<-chan struct{} // closed when a listener was closed, or is served no more
	closing   []closing         // calls of the http.Server which may not return

	// hurry ends at the second signal, by now.
	hurry context.Context
	now   context.CancelFunc

	// tasks owns the goroutines of the server itself. It is only joined when
	// all has ended in time.
	tasks nursery.Nursery
}

// serve listens on addr unless there are listeners.
func (a *App) serve(ctx context.Context, addr string, listeners []net.Listener, h http.Handler) error {
	s := &server{app: a, stopping: make(chan struct{}), ended: make(chan struct{})}
	close(s.ended) // until it accepts
	s.base = &servingContext{context.WithoutCancel(ctx), a}
	s.hurry, s.now = context.WithCancel(s.base)
	defer s.now()
	if !a.options.IgnoreSignals {
		a.life.signals.listen()
		defer a.life.signals.stop()
	}
	s.tasks.Open(s.base, nursery.Title("server"), nursery.OnPanic(nursery.ReturnPanics), nursery.Observe(a.observe))
	s.open(h)
	s.listenOn(listeners)
	a.expectSome()
	failed := a.Check()
	if failed == nil && len(listeners) == 0 {
		failed = s.listen(ctx, addr)
	}
	s.tasks.Go(func(own context.Context) error { return s.watch(ctx, own) })
	if failed == nil {
		failed = s.start(ctx)
	}
	if failed != nil {
		return s.logStopped(s.unwind(failed))
	}
	<-s.stopping
	return s.logStopped(s.stop())
}

func (s *server) listenOn(listeners []net.Listener) {
	for _, ln := range listeners {
		s.listeners = append(s.listeners, &listener{Listener: ln})
	}
	s.broken = make(chan error, max(1, len(listeners)))
}

func (s *server) listen(ctx context.Context, addr string) error {
	ln, err := s.http.listen(ctx, addr)
	switch {
	case err == nil:
		s.listenOn([]net.Listener{ln})
	case ctx.Err() != nil && nursery.Is(err, ctx.Err()): // a stop that came early
		return nil
	}
	return err
}

// open readies the http.Server: its own, or the caller's, whose hooks still
// run.
func (s *server) open(h http.Handler) {
	a := s.app
	// Its only tasks are those of handlers without middleware, which must not be
	// able to cancel the requests of everybody.
	requests := a.requests.Open(s.base, nursery.Title("requests"), nursery.Owned("the server"), nursery.Isolate(),
		nursery.OnPanic(nursery.ReturnPanics), nursery.Observe(a.observe), nursery.OnCritical(a.stopCritically("requests")))
	srv := a.options.Server
	if srv == nil {
		srv = new(http.Server)
	}
	s.http = serverOf(srv)
	s.http.secure(a.log())
	if h == nil {
		h = s.http.Handler
	}
	s.http.Handler = a.life.count(h)
	s.http.BaseContext = baseContext(requests, &s.tasks, s.http.BaseContext)
	conns := &a.life.conns
	meet, follow := conns.meet, conns.follow
	if first := s.http.ConnContext; first != nil {
		meet = func(ctx context.Context, c net.Conn) context.Context { return conns.meet(first(ctx, c), c) }
	}
	if also := s.http.ConnState; also != nil {
		follow = conns.followWith(also)
	}
	s.http.ConnContext, s.http.ConnState = meet, follow
}

// baseContext returns a hook whose contexts are base, with the values of those that
// the caller's hook makes, and which end with either: tasks of n see to that.
func baseContext(base context.Context, n *nursery.Nursery, theirs func(net.Listener) context.Context) func(net.Listener) context.Context {
	if theirs == nil {
		return func(net.Listener) context.Context { return base }
	}
	return func(ln net.Listener) context.Context {
		values := theirs(ln)
		both := &detached{Context: base, values: values}
		if values.Done() == nil {
			return both
		}
		either, end := context.WithCancelCause(both)
		n.Go(func(own context.Context) error {
			select {
			case <-values.Done():
				end(baseCause(context.Cause(values)))
			case <-own.Done():
				end(nil)
			}
			return nil
		})
		return either
	}
}

// watch sees to it that the stop begins, and is hurried up.
func (s *server) watch(ctx, own context.Context) error {
	s.why = s.reason(ctx)
	s.began = time.Now()
	close(s.stopping) // first: see accept
	s.app.life.ready.Store(false)
	s.logStopping()
	return s.heed(own)
}

// reason waits for the reason to stop, and returns it in a line.
func (s *server) reason(ctx context.Context) string {
	heard := &s.app.life.signals
	select {
	case <-s.app.life.stop:
		if cause := s.app.life.end(nil); cause != nil {
			return firstLine(cause)
		}
		return "Stop"
	case sig := <-heard.interrupt:
		heard.hear(sig)
		return "signal: " + sig.String()
	case sig := <-heard.terminate:
		heard.hear(sig)
		return "signal: " + sig.String()
	case <-ctx.Done():
		return firstLine(context.Cause(ctx))
	case err := <-s.broken:
		if err != http.ErrServerClosed { // by the owner of Options.Server
			s.app.Stop(err)
		}
		return firstLine(err)
	}
}

// start starts the services and then accepts, unless the stop comes before.
func (s *server) start(ctx context.Context) error {
	a := s.app
	if s.halted(ctx) {
		return nil
	}
	if err := s.tellAddresses(); err != nil {
		return err
	}
	within := orDefault(a.options.Starting, time.Minute)
	for _, v := range a.services {
		if s.halted(ctx) {
			return nil
		}
		v.open(s, ctx)
		s.opened = append(s.opened, v)
		if err := v.start(s.stopping, within, a.stopping.Abandoned); err != nil {
			return err
		}
	}
	if !s.halted(ctx) {
		s.accept(ctx)
	}
	return nil
}

// tellAddresses returns the panic of a function that does not take it well.
func (s *server) tellAddresses() error {
	told := s.app.options.Listening
	return nursery.Run(s.base, func(context.Context, *nursery.Nursery) error {
		for _, ln := range s.listeners {
			s.listens.Store(true)
			logListening(s.base, s.app.log(), ln.Addr())
			if told != nil {
				told(ln.Addr())
			}
		}
		return nil
	}, nursery.Title("Options.Listening"), nursery.OnPanic(nursery.ReturnPanics), nursery.Observe(s.app.observe))
}

// halted reports whether a stop is to begin already. Stop and ctx are looked at
// as well because they may not have been noticed yet.
func (s *server) halted(ctx context.Context) bool {
	select {
	case <-s.app.life.stop:
		return true
	case <-ctx.Done():
		return true
	case <-s.stopping:
		return true
	default:
		return false
	}
}

// accept has a task accept connections on each of the listeners.
func (s *server) accept(ctx context.Context) {
	s.ended = make(chan struct{})
	s.releases = append(s.releases, s.ended)
	s.app.life.ready.Store(true)
	if s.halted(ctx) { // in between
		s.app.life.ready.Store(false)
	}
	var serving atomic.Int32
	serving.Store(int32(len(s.listeners)))
	for _, ln := range s.listeners {
		ln.served.Store(true)
		s.tasks.Go(func(context.Context) error {
			ended := http.ErrServerClosed // if a hook of Options.Server panics, that is told by the join
			defer func() {
				ln.served.Store(false)
				s.broken <- ended
				if serving.Add(-1) == 0 {
					close(s.ended)
				}
			}()
			ended = s.http.accept(ln)
			return nil
		})
	}
}
