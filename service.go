package creche

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/creche-go/creche/nursery"
)

// Service is something that lives as long as the application: an engine that
// others wrote, a daemon, or a hook that runs before the traffic or after it.
// Hand it to [App.Service]. Each of the three functions may be nil, but not all.
//
// Each service has a nursery of its own, which [nursery.From] finds in the
// context of Start and Run, and [Go] finds the application there.
type Service struct {
	// Start starts the service, and returns when what comes after it may rely
	// on it. Its context is the service's: it outlives the call and ends when
	// the service is to have stopped, as engines expect that are given a
	// context to live in. It also ends when the start takes longer than
	// [Options.Starting], or when the application is to stop meanwhile.
	Start func(ctx context.Context) error
	// Run is what the service does, or waits until the service has ended. It
	// is called when Start has returned nil. If it returns before the
	// application stops, be it with nil, the application stops, in order, and
	// [App.Serve] returns a [*ServiceError]. (The end of the context that Serve was
	// given is the stop: it may return because of that.) [nursery.Draining] tells it that
	// the application stops; its context ends, with cause [ErrShutdown], when
	// its turn has come and Stop has returned.
	Run func(ctx context.Context) error
	// Stop stops a service that has started, also one whose Run has returned.
	// Its context ends a little before the budget is spent that the service has
	// in the stop, for a Stop that can do without grace then, and at once at
	// the second signal.
	Stop func(ctx context.Context) error
}

// Daemon returns a Service of one function that runs until its context ends. One
// that returns before stops the application. For a job that is due now and then,
// and may fail, there is [nursery.Every] of a [nursery.BestEffort], for a
// consumer that is to be started again [nursery.Restart]. A nil task panics.
func Daemon(task func(ctx context.Context) error) Service {
	if task == nil {
		panic("creche: Daemon: nil task")
	}
	return Service{Run: task}
}

// Server returns a Service that listens on srv.Addr and serves, over TLS if
// srv.TLSConfig is set, for what has an address of its own beside the
// application's: metrics, probes, a redirect to HTTPS. It stops as
// [http.Server.Shutdown] does, and closes what is left when its time is up. What
// srv leaves open gets the safe values of [Options.Server]. The bound address is
// logged, with the service's name; srv.BaseContext is told it, too.
//
// Its requests belong to the service: [Go] finds the application, [nursery.Draining]
// closes for them when it stops, and their context, which has the values of Serve's
// and of what a BaseContext of srv returns, ends with the service. A nil srv panics.
func Server(srv *http.Server) Service {
	if srv == nil {
		panic("creche: Server: nil server")
	}
	s := serverOf(srv)
	var ln net.Listener
	return Service{
		Start: func(ctx context.Context) (err error) {
			log := logOf(ctx)
			s.secure(log)
			s.BaseContext = baseContext(ctx, nursery.From(ctx), s.BaseContext)
			if ln, err = s.listen(ctx, ""); err == nil {
				logListening(ctx, log, ln.Addr())
			}
			return err
		},
		Run: func(context.Context) error {
			if err := s.accept(ln); err != http.ErrServerClosed {
				return err
			}
			return nil
		},
		Stop: func(ctx context.Context) error {
			defer func() { _ = ln.Close() }() // which srv does not know before Run
			if err := srv.Shutdown(ctx); err != nil {
				return errors.Join(err, srv.Close())
			}
			return nil
		},
	}
}

// ServiceError says which service failed, and at what.
type ServiceError struct {
	Service string // its name
	Doing   string // "start", "run" or "stop"
	Err     error
}

// Error names the service. Of a panic it has the stack.
func (e *ServiceError) Error() string {
	where, text := e.Service+": "+e.Doing, nursery.Text(e.Err)
	if panicked, ok := strings.CutPrefix(text, "nursery: panic in task "+where+": "); ok {
		text = "panic: " + panicked // it names the same task
	}
	return "creche: service " + where + ": " + text
}

// Unwrap returns Err.
func (e *ServiceError) Unwrap() error { return e.Err }

// ErrServiceEnded is what is wrong with a service whose Run returns nil before
// the application stops.
var ErrServiceEnded = errors.New("creche: service ended though nobody asked it to")

// Service adds a service. Services start in the order in which they were added,
// when the server listens and before it accepts connections; what a service
// relies on is added before it. They stop in reverse when the last background
// task has ended, and what one of them needs of [Stopping.Services] the others
// do not have, but for the last 100 ms of each. Where a start fails [App.Serve]
// stops what had started, in reverse, and returns a [*ServiceError]. Served by
// anything else than [App.Serve], such as [net/http.ListenAndServe], an application
// starts no service.
//
// The name is for errors, logs and listings. An empty one, one that another
// service has, and a Service without functions are faults: see [App.Check].
// Once the application serves, or has, it panics.
func (a *App) Service(name string, s Service) {
	place := placeOf(0)
	a.life.mu.Lock()
	served := a.life.served
	if !served {
		a.services = append(a.services, &service{Service: s, name: name, place: place, app: a})
	}
	a.life.mu.Unlock()
	if served {
		panic("creche: Service: " + name + " comes too late: the App serves already")
	}
}

// checkServices returns the faults of those that were added.
func (a *App) checkServices() error {
	a.life.mu.Lock()
	defer a.life.mu.Unlock()
	var faults []error
	known := make(map[string]*service)
	for i, v := range a.services {
		switch before := known[v.name]; {
		case v.name == "":
			faults = append(faults, fmt.Errorf("creche: service %d (%s) has no name", i+1, v.place))
		case before != nil:
			faults = append(faults, fmt.Errorf("creche: two services with the name %q (%s and %s)", v.name, before.place, v.place))
		}
		known[v.name] = v
		if v.Start == nil && v.Run == nil && v.Stop == nil {
			faults = append(faults, fmt.Errorf("creche: service %q (%s) has neither Start nor Run nor Stop", v.name, v.place))
		}
	}
	return errors.Join(faults...)
}

// service is a Service in the life of its App.
type service struct {
	Service
	name    string
	place   string // where it was added
	app     *App
	nursery nursery.Nursery
	ctx     context.Context // the nursery's
	stopper nursery.Nursery // of the call of Stop
	started bool
	hearing *hearing        // of what runs in nursery
	serving context.Context // what Serve was given
	asked   func() bool     // whether it may end
}

// open readies the nursery of v, in which the values of s are seen. Serving is the
// context of Serve.
func (v *service) open(s *server, serving context.Context) {
	v.hearing, v.serving = newHearing(), serving
	v.asked = func() bool { return s.halted(serving) }
	v.ctx = v.nursery.Open(context.WithValue(s.base, serviceKey, v.name), v.options(v.hearing.hear)...)
}

func (v *service) options(critical func(nursery.Failure)) []nursery.Option {
	return []nursery.Option{
		nursery.Title("service " + v.name), nursery.Owned("service " + v.name), nursery.Isolate(), nursery.OnPanic(nursery.ReturnPanics),
		nursery.Observe(v.app.observe), nursery.OnCritical(critical),
	}
}

// do runs f as a task of n, and tells hears what it returns. A panic and a
// Goexit come to the same through the nursery's OnCritical.
func (v *service) do(n *nursery.Nursery, doing string, f func(context.Context) error, hears func(nursery.Failure)) {
	n.Go(func(ctx context.Context) error {
		hears(nursery.Failure{Err: f(ctx)})
		return nil
	}, nursery.Critical(), nursery.Name(v.name+": "+doing), nursery.Runs(f))
}

func (v *service) failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	return &ServiceError{Service: v.name, Doing: doing, Err: err}
}

// withoutEchoes drops from err what only says that ctx has ended.
func withoutEchoes(ctx context.Context, err error) error {
	ended, cause := ctx.Err(), context.Cause(ctx)
	if ended == nil {
		return err
	}
	return nursery.Filter(err, func(leaf error) bool {
		return !nursery.Is(leaf, ended) && !nursery.Is(leaf, cause)
	})
}

// news drops from err what only says that v was told to end: by its own context,
// or by that of Serve, which a service may have kept.
func (v *service) news(err error) error { return withoutEchoes(v.serving, withoutEchoes(v.ctx, err)) }

// start calls Start and, if that returns nil, Run. It gives up on Start when
// within is over, which is a failure, or halt is closed, which is none: then
// Start is cancelled, and left behind if it has not returned after grace.
func (v *service) start(halt <-chan struct{}, within, grace time.Duration) error {
	err := v.callStart(halt, within, grace)
	doing := "start"
	if err == nil && v.started {
		doing = "run"
	}
	passOn := func(f nursery.Failure) { v.ended(doing, f) }
	for _, f := range v.hearing.judged(passOn) { // beside err
		passOn(f)
	}
	if doing == "run" && v.Run != nil {
		v.do(&v.nursery, doing, v.Run, func(f nursery.Failure) {
			if f.Err == nil && !v.asked() {
				f.Err = ErrServiceEnded
			}
			v.ended(doing, f)
		})
	}
	return v.failed("start", err)
}

func (v *service) callStart(halt <-chan struct{}, within, grace time.Duration) (failed error) {
	if v.Start == nil {
		v.started = true
		return nil
	}
	var late <-chan time.Time // never, unless there is a bound
	if within > 0 {
		late = time.After(within)
	}
	v.do(&v.nursery, "start", v.Start, v.hearing.hear)
	select {
	case <-v.hearing.some:
		err := v.hearing.first()
		v.started = err == nil
		return v.news(err)
	case <-halt:
		v.nursery.Cancel(ErrShutdown)
	case <-late:
		failed = fmt.Errorf("takes longer than %v: %w", within, context.DeadlineExceeded)
		v.nursery.Cancel(failed)
	}
	select {
	case <-v.hearing.some:
		err := v.hearing.first()
		v.started = err == nil // all the same, so it has to be stopped
		return together(failed, v.news(err))
	case <-time.After(grace):
		return failed
	}
}

// ended is told how Start or Run ended, or that a critical task of the service
// failed.
func (v *service) ended(doing string, f nursery.Failure) {
	if err := v.news(f.Err); err != nil {
		f.Err = v.failed(doing, err)
		v.app.stopBecause(nursery.Report{Nursery: "service " + v.name, Failure: f}, f.Err)
	}
}

// drain tells v that the application stops.
func (v *service) drain() { v.nursery.Drain(-1) }

// stop ends v, until a moment at which it is left behind. It returns how Stop
// failed.
func (v *service) stop(s *server, until time.Time) error {
	v.drain()
	failed := v.callStop(s, until)
	v.nursery.Cancel(ErrShutdown)
	if !v.started { // its Start had its time
		until = earliest(until, time.Now().Add(patience))
	}
	waitFor(context.Background(), until, s.joining(v.nursery.JoinOwned))
	return failed
}

func (v *service) callStop(s *server, until time.Time) (failed error) {
	if !v.started || v.Stop == nil {
		return nil
	}
	reserve := min(patience, time.Until(until)/2)
	ctx, cancel := context.WithDeadline(s.hurry, until.Add(-reserve))
	defer cancel()
	h := newHearing()
	v.stopper.Open(ctx, v.options(h.hear)...)
	v.do(&v.stopper, "stop", v.Stop, h.hear)
	waitFor(context.Background(), until, s.joining(v.stopper.JoinOwned)) // if it is not over left tells of it
	for _, f := range h.judged(func(f nursery.Failure) { v.ended("stop", f) }) {
		err := f.Err
		if ctx.Err() == context.Canceled { // that its deadline passed is worth telling
			err = withoutEchoes(ctx, err)
		}
		failed = together(failed, v.failed("stop", err))
	}
	return failed
}

// left lists what still runs of v.
func (v *service) left() []nursery.Tree {
	return []nursery.Tree{v.nursery.Tree(), v.stopper.Tree()}
}
