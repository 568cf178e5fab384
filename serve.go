package creche

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
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

	stop     chan struct{} // closed by Stop, or when Serve has stopped
	conns    connections
	handlers gauge // calls of the handler: see count
	hijacked gauge // those of them that took their connection over

	// queued is how many background tasks have been accepted and not begun. A
	// task may begin before it is counted, so it is exact only when all is over.
	queued atomic.Int64
}

func (l *life) init() { l.stop = make(chan struct{}) }

func (l *life) backgroundEnds() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ending
}

func (l *life) endBackground() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ending = true
}

// begin reports whether this is the first Serve.
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
// empty one is ":http". It returns the error of listening, such as an address
// in use, as an error of starting: see there. A nil ctx panics.
func (a *App) ListenAndServe(ctx context.Context, addr string, h http.Handler) error {
	if ctx == nil {
		panic("creche: ListenAndServe: nil context")
	}
	if !a.life.begin() {
		return ErrServed
	}
	if err := a.Check(); err != nil {
		return a.unwind(err)
	}
	if addr == "" {
		addr = ":http"
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case err == nil:
		return a.serve(ctx, ln, h)
	case ctx.Err() != nil && errors.Is(err, ctx.Err()): // a stop that came early
		return a.unwind(nil)
	}
	return a.unwind(err)
}

// Serve accepts connections on ln and serves them with h until ctx ends, the
// process is sent SIGINT or SIGTERM (see [Options.IgnoreSignals]), [App.Stop]
// is called or a critical background task fails. Then it stops, in stages
// which [Stopping] bounds: it stops accepting, tells what is long-lived to
// finish ([nursery.Draining]) and waits for the requests and connections;
// cancels those that are left with cause [ErrShutdown], and joins them; waits
// for the background tasks; cancels those that are left, and joins them. A
// second signal cancels everything at once (what came before it, be it ctx or
// Stop, is no signal), and a third ends the process as if nobody listened.
//
// It returns nil after a stop by ctx or signal, the cause given to Stop, the
// error of a critical task, or the error that ended the listener; joined with
// an [*UnfinishedError] if something ignored its cancellation until the
// budget was spent. Faults in the configuration are returned before anything
// is served; where the start fails, background tasks that were handed over
// before are cancelled and joined. Serve closes ln in any case, and an App
// serves once.
//
// The values of ctx are visible in every request. A nil h is
// [http.DefaultServeMux]. A nil ctx or ln panics.
func (a *App) Serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	if ctx == nil {
		panic("creche: Serve: nil context")
	}
	if ln == nil {
		panic("creche: Serve: nil listener")
	}
	if !a.life.begin() {
		return errors.Join(ErrServed, ln.Close())
	}
	if err := a.Check(); err != nil {
		return a.unwind(errors.Join(err, ln.Close()))
	}
	return a.serve(ctx, ln, h)
}

func (a *App) serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	signals := make(chan os.Signal, 2)
	if !a.options.IgnoreSignals {
		signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
		defer signal.Stop(signals)
	}
	s := &server{app: a, ln: &closedOnce{Listener: ln}, signals: signals, ended: make(chan struct{})}
	return s.serve(ctx, h)
}

// server is one run of Serve.
type server struct {
	app     *App
	http    *http.Server
	ln      *closedOnce
	signals chan os.Signal
	heard   int           // signals
	ended   chan struct{} // closed when http.Server.Serve has returned
	err     error         // what it returned

	// tasks owns the goroutines of the server itself. It is only joined when
	// all has ended in time.
	tasks nursery.Nursery
}

func (s *server) serve(ctx context.Context, h http.Handler) error {
	a := s.app
	base := context.WithValue(context.WithoutCancel(ctx), appKey, a)
	// Its only tasks are those of handlers without middleware, which must not be
	// able to cancel the requests of everybody.
	requests := a.requests.Open(base, nursery.Title("requests"), nursery.Isolate(),
		nursery.OnPanic(nursery.ReturnPanics), nursery.Observe(a.observe), nursery.OnCritical(a.stopCritically))
	s.tasks.Open(base, nursery.Title("server"), nursery.OnPanic(nursery.ReturnPanics), nursery.Observe(a.observe))
	s.http = &http.Server{
		Handler:           a.life.count(h),
		BaseContext:       func(net.Listener) context.Context { return requests },
		ConnContext:       a.life.conns.meet,
		ConnState:         a.life.conns.follow,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(a.log().Handler(), slog.LevelWarn),
	}
	s.listen()
	failed := s.run(ctx)
	return s.stop(failed)
}

// listen starts accepting, unless Stop came before.
func (s *server) listen() {
	select {
	case <-s.app.life.stop:
		s.err = s.ln.Close()
		close(s.ended)
		return
	default:
	}
	s.app.log().Info("creche: listening", "addr", s.ln.Addr().String())
	if told := s.app.options.Listening; told != nil {
		told(s.ln.Addr())
	}
	s.tasks.Go(func(context.Context) error {
		defer close(s.ended)
		s.err = s.http.Serve(s.ln)
		return nil
	})
}

// run returns when the server is to stop: with the error that ended the
// listener, if one did.
func (s *server) run(ctx context.Context) error {
	select {
	case <-s.app.life.stop:
	case sig := <-s.signals:
		s.heard++
		s.app.log().Info("creche: stopping", "signal", sig.String())
	case <-ctx.Done():
	case <-s.ended:
		return s.err
	}
	return nil
}
