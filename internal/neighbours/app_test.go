package neighbours_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/creche-go/creche"
)

// served is an App that serves on a port of its own.
type served struct {
	*creche.App
	t     *testing.T
	url   string
	bound chan net.Addr
	ended chan error

	mu     sync.Mutex
	events []string
}

func prepared(t *testing.T) *served {
	t.Helper()
	s := &served{t: t, bound: make(chan net.Addr, 1), ended: make(chan error, 1)}
	s.App = creche.New(creche.Options{
		IgnoreSignals: true, Logger: slog.New(slog.DiscardHandler),
		Listening: func(a net.Addr) { s.bound <- a },
		Stopping:  creche.Stopping{Services: 10 * time.Second},
	})
	return s
}

// start serves, and returns when the services have started.
func (s *served) start() {
	s.t.Helper()
	go func() {
		s.ended <- s.ListenAndServe(context.Background(), "127.0.0.1:0", http.HandlerFunc(s.Ready))
	}()
	select {
	case a := <-s.bound:
		s.url = "http://" + a.String()
	case err := <-s.ended:
		s.t.Fatal(err)
	}
	if got := s.get(s.url); got != http.StatusOK {
		s.t.Fatalf("got status %d, want ready", got)
	}
}

func (s *served) get(url string) (status int) {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(url)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

// stop stops the App, which must be clean.
func (s *served) stop() {
	s.t.Helper()
	s.Stop(nil)
	if err := s.end(); err != nil {
		s.t.Errorf("Serve: got %v, want nil", err)
	}
}

func (s *served) end() error {
	s.t.Helper()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(time.Minute):
		s.t.Fatal("the application does not end")
		return nil
	}
}

func (s *served) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, fmt.Sprintf(format, args...))
}

// wantEvents fails the test unless these were noted, in this order.
func (s *served) wantEvents(want ...string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.events, want) {
		s.t.Errorf("got events %q, want %q", s.events, want)
	}
}

// around returns v, which notes its start and stop as well.
func (s *served) around(name string, v creche.Service) creche.Service {
	start, stop := v.Start, v.Stop
	v.Start = func(ctx context.Context) error {
		s.note("start %s", name)
		if start == nil {
			return nil
		}
		return start(ctx)
	}
	v.Stop = func(ctx context.Context) error {
		defer s.note("stopped %s", name)
		if stop == nil {
			return nil
		}
		return stop(ctx)
	}
	return v
}
