package nurserytest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/creche-go/creche/nursery"
)

// patience is how long a closed server waits for its handlers. In a bubble
// it costs nothing; outside, only a failing test waits so long.
const patience = 5 * time.Second

// A ServerOption configures a [Server].
type ServerOption struct{ set func(*Server) }

// HTTP2 makes the server and its clients speak HTTP/2 without TLS, and nothing
// else (prior knowledge, RFC 9113 section 3.3). The default is HTTP/1.1.
func HTTP2() ServerOption {
	return ServerOption{func(s *Server) { s.protocols.SetUnencryptedHTTP2(true) }}
}

// Configure hands the [http.Server] to f before it serves: for timeouts, an
// ErrorLog, hooks. Its Handler and Protocols belong to [NewServer], which sets
// them afterwards.
func Configure(f func(*http.Server)) ServerOption {
	return ServerOption{func(s *Server) { f(&s.http) }}
}

// A Server serves HTTP in memory for one test. Make one with [NewServer]; the
// zero Server does not work. Its methods may be called from any goroutine.
type Server struct {
	// URL is the server's base, without a final slash: "http://creche.test".
	// Only clients of this server can reach it.
	URL string

	t         testing.TB
	listener  *Listener
	http      http.Server
	protocols http.Protocols
	serving   nursery.Nursery
	client    *http.Client
	shut      chan struct{} // closed when the first Close returns

	mu      sync.Mutex // never held across a wait
	closing bool
	running int // handlers
	closed  bool
	idle    chan struct{} // closed when closed and nothing runs
}

// NewServer starts a server for handler and has it closed by t's clean-up. In a
// bubble it must be made inside, with the bubble's own t. A nil t or handler
// and a zero option panic.
func NewServer(t testing.TB, handler http.Handler, opts ...ServerOption) *Server {
	if t == nil {
		panic("nurserytest: NewServer: nil t")
	}
	if handler == nil {
		panic("nurserytest: NewServer: nil handler")
	}
	t.Helper()
	s := &Server{URL: "http://creche.test", t: t, listener: Listen(), shut: make(chan struct{}), idle: make(chan struct{})}
	for _, o := range opts {
		if o.set == nil {
			panic("nurserytest: NewServer: zero ServerOption")
		}
		o.set(s)
	}
	if !s.protocols.UnencryptedHTTP2() {
		s.protocols.SetHTTP1(true)
	}
	s.http.Handler, s.http.Protocols = s.counted(handler), &s.protocols
	s.client = s.newClient()
	s.serving.Open(context.Background())
	s.serving.Go(func(context.Context) error { return s.http.Serve(s.listener) })
	t.Cleanup(s.Close)
	return s
}

// Client returns the server's client, the same on every call. It follows
// redirects as [http.DefaultClient] does and keeps connections alive.
func (s *Server) Client() *http.Client { return s.client }

// Dial opens a connection to the server, for tests that write the bytes
// themselves. It is the caller's to close.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) { return s.listener.Dial(ctx) }

// Close stops accepting, closes all connections, by which the requests' contexts
// end, and returns when every handler has returned. A hijacked connection
// stays open, but its handler is waited for too. If one still runs after five
// seconds the test fails with the stacks of what runs, and Close returns.
// A second call waits for the first.
func (s *Server) Close() {
	s.t.Helper()
	if !s.isFirstToClose() {
		<-s.shut // not a sync.Once, which would have a bubble's time stand still
		return
	}
	defer close(s.shut)
	s.client.CloseIdleConnections()
	if err := s.http.Close(); err != nil {
		s.t.Errorf("nurserytest: closing the server: %v", err)
	}
	if err := s.serving.Join(); !errors.Is(err, http.ErrServerClosed) {
		s.t.Errorf("nurserytest: the server ended by itself: %v", err)
	}
	s.refuse()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-s.idle:
	case <-late.C:
		s.t.Errorf("nurserytest: handlers still run %v after the server closed:\n\n%s", patience, join(others()))
	}
}

func (s *Server) isFirstToClose() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.closing
	s.closing = true
	return first
}

func (s *Server) newClient() *http.Client {
	t := s.listener.transport()
	t.Protocols = &s.protocols
	return &http.Client{Transport: t}
}

// counted returns next with its calls counted, as no http.Server does: Close
// returns there while handlers run, and Shutdown does not know those that
// hijacked their connection.
func (s *Server) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.enter() {
			panic(http.ErrAbortHandler) // its connection is closed
		}
		defer s.leave()
		next.ServeHTTP(w, r)
	})
}

func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running++
	return true
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	if s.closed && s.running == 0 {
		close(s.idle)
	}
}

func (s *Server) refuse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.running == 0 {
		close(s.idle)
	}
}
