package websocket_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
	"github.com/creche-go/creche/websocket"
)

type valueKey struct{}

// watched serves f behind middleware that gives the request a value and notes,
// when its handler returns, what is true of it then.
func watched(t *testing.T, around func(http.Handler) http.Handler, o *websocket.Options, f connFunc) (s *nurserytest.Server, returned chan error) {
	t.Helper()
	returned = make(chan error, 1)
	h := around(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		returned <- upgrade(w, r, o, f)
	}))
	s = nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), valueKey{}, "of the request")))
	}))
	return s, returned
}

// W10, W13
func TestADetachedConnectionOutlivesItsHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var around nursery.Nursery
		base := around.Open(context.Background())
		app := creche.New(creche.Options{})
		limit := websocket.NewLimit(1)
		o := &websocket.Options{Detach: true, Connections: limit}
		s, returned := watched(t, func(next http.Handler) http.Handler {
			inside := app.Middleware(next)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				inside.ServeHTTP(w, r.WithContext(&above{r.Context(), base}))
			})
		}, o, func(ctx context.Context, c *websocket.Conn) error {
			if got := ctx.Value(valueKey{}); got != "of the request" {
				t.Errorf("a value of the request: got %v", got)
			}
			if creche.ExchangeOf(ctx) != nil {
				t.Error("ExchangeOf: got one, want none after the request")
			}
			return echo(ctx, c)
		})
		p := dial(t, s)
		if err := <-returned; err != nil {
			t.Errorf("Serve returned %v, want nil", err)
		}
		time.Sleep(time.Second)
		p.text("still here")
		p.want(opText, "still here")
		if got := limit.Len(); got != 1 {
			t.Errorf("got %d connections, want 1", got)
		}
		second := get(t, s, handshake+"\r\n")
		if err := <-returned; err == nil {
			t.Errorf("the second: got %s, want a refusal", second.Status)
		}
		around.Drain(-1)
		p.wantEnd(websocket.GoingAway)
		if err := around.Join(); err != nil {
			t.Error(err)
		}
		if got := limit.Len(); got != 0 {
			t.Errorf("got %d connections at the end, want none", got)
		}
	})
}

// A nursery around the requests that has a limit, full or not, lets no connection
// wait that is open already, and drops none.
//
// W1, W13
func TestDetachedConnectionsUnderALimit(t *testing.T) {
	for _, queue := range []int{0, 10} {
		t.Run(fmt.Sprintf("with a queue of %d", queue), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var around nursery.Nursery
				base := around.Open(context.Background(), nursery.Limit(1), nursery.Queue(queue))
				around.Go(func(ctx context.Context) error { <-ctx.Done(); return nil })
				app, open := creche.New(creche.Options{}), websocket.NewLimit(9)
				ended := make(chan error, 2)
				o := &websocket.Options{Detach: true, Connections: open, OnClose: func(_ *websocket.Conn, e *websocket.CloseError) { ended <- e }}
				s := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_ = upgrade(w, r, o, echo)
				})), nurserytest.Configure(func(srv *http.Server) {
					srv.BaseContext = func(net.Listener) context.Context { return base }
				}))
				peers := []*peer{dial(t, s), dial(t, s)}
				for _, p := range peers {
					p.text("tea")
					p.want(opText, "tea")
				}
				around.Cancel(creche.ErrShutdown)
				for _, p := range peers {
					p.wantEnd(websocket.GoingAway)
				}
				if err := around.Join(); err != nil || open.Len() != 0 || len(ended) != 2 {
					t.Errorf("got %v, %d open and %d ended, want nil, none and both", err, open.Len(), len(ended))
				}
			})
		})
	}
}

// above is a context with the nursery of another.
type above struct {
	context.Context
	nursery context.Context
}

func (a *above) Value(key any) any {
	if v := a.Context.Value(key); v != nil {
		return v
	}
	return a.nursery.Value(key)
}

// W13
func TestWhereNobodyWouldJoinItTheHandlerStays(t *testing.T) {
	app := creche.New(creche.Options{})
	for _, tt := range []struct {
		name   string
		around func(http.Handler) http.Handler
	}{
		{"outside any middleware", func(next http.Handler) http.Handler { return next }},
		{"in a server of one's own", app.Middleware},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, returned := watched(t, tt.around, &websocket.Options{Detach: true}, func(ctx context.Context, c *websocket.Conn) error {
					return errors.Join(echo(ctx, c), ctx.Err())
				})
				p := dial(t, s)
				p.text("here")
				p.want(opText, "here")
				synctest.Wait()
				select {
				case err := <-returned:
					t.Errorf("Serve returned %v, want it to stay", err)
				default:
				}
				p.close(1000, "")
				p.wantEnd(1000)
				if err := <-returned; err != nil {
					t.Errorf("Serve returned %v, want nil", err)
				}
			})
		})
	}
}

// brokenOnce is a router whose Detach panics the first time.
type brokenOnce struct {
	creche.PlainRouter
	broken *bool
}

func (o brokenOnce) Detach(ctx context.Context) context.Context {
	if *o.broken {
		*o.broken = false
		panic(errPlain)
	}
	return ctx
}

// What panics between the upgrade and the connection's life belongs to the
// handler. The connection is closed, and counted out everywhere.
//
// W1, W13
func TestAPanicOfTheRoutersDetach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var reported []error
		broken, limit, ends := true, websocket.NewLimit(1), make(chan *websocket.CloseError, 1)
		app := creche.New(creche.Options{
			Logger:  slog.New(slog.NewTextHandler(&log, nil)),
			Observe: func(_ context.Context, r nursery.Report) { reported = append(reported, r.Err) },
		})
		o := &websocket.Options{Detach: true, Connections: limit, OnClose: func(_ *websocket.Conn, e *websocket.CloseError) { ends <- e }}
		var around nursery.Nursery
		base := around.Open(context.Background())
		s := nurserytest.NewServer(t, app.Through(brokenOnce{broken: &broken})(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
			return websocket.Serve(w, r, o, echo)
		})), nurserytest.Configure(func(srv *http.Server) {
			srv.BaseContext = func(net.Listener) context.Context { return base }
		}))
		dial(t, s).wantEnd(websocket.InternalError)
		if e := <-ends; e.Code != websocket.InternalError {
			t.Errorf("OnClose was called with %v, want 1011", e)
		}
		synctest.Wait()
		if len(reported) != 1 || !errors.Is(reported[0], errPlain) {
			t.Errorf("got reports %q, want the panic as that of the handler", reported)
		}
		if got := limit.Len(); got != 0 {
			t.Errorf("%d connections are open, want none", got)
		}
		p := dial(t, s)
		around.Drain(-1)
		p.wantEnd(websocket.GoingAway)
		if err := around.Join(); err != nil {
			t.Error(err)
		}
		if !strings.Contains(log.String(), "all connections have ended") {
			t.Errorf("logged %q, want that the last one has ended", &log)
		}
	})
}

// broken is a connection of middleware's own that panics when it is written to.
type broken struct{ net.Conn }

func (broken) Write([]byte) (int, error) { panic(errPlain) }

type breaking struct{ http.ResponseWriter }

func (b breaking) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(b.ResponseWriter).Hijack()
	return broken{conn}, rw, err
}

// W1, W10
func TestAPanicOfTheConnectionAtTheUpgrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit, got := websocket.NewLimit(1), make(chan any, 1)
		s := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() { got <- recover() }()
			_ = websocket.Serve(breaking{w}, r, &websocket.Options{Connections: limit}, echo)
		}))
		conn, err := s.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, handshake+"\r\n"); err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(conn); len(b) > 0 || err != nil {
			t.Errorf("got %q, %v; want the end", b, err)
		}
		if v := <-got; v != any(errPlain) || limit.Len() != 0 {
			t.Errorf("got panic %v with %d open, want that of the connection with none", v, limit.Len())
		}
	})
}

// fragile is a context of an application's own whose Done panics once it is
// broken.
type fragile struct {
	context.Context
	broken *bool
}

func (f fragile) Done() <-chan struct{} {
	if *f.broken {
		panic(errPlain)
	}
	return f.Context.Done()
}

// atUpgrade is a writer that says when the connection is taken over.
type atUpgrade struct {
	http.ResponseWriter
	happens func()
}

func (a atUpgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	a.happens()
	return http.NewResponseController(a.ResponseWriter).Hijack()
}

// One of several that an application has. The others are looked after as before.
//
// W1, W6, W10
func TestAContextThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := logged(t)
		limit, ends := websocket.NewLimit(2), make(chan *websocket.CloseError, 2)
		o := &websocket.Options{Connections: limit, OnClose: func(_ *websocket.Conn, e *websocket.CloseError) { ends <- e }}
		app := creche.New(creche.Options{})
		first := true
		s := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			broken := false
			if first {
				first = false
				w, r = atUpgrade{w, func() { broken = true }}, r.WithContext(fragile{r.Context(), &broken})
			}
			_ = websocket.Serve(w, r, o, echo)
		})))
		p, began := dial(t, s), time.Now()
		p.wantEnd(websocket.InternalError)
		if e, took := <-ends, time.Since(began); e.Code != websocket.InternalError || took != 0 {
			t.Errorf("OnClose was called with %v after %v, want 1011 at once", e, took)
		}
		synctest.Wait()
		if got := limit.Len(); got != 0 {
			t.Errorf("%d connections are open, want none", got)
		}
		if !strings.Contains(log.String(), "nursery: panic") {
			t.Errorf("logged %q, want the panic", log)
		}
		q := dial(t, s)
		q.want(opPing, "")
		q.wantEnd(websocket.InternalError) // for it answers no ping
		if e := <-ends; !errors.Is(e, websocket.ErrHeartbeat) {
			t.Errorf("the next one: got %v, want %v", e, websocket.ErrHeartbeat)
		}
	})
}

// unreadable is a connection of middleware's own that panics once it is read.
type unreadable struct{ net.Conn }

func (unreadable) Read([]byte) (int, error) {
	time.Sleep(time.Second)
	panic(errPlain)
}

type unreading struct{ http.ResponseWriter }

func (u unreading) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(u.ResponseWriter).Hijack()
	return unreadable{conn}, rw, err
}

// W1
func TestAPanicOfTheConnectionWhileItIsRead(t *testing.T) {
	for range 50 { // whether the function returns first is up to the scheduler
		synctest.Test(t, func(t *testing.T) {
			log := logged(t)
			var rooms websocket.Rooms
			s := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = websocket.Serve(unreading{w}, r, nil, func(ctx context.Context, c *websocket.Conn) error {
					rooms.Join(c, "all")
					return forget(ctx, c)
				})
			}))
			p, began := dial(t, s), time.Now()
			p.wantEnd(websocket.InternalError)
			s.Close()
			if took, left := time.Since(began), rooms.To("all").Len(); took != time.Second || left > 0 {
				t.Errorf("ended after %v with %d in the room, want the second that it takes and none", took, left)
			}
			if !strings.Contains(log.String(), "nursery: panic") {
				t.Errorf("logged %q, want the panic", log)
			}
		})
	}
}
