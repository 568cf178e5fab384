// Package exampletest lets the examples' tests drive a program from outside:
// over a real listener, within the test's process ([Serve]) or as a process of
// its own ([Build]), or in memory, inside a bubble ([ServeInMemory]); and with
// what it logs at hand ([CaptureLog]).
package exampletest

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// Server is a program that serves within the test's process, on a port of its
// own.
type Server struct {
	*Client
	stop func() error
}

// Serve serves what newServer returns until the test ends, or [Server.Stop] is
// called. The test fails if the server does not stop cleanly.
func Serve(t testing.TB, newServer func() (*creche.App, http.Handler)) *Server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, ln, newClient(t, ln.Addr().String()), newServer)
}

// ServeInMemory is [Serve] for a bubble of testing/synctest, in which there are
// no sockets, and no signals: the application has to ignore them.
func ServeInMemory(t testing.TB, newServer func() (*creche.App, http.Handler)) *Server {
	t.Helper()
	ln := nurserytest.Listen()
	client := &Client{URL: "http://creche.test", t: t, http: *ln.Client()}
	t.Cleanup(client.http.CloseIdleConnections)
	return serve(t, ln, client, newServer)
}

func serve(t testing.TB, ln net.Listener, client *Client, newServer func() (*creche.App, http.Handler)) *Server {
	t.Helper()
	app, handler := newServer()
	ctx, cancel := context.WithCancel(context.Background())
	serving := new(nursery.Nursery)
	serving.Open(context.Background())
	serving.Go(func(context.Context) error { return app.Serve(ctx, ln, handler) })
	s := &Server{Client: client, stop: sync.OnceValue(func() error {
		cancel()
		return serving.Join()
	})}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
	})
	return s
}

// Stop ends the server as a signal would, waits, and returns what
// [creche.App.Serve] returned. Further calls return the same.
func (s *Server) Stop() error { return s.stop() }
