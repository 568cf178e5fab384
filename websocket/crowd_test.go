package websocket_test

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
	"github.com/creche-go/creche/websocket"
)

type traceKey struct{}

// traced gives each request a value of its own.
func traced(next http.Handler, value func() any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), traceKey{}, value())))
	})
}

// contexts is a log that keeps what the contexts of its lines were then.
type contexts struct {
	slog.Handler
	mu   sync.Mutex
	seen map[string][]any // trace and error by message
}

func (c *contexts) Enabled(context.Context, slog.Level) bool { return true }

func (c *contexts) Handle(ctx context.Context, r slog.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = make(map[string][]any)
	}
	c.seen[r.Message] = append(c.seen[r.Message], ctx.Value(traceKey{}), ctx.Err())
	return nil
}

// What is told of all connections belongs to the server and not to the request
// that was the first of them.
//
// W9
func TestWhatIsToldOfAllConnectionsIsToldInTheContextOfTheServer(t *testing.T) {
	for _, tt := range []struct {
		name, message string
		peer          manner
		deaf          time.Duration
	}{
		{"that all have ended", "websocket: all connections have ended", answers, 0},
		{"that some were aborted", "creche: failure", silent, 0},
		{"that all have ended after the server has", "websocket: all connections have ended", answers, time.Hour},
	} {
		inBubbles(t, tt.name, func(t *testing.T, o *websocket.Options) {
			var log contexts
			app := creche.New(creche.Options{IgnoreSignals: true, Logger: slog.New(&log)})
			h := traced(app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
				return upgrade(w, r, o, func(ctx context.Context, c *websocket.Conn) error {
					defer time.Sleep(tt.deaf)
					return echo(ctx, c)
				})
			})), func() any { return "a request's" })
			ln, conn := inMemory(t)
			ended := make(chan error, 1)
			go func() { ended <- app.Serve(context.WithValue(context.Background(), traceKey{}, "the server's"), ln, h) }()
			first := join(t, conn())
			first.close(websocket.NormalClosure, "")
			first.wantEnd(websocket.NormalClosure)
			second := join(t, conn())
			tt.peer.prepare(second)
			synctest.Wait()
			app.Stop(nil)
			tt.peer.stop(second)
			if err := <-ended; (err != nil) != (tt.deaf > 0) {
				t.Errorf("Serve returned %v", err)
			}
			time.Sleep(tt.deaf)
			synctest.Wait()
			if got := log.seen[tt.message]; len(got) != 2 || got[0] != "the server's" || got[1] != nil {
				t.Errorf("%s: got trace and error %v of the context, want the server's", tt.message, got)
			}
		})
	}
}

// An application lives for longer than its connections, its servers, and what
// middleware puts around a request.
//
// W1
func TestNothingOfARequestIsKeptWhenItsConnectionHasEnded(t *testing.T) {
	for _, tt := range []struct {
		name   string
		around func(http.Handler) http.Handler
	}{
		{"in a server without a nursery", func(next http.Handler) http.Handler { return next }},
		{"under a nursery that middleware opens", func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = nursery.Run(r.Context(), func(ctx context.Context, _ *nursery.Nursery) error {
					next.ServeHTTP(w, r.WithContext(ctx))
					return nil
				})
			})
		}},
	} {
		inBubbles(t, tt.name, func(t *testing.T, o *websocket.Options) {
			app := creche.New(creche.Options{Logger: slog.New(slog.DiscardHandler)})
			var values []weak.Pointer[[64]byte]
			s := nurserytest.NewServer(t, traced(tt.around(app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
				if r.Header.Get("Upgrade") == "" {
					return websocket.Serve(w, r, o, echo) // which refuses
				}
				return upgrade(w, r, o, echo)
			}))), func() any {
				v := new([64]byte)
				values = append(values, weak.Make(v))
				return v
			}))
			for range 2 {
				p := dial(t, s)
				p.close(websocket.NormalClosure, "")
				p.wantEnd(websocket.NormalClosure)
			}
			get(t, s, "GET / HTTP/1.1\r\nHost: creche.test\r\nConnection: close\r\n\r\n")
			s.Close()
			synctest.Wait()
			runtime.GC()
			runtime.GC() // for what pools held
			for i, v := range values {
				if v.Value() != nil {
					t.Errorf("request %d of %d is kept", i, len(values))
				}
			}
			runtime.KeepAlive(app)
		})
	}
}
