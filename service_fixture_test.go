package creche_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

var errService = errors.New("the service failed")

// hook is a function of a Service.
type hook = func(ctx context.Context) error

// notes returns a hook that notes what it is, and returns after a while.
func (s *served) notes(what string, while time.Duration) hook {
	return func(context.Context) error {
		time.Sleep(while)
		s.note(what)
		return nil
	}
}

// runs returns a Run that notes when it is told to end.
func (s *served) runs(who string) hook {
	return func(ctx context.Context) error {
		<-ctx.Done()
		s.note("end " + who)
		return context.Cause(ctx)
	}
}

// engine is a service that notes all that happens to it.
func (s *served) engine(who string) creche.Service {
	return creche.Service{Start: s.notes("start "+who, 0), Run: s.runs(who), Stop: s.notes("stop "+who, 0)}
}

// hookFailures are the ways in which a hook can fail.
var hookFailures = []struct {
	name string
	fail hook
	want error
}{
	{"an error", func(context.Context) error { return errService }, errService},
	{"a panic", func(context.Context) error { panic(errService) }, errService},
	{"a Goexit", func(context.Context) error { runtime.Goexit(); return nil }, nursery.ErrGoexit},
	{"a cancellation that is not ours", func(context.Context) error { return context.Canceled }, context.Canceled},
}

// wantServiceError fails t unless err holds the error of this service.
func wantServiceError(t *testing.T, err error, service, doing string, want error) {
	t.Helper()
	got, ok := errors.AsType[*creche.ServiceError](err)
	if !ok || got.Service != service || got.Doing != doing || !errors.Is(got.Err, want) {
		t.Errorf("got error %v, want service %s: %s: %v", err, service, doing, want)
	}
	wantTexts(t, err, "creche: service "+service+": "+doing+": ")
}
