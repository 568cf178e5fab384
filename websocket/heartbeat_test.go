package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/websocket"
)

// wantPing reads a ping, which is empty if it is ours.
func (p *peer) wantPing() {
	p.t.Helper()
	op, payload, err := p.next()
	if err != nil || op != opPing || payload != "" && !byCoder() {
		p.t.Fatalf("got frame %d %.50q, %v; want a ping", op, payload, err)
	}
}

// pulses reads frames to the end of the connection, has answer called for each
// ping, and returns when they came and how the connection was closed.
func (p *peer) pulses(answer func()) (at []time.Duration, code websocket.Code) {
	began := time.Now()
	for {
		op, payload, err := p.next()
		switch {
		case err != nil:
			return at, websocket.Abnormal
		case op == opPing:
			at = append(at, time.Since(began))
			answer()
		case op == opClose:
			_, _ = p.conn.Write(frame(0x80|opClose, payload))
			return at, websocket.Code(payload[0])<<8 | websocket.Code(payload[1])
		}
	}
}

func seconds(s ...int) (d []time.Duration) {
	for _, n := range s {
		d = append(d, time.Duration(n)*time.Second)
	}
	return d
}

// W6
func TestTheHeartbeat(t *testing.T) {
	every := func(d time.Duration, send func(*peer, int)) func(*peer) {
		return func(p *peer) {
			for i := range int(2 * time.Minute / d) {
				time.Sleep(d)
				send(p, i)
			}
		}
	}
	slow := frame(0x80|opText, "four letters")
	const long = 2*time.Minute + time.Second // then the peer leaves
	bye := func(p *peer) { p.close(4000, "") }
	pong := func(p *peer) { p.send(opPong, "") }
	tests := []struct {
		name   string
		answer func(*peer) // to a ping
		beside func(*peer)
		leave  func(*peer)
		pings  []time.Duration
		code   websocket.Code
		took   time.Duration
	}{
		{"a peer that says nothing is dropped", func(*peer) {}, nil, bye, seconds(30), 1011, 40 * time.Second},
		{"a peer that answers stays", pong, nil, bye, seconds(30, 60, 90, 120), 4000, long},
		{"any pong is an answer", func(p *peer) { p.send(opPong, "some") }, nil, bye, seconds(30, 60, 90, 120), 4000, long},
		{"so is a message", func(p *peer) { p.text("here") }, nil, bye, seconds(30, 60, 90, 120), 4000, long},
		{"late, too", func(p *peer) { time.Sleep(9 * time.Second); pong(p) }, nil, bye, seconds(30, 69, 108), 4000, long},
		{"in the nick of time", func(p *peer) { time.Sleep(10*time.Second - 1); pong(p) }, nil, bye, []time.Duration{30e9, 70e9 - 1, 110e9 - 2}, 4000, long},
		{"a moment later it is not", func(*peer) { time.Sleep(10 * time.Second) }, nil, bye, seconds(30), 1011, 40 * time.Second},
		{"a peer that sends is not asked", func(*peer) {}, every(20*time.Second, func(p *peer, _ int) { p.text("here") }), bye, nil, 4000, long},
		{"a byte of a frame is a sign of life", func(*peer) {}, every(25*time.Second, func(p *peer, i int) { p.write(slow[i : i+1]) }), func(p *peer) { p.conn.Close() }, nil, 1006, long},
		{"a peer that falls silent", func(*peer) {}, func(p *peer) { time.Sleep(7 * time.Second); p.text("last") }, bye, seconds(37), 1011, 47 * time.Second},
	}
	for _, detach := range []bool{false, true} {
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s, detached: %v", tt.name, detach), func(t *testing.T) {
				inBubbles(t, "", func(t *testing.T, o *websocket.Options) {
					var cause error
					s := serve(t, &websocket.Options{Detach: detach}, func(ctx context.Context, c *websocket.Conn) error {
						for range c.Messages() {
						}
						cause = context.Cause(ctx)
						return nil
					})
					p, began := dial(t, s.Server), time.Now()
					if tt.beside != nil {
						go tt.beside(p)
					}
					defer time.AfterFunc(long, func() { tt.leave(p) }).Stop()
					pings, code := p.pulses(func() { tt.answer(p) })
					if took := time.Since(began); code != tt.code || took != tt.took || !slices.Equal(pings, tt.pings) {
						t.Errorf("closed with %v after %v and pings at %v, want %v after %v and %v", code, took, pings, tt.code, tt.took, tt.pings)
					}
					s.finish()
					if dead := errors.Is(cause, websocket.ErrHeartbeat); dead != (tt.code == 1011) {
						t.Errorf("got cause %v", cause)
					}
					var e *websocket.CloseError
					if tt.code == 1011 && (!errors.As(cause, &e) || e.Code != websocket.Abnormal) {
						t.Errorf("got cause %v, want a 1006 to the application", cause)
					}
					if got := s.reports(); len(got) > 0 {
						t.Errorf("got reports %q, want none", got)
					}
				})
			})
		}
	}
}

// Who has a second to speak and ten to answer is asked again a second after the
// answer, and not ten after the question.
//
// W6
func TestAnAnswerMayTakeLongerThanTheSilenceBefore(t *testing.T) {
	tests := []struct {
		name  string
		after time.Duration // the answer comes; 0: it never does
		pings []time.Duration
		code  websocket.Code
		took  time.Duration
	}{
		{"at once", time.Nanosecond, []time.Duration{1e9, 2e9 + 1, 3e9 + 2, 4e9 + 3}, 4000, 5 * time.Second},
		{"late", 2500 * time.Millisecond, []time.Duration{1e9, 4.5e9, 8e9}, 4000, 11 * time.Second},
		{"never", 0, seconds(1), 1011, 11 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, &websocket.Options{PingEvery: time.Second, PongWithin: 10 * time.Second}, forget)
				p, began := dial(t, s.Server), time.Now()
				if tt.code == 4000 {
					defer time.AfterFunc(tt.took, func() { p.close(4000, "") }).Stop()
				}
				pings, code := p.pulses(func() {
					if tt.after > 0 {
						time.Sleep(tt.after)
						p.send(opPong, "")
					}
				})
				if took := time.Since(began); code != tt.code || took != tt.took || !slices.Equal(pings, tt.pings) {
					t.Errorf("closed with %v after %v and pings at %v, want %v after %v and %v", code, took, pings, tt.code, tt.took, tt.pings)
				}
			})
		})
	}
}

// A ping waits for the message that is being written, which may be a large one.
//
// W6
func TestAPeerThatTakesALargeMessageIsNotDead(t *testing.T) {
	const size = 900 << 10
	tests := []struct {
		name   string
		rate   int           // bytes a second that the peer takes
		answer time.Duration // after a ping
		stalls time.Duration // when it takes nothing more; 0: it does not
		code   websocket.Code
		took   time.Duration // with the close timeout
	}{
		{"ten kilobytes a second", 10 << 10, 0, 0, 4000, 2 * time.Minute},
		{"ten kilobytes a second, and answers late", 10 << 10, 9500 * time.Millisecond, 0, 4000, 2 * time.Minute}, // by 99.6s, and not by 99.2s, when the last whole piece was taken
		{"all at once", size * 10, 0, 0, 4000, 2 * time.Minute},
		{"until it stalls", 10 << 10, 0, 35 * time.Second, websocket.Abnormal, 44 * time.Second}, // the fifth piece after 32s
		{"nothing", 10 << 10, 0, time.Second, websocket.Abnormal, 42 * time.Second},
		{"less than a piece while a ping may be answered", 5 << 10, 0, 0, websocket.Abnormal, 50 * time.Second}, // the third after 38s
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				type end struct {
					e  *websocket.CloseError
					at time.Time
				}
				ends := make(chan end, 1)
				o := &websocket.Options{OnClose: func(_ *websocket.Conn, e *websocket.CloseError) { ends <- end{e, time.Now()} }}
				s := serve(t, o, func(ctx context.Context, c *websocket.Conn) error {
					if err := c.Send(ctx, websocket.Binary(make([]byte, size))); err != nil {
						return err
					}
					return forget(ctx, c)
				})
				conn, err := s.Dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				taking := &takes{Conn: conn, rate: tt.rate}
				if tt.stalls > 0 {
					taking.until = began.Add(tt.stalls)
				}
				p := join(t, taking)
				if tt.code == 4000 {
					time.AfterFunc(tt.took, func() { p.close(4000, "") })
				}
				p.pulses(func() {
					time.Sleep(tt.answer)
					p.send(opPong, "")
				})
				got := <-ends
				if took := got.at.Sub(began).Round(time.Second); got.e.Code != tt.code || took != tt.took || errors.Is(got.e, websocket.ErrHeartbeat) != (tt.code == websocket.Abnormal) {
					t.Errorf("closed with %v after %v, want %v after %v", got.e, took, tt.code, tt.took)
				}
			})
		})
	}
}

// The network takes what is sent to a peer that is dead, too.
//
// W6
func TestWhatIsTakenIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			for range 20 {
				if err := c.Send(ctx, websocket.Text("tick")); err != nil {
					return err
				}
				time.Sleep(3 * time.Second)
			}
			return nil
		})
		p, began := dial(t, s.Server), time.Now()
		at, code := p.pulses(func() {})
		if took := time.Since(began); code != 1011 || took != 40*time.Second || !slices.Equal(at, seconds(30)) {
			t.Errorf("closed with %v after %v and pings at %v, want 1011 after 40s and one at 30s", code, took, at)
		}
	})
}

// takes is a connection whose peer takes so many bytes a second, until it stalls.
type takes struct {
	net.Conn
	rate  int
	until time.Time // zero: it does not
}

func (c *takes) Read(b []byte) (int, error) {
	if !c.until.IsZero() && time.Now().After(c.until) {
		time.Sleep(time.Hour)
		return 0, io.EOF
	}
	n, err := c.Conn.Read(b)
	time.Sleep(time.Duration(n) * time.Second / time.Duration(c.rate))
	return n, err
}

// W6
func TestADeadPeerIsAbortedAfterTheCloseTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, &websocket.Options{PingEvery: 20 * time.Second, PongWithin: 3 * time.Second, CloseTimeout: time.Second}, forget)
		p, began := dial(t, s.Server), time.Now()
		p.wantPing()
		p.want(opClose, "\x03\xf3no answer to a ping")
		if _, _, err := p.next(); err == nil || time.Since(began) != 24*time.Second {
			t.Errorf("got %v after %v, want the end after 24s", err, time.Since(began))
		}
	})
}

// W6
func TestWithoutAHeartbeatNobodyIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, &websocket.Options{PingEvery: -1}, echo)
		p := dial(t, s.Server)
		time.Sleep(time.Hour)
		p.text("still here")
		p.want(opText, "still here")
		p.close(1000, "")
		p.wantEnd(1000)
	})
}

// A handler that does not read for hours has a full inbox, and a peer whose
// pongs nobody reads.
//
// W6
func TestABusyHandlerIsNoDeadPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const messages = 40
		s := serve(t, &websocket.Options{MaxPause: -1}, func(ctx context.Context, c *websocket.Conn) error {
			time.Sleep(2*time.Hour + 15*time.Second)
			if got := c.Stats(); got.Paused != 2*time.Hour+15*time.Second || got.Unread.Messages != 16 {
				t.Errorf("got %+v, want a pause of 2h15s and 16 unread", got)
			}
			for i := range messages {
				if m, err := c.Receive(ctx); err != nil || m.String() != fmt.Sprint(i) {
					t.Errorf("message %d: got %q, %v", i, m, err)
				}
			}
			<-ctx.Done()
			return context.Cause(ctx)
		})
		p, began := dial(t, s.Server), time.Now()
		var sent sync.WaitGroup
		sent.Go(func() {
			for i := range messages {
				p.text(fmt.Sprint(i))
			}
		})
		var at []time.Duration
		for range 243 {
			p.wantPing()
			at = append(at, time.Since(began))
			if len(at) > 240 { // the inbox has room again
				p.send(opPong, "")
			}
		}
		// From the end of the pause on it is idle once more.
		if want := 2*time.Hour + 45*time.Second; at[239] != 2*time.Hour || at[240] != want || at[242] != want+time.Minute {
			t.Errorf("got pings at %v, want one every 30s", at[238:])
		}
		sent.Wait()
		p.close(4000, "")
		p.wantEnd(4000)
	})
}

// W4
func TestAPauseHasALimit(t *testing.T) {
	tests := []struct {
		name string
		opts websocket.Options
		read time.Duration // one message each
		took time.Duration // 0: it never ends
	}{
		{"five minutes by default", websocket.Options{}, time.Hour, 5 * time.Minute},
		{"less than a heartbeat", websocket.Options{MaxPause: time.Second}, time.Hour, time.Second},
		{"without a heartbeat", websocket.Options{MaxPause: time.Minute, PingEvery: -1}, time.Hour, time.Minute},
		{"from what was last received on", websocket.Options{MaxPause: time.Minute}, 59 * time.Second, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.opts.Inbox.Messages = 1
				began := time.Now()
				var cause error
				var took time.Duration
				s := serve(t, &tt.opts, func(ctx context.Context, c *websocket.Conn) error {
					c.Go(func(ctx context.Context) error {
						<-ctx.Done()
						cause, took = context.Cause(ctx), time.Since(began)
						return cause
					})
					for range 10 {
						select {
						case <-time.After(tt.read):
						case <-ctx.Done():
							return nil
						}
						if _, err := c.Receive(ctx); err != nil {
							return err
						}
					}
					return nil
				})
				p := dial(t, s.Server)
				go func() {
					for range 12 {
						if _, err := p.conn.Write(frame(0x80|opText, "x")); err != nil {
							return
						}
					}
				}()
				_, code := p.pulses(func() {})
				s.finish()
				switch {
				case tt.took == 0:
					if code != websocket.NormalClosure {
						t.Errorf("closed with %v after %v, want 1000", code, took)
					}
				case code != websocket.TryAgainLater || !errors.Is(cause, websocket.ErrUnread) || took != tt.took:
					t.Errorf("closed with %v for %v after %v, want 1013 after %v", code, cause, took, tt.took)
				}
			})
		})
	}
}

// W6
func TestHeartbeatsAreOneTaskTogether(t *testing.T) {
	const crowd = 200
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, &websocket.Options{Detach: true}, echo)
		peers := make([]*peer, crowd)
		for i := range peers {
			peers[i] = dial(t, s.Server)
		}
		synctest.Wait()
		stacks := goroutines(t)
		if got := strings.Count(stacks, "websocket.(*sweeper).sweep("); got != 1 {
			t.Errorf("got %d sweepers, want 1", got)
		}
		if got := strings.Count(stacks, "websocket.(*Conn)."); got == 0 {
			t.Fatal("no connection shows in the goroutines' stacks")
		}
		perConn := strings.Count(stacks, "\ngoroutine ")
		if most := 3*crowd + 20; perConn > most {
			t.Errorf("got %d goroutines for %d connections, want at most %d", perConn, crowd, most)
		}
		// Each is asked at its time whoever had the sweeper first.
		for i, p := range peers {
			if i%2 == 0 {
				p.close(1000, "")
				p.wantEnd(1000)
			}
		}
		synctest.Wait()
		if got := strings.Count(goroutines(t), "websocket.(*sweeper).sweep("); got != 1 {
			t.Errorf("after half have left: got %d sweepers, want 1", got)
		}
		began := time.Now()
		var waiting sync.WaitGroup
		for i, p := range peers {
			if i%2 != 0 {
				waiting.Go(func() {
					if at, code := p.pulses(func() {}); !slices.Equal(at, seconds(30)) || code != 1011 {
						t.Errorf("got pings at %v and %v, want one at 30s and 1011", at, code)
					}
				})
			}
		}
		waiting.Wait()
		if took := time.Since(began); took != 40*time.Second {
			t.Errorf("took %v, want 40s", took)
		}
		synctest.Wait()
		if got := strings.Count(goroutines(t), "websocket.(*sweeper).sweep("); got != 0 {
			t.Errorf("after all have left: got %d sweepers, want none", got)
		}
	})
}

func goroutines(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 2); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Connections that come and go, answer and do not, at random times: whoever
// stays is asked, and whoever is silent dropped, on time.
//
// W6
func TestHeartbeatsOfAChangingCrowd(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			s := serve(t, &websocket.Options{PingEvery: 10 * time.Second, PongWithin: 3 * time.Second}, echo)
			var crowd sync.WaitGroup
			for i := range 30 {
				random := rand.New(rand.NewPCG(seed, uint64(i)))
				crowd.Go(func() {
					time.Sleep(time.Duration(random.IntN(60_000)) * time.Millisecond)
					stays := time.Duration(random.IntN(100)) * time.Second
					p, began := dial(t, s.Server), time.Now()
					for {
						op, _, err := p.next()
						switch took := time.Since(began); {
						case err != nil:
							t.Errorf("seed %d, %d: %v after %v", seed, i, err, took)
							return
						case op == opPing && took%(10*time.Second) != 0:
							t.Errorf("seed %d, %d: a ping after %v", seed, i, took)
						case op == opClose && took == stays.Truncate(10*time.Second)+13*time.Second:
							_, _ = p.conn.Write(frame(0x80|opClose, ""))
							return
						case op == opClose:
							t.Errorf("seed %d, %d: dropped after %v, silent from %v on", seed, i, took, stays)
							return
						case took <= stays:
							p.send(opPong, "")
						}
					}
				})
			}
			crowd.Wait()
		})
	}
}
