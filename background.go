package creche

import (
	"context"
	"log/slog"
	"sync"

	"github.com/creche-go/creche/nursery"
)

// openBackground opens the background nursery, which is open from the start:
// tasks may be handed over before the server serves.
func (a *App) openBackground() {
	limit, queue := a.options.Background.Limit, a.options.Background.Queue
	if limit <= 0 {
		limit = defaultBackground
	}
	switch {
	case queue == 0:
		queue = defaultBackground
	case queue < 0:
		queue = 0
	}
	a.background.Open(context.WithValue(context.Background(), appKey, a),
		nursery.Title("background"),
		nursery.Owned("the application"),
		nursery.Isolate(),
		nursery.Limit(limit),
		nursery.Queue(queue),
		nursery.OnPanic(nursery.ReturnPanics),
		nursery.Observe(a.observe),
		nursery.OnCritical(a.stopCritically("background")),
	)
}

// stopCritically returns what is told of the failures of critical tasks in a
// nursery of that name. What Serve returns has the task's name, unless the
// failure has it, as panics do.
func (a *App) stopCritically(name string) func(nursery.Failure) {
	return func(f nursery.Failure) {
		err := f.Err
		if f.Task != "" && !reported(err) {
			err = &criticalError{task: f.Task, err: err}
		}
		a.stopBecause(nursery.Report{Nursery: name, Failure: f}, err)
	}
}

// criticalError names the critical task that failed with err.
type criticalError struct {
	task string
	err  error
}

func (e *criticalError) Error() string {
	return "creche: critical task " + e.task + ": " + nursery.Text(e.err)
}

func (e *criticalError) Unwrap() error { return e.err }

// stopBecause stops the application, with err, because of a failure. It may take
// half a minute until [App.Serve] returns err, or the stop may have begun for
// another one: so the failure is reported too, as panics are already.
func (a *App) stopBecause(r nursery.Report, err error) {
	a.Stop(err)
	if !reported(err) {
		a.observe(context.Background(), r)
	}
}

// Go starts task in the application's background nursery and returns at once:
// the task outlives the request. Its context keeps the values of ctx (trace,
// logger; of what the router recycles, a copy) but not its cancellation; it
// ends only when the application stops, after the grace for background work,
// and [nursery.From] of it is the background nursery. Name shows in reports
// and in what a stop had to give up on.
//
// The task must not use the request itself, which is let go of when it is over:
// what it needs of it, it copies before. From the context of a request that is
// over it gets no values. A task that starts its successor, and so on for ever,
// keeps nothing of those before it but what each has added with
// [context.WithValue], [context.WithTimeout] and their like: that grows.
//
// A failure or panic of the task is reported at once and harms nobody else.
// With [nursery.Critical] it stops the application, and [App.Serve] returns its
// error, wrapped in one that names the task. The
// decorators of package nursery work here as anywhere: [nursery.Timeout],
// [nursery.Retry], [nursery.Every], [nursery.Restart], and [nursery.Turns] for
// one at a time per key.
//
// An App that does not serve itself, but whose handlers are inside one that does,
// has the tasks of its requests run there: that one's [Background] bounds them, its
// observer is told, a critical one stops it, and its stop waits for them. Other
// tasks of an App that never serves are waited for by nobody.
//
// Go works before the server serves. It returns [nursery.ErrFull] when
// [Background] is, and [nursery.ErrClosed] once background work is told to
// end; the default answer to both is 503. Where a request comes through chi, and
// [chicreche.Use] was not called for that router, it returns an error that says so:
// the task would read the path parameters of another request. It notices that in the
// first requests, not where a thousand others came before in a row or a context of
// a foreign type is in between. A nil ctx or task panics.
//
// [chicreche.Use]: https://pkg.go.dev/github.com/creche-go/creche/adapters/chicreche#Use
func (a *App) Go(ctx context.Context, name string, task func(ctx context.Context) error, opts ...nursery.TaskOption) error {
	if ctx == nil {
		panic("creche: Go: nil context")
	}
	if task == nil {
		panic("creche: Go: nil task")
	}
	a = a.host(ctx)
	if a.life.backgroundEnds() {
		return nursery.ErrClosed
	}
	values, err := a.detach(ctx)
	if err != nil {
		return err
	}
	own, waits := &detached{values: values}, &backgroundTask{info: nursery.TaskInfo{Name: name}}
	run := func(ctx context.Context) error {
		a.waiting.begin(waits)
		own.Context = ctx
		err := task(own)
		switch {
		case err == nil || ctx.Err() == nil:
		case nursery.Is(err, nursery.ErrDropped):
			a.waiting.drop(waits)
		default:
			if a.cutShort.line(name) {
				a.logWarning(own, "creche: background task cut short", saysCutShort(ctx, name, err)...)
			}
		}
		return err
	}
	opts = append([]nursery.TaskOption{nursery.Runs(task), nursery.ReportedIn(own)}, opts...)
	switch err := a.background.TryGo(run, append(opts, nursery.Name(name))...); err {
	case nil:
		a.waiting.accept(waits)
		return nil
	case nursery.ErrDropped: // the end came in between
		return nursery.ErrClosed
	default:
		return err
	}
}

// cutShort knows the tasks that the stop has cut short, of which there may be
// thousands at once.
type cutShort struct {
	mu    sync.Mutex
	lines int                // in the log
	more  []nursery.TaskInfo // those without a line of their own
}

// mostCutShort is how many have a line each.
const mostCutShort = 10

// host returns the application whose background nursery is for ctx: a, or the one
// that serves where a does not and ctx is that of a request to a. Nobody else would
// wait for the tasks at the stop.
func (a *App) host(ctx context.Context) *App {
	if a.life.serves() || appOf(ctx) != a {
		return a
	}
	if serving, ok := ctx.Value(servingKey).(*App); ok {
		return serving
	}
	return a
}

// line reports whether the task of that name is to have one of its own.
func (c *cutShort) line(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lines < mostCutShort {
		c.lines++
		return true
	}
	c.more = append(c.more, nursery.TaskInfo{Name: name})
	return false
}

// rest returns those without a line.
func (c *cutShort) rest() []nursery.TaskInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.more
}

// saysCutShort is what there is to say of a task that returned err when it was
// cancelled: of a [nursery.Retry], say, what the last attempt failed with.
func saysCutShort(ctx context.Context, name string, err error) []slog.Attr {
	attrs := []slog.Attr{slog.String("task", name)}
	if err != context.Cause(ctx) && err != ctx.Err() {
		attrs = append(attrs, slog.String("error", nursery.Text(err)))
	}
	return attrs
}

// Go starts task in the background nursery of the application that ctx
// belongs to: see [App.Go]. A ctx that belongs to none panics.
func Go(ctx context.Context, name string, task func(ctx context.Context) error, opts ...nursery.TaskOption) error {
	if ctx == nil {
		panic("creche: Go: nil context")
	}
	a := appOf(ctx)
	if a == nil {
		panic("creche: Go: this context belongs to no application: hand it the request's, behind the middleware, or call App.Go")
	}
	return a.Go(ctx, name, task, opts...)
}

// detach returns the values of ctx that may be kept when the request is over. It
// fails where some may not, and there is nobody to copy them.
func (a *App) detach(ctx context.Context) (context.Context, error) {
	if d := detachedIn(ctx); d != nil {
		return d.values, nil // a task that starts its own successor must not make a chain
	}
	x := ExchangeOf(ctx)
	switch {
	case x == nil:
		return a.copied(ctx, nil)
	case x.outer.Load() == nil:
		// The request is over, and what the router recycles is another's.
		return context.Background(), nil
	}
	return a.copied(ctx, x.Router())
}

// detachedIn returns the context of the background task that ctx is of, if there is
// nothing in between but what has no values of its own, or nil.
func detachedIn(ctx context.Context) *detached {
	for {
		switch c := ctx.(type) {
		case *detached:
			return c
		case interface{ ValuesFrom() context.Context }: // a nursery, a time scope
			ctx = c.ValuesFrom()
		default:
			return nil
		}
	}
}

// copied returns ctx with a copy of what the router recycles.
func (a *App) copied(ctx context.Context, router Router) (context.Context, error) {
	if router == nil {
		return ctx, a.recycledBy(ctx)
	}
	return router.Detach(ctx), nil
}

// detached is the context of a background task: the background nursery's,
// with the values of the context it was started from behind its own.
type detached struct {
	context.Context
	values context.Context
}

func (d *detached) Value(key any) any {
	if key == exchangeKey {
		return nil // it has ended, or will before the task does
	}
	if v := d.Context.Value(key); v != nil || isScopeKey(key) {
		return v
	}
	return d.values.Value(key)
}
