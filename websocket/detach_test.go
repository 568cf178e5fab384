package websocket_test

import (
	"context"
	"errors"
	"net/http"
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
