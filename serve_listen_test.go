package creche_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// listening starts an App on a free port, and returns it with its base URL and
// what ListenAndServe will return.
func listening(t *testing.T, ctx context.Context, h http.Handler) (*creche.App, string, <-chan error) {
	t.Helper()
	return listeningWith(t, ctx, func(*creche.App) {}, h)
}

// listeningWith is listening with an App that is prepared by prepare.
func listeningWith(t *testing.T, ctx context.Context, prepare func(*creche.App), h http.Handler) (*creche.App, string, <-chan error) {
	t.Helper()
	bound, ended := make(chan net.Addr, 1), make(chan error, 1)
	app := creche.New(creche.Options{
		IgnoreSignals: true, Logger: quiet,
		Listening: func(addr net.Addr) { bound <- addr },
	})
	prepare(app)
	go func() { ended <- app.ListenAndServe(ctx, "127.0.0.1:0", h) }()
	select {
	case addr := <-bound:
		return app, "http://" + addr.String(), ended
	case err := <-ended:
		t.Fatal(err)
		return nil, "", nil
	}
}

// B9
func TestListenAndServeTellsItsAddress(t *testing.T) {
	nurserytest.CheckLeaks(t)
	app, url, ended := listening(t, t.Context(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
	}))
	client := &http.Client{Transport: &http.Transport{}}
	wantReply(t, ask(t, client, http.MethodGet, url), http.StatusOK, "hello")
	app.Stop(nil)
	wantErr(t, <-ended, nil)
	if got := ask(t, client, http.MethodGet, url); !errors.Is(got.err, syscall.ECONNREFUSED) {
		t.Errorf("after the stop: got %v, want the connection refused", got)
	}
}

// B9
func TestANilHandlerIsTheDefaultMux(t *testing.T) {
	nurserytest.CheckLeaks(t)
	app, url, ended := listening(t, t.Context(), nil)
	client := &http.Client{Transport: &http.Transport{}}
	wantReply(t, ask(t, client, http.MethodGet, url+"/nothing"), http.StatusNotFound, "404 page not found")
	app.Stop(nil)
	wantErr(t, <-ended, nil)
	client.CloseIdleConnections()
}

// B5
func TestAnAddressInUseIsAClearError(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	told := false
	app := creche.New(creche.Options{IgnoreSignals: true, Logger: quiet, Listening: func(net.Addr) { told = true }})
	err = app.ListenAndServe(t.Context(), addr, nil)
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), addr) {
		t.Errorf("got %v, want address in use, and which", err)
	}
	_ = ln.Close()
	wantErr(t, app.ListenAndServe(t.Context(), addr, nil), creche.ErrServed)
	if told {
		t.Error("it said that it listens")
	}
}

// B7, B8: what was handed to the background before the start failed is
// cancelled, joined, and named if it will not end.
func TestAFailedStartEndsTheBackground(t *testing.T) {
	starts := map[string]func(ctx context.Context) (*creche.App, error){
		"an address that is none": func(ctx context.Context) (*creche.App, error) {
			app := creche.New(creche.Options{IgnoreSignals: true, Logger: quiet})
			return app, app.Go(ctx, "warm up", untilCancelled)
		},
		"a fault in the options": func(ctx context.Context) (*creche.App, error) {
			app := creche.New(creche.Options{IgnoreSignals: true, Logger: quiet, Hold: -1})
			return app, app.Go(ctx, "warm up", untilCancelled)
		},
	}
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			nurserytest.CheckLeaks(t)
			app, err := start(t.Context())
			wantErr(t, err, nil)
			var unfinished *creche.UnfinishedError
			if err := app.ListenAndServe(t.Context(), "nowhere", nil); err == nil || errors.As(err, &unfinished) {
				t.Errorf("got %v, want why the start failed, and nothing left", err)
			}
			wantErr(t, app.Go(t.Context(), "late", untilCancelled), nursery.ErrClosed)
		})
	}
}

// A Listening that panics is a start that fails.
//
// B8
func TestAListeningThatPanics(t *testing.T) {
	nurserytest.CheckLeaks(t)
	app := creche.New(creche.Options{IgnoreSignals: true, Logger: quiet, Listening: func(net.Addr) { panic(errStop) }})
	app.Service("never", creche.Service{Start: func(context.Context) error { t.Error("started"); return nil }})
	wantErr(t, app.Go(t.Context(), "warm up", untilCancelled), nil)
	err := app.ListenAndServe(t.Context(), "127.0.0.1:0", nil)
	wantErr(t, err, errStop)
	wantTexts(t, err, "serve_listen_test.go") // the stack
}

// One that exits, as t.Fatal does, takes Serve's goroutine away, but not before all
// is ended as after any start that fails.
//
// B8, N10
func TestAListeningThatExits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *served
		s = prepared(creche.Options{Stopping: stages, Listening: func(net.Addr) { s.note("exit"); runtime.Goexit() }})
		s.Service("never", s.engine("never"))
		wantErr(t, s.Go(t.Context(), "job", func(ctx context.Context) error { return s.untilCancelled(ctx, "task") }), nil)
		exited := make(chan bool)
		s.begin(func() {})
		go func() {
			defer close(exited)
			defer s.note("stopped")
			_ = s.Serve(t.Context(), s.listener, nil)
			t.Error("Serve has returned, want the exit to go on")
		}()
		<-exited
		s.wantLast(t, "0s stopped")
		if _, err := s.listener.Dial(t.Context()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the listener: got %v, want it closed", err)
		}
		wantErr(t, s.Go(t.Context(), "late", clings), nursery.ErrClosed)
	})
}

// A listener that was closed before is an error that says where it was.
//
// B8, B9
func TestAListenerThatWasClosed(t *testing.T) {
	nurserytest.CheckLeaks(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	stopped := false
	app := creche.New(creche.Options{IgnoreSignals: true, Logger: quiet})
	app.Service("base", creche.Service{Stop: func(context.Context) error { stopped = true; return nil }})
	err = app.Serve(t.Context(), ln, nil)
	wantErr(t, err, net.ErrClosed)
	wantTexts(t, err, ln.Addr().String())
	if !stopped {
		t.Error("the service was not stopped")
	}
}

func untilCancelled(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// B8
func TestAStopBeforeAContextThatHasEndedKeepsItsCause(t *testing.T) {
	app := creche.New(creche.Options{IgnoreSignals: true, Logger: quiet})
	app.Stop(errStop)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, app.ListenAndServe(ctx, "localhost:0", nil), errStop)
}

// B5
func TestAnAddressThatIsNoneIsAClearError(t *testing.T) {
	for _, addr := range []string{"nowhere", "127.0.0.1:99999", "127.0.0.1:no-such-service"} {
		app := creche.New(creche.Options{IgnoreSignals: true, Logger: quiet})
		if err := app.ListenAndServe(t.Context(), addr, nil); err == nil {
			t.Errorf("%q: got nil, want an error", addr)
		}
	}
}

// A context that has ended is a clean stop, also before there is a listener.
//
// B8
func TestListenAndServeWithAContextThatHasEnded(t *testing.T) {
	nurserytest.CheckLeaks(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	app := creche.New(creche.Options{IgnoreSignals: true, Logger: quiet})
	wantErr(t, app.ListenAndServe(ctx, "127.0.0.1:0", nil), nil)
	app = creche.New(creche.Options{IgnoreSignals: true, Logger: quiet})
	wantErr(t, app.ListenAndServe(ctx, "localhost:0", nil), nil)
}
