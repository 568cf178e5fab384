package websocket_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
	"github.com/creche-go/creche/websocket"
)

// upgrade is Serve by the way that is tested.
func upgrade(w http.ResponseWriter, r *http.Request, o *websocket.Options, f connFunc) error {
	if byCoder() {
		changed := websocket.Options{}
		if o != nil {
			changed = *o
		}
		changed.Plain = true
		o = &changed
	}
	return websocket.Serve(w, r, o, f)
}

// A site is a server in memory whose every request is upgraded. Its nursery is
// above the requests, so that a test can drain and cancel it as a stop does.
type site struct {
	*nurserytest.Server
	above nursery.Nursery
	join  func() // above, once

	mu       sync.Mutex
	reported []error
	full     []nursery.Report // the same
}

type connFunc = func(ctx context.Context, c *websocket.Conn) error

func serve(t testing.TB, o *websocket.Options, f connFunc, rules ...errorhandlers.Rule) *site {
	t.Helper()
	s := new(site)
	above := s.above.Open(context.Background())
	s.join = sync.OnceFunc(func() {
		if err := s.above.Join(); err != nil {
			t.Errorf("above the requests: %v", err)
		}
	})
	t.Cleanup(s.join)
	app := creche.New(creche.Options{Errors: rules, Observe: s.observe})
	if err := app.Check(); err != nil {
		t.Fatal(err)
	}
	h := app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return upgrade(w, r, o, f)
	}))
	s.Server = nurserytest.NewServer(t, h, nurserytest.Configure(func(srv *http.Server) {
		srv.BaseContext = func(net.Listener) context.Context { return above }
	}))
	return s
}

// inBubbles runs test in a bubble, once with handlers that stay and once with
// handlers that return.
func inBubbles(t *testing.T, name string, test func(t *testing.T, o *websocket.Options)) {
	t.Helper()
	for _, detach := range []bool{false, true} {
		mode := map[bool]string{false: " (the handler stays)", true: " (the handler returns)"}[detach]
		t.Run(name+mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, &websocket.Options{Detach: detach}) })
		})
	}
}

// finish returns when no connection is left, whether or not its handler stayed.
func (s *site) finish() {
	s.Close()
	s.join()
}

func (s *site) observe(_ context.Context, r nursery.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reported = append(s.reported, r.Err)
	s.full = append(s.full, r)
}

// reports returns what has been reported.
func (s *site) reports() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reported
}

// echo returns every message to its sender.
func echo(ctx context.Context, c *websocket.Conn) error {
	for m, err := range c.Messages() {
		if err != nil {
			return err
		}
		if err := c.Send(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// forget waits for the end of the connection without reading.
func forget(ctx context.Context, _ *websocket.Conn) error {
	<-ctx.Done()
	return nil
}

// bare serves f without any middleware of ours.
func bare(t testing.TB, f connFunc) *nurserytest.Server {
	t.Helper()
	return nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = upgrade(w, r, nil, f)
	}))
}

// exit ends the goroutine as t.FailNow does.
func exit() { runtime.Goexit() }

// logged has the default logger write into a buffer for the length of a test.
func logged(t *testing.T) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&b, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return &b
}

// journal is a log that may be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}
