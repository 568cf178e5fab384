// Package exampletest lets the examples' tests drive a program from outside:
// over a real listener, within the test's process ([Serve]) or as a process of
// its own ([Build]), and with what it logs at hand ([CaptureLog]).
package exampletest

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
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
	app, handler := newServer()
	ctx, cancel := context.WithCancel(context.Background())
	serving := new(nursery.Nursery)
	serving.Open(context.Background())
	serving.Go(func(context.Context) error { return app.Serve(ctx, ln, handler) })
	s := &Server{stop: sync.OnceValue(func() error {
		cancel()
		return serving.Join()
	})}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
	})
	s.Client = newClient(t, ln.Addr().String())
	return s
}

// Stop ends the server as a signal would, waits, and returns what
// [creche.App.Serve] returned. Further calls return the same.
func (s *Server) Stop() error { return s.stop() }
