package creche_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// A critical task that Start has started may fail at the very moment at which Start
// returns: whoever is to hear of it, the application stops with its error.
//
// B2, B4, N3
func TestACriticalTaskFailsAsStartReturns(t *testing.T) {
	for i := range rounds(t, 500, 100_000) {
		synctest.Test(t, func(t *testing.T) {
			s := prepared(creche.Options{})
			s.Service("consumer", creche.Service{Start: func(ctx context.Context) error {
				nursery.From(ctx).Go(func(context.Context) error {
					for range i % 50 {
						runtime.Gosched()
					}
					return errService
				}, nursery.Critical())
				return nil
			}})
			s.start(t, s.listener, http.NotFoundHandler())
			s.leave()
			wantErr(t, s.end(), errService)
			if got := s.seen.counts(errService); got > 1 { // it is only returned where the start has failed
				t.Errorf("got reports %v, want the failure once", s.seen.reports())
			}
		})
		if t.Failed() {
			t.Fatalf("in round %d", i)
		}
	}
}

// What fails beside a start that has failed is told, too, whenever it comes.
//
// B4, N3
func TestSeveralFailuresOfAStart(t *testing.T) {
	errFirst := errors.New("the consumer failed")
	fails := func(err error, after time.Duration) func(context.Context) error {
		return func(context.Context) error { time.Sleep(after); return err }
	}
	for name, after := range map[string]time.Duration{"at once": 0, "when it is cancelled": 50 * time.Millisecond} {
		in(t, name, func(t *testing.T) {
			s := prepared(creche.Options{Stopping: withServices})
			s.Service("parent", creche.Service{Start: func(ctx context.Context) error {
				nursery.From(ctx).Go(fails(errFirst, 0), nursery.Critical())
				nursery.From(ctx).Go(fails(errJob, after+time.Millisecond), nursery.Critical())
				time.Sleep(after + 2*time.Millisecond)
				return errService
			}, Stop: s.notes("stop parent", 0)})
			s.start(t, s.listener, http.NotFoundHandler())
			wantServiceError(t, s.end(), "parent", "start", errFirst)
			for _, err := range []error{errJob, errService} {
				if got := s.seen.counts(err); got != 1 {
					t.Errorf("got reports %v, want %v once", s.seen.reports(), err)
				}
			}
		})
	}
}

// So is what fails beside a Stop: a task of it that is critical, be it that Stop
// hangs.
//
// B4, N3
func TestSeveralFailuresOfAStop(t *testing.T) {
	for name, stop := range map[string]hook{
		"that fails":            func(context.Context) error { time.Sleep(time.Millisecond); return errService },
		"that fails before it":  func(context.Context) error { return errService },
		"that ends well":        func(context.Context) error { time.Sleep(time.Millisecond); return nil },
		"that ends well before": func(context.Context) error { return nil },
		"that hangs":            clings,
	} {
		in(t, name, func(t *testing.T) {
			s := prepared(creche.Options{Stopping: withServices})
			s.Service("engine", creche.Service{Stop: func(ctx context.Context) error {
				nursery.From(ctx).Go(func(context.Context) error { return errJob }, nursery.Critical())
				return stop(ctx)
			}})
			s.start(t, s.listener, http.NotFoundHandler())
			s.leave()
			err := s.end()
			wantErr(t, err, errJob)
			if name == "that fails" || name == "that fails before it" {
				wantErr(t, err, errService)
			}
			time.Sleep(time.Hour)
		})
	}
}

// The end of the context that Serve was given is the stop: a service that has kept
// that context may end with it, and may say so.
//
// B4, B8
func TestAServiceThatEndsWithTheContextOfServe(t *testing.T) {
	errOwner := errors.New("the owner has had enough")
	silent := func(context.Context) error { return nil }
	tests := []struct {
		name string
		says func(ctx context.Context) error
		want error
	}{
		{name: "and says nothing", says: silent},
		{name: "and says its error", says: context.Context.Err},
		{name: "and says its cause", says: context.Cause},
		{name: "and has failed", says: func(ctx context.Context) error { return errors.Join(ctx.Err(), errService) }, want: errService},
	}
	ends := map[string]func(t *testing.T) (context.Context, context.CancelFunc){
		"cancelled": func(t *testing.T) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(t.Context())
			return ctx, func() { cancel(errOwner) }
		},
		"at a deadline": func(t *testing.T) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			t.Cleanup(cancel)
			return ctx, func() { <-ctx.Done() }
		},
	}
	for _, tt := range tests {
		for how, end := range ends {
			for _, doing := range []string{"run", "start"} {
				in(t, tt.name+", "+how+", in "+doing, func(t *testing.T) {
					// With a delay the service's own turn comes a while later.
					s := prepared(creche.Options{Stopping: creche.Stopping{Delay: time.Second}})
					ctx, leave := end(t)
					hook := func(context.Context) error { <-ctx.Done(); return tt.says(ctx) }
					if doing == "run" {
						s.Service("engine", creche.Daemon(hook))
					} else {
						s.Service("engine", creche.Service{Start: hook})
					}
					go func() { s.ended <- s.Serve(ctx, s.listener, http.NotFoundHandler()) }()
					synctest.Wait()
					leave()
					wantErr(t, s.end(), tt.want)
				})
			}
		}
	}
}

// A service whose start the stop did not cut short is asked to end before it runs.
//
// B4, B8
func TestAServiceThatHasStartedWhenTheStopBegins(t *testing.T) {
	for name, stop := range map[string]func(s *served){
		"by the context": func(s *served) { s.leave() },
		"by Stop":        func(s *served) { s.Stop(nil) },
	} {
		in(t, name, func(t *testing.T) {
			s := prepared(creche.Options{})
			s.Service("engine", creche.Service{
				Start: func(ctx context.Context) error { time.Sleep(2 * time.Second); return nil },
				Run:   func(ctx context.Context) error { <-ctx.Done(); return nil },
				Stop:  s.notes("stop engine", 0),
			})
			s.start(t, s.listener, http.NotFoundHandler())
			s.begin(func() { time.Sleep(time.Second); stop(s) })
			wantErr(t, s.end(), nil)
			s.wantEvents(t, "2s stop engine", "2s stopped")
		})
	}
}
