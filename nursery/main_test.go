package nursery_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

func TestMain(m *testing.M) { nurserytest.CheckMain(m) }

// The errors that tests fail with.
var (
	errA = errors.New("a failed")
	errB = errors.New("b failed")
	errC = errors.New("c failed")

	errGone = errors.New("parent gone")
)

// waits is a task that ends when its context does, with its error.
func waits(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// waitsForCause is a task that ends when its context does, with its cause.
func waitsForCause(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// ignores is a task that ends when its context does and does not mind.
func ignores(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func succeeds(context.Context) error { return nil }

func failing(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

func panicking(v any) func(context.Context) error {
	return func(context.Context) error { panic(v) }
}

func exiting(context.Context) error {
	runtime.Goexit()
	return nil
}

// starts is a body that starts tasks and returns nil.
func starts(tasks ...func(context.Context) error) func(context.Context, *nursery.Nursery) error {
	return func(_ context.Context, n *nursery.Nursery) error {
		for _, task := range tasks {
			n.Go(task)
		}
		return nil
	}
}

// raised returns what f panics with, or nil.
func raised(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

// raisedPanic returns the PanicError that f panics with.
func raisedPanic(t *testing.T, f func()) *nursery.PanicError {
	t.Helper()
	v := raised(f)
	p, ok := v.(*nursery.PanicError)
	if !ok {
		t.Fatalf("got panic %T %v, want a *PanicError", v, v)
	}
	return p
}

// exits reports whether f ends its goroutine.
func exits(f func()) bool {
	returned := false
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
		returned = true
	}()
	<-done
	return !returned
}

// reports keeps what nurseries report.
type reports struct {
	mu  sync.Mutex
	all []nursery.Report
}

func (r *reports) observe() nursery.Option {
	return nursery.Observe(func(_ context.Context, report nursery.Report) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.all = append(r.all, report)
	})
}

// list returns what has been reported so far.
func (r *reports) list() []nursery.Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]nursery.Report(nil), r.all...)
}

// errors returns the errors reported so far.
func (r *reports) errors() (errs []error) {
	for _, report := range r.list() {
		errs = append(errs, report.Err)
	}
	return errs
}

// quiet discards reports.
func quiet() nursery.Option { return nursery.Observe(func(context.Context, nursery.Report) {}) }

// multi returns err as the MultiError it has to be.
func multi(t *testing.T, err error) *nursery.MultiError {
	t.Helper()
	m, ok := err.(*nursery.MultiError)
	if !ok {
		t.Fatalf("got %T %v, want a *MultiError", err, err)
	}
	return m
}

// cancelled returns err as the *Cancelled it has to be.
func cancelled(t *testing.T, err error) *nursery.Cancelled {
	t.Helper()
	c, ok := err.(*nursery.Cancelled)
	if !ok {
		t.Fatalf("got %T %v, want a *Cancelled", err, err)
	}
	return c
}
