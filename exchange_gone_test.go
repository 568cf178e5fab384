package creche_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// until waits for what happens in another goroutine of a test with sockets.
func until[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(10 * time.Second):
		t.Fatalf("no %s within ten seconds", what)
	}
	return v
}

// departures are the moments of a request at which a client may leave. Each handler closes
// reached when it is there, and returns what it fails with.
var departures = []struct {
	name    string
	request string
	handler func(w http.ResponseWriter, r *http.Request, reached func()) error
}{
	{
		"before its body has come", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf",
		func(_ http.ResponseWriter, r *http.Request, reached func()) error {
			reached()
			_, err := io.ReadAll(r.Body)
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				return fmt.Errorf("got %w, want an unexpected EOF", err)
			}
			<-r.Context().Done()
			return nil
		},
	},
	{
		"during the fan-out", "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		func(_ http.ResponseWriter, r *http.Request, reached func()) error {
			wait := func(ctx context.Context) error {
				<-ctx.Done()
				return fmt.Errorf("look up: %w", context.Cause(ctx))
			}
			reached()
			return nursery.All(r.Context(), wait, wait)
		},
	},
	{
		"while tasks run after the handler returned", "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		func(w http.ResponseWriter, r *http.Request, reached func()) error {
			startTask(r, func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			})
			io.WriteString(w, "held")
			reached()
			return nil
		},
	},
	{
		"during the answer", "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		func(w http.ResponseWriter, r *http.Request, reached func()) error {
			io.WriteString(w, "data: 1\n\n")
			if err := http.NewResponseController(w).Flush(); err != nil {
				return err
			}
			reached()
			<-r.Context().Done()
			return r.Context().Err()
		},
	},
}

// R5
func TestClientLeavesASocket(t *testing.T) {
	for _, s := range departures {
		t.Run(s.name, func(t *testing.T) {
			nurserytest.CheckLeaks(t)
			reached, causes := make(chan struct{}), make(chan error, 1)
			app, seen := watched(creche.Options{Logger: muted})
			h := app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
				err := s.handler(w, r, func() { close(reached) })
				<-r.Context().Done()
				causes <- context.Cause(r.Context())
				return err
			}))
			srv := httptest.NewServer(h)
			defer srv.Close()
			conn, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, s.request)
			until(t, "sign of the handler", reached)
			conn.Close()
			cause := until(t, "end of the context", causes)
			if !errors.Is(cause, creche.ErrClientGone) {
				t.Errorf("got cause %v, want ErrClientGone", cause)
			}
			srv.Close()
			seen.wantOnce(t) // to leave is no failure
		})
	}
}

// R5
func TestClientResetsAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, s := range departures[1:] {
			reached := make(chan struct{})
			var cause error
			app, seen := watched(creche.Options{Logger: muted})
			srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
				err := s.handler(w, r, func() { close(reached) })
				<-r.Context().Done()
				cause = context.Cause(r.Context())
				return err
			})), nurserytest.HTTP2())
			ctx, reset := context.WithCancel(t.Context())
			n := new(nursery.Nursery)
			n.Open(t.Context())
			n.Go(func(context.Context) error {
				<-reached
				reset()
				return nil
			})
			ask(t, srv.Client(), http.MethodGet, srv.URL, func(r *http.Request) { *r = *r.WithContext(ctx) })
			if err := n.Join(); err != nil {
				t.Error(err)
			}
			srv.Close()
			if !errors.Is(cause, creche.ErrClientGone) {
				t.Errorf("%s: got cause %v, want ErrClientGone", s.name, cause)
			}
			seen.wantOnce(t)
		}
	})
}

// R5: net/http looks for the end of a connection only behind the body, so a
// handler that leaves it unread is not cancelled unless it was read before.
func TestClientLeavesWithItsBodyUnread(t *testing.T) {
	tests := []struct {
		name string
		read int64
		want error
	}{
		{"without ReadBody it is not noticed", 0, nil},
		{"with ReadBody it is", 1 << 10, creche.ErrClientGone},
		{"but not with a larger body", 3, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reached, causes := make(chan struct{}), make(chan error, 1)
				app, _ := watched(creche.Options{Logger: muted, ReadBody: tt.read})
				srv := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					close(reached)
					select {
					case <-r.Context().Done():
					case <-time.After(time.Hour):
					}
					causes <- context.Cause(r.Context())
				})))
				conn, err := srv.Dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")
				<-reached
				conn.Close()
				if got := <-causes; !errors.Is(got, tt.want) {
					t.Errorf("got cause %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// R5: a body that is announced takes no memory before it comes.
func TestAnnouncedBodiesTakeNoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const announced, clients = 64 << 20, 10
		app, _ := watched(creche.Options{Logger: muted, ReadBody: announced})
		srv := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			fmt.Fprint(w, len(body))
		})))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range clients {
			conn, err := srv.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer time.Sleep(time.Second) // as net/http does behind a body that was not read
			defer conn.Close()
			fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\nbeg", announced)
		}
		synctest.Wait()
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
			t.Errorf("%d clients that announce %d bytes take %d bytes, want 1 MiB at most", clients, announced, got)
		}
		for _, size := range []int{1, 511, 512, 4096, 5000, 1 << 20} {
			got := ask(t, srv.Client(), http.MethodPost, srv.URL, func(r *http.Request) {
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(repeat(size))), int64(size)
			})
			wantReply(t, got, http.StatusOK, strconv.Itoa(size))
		}
	})
}

// E5: no rule runs for a client that has gone, but what went wrong is told.
func TestRealErrorBesideTheLeaving(t *testing.T) {
	tests := []struct {
		name string
		task func(ctx context.Context) error
		want []error
	}{
		{"a task fails because of it", func(ctx context.Context) error {
			<-ctx.Done()
			return fmt.Errorf("ask: %w", context.Cause(ctx))
		}, nil},
		{"a task really fails after it", func(ctx context.Context) error {
			<-ctx.Done()
			return errSoldOut
		}, []error{errSoldOut}},
		{"a task panics after it", func(ctx context.Context) error {
			<-ctx.Done()
			panic(errBoom)
		}, []error{errBoom}},
		{"a task joins a real error to the echo", func(ctx context.Context) error {
			<-ctx.Done()
			return errors.Join(context.Cause(ctx), errSoldOut)
		}, []error{errSoldOut}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var answers atomic.Int32
				answer := func(http.ResponseWriter, *http.Request, error) error {
					answers.Add(1)
					return nil
				}
				reached := make(chan struct{})
				app, seen := watched(creche.Options{Logger: muted, Errors: []errorhandlers.Rule{
					errorhandlers.OnAny(answer), errorhandlers.OnGroup(answer), errorhandlers.OnIs(errSoldOut, answer),
					errorhandlers.OnIs(creche.ErrClientGone, answer),
				}})
				srv := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					startTask(r, tt.task)
					close(reached)
				})))
				conn, err := srv.Dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
				<-reached
				conn.Close()
				srv.Close()
				if answers.Load() != 0 {
					t.Errorf("got %d calls of rules, want none", answers.Load())
				}
				seen.wantOnce(t, tt.want...)
				for _, r := range seen.reports() {
					if _, panicked := r.Err.(*nursery.PanicError); !panicked && !errors.Is(r.Err, creche.ErrClientGone) {
						t.Errorf("got report %q, want it to say that the client had gone", r.Err)
					}
				}
			})
		})
	}
}

// R5
func TestOtherCausesOfTheParentAreKept(t *testing.T) {
	errMaintenance := errors.New("maintenance")
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{errorhandlers.OnIs(errMaintenance, teapot)}})
		var cause error
		inner := app.Middleware(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			<-r.Context().Done()
			cause = context.Cause(r.Context())
			return r.Context().Err()
		}))
		srv := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancelCause(r.Context())
			cancel(errMaintenance)
			inner.ServeHTTP(w, r.WithContext(ctx))
		}))
		wantReply(t, get(t, srv), http.StatusTeapot, "teapot")
		if !errors.Is(cause, errMaintenance) {
			t.Errorf("got cause %v, want the outer context's", cause)
		}
		seen.wantOnce(t)
	})
}

// R5, E6
func TestShutdownIsACause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{
			Logger: muted, IgnoreSignals: true, Stopping: creche.Stopping{Total: 2 * time.Minute, Requests: time.Minute},
		})
		var cause error
		reached := make(chan struct{})
		ln := nurserytest.Listen()
		n := new(nursery.Nursery)
		n.Open(t.Context())
		n.Go(func(ctx context.Context) error {
			return app.Serve(ctx, ln, app.Middleware(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
				close(reached)
				<-r.Context().Done()
				cause = context.Cause(r.Context())
				return fmt.Errorf("look up: %w", r.Context().Err())
			})))
		})
		n.Go(func(context.Context) error {
			<-reached
			app.Stop(nil)
			return nil
		})
		client := ln.Client()
		got := ask(t, client, http.MethodGet, "http://creche.test/")
		wantReply(t, got, http.StatusServiceUnavailable, "Service Unavailable")
		if got.header.Get("Retry-After") == "" {
			t.Errorf("got %v, want a Retry-After", got.header)
		}
		client.CloseIdleConnections()
		if err := n.Join(); err != nil {
			t.Errorf("got %v from Serve, want nil", err)
		}
		if !errors.Is(cause, creche.ErrShutdown) {
			t.Errorf("got cause %v, want ErrShutdown", cause)
		}
		seen.wantOnce(t)
	})
}
