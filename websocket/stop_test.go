package websocket_test

import (
	"context"
	"errors"
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

// W9
func TestDraining(t *testing.T) {
	tests := []struct {
		name string
		f    connFunc
		want []string
		code websocket.Code
		took time.Duration
	}{
		{"one that receives says a last word", func(ctx context.Context, c *websocket.Conn) error {
			for _, err := range c.Messages() {
				return err
			}
			return c.Send(ctx, websocket.Text("see you"))
		}, []string{"see you"}, 1001, 0},
		{"Receive says that there is no more", func(ctx context.Context, c *websocket.Conn) error {
			_, err := c.Receive(ctx)
			if err != websocket.ErrEnd {
				t.Errorf("got %v, want ErrEnd", err)
			}
			return err
		}, nil, 1001, 0},
		{"one that does not listen is cancelled after the last word", func(ctx context.Context, _ *websocket.Conn) error {
			<-ctx.Done()
			if cause := context.Cause(ctx); !errors.Is(cause, creche.ErrShutdown) {
				t.Errorf("got cause %v, want ErrShutdown", cause)
			}
			return ctx.Err()
		}, nil, 1001, time.Second},
		{"one that is deaf is closed all the same", func(context.Context, *websocket.Conn) error {
			time.Sleep(time.Hour)
			return nil
		}, nil, 1001, time.Second},
		{"a failure keeps its code", func(ctx context.Context, c *websocket.Conn) error {
			_, _ = c.Receive(ctx)
			return problem(409, "late")
		}, nil, 1008, 0},
		{"a task says a last word", func(ctx context.Context, c *websocket.Conn) error {
			c.Go(func(ctx context.Context) error {
				_, err := c.Receive(ctx)
				return errors.Join(err, c.Send(ctx, websocket.Text("task")))
			})
			<-ctx.Done()
			return nil
		}, []string{"task"}, 1001, time.Second},
	}
	for _, tt := range tests {
		inBubbles(t, tt.name, func(t *testing.T, o *websocket.Options) {
			s := serve(t, o, tt.f)
			p := dial(t, s.Server)
			synctest.Wait()
			s.above.Drain(-1)
			began := time.Now()
			code, _, got := p.rest()
			if code != tt.code || len(got) != len(tt.want) || len(got) > 0 && got[0] != tt.want[0] {
				t.Errorf("got %v after %q, want %v after %q", code, got, tt.code, tt.want)
			}
			if took := time.Since(began); took != tt.took {
				t.Errorf("took %v, want %v", took, tt.took)
			}
			time.Sleep(time.Hour)
			if got := s.reports(); len(got) > 0 {
				t.Errorf("got reports %q, want none", got)
			}
		})
	}
}

// W9
func TestTheHardCancelClosesAtOnce(t *testing.T) {
	inBubbles(t, "", func(t *testing.T, o *websocket.Options) {
		s := serve(t, o, func(ctx context.Context, c *websocket.Conn) error {
			_, err := c.Receive(ctx)
			if !errors.Is(err, creche.ErrShutdown) {
				t.Errorf("got %v, want ErrShutdown", err)
			}
			return err
		})
		p := dial(t, s.Server)
		synctest.Wait()
		s.above.Cancel(creche.ErrShutdown)
		began := time.Now()
		p.wantEnd(websocket.GoingAway)
		if got := time.Since(began); got != 0 {
			t.Errorf("took %v, want no time", got)
		}
		s.finish()
		if got := s.reports(); len(got) > 0 {
			t.Errorf("got reports %q, want none", got)
		}
	})
}

// W9
func TestNoUpgradeWhileDraining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, echo)
		s.above.Drain(-1)
		response := get(t, s.Server, handshake+"\r\n")
		if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
			t.Errorf("got %s with %v, want 503 with Retry-After", response.Status, response.Header)
		}
		if got := s.reports(); len(got) > 0 {
			t.Errorf("got reports %q, want none", got)
		}
	})
}

// W9
func TestANurseryOfTheHandlersOwnMayDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := creche.New(creche.Options{Logger: slog.New(slog.DiscardHandler)})
		s := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
			return nursery.Run(r.Context(), func(ctx context.Context, n *nursery.Nursery) error {
				n.Go(func(context.Context) error {
					time.Sleep(time.Minute)
					n.Drain(-1)
					return nil
				})
				return upgrade(w, r.WithContext(ctx), &websocket.Options{PingEvery: -1}, echo)
			})
		})))
		p, began := dial(t, s), time.Now()
		p.wantEnd(websocket.GoingAway)
		if took := time.Since(began); took != time.Minute {
			t.Errorf("ended after %v, want a minute", took)
		}
	})
}

// A nursery in BaseContext may give the connections less time than their last word
// takes, or none. It is a stop all the same, and not a deadline that was missed.
//
// W3, W9
func TestAStopThatGivesLittleTimeIsAStop(t *testing.T) {
	for _, grace := range []time.Duration{0, time.Second / 2} {
		for name, f := range map[string]connFunc{"one that receives": echo, "one that does not listen": forget} {
			inBubbles(t, name+" is given "+grace.String(), func(t *testing.T, o *websocket.Options) {
				log := logged(t)
				s := serve(t, o, f)
				p := dial(t, s.Server)
				synctest.Wait()
				s.above.Drain(grace)
				p.wantEnd(websocket.GoingAway)
				s.finish()
				if got := log.String(); strings.Contains(got, "WARN") || len(s.reports()) > 0 {
					t.Errorf("logged %q and reported %q, want that all have ended", got, s.reports())
				}
			})
		}
	}
}

// W3, W9
func TestADeadlineThatIsMissedDuringAStopIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := logged(t)
		var around nursery.Nursery
		base := around.Open(t.Context())
		app := creche.New(creche.Options{})
		s := nurserytest.NewServer(t, app.Timeout(time.Second)(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
			return upgrade(w, r, &websocket.Options{LastWord: time.Minute}, forget)
		})), nurserytest.Configure(func(srv *http.Server) {
			srv.BaseContext = func(net.Listener) context.Context { return base }
		}))
		p := dial(t, s)
		synctest.Wait()
		around.Drain(-1)
		p.wantEnd(websocket.InternalError)
		s.Close()
		if err := around.Join(); err != nil {
			t.Error(err)
		}
		if got := log.String(); strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, "creche: request timed out after 1s") {
			t.Errorf("logged %q, want a warning of the deadline", got)
		}
	})
}

// W3
func TestWhatFailsBesideAConnectionIsNoStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := logged(t)
		app := creche.New(creche.Options{})
		s := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
			return nursery.Run(r.Context(), func(ctx context.Context, n *nursery.Nursery) error {
				n.Go(func(context.Context) error { time.Sleep(time.Second); return context.DeadlineExceeded })
				return upgrade(w, r.WithContext(ctx), nil, forget)
			})
		})))
		dial(t, s).wantEnd(websocket.InternalError)
		s.Close()
		if got := log.String(); strings.Count(got, "closed with 1011") != 1 {
			t.Errorf("logged %q, want a warning", got)
		}
	})
}
