package adaptertest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// ending has the cases about other reasons for a request to end.
func ending() []check {
	// B1, R5
	return []check{
		{"a deadline around the router cancels with ErrRequestTimeout and is a 503", "R5", both, deadline},
		{"another cause of cancellation around the router is kept, and meets the rules", "R5", both, foreignCause},
		{"a stop cancels what outlasts its grace with ErrShutdown, and answers 503", "R5", 1, shutdown},
		{"a handler that a stop cancels, and that then returns nil without having written, has not succeeded", "R5", 1, shutdownOfSilent},
		{"a stop waits for background tasks, and cancels those that outlast its grace", "B1", 1, stopsBackground},
	}
}

// waitsFor returns a handler that ends when it is cancelled, which want must
// explain.
func waitsFor(t *trial, want error) Handler {
	return func(w http.ResponseWriter, r *http.Request, _ Params) error {
		nursery.From(r.Context()).Go(func(ctx context.Context) error {
			<-ctx.Done()
			if got := context.Cause(ctx); !errors.Is(got, want) {
				t.Errorf("why a task was cancelled: got %v, want %v", got, want)
			}
			return ctx.Err()
		})
		return creates(w)
	}
}

func deadline(t *trial) {
	limit := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), time.Second)
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
	s := t.serveBehind(limit, creche.Options{}, one(waitsFor(t, creche.ErrRequestTimeout)))
	s.get("/one").problem(http.StatusServiceUnavailable, "").hides("made")
	s.take()
}

func foreignCause(t *trial) {
	limit := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeoutCause(r.Context(), time.Second, errGone)
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
	gone := errorhandlers.OnIs(errGone, writes("gone"))
	s := t.serveBehind(limit, creche.Options{Errors: []errorhandlers.Rule{gone}}, one(waitsFor(t, errGone)))
	s.get("/one").is(http.StatusUnprocessableEntity).says("gone")
}

// A run is an application that serves by itself, over HTTP/1.1.
type run struct {
	*site
	client *http.Client
	stop   context.CancelFunc
	ended  *gate
	err    error // of Serve
}

// runApp has the application serve root.
func (t *trial) runApp(stages creche.Stopping, root Group) *run {
	ctx, stop := context.WithCancel(context.Background())
	ln := nurserytest.Listen()
	r := &run{site: t.build(creche.Options{Stopping: stages}), client: ln.Client(), stop: stop, ended: t.gate()}
	t.Cleanup(r.client.CloseIdleConnections)
	handler := t.adapter.Build(r.app, root)
	t.clients.Go(func(context.Context) error {
		defer r.ended.open()
		r.err = r.app.Serve(ctx, ln, handler)
		return nil
	})
	t.Cleanup(stop)
	return r
}

func shutdown(t *trial) {
	t.stopsDuring(waitsFor(t, creche.ErrShutdown)).hides("made")
}

func shutdownOfSilent(t *trial) {
	t.stopsDuring(func(_ http.ResponseWriter, r *http.Request, _ Params) error {
		<-r.Context().Done()
		return nil
	})
	t.stopsDuring(func(_ http.ResponseWriter, r *http.Request, _ Params) error {
		nursery.From(r.Context()).Go(func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		})
		return nil
	})
}

// stopsDuring stops an application while h, which outlasts the grace, handles a
// request, and returns the reply, checked to be the 503 of a stop.
func (t *trial) stopsDuring(h Handler) *reply {
	t.Helper()
	begun := t.gate()
	run := t.runApp(creche.Stopping{Requests: time.Second}, one(func(w http.ResponseWriter, r *http.Request, p Params) error {
		begun.open()
		return h(w, r, p)
	}))
	reply, replied := &reply{t: t, what: "GET /one"}, t.gate()
	t.clients.Go(func(ctx context.Context) error {
		defer replied.open()
		reply.ask(ctx, run.client, "http://creche.test/one", nil, nil)
		return nil
	})
	t.await(begun, "the request")
	run.stop()
	t.await(replied, "the reply")
	if reply.problem(http.StatusServiceUnavailable, "").header.Get("Retry-After") == "" {
		t.Error("Retry-After: got none, want one")
	}
	t.await(run.ended, "the end of Serve")
	if run.err != nil {
		t.Errorf("Serve: got %v, want nil", run.err)
	}
	return reply
}

func stopsBackground(t *trial) {
	ends, outlasts := t.gate(), t.gate()
	run := t.runApp(creche.Stopping{Background: 2 * time.Second}, one(func(w http.ResponseWriter, r *http.Request, p Params) error {
		return errors.Join(creche.Go(r.Context(), "ends", func(ctx context.Context) error {
			<-nursery.Draining(ctx)
			time.Sleep(time.Second)
			ends.open()
			return ctx.Err()
		}), creche.Go(r.Context(), "outlasts", func(ctx context.Context) error {
			<-ctx.Done()
			if got := context.Cause(ctx); !errors.Is(got, creche.ErrShutdown) {
				t.Errorf("why a background task was cancelled: got %v, want creche.ErrShutdown", got)
			}
			if !ends.isOpen() {
				t.Error("a background task was cancelled before the grace was over")
			}
			outlasts.open()
			return nil
		}), ok(w, r, p))
	}))
	reply := &reply{t: t, what: "GET /one"}
	reply.ask(context.Background(), run.client, "http://creche.test/one", nil, nil)
	reply.is(http.StatusOK).says("ok")
	run.stop()
	t.await(run.ended, "the end of Serve")
	if !ends.isOpen() || !outlasts.isOpen() || run.err != nil {
		t.Errorf("Serve: got %v with tasks ended %v and %v, want nil after both", run.err, ends.isOpen(), outlasts.isOpen())
	}
	run.reported()
}
