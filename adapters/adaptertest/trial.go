package adaptertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// patience is how long a case waits for what must happen. In a bubble it costs
// nothing.
const patience = 10 * time.Minute

// A trial is one case on its way, over one protocol.
type trial struct {
	testing.TB
	adapter  Adapter
	protocol int
	clients  nursery.Nursery

	mu    sync.Mutex
	gates []*gate
}

func begin(t testing.TB, a Adapter, protocol int) *trial {
	t.Helper()
	nurserytest.CheckLeaks(t)
	tr := &trial{TB: t, adapter: a, protocol: protocol}
	tr.clients.Open(context.Background())
	t.Cleanup(func() {
		tr.openGates()
		if err := tr.clients.Join(); err != nil {
			t.Errorf("a client: %v", err)
		}
	})
	return tr
}

// A gate is an event that others wait for. It opens once, at the latest when
// the case ends.
type gate struct {
	c    chan struct{}
	once sync.Once
}

func (t *trial) gate() *gate {
	g := &gate{c: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gates = append(t.gates, g)
	return g
}

func (t *trial) openGates() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, g := range t.gates {
		g.open()
	}
}

func (g *gate) open() { g.once.Do(func() { close(g.c) }) }

// pass returns when g is open.
func (g *gate) pass() { <-g.c }

// isOpen reports whether g is.
func (g *gate) isOpen() bool {
	select {
	case <-g.c:
		return true
	default:
		return false
	}
}

// await fails the case if g does not open. Only the case itself may call it.
func (t *trial) await(g *gate, what string) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-g.c:
	case <-late.C:
		t.Fatalf("never happened: %s", what)
	}
}

// A site is a server of the router under test.
type site struct {
	*trial
	app    *creche.App
	server *nurserytest.Server
	loud   bool // the server may complain

	mu    sync.Mutex
	told  []nursery.Report
	lines bytes.Buffer // of the server's log
}

// serve starts a server for root.
func (t *trial) serve(o creche.Options, root Group) *site {
	t.Helper()
	return t.serveBehind(func(next http.Handler) http.Handler { return next }, o, root)
}

// serveBehind starts a server for root, with middleware around the router.
func (t *trial) serveBehind(outer func(http.Handler) http.Handler, o creche.Options, root Group) *site {
	t.Helper()
	s := t.build(o)
	handler := outer(t.adapter.Build(s.app, root))
	if err := s.app.Check(); err != nil {
		t.Errorf("Check: got %v, want nil", err)
	}
	t.Cleanup(s.end)
	s.server = t.listen(handler, s)
	return s
}

// build makes a site with its app only.
func (t *trial) build(o creche.Options) *site {
	s := &site{trial: t}
	o.Observe = s.observe
	o.Logger = slog.New(slog.DiscardHandler)
	o.IgnoreSignals = true
	s.app = creche.New(o)
	return s
}

func (t *trial) listen(h http.Handler, s *site) *nurserytest.Server {
	t.Helper()
	opts := []nurserytest.ServerOption{nurserytest.Configure(func(srv *http.Server) { srv.ErrorLog = log.New(s, "", 0) })}
	if t.protocol == 2 {
		opts = append(opts, nurserytest.HTTP2())
	}
	srv := nurserytest.NewServer(t, h, opts...)
	t.Cleanup(t.openGates) // before the server waits for its handlers
	return srv
}

// end joins the background tasks, once the server has closed, and looks at
// what nobody has asked for.
func (s *site) end() {
	s.app.Stop(nil)
	if err := s.app.Serve(context.Background(), nurserytest.Listen(), http.NotFoundHandler()); err != nil {
		s.Errorf("the application's stop: got %v, want nil", err)
	}
	s.reported()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines.Len() > 0 && !s.loud {
		s.Errorf("the server logged: got %q, want nothing", s.lines.String())
	}
}

// Write takes the server's log.
func (s *site) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines.Write(p)
}

func (s *site) observe(_ context.Context, r nursery.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, r)
}

// take returns what was reported since it was last asked, once all is quiet.
func (s *site) take() []nursery.Report {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	told := s.told
	s.told = nil
	return told
}

// reported checks that what was reported since it was last asked is what is
// wanted, each once and nothing else: an error that the report is, or a text
// that it has.
func (s *site) reported(want ...any) {
	s.Helper()
	told := s.take()
	for _, w := range want {
		i := indexOf(told, w)
		if i < 0 {
			s.Errorf("reported: got %s, want %v", list(told), w)
			continue
		}
		told = append(told[:i:i], told[i+1:]...)
	}
	if len(told) > 0 {
		s.Errorf("reported: got %s beyond what is wanted, %v", list(told), want)
	}
}

func indexOf(told []nursery.Report, want any) int {
	for i, r := range told {
		switch w := want.(type) {
		case error:
			if errors.Is(r.Err, w) {
				return i
			}
		case string:
			if strings.Contains(r.Err.Error(), w) {
				return i
			}
		}
	}
	return -1
}

func list(told []nursery.Report) string {
	if len(told) == 0 {
		return "nothing"
	}
	texts := make([]string, len(told))
	for i, r := range told {
		texts[i] = fmt.Sprintf("%q", r.Err.Error())
	}
	return strings.Join(texts, " and ")
}

// serveBare starts a server for the router alone.
func (t *trial) serveBare(routes []Route) *site {
	t.Helper()
	s := &site{trial: t, loud: true}
	s.server = t.listen(t.adapter.Bare(routes), s)
	return s
}
