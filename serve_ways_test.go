package creche_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// slow answers "done" a minute after it was called, or after the soft signal.
func slow(w http.ResponseWriter, r *http.Request) {
	select {
	case <-nursery.Draining(r.Context()):
		time.Sleep(time.Second)
	case <-r.Context().Done():
	case <-time.After(time.Minute):
	}
	_, _ = w.Write([]byte("done"))
}

func critical(t *testing.T, a *creche.App, task func(context.Context) error) {
	t.Helper()
	if err := a.Go(t.Context(), "vital", task, nursery.Critical()); err != nil {
		t.Error(err)
	}
}

// Whatever the reason, a stop lets the request under way finish first.
//
// B2, B8
func TestServeStops(t *testing.T) {
	tests := []struct {
		name    string
		stop    func(t *testing.T, s *served)
		want    error
		reports int
	}{
		{name: "when its context ends, with nil", stop: func(_ *testing.T, s *served) { s.leave() }},
		{name: "when told to, with nil", stop: func(_ *testing.T, s *served) { s.Stop(nil) }},
		{name: "when told to for a reason, with that", stop: func(_ *testing.T, s *served) { s.Stop(errStop) }, want: errStop},
		{
			name: "when told to twice, with the first reason",
			stop: func(_ *testing.T, s *served) { s.Stop(errStop); s.Stop(errors.New("another")) },
			want: errStop,
		},
		{
			name: "when told to and its context ends as well, with the reason",
			stop: func(_ *testing.T, s *served) { s.leave(); s.Stop(errStop) },
			want: errStop,
		},
		{
			name: "when told why during the stop, with that reason",
			stop: func(_ *testing.T, s *served) { s.leave(); synctest.Wait(); s.Stop(errStop) },
			want: errStop,
		},
		{
			name: "when a critical task fails, with its error",
			stop: func(t *testing.T, s *served) { critical(t, s.App, func(context.Context) error { return errStop }) },
			want: errStop, reports: 1,
		},
		{
			name: "when a critical task panics, with the panic",
			stop: func(t *testing.T, s *served) { critical(t, s.App, func(context.Context) error { panic(errStop) }) },
			want: errStop, reports: 1,
		},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			s := serving(t, creche.Options{}, slow)
			answer := s.ask(t)
			s.begin(func() { tt.stop(t, s) })
			err := s.end()
			wantErr(t, err, tt.want)
			if tt.want != nil && tt.reports == 0 && err != tt.want {
				t.Errorf("got %#v, want the reason as it was given", err)
			}
			wantReply(t, <-answer, http.StatusOK, "done")
			s.wantEvents(t, "1s stopped")
			if got := s.seen.counts(errStop); got != tt.reports {
				t.Errorf("got %d reports, want %d", got, tt.reports)
			}
		})
	}
}

// B2
func TestEveryCriticalFailureIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := errors.New("the other one")
		s := serving(t, creche.Options{}, slow)
		answer := s.ask(t)
		critical(t, s.App, func(context.Context) error { return errStop })
		synctest.Wait()
		critical(t, s.App, func(context.Context) error { return other })
		wantErr(t, s.end(), errStop)
		s.seen.wantOnce(t, errStop, other)
		wantReply(t, <-answer, http.StatusOK, "done")
	})
}

// failingListener accepts one error after its connections.
type failingListener struct {
	*nurserytest.Listener
	fail chan error
}

func (l failingListener) Accept() (net.Conn, error) {
	type accepted struct {
		conn net.Conn
		err  error
	}
	next := make(chan accepted, 1)
	go func() {
		c, err := l.Listener.Accept()
		next <- accepted{c, err}
	}()
	select {
	case err := <-l.fail:
		return nil, err
	case a := <-next:
		return a.conn, a.err
	}
}

// A listener that fails stops the server as gracefully as anything.
//
// B5, B8
func TestServeStopsWhenTheListenerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := prepared(creche.Options{})
		ln := failingListener{s.listener, make(chan error)}
		s.start(t, ln, s.Middleware(http.HandlerFunc(slow)))
		answer := s.ask(t)
		s.begin(func() { ln.fail <- errStop })
		if err := s.end(); err != errStop {
			t.Errorf("got %v, want %v", err, errStop)
		}
		wantReply(t, <-answer, http.StatusOK, "done")
		s.wantEvents(t, "1s stopped")
	})
}

// Serve of an App that is to stop already says so without accepting anything.
//
// B8
func TestStopBeforeServe(t *testing.T) {
	tests := []struct {
		name string
		stop func(t *testing.T, a *creche.App)
		want error
	}{
		{"without a reason", func(_ *testing.T, a *creche.App) { a.Stop(nil) }, nil},
		{"for a reason", func(_ *testing.T, a *creche.App) { a.Stop(errStop) }, errStop},
		{"by a critical task", func(t *testing.T, a *creche.App) {
			critical(t, a, func(context.Context) error { return errStop })
		}, errStop},
	}
	for _, tt := range tests {
		for range 20 { // a select with several ways chooses at random
			in(t, tt.name, func(t *testing.T) {
				told := false
				s := prepared(creche.Options{Listening: func(net.Addr) { told = true }})
				tt.stop(t, s.App)
				synctest.Wait()
				s.start(t, s.listener, http.NotFoundHandler())
				wantErr(t, s.end(), tt.want)
				if told {
					t.Error("it said that it listens")
				}
				if _, err := s.listener.Dial(t.Context()); !errors.Is(err, net.ErrClosed) {
					t.Errorf("the listener: got %v, want it closed", err)
				}
			})
		}
	}
}

// B8
func TestServeWithAContextThatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := prepared(creche.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		wantErr(t, s.Serve(ctx, s.listener, nil), nil)
		_, err := s.listener.Dial(t.Context())
		wantErr(t, err, net.ErrClosed)
	})
}

// B9
func TestServeAgainIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, creche.Options{}, slow)
		second := nurserytest.Listen()
		err := s.Serve(t.Context(), second, nil)
		wantErr(t, err, creche.ErrServed)
		if got, want := err.Error(), "creche: Serve: an App serves once"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		_, err = second.Dial(t.Context())
		wantErr(t, err, net.ErrClosed)

		answer := s.ask(t) // the first one is none the worse
		s.leave()
		wantErr(t, s.end(), nil)
		wantReply(t, <-answer, http.StatusOK, "done")
		third := nurserytest.Listen()
		wantErr(t, s.Serve(t.Context(), third, nil), creche.ErrServed)
	})
}

// E1, B5
func TestServeReturnsAllFaultsBeforeItListens(t *testing.T) {
	faulty := func() *creche.App {
		told := func(net.Addr) { t.Error("it said that it listens") }
		a := creche.New(creche.Options{
			Hold: -1, ReadBody: -1, Background: creche.Background{Limit: -1},
			Stopping:      creche.Stopping{Requests: 48 * time.Hour, Abandoned: 25 * time.Hour},
			Errors:        []errorhandlers.Rule{errorhandlers.OnStatus(404, nothing), errorhandlers.OnStatus(404, nothing)},
			IgnoreSignals: true, Logger: quiet, Listening: told,
		})
		a.Errors(errorhandlers.OnStatus(405, nothing), errorhandlers.OnStatus(405, nothing))
		return a
	}
	want := []string{
		"Options.Hold", "Options.ReadBody", "Options.Background.Limit",
		"Options.Stopping.Requests", "Options.Stopping.Abandoned", "404", "405",
	}
	t.Run("by Serve", func(t *testing.T) {
		ln := nurserytest.Listen()
		a := faulty()
		err := a.Serve(t.Context(), ln, nil)
		wantTexts(t, err, want...)
		_, dialled := ln.Dial(t.Context())
		wantErr(t, dialled, net.ErrClosed)
		if check := a.Check(); err == nil || check == nil || check.Error() != err.Error() {
			t.Errorf("got %v from Serve, and %v from Check", err, check)
		}
	})
	t.Run("by ListenAndServe", func(t *testing.T) {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		wantTexts(t, faulty().ListenAndServe(t.Context(), taken.Addr().String(), nil), want...)
	})
}

func nothing(http.ResponseWriter, *http.Request, error) error { return nil }

func TestServeMisusePanics(t *testing.T) {
	var none context.Context
	tests := []struct {
		want string
		call func(a *creche.App)
	}{
		{"creche: Serve: nil context", func(a *creche.App) { _ = a.Serve(none, nurserytest.Listen(), nil) }},
		{"creche: Serve: nil listener", func(a *creche.App) { _ = a.Serve(t.Context(), nil, nil) }},
		{"creche: ListenAndServe: nil context", func(a *creche.App) { _ = a.ListenAndServe(none, "127.0.0.1:0", nil) }},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			defer func() {
				if got := recover(); got != tt.want {
					t.Errorf("got panic %v, want %v", got, tt.want)
				}
			}()
			tt.call(creche.New(creche.Options{IgnoreSignals: true, Logger: quiet}))
		})
	}
}
