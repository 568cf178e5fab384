package creche_test

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// snag is what calls of the caller's code are caught on: once it is set none
// returns before it is released.
type snag struct {
	set      atomic.Bool
	released chan struct{}
}

func (s *snag) pass() {
	if s.set.Load() {
		<-s.released
	}
}

// in returns a ConnState hook that is caught in one state.
func (s *snag) in(state http.ConnState) func(net.Conn, http.ConnState) {
	return func(_ net.Conn, now http.ConnState) {
		if now == state {
			s.pass()
		}
	}
}

// snagged is a listener one of whose calls is caught.
type snagged struct {
	*nurserytest.Listener
	accept, close *snag
}

func (l snagged) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil && l.accept != nil {
		l.accept.pass()
	}
	return c, err
}

func (l snagged) Close() error {
	if l.close != nil {
		l.close.pass()
	}
	return l.Listener.Close()
}

const gaveUp = "creche: stopped without waiting any longer for "

// snags are what may be caught of what the caller hands over with a server.
var snags = []struct {
	name  string
	hook  func(srv *http.Server, ln *snagged, caught *snag)
	dials bool // for the hook
	want  string
}{
	{
		name: "an Accept that ignores Close",
		hook: func(_ *http.Server, ln *snagged, caught *snag) { ln.accept = caught },
		want: gaveUp + "Accept of the listener on 192.0.2.1:80",
	},
	{
		name: "a Close",
		hook: func(_ *http.Server, ln *snagged, caught *snag) { ln.close = caught },
		want: gaveUp + "Close of the listener on 192.0.2.1:80",
	},
	{
		name: "a ConnContext", dials: true,
		hook: func(srv *http.Server, _ *snagged, caught *snag) {
			srv.ConnContext = func(ctx context.Context, _ net.Conn) context.Context { caught.pass(); return ctx }
		},
		want: gaveUp + "a hook of Options.Server for a connection to 192.0.2.1:80",
	},
	{
		name: "a ConnState of a new connection", dials: true,
		hook: func(srv *http.Server, _ *snagged, caught *snag) { srv.ConnState = caught.in(http.StateNew) },
		want: gaveUp + "a hook of Options.Server for a connection to 192.0.2.1:80",
	},
	{
		name: "a ConnState of a connection with a request", dials: true,
		hook: func(srv *http.Server, _ *snagged, caught *snag) { srv.ConnState = caught.in(http.StateActive) },
		want: gaveUp + "1 call of Options.Server.ConnState",
	},
	{
		name: "a ConnState of a connection that has its answer", dials: true,
		hook: func(srv *http.Server, _ *snagged, caught *snag) { srv.ConnState = caught.in(http.StateIdle) },
		want: gaveUp + "1 call of Options.Server.ConnState",
	},
	{
		name: "a hook of the shutdown, which nobody waits for",
		hook: func(srv *http.Server, _ *snagged, caught *snag) { srv.RegisterOnShutdown(caught.pass) },
	},
}

// catch starts a server one of whose calls is about to be caught.
func catch(t *testing.T, hook func(srv *http.Server, ln *snagged, caught *snag)) (s *served, caught *snag) {
	t.Helper()
	srv, ln := new(http.Server), new(snagged)
	caught = &snag{released: make(chan struct{})}
	hook(srv, ln, caught)
	s = prepared(creche.Options{Server: srv, Stopping: stages})
	ln.Listener = s.listener
	mux := http.NewServeMux()
	mux.HandleFunc("/", slow)
	mux.HandleFunc("/quick", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(repeat(1 << 20))) })
	s.start(t, ln, s.Middleware(mux))
	return s, caught
}

// ask is served.ask for what is caught.
func (s *snag) ask(c *http.Client, dials bool) {
	s.set.Store(true)
	if dials {
		go func() { _, _ = c.Get("http://creche.test/quick") }()
		synctest.Wait()
	}
}

// What the caller has handed over with a server need not come back: neither a
// listener nor a hook takes the stop beyond its budget, and what is stuck is
// named. A request has its grace all the same, and a client that does not take its
// response is cut off.
//
// B5, B7, B9
func TestListenersAndHooksThatDoNotReturn(t *testing.T) {
	for _, tt := range snags {
		in(t, tt.name, func(t *testing.T) {
			s, caught := catch(t, tt.hook)
			answer := s.ask(t)
			s.dial(t, "GET /large HTTP/1.1\r\nHost: creche.test\r\n\r\n")
			caught.ask(s.client, tt.dials)
			s.begin(s.leave)
			err := s.end()
			wantReply(t, <-answer, http.StatusOK, "done")
			if got := text(err); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if most := 13*time.Second + 100*time.Millisecond; s.took > most {
				t.Errorf("the stop took %v, want at most %v", s.took, most)
			}
			close(caught.released)
			synctest.Wait()
			s.seen.wantOnce(t)
		})
	}
}

// Those that only take long are waited for, as requests are.
//
// B5, B9
func TestListenersAndHooksThatTakeTheirTime(t *testing.T) {
	for _, tt := range snags {
		in(t, tt.name, func(t *testing.T) {
			s, caught := catch(t, tt.hook)
			caught.ask(s.client, tt.dials)
			time.AfterFunc(2*time.Second, func() { close(caught.released) })
			s.begin(s.leave)
			wantErr(t, s.end(), nil)
			want := "2s stopped"
			if tt.want == "" {
				want = "0s stopped"
			}
			s.wantEvents(t, want)
			time.Sleep(time.Minute)
			s.seen.wantOnce(t)
		})
	}
}
