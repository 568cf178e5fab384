package websocket_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
	"github.com/creche-go/creche/websocket"
)

// OnClose comes last of all, once, and is told how the connection ended.
//
// W1, W3, W13
func TestOnClose(t *testing.T) {
	tests := []struct {
		name   string
		f      connFunc
		peer   func(p *peer, s *site)
		code   websocket.Code
		reason string
		cause  error
	}{
		{"the peer closes", echo, func(p *peer, _ *site) { p.close(4321, "why") }, 4321, "why", nil},
		{"the peer closes without a code", echo, func(p *peer, _ *site) { p.send(opClose, "") }, websocket.NoStatus, "", nil},
		{"the peer vanishes", echo, func(p *peer, _ *site) { p.conn.Close() }, websocket.Abnormal, "", nil},
		{"the peer is silent", echo, func(p *peer, _ *site) { go io.Copy(io.Discard, p.conn) }, 1011, "no answer to a ping", websocket.ErrHeartbeat},
		{"the peer does not even read", echo, nil, websocket.Abnormal, "no answer to a ping", websocket.ErrHeartbeat},
		{"the peer sends too much", echo, func(p *peer, _ *site) { p.text(strings.Repeat("x", 101)) }, 4013, "", websocket.ErrTooBig},
		{"the function returns", returns(nil), nil, 1000, "", nil},
		{"the function fails", returns(errPlain), nil, 1011, "", errPlain},
		{"a task fails", taskReturns(errPlain), nil, 1011, "", errPlain},
		{"an error is translated", returns(&soldOut{"tea"}), nil, 4009, "tea", nil},
		{"a code that may not be sent", returns(closed(99, "a\xff")), nil, 1011, "a\uFFFD", nil},
		{"the function aborts", func(context.Context, *websocket.Conn) error { panic(http.ErrAbortHandler) }, nil, websocket.Abnormal, "", http.ErrAbortHandler},
		{"the function exits", func(context.Context, *websocket.Conn) error { exit(); return nil }, nil, 1011, "", nil},
		{"the server stops", echo, func(_ *peer, s *site) { s.above.Drain(-1) }, 1001, "", nil},
		{"the server cancels", forget, func(_ *peer, s *site) { s.above.Cancel(creche.ErrShutdown) }, 1001, "", creche.ErrShutdown},
	}
	for _, tt := range tests {
		inBubbles(t, tt.name, func(t *testing.T, o *websocket.Options) {
			if o.Detach && strings.HasSuffix(tt.name, "exits") {
				t.Skip("a failure of what is around the requests: see creche.Exchange.Adopt")
			}
			var ended, joined time.Time
			var rooms websocket.Rooms
			calls := make(chan *websocket.CloseError, 2)
			o.Connections, o.ReadLimit = websocket.NewLimit(1), 100
			o.OnClose = func(c *websocket.Conn, e *websocket.CloseError) {
				if ended.IsZero() || joined.IsZero() || c.Context().Err() == nil || o.Connections.Len()+rooms.To("all").Len() > 0 {
					t.Errorf("function ended %v, task %v, context %v: it is not over", ended, joined, c.Context().Err())
				}
				calls <- e
			}
			s := serve(t, o, func(ctx context.Context, c *websocket.Conn) error {
				defer func() { ended = time.Now() }()
				rooms.Join(c, "all")
				c.Go(func(ctx context.Context) error {
					<-ctx.Done()
					time.Sleep(time.Minute) // longer than the close takes
					joined = time.Now()
					return nil
				})
				return tt.f(ctx, c)
			}, rules...)
			p := dial(t, s.Server)
			synctest.Wait()
			if tt.peer != nil {
				tt.peer(p, s)
			}
			if tt.cause == websocket.ErrHeartbeat {
				time.Sleep(45 * time.Second)
			}
			p.end()
			e := <-calls
			if e.Code != tt.code || e.Reason != tt.reason || tt.cause != nil && !errors.Is(e, tt.cause) {
				t.Errorf("got %v, want %v %q for %v", e, tt.code, tt.reason, tt.cause)
			}
			p.conn.Close()
			s.Close()
			synctest.Wait()
			if len(calls) > 0 {
				t.Errorf("called again with %v", <-calls)
			}
		})
	}
}

// A close frame that never left is none that the peer has been told.
//
// W3
func TestOnCloseOfAPeerThatTakesNothing(t *testing.T) {
	tests := []struct {
		name  string
		f     connFunc
		peer  func(p *peer)
		code  websocket.Code
		cause error
	}{
		{"the function returns", returns(nil), nil, websocket.Abnormal, nil},
		{"the function fails", returns(errPlain), nil, websocket.Abnormal, errPlain},
		{"the function closes", returns(closed(4001, "why")), nil, websocket.Abnormal, nil},
		{"the peer closes, and takes no answer", forget, func(p *peer) { p.close(4321, "") }, 4321, nil},
		{"the peer closes, and hangs up", forget, func(p *peer) { p.close(4321, ""); p.conn.Close() }, 4321, nil},
		{"the peer hangs up at the end", func(context.Context, *websocket.Conn) error { time.Sleep(time.Second); return errPlain }, func(p *peer) {
			time.Sleep(time.Second + time.Millisecond)
			p.conn.Close()
		}, websocket.Abnormal, errPlain},
	}
	for _, tt := range tests {
		inBubbles(t, tt.name, func(t *testing.T, o *websocket.Options) {
			ends := make(chan *websocket.CloseError, 1)
			o.OnClose = func(_ *websocket.Conn, e *websocket.CloseError) { ends <- e }
			s := serve(t, o, tt.f)
			p := dial(t, s.Server)
			if tt.peer != nil {
				tt.peer(p)
			}
			e := <-ends
			if e.Code != tt.code || tt.cause != nil && !errors.Is(e, tt.cause) {
				t.Errorf("got %v, want %v for %v", e, tt.code, tt.cause)
			}
			p.conn.Close()
			s.finish()
		})
	}
}

// W1
func TestOnCloseThatPanics(t *testing.T) {
	inBubbles(t, "", func(t *testing.T, o *websocket.Options) {
		o.OnClose = func(*websocket.Conn, *websocket.CloseError) { panic(errPlain) }
		s := serve(t, o, echo)
		for range 2 {
			p := dial(t, s.Server)
			p.close(1000, "")
			p.wantEnd(1000)
		}
		s.finish()
		if got := s.reports(); len(got) != 2 || !errors.Is(got[0], errPlain) {
			t.Errorf("got reports %q, want the panic of each", got)
		}
	})
}

// brokenLog is a handler of logs that panics.
type brokenLog struct{ slog.Handler }

func (brokenLog) Enabled(context.Context, slog.Level) bool { return true }

func (brokenLog) Handle(context.Context, slog.Record) error { panic("disk full") }

// A log that is broken costs no peer its close code, and a translation that panics
// is a failure like others.
//
// W1, W3
func TestTheCloseCodeWhenWhatAnswersPanics(t *testing.T) {
	late := func(ctx context.Context, _ *websocket.Conn) error { <-ctx.Done(); return errPlain }
	tests := []struct {
		name  string
		f     connFunc
		code  websocket.Code // that of the peer, if it is 4321
		cause error
	}{
		{"an error", returns(errPlain), 1011, errPlain},
		{"an error of a task", taskReturns(errPlain), 1011, errPlain},
		{"a panic", func(context.Context, *websocket.Conn) error { panic(errPlain) }, 1011, errPlain},
		{"an error after the peer closed", late, 4321, nil},
		{"an error whose translation panics", returns(&soldOut{}), 1011, nil},
	}
	for _, tt := range tests {
		inBubbles(t, tt.name, func(t *testing.T, o *websocket.Options) {
			log := logged(t)
			ends := make(chan *websocket.CloseError, 1)
			o.OnClose = func(_ *websocket.Conn, e *websocket.CloseError) { ends <- e }
			app := creche.New(creche.Options{Logger: slog.New(brokenLog{slog.DiscardHandler}), Errors: []errorhandlers.Rule{
				errorhandlers.Translate(func(*soldOut) error { panic("translated") }),
			}})
			var around nursery.Nursery
			base := around.Open(t.Context())
			s := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = upgrade(w, r, o, tt.f)
			})), nurserytest.Configure(func(srv *http.Server) {
				srv.BaseContext = func(net.Listener) context.Context { return base }
			}))
			p, began := dial(t, s), time.Now()
			if tt.code == 4321 {
				p.close(tt.code, "")
			}
			p.wantEnd(tt.code)
			if e := <-ends; e.Code != tt.code || tt.cause != nil && !errors.Is(e, tt.cause) || time.Since(began) != 0 {
				t.Errorf("OnClose was called with %v after %v, want %v for %v at once", e, time.Since(began), tt.code, tt.cause)
			}
			s.Close()
			if err := around.Join(); err != nil {
				t.Error(err)
			}
			if !strings.Contains(log.String(), "disk full") {
				t.Errorf("logged %q, want the panic of the other log", log)
			}
		})
	}
}

// A server that speaks HTTP/2 refuses an upgrade over it in terms of HTTP/2, and
// the client that comes over HTTP/1.1 instead is served.
//
// W3
func TestAServerThatSpeaksHTTP2(t *testing.T) {
	ts := httptest.NewUnstartedServer(creche.New(creche.Options{}).Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return upgrade(w, r, nil, echo)
	})))
	ts.EnableHTTP2 = true
	ts.StartTLS()
	t.Cleanup(ts.Close)
	response, err := ts.Client().Get(ts.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if response.ProtoMajor != 2 || response.StatusCode != http.StatusUpgradeRequired || !strings.Contains(string(body), "over HTTP/1.1") {
		t.Errorf("got %s %s %q, want a 426 that says why", response.Proto, response.Status, body)
	}
	if got := response.Header.Get("Upgrade") + response.Header.Get("Connection"); got != "" {
		t.Errorf("got %q in headers that HTTP/2 does not have", got)
	}
	conn, err := tls.Dial("tcp", ts.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	p := join(t, conn)
	p.text("here")
	p.want(opText, "here")
	p.close(1000, "")
	p.wantEnd(1000)
}

// The upgrade is a call, and it can be made once.
func TestASecondUpgradeIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var second error
		var said journal
		s := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := upgrade(w, r, nil, returns(nil)); err != nil {
				t.Errorf("the first: got %v", err)
			}
			second = upgrade(w, r, nil, returns(nil))
		}), nurserytest.Configure(func(srv *http.Server) {
			srv.ErrorLog = log.New(&said, "", 0)
		}))
		dial(t, s).wantEnd(1000)
		s.Close()
		if !errors.Is(second, http.ErrHijacked) {
			t.Errorf("the second: got %v, want ErrHijacked", second)
		}
		if said.String() != "" {
			t.Errorf("net/http said %q, want that nothing was written after the upgrade", &said)
		}
	})
}

// The nursery of a connection is ours to join.
//
// W1
func TestJoinOfAConnectionsNursery(t *testing.T) {
	inBubbles(t, "the function joins it", func(t *testing.T, o *websocket.Options) {
		s := serve(t, o, func(ctx context.Context, _ *websocket.Conn) error { return nursery.From(ctx).Join() })
		dial(t, s.Server).wantEnd(1011)
		s.finish()
		const want = "nursery: Join of a nursery that was not opened with Open: the call that opened it joins it when its body returns: to wait"
		if got := s.reports(); len(got) != 1 || !strings.Contains(got[0].Error(), want) {
			t.Errorf("got reports %q, want %q", got, want)
		}
	})
}
