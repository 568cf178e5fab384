package creche_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// Services start in order before the traffic, and stop in reverse when the
// last background task has ended.
//
// B4, B5
func TestServicesStartInOrderAndStopInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *served
		s = prepared(creche.Options{Stopping: stages, Listening: func(net.Addr) { s.note("listening") }})
		s.Service("first", s.engine("first"))
		s.Service("slow", creche.Service{Start: s.notes("start slow", 2*time.Second), Stop: s.notes("stop slow", time.Second)})
		s.Service("hook before", creche.Service{Start: s.notes("hook before", 0)})
		s.Service("hook after", creche.Service{Stop: s.notes("hook after", 0)})
		s.Service("daemon", creche.Daemon(s.runs("daemon")))
		s.begin(func() {
			s.start(t, s.listener, s.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				s.note("request")
				s.untilDraining(r.Context(), "request", time.Second)
			})))
		})
		s.ask(t) // waits for the services
		s.wantEvents(t, "0s listening", "0s start first")
		time.Sleep(3 * time.Second)
		s.wantEvents(t, "0s listening", "0s start first", "2s start slow", "2s hook before", "2s request")
		wantErr(t, s.Go(t.Context(), "job", func(ctx context.Context) error {
			s.untilDraining(ctx, "task", time.Second)
			return nil
		}), nil)
		s.events = nil
		s.begin(s.leave)
		wantErr(t, s.end(), nil)
		s.wantEvents(t,
			"0s request is to finish", "1s request done", "1s task is to finish", "2s task done",
			"2s end daemon", "2s hook after", "3s stop slow",
			"3s stop first", "3s end first", "3s stopped",
		)
		s.seen.wantOnce(t)
	})
}

// A service lives in the context it was started with, which outlives its
// start, and finds nursery, application and values there.
//
// B4
func TestTheContextOfAService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := prepared(creche.Options{})
		var kept context.Context
		helped, called := make(chan bool), make(chan bool, 1)
		check := func(ctx context.Context, where string) {
			if got := ctx.Value(traceKey{}); got != "trace-1" {
				t.Errorf("%s: got value %v, want that of Serve's context", where, got)
			}
			if _, has := ctx.Deadline(); has != (where == "Stop") || ctx.Err() != nil {
				t.Errorf("%s: got a deadline: %v, and error %v", where, has, ctx.Err())
			}
		}
		s.Service("engine", creche.Service{
			Start: func(ctx context.Context) error {
				kept = ctx
				check(ctx, "Start")
				nursery.From(ctx).Go(func(ctx context.Context) error { <-ctx.Done(); close(helped); return nil })
				return creche.Go(ctx, "of a service", func(ctx context.Context) error { check(ctx, "task"); called <- true; return nil })
			},
			Run: func(ctx context.Context) error {
				check(ctx, "Run")
				if kept.Err() != nil || nursery.From(ctx) != nursery.From(kept) {
					t.Errorf("got another nursery, or %v", kept.Err())
				}
				<-ctx.Done()
				return nil
			},
			Stop: func(ctx context.Context) error {
				check(ctx, "Stop")
				if kept.Err() != nil {
					t.Error("the service's context has ended before it was stopped")
				}
				return nil
			},
		})
		ctx, leave := context.WithCancel(context.WithValue(t.Context(), traceKey{}, "trace-1"))
		go func() { s.ended <- s.Serve(ctx, s.listener, nil) }()
		<-called
		synctest.Wait() // it has started
		leave()
		wantErr(t, <-s.ended, nil)
		<-helped
		wantErr(t, context.Cause(kept), creche.ErrShutdown)
	})
}

// A service that ends unasked stops the application as gracefully as
// anything, and is named.
//
// B2, B4
func TestAServiceThatEndsUnasked(t *testing.T) {
	ends := append(hookFailures[:len(hookFailures):len(hookFailures)], struct {
		name string
		fail hook
		want error
	}{"with nil", func(context.Context) error { return nil }, creche.ErrServiceEnded})
	for _, tt := range ends {
		in(t, tt.name, func(t *testing.T) {
			s := prepared(creche.Options{})
			die := make(chan bool)
			s.Service("base", s.engine("base"))
			s.Service("mortal", creche.Service{Stop: s.notes("stop mortal", 0), Run: func(ctx context.Context) error {
				<-die
				return tt.fail(ctx)
			}})
			s.start(t, s.listener, http.HandlerFunc(slow))
			answer := s.ask(t)
			s.events = nil
			s.begin(func() { close(die) })
			err := s.end()
			wantServiceError(t, err, "mortal", "run", tt.want)
			wantReply(t, <-answer, http.StatusOK, "done")
			s.wantEvents(t, "1s stop mortal", "1s stop base", "1s end base", "1s stopped")
			if got := len(s.seen.reports()); got != 1 {
				t.Errorf("got reports %v, want one, at once", s.seen.reports())
			}
		})
	}
}

// One that returns at once is no different, and nothing else is started.
//
// B4, B8
func TestAServiceThatReturnsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := prepared(creche.Options{})
		s.Service("base", s.engine("base"))
		s.Service("flash", creche.Daemon(func(context.Context) error { return nil }))
		s.Service("cut short", creche.Service{Start: untilCancelled}) // or not even begun
		s.Service("never", s.engine("never"))
		s.begin(func() { s.start(t, s.listener, http.NotFoundHandler()) })
		wantServiceError(t, s.end(), "flash", "run", creche.ErrServiceEnded)
		s.wantEvents(t, "0s start base", "0s stop base", "0s end base", "0s stopped")
		if _, err := s.listener.Dial(t.Context()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the listener: got %v, want it closed", err)
		}
	})
}

// What a service starts in its nursery fails it only if it is critical.
//
// B2, B4
func TestTasksOfAService(t *testing.T) {
	for _, critical := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := prepared(creche.Options{})
			var opts []nursery.TaskOption
			want := error(nil)
			if critical {
				opts, want = append(opts, nursery.Critical()), errService
			}
			s.Service("parent", creche.Service{Start: func(ctx context.Context) error {
				nursery.From(ctx).Go(func(context.Context) error { time.Sleep(time.Second); return errService }, opts...)
				return nil
			}})
			s.start(t, s.listener, http.NotFoundHandler())
			time.Sleep(2 * time.Second)
			s.leave()
			err := s.end()
			wantErr(t, err, want)
			if critical {
				wantServiceError(t, err, "parent", "run", errService)
			}
			if s.seen.counts(errService) != 1 {
				t.Errorf("got reports %v, want the failure once", s.seen.reports())
			}
		})
	}
}

// A service may end when it is told to finish, before its turn has come; what
// it fails with then is told as well.
//
// B4
func TestAServiceThatEndsWhenToldToFinish(t *testing.T) {
	for _, fails := range []error{nil, errService} {
		synctest.Test(t, func(t *testing.T) {
			s := prepared(creche.Options{})
			s.Service("consumer", creche.Daemon(func(ctx context.Context) error {
				<-nursery.Draining(ctx)
				s.note("consumer done")
				return fails
			}))
			s.start(t, s.listener, http.HandlerFunc(slow))
			answer := s.ask(t)
			s.begin(s.leave)
			wantErr(t, s.end(), fails)
			wantReply(t, <-answer, http.StatusOK, "done")
			s.wantEvents(t, "0s consumer done", "1s stopped")
		})
	}
}

// All services that do not stop well are told, and the others stop all the
// same.
//
// B4, B7
func TestServicesThatDoNotStopWell(t *testing.T) {
	for _, tt := range hookFailures {
		in(t, tt.name, func(t *testing.T) {
			s := prepared(creche.Options{})
			s.Service("base", s.engine("base"))
			s.Service("bad", creche.Service{Stop: tt.fail})
			s.Service("worse", creche.Service{Stop: func(context.Context) error { return errStop }})
			s.start(t, s.listener, http.NotFoundHandler())
			s.events = nil
			s.begin(func() { s.Stop(errJob) })
			err := s.end()
			wantErr(t, err, errJob)
			wantErr(t, err, errStop)
			wantErr(t, err, tt.want)
			wantTexts(t, err, "creche: service bad: stop: ", "creche: service worse: stop: ")
			s.wantEvents(t, "0s stop base", "0s end base", "0s stopped")
		})
	}
}

// B4
func TestServicesThatAreNone(t *testing.T) {
	app := creche.New(creche.Options{IgnoreSignals: true, Logger: quiet})
	_, file, line, _ := runtime.Caller(0)
	app.Service("", creche.Daemon(clings))
	app.Service("twin", creche.Daemon(clings))
	app.Service("twin", creche.Daemon(clings))
	app.Service("idle", creche.Service{})
	err := app.ListenAndServe(t.Context(), "127.0.0.1:0", nil)
	wantTexts(t, err,
		fmt.Sprintf("service 1 (%s:%d) has no name", file, line+1),
		fmt.Sprintf(`two services with the name "twin" (%s:%d and %s:%d)`, file, line+2, file, line+3),
		fmt.Sprintf(`service "idle" (%s:%d) has neither Start nor Run nor Stop`, file, line+4),
	)
	defer func() {
		if got, want := recover(), "creche: Service: late comes too late: the App serves already"; got != want {
			t.Errorf("got panic %v, want %v", got, want)
		}
	}()
	app.Service("late", creche.Daemon(clings))
}

func TestServicesOfNothingPanic(t *testing.T) {
	for want, call := range map[string]func(){
		"creche: Daemon: nil task":   func() { creche.Daemon(nil) },
		"creche: Server: nil server": func() { creche.Server(nil) },
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("got panic %v, want %v", got, want)
				}
			}()
			call()
		}()
	}
}
