package websocket_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery/nurserytest"
	"github.com/creche-go/creche/websocket"
)

func numbers(n int) []string {
	var s []string
	for i := range n {
		s = append(s, strconv.Itoa(i))
	}
	return s
}

// W1, W2
func TestWhatIsQueuedLeavesBeforeTheCloseFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			for _, s := range numbers(200) {
				if err := c.Send(ctx, websocket.Text(s)); err != nil {
					return err
				}
			}
			return errPlain
		})
		code, _, got := dial(t, s.Server).rest()
		if want := numbers(200); code != websocket.InternalError || !slices.Equal(got, want) {
			t.Errorf("got %v after %d messages, want 1011 after 200", code, len(got))
		}
	})
}

// W1
func TestSendingAfterTheEndIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept *websocket.Conn
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			kept = c
			<-ctx.Done()
			var e *websocket.CloseError
			if err := c.Send(ctx, websocket.Text("x")); !errors.As(err, &e) || e.Code != 4000 {
				t.Errorf("Send: got %v, want the peer's close", err)
			}
			if err := c.TrySend(websocket.Text("x")); !errors.As(err, &e) || e.Code != 4000 {
				t.Errorf("TrySend: got %v, want the peer's close", err)
			}
			return c.Send(ctx, websocket.Text("x"))
		})
		p := dial(t, s.Server)
		p.close(4000, "")
		p.wantEnd(4000)
		s.Close()
		if err := kept.Send(context.Background(), websocket.Text("x")); err == nil {
			t.Error("Send after the join: got nil")
		}
		kept.Close(1000, "")
		if got := s.reports(); len(got) > 0 {
			t.Errorf("got reports %q, want none", got)
		}
	})
}

// W2
func TestSendWaitsForRoomAndItsContextDoesNoHarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, &websocket.Options{Queue: websocket.Bounds{Messages: 4}}, func(ctx context.Context, c *websocket.Conn) error {
			short, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			for i := 0; ; i++ {
				if err := c.Send(short, websocket.Text(strconv.Itoa(i))); err != nil {
					if i != 4 || !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("message %d: got %v, want 4 to find the queue full", i, err)
					}
					break
				}
			}
			return c.Send(ctx, websocket.Text("4"))
		})
		p := dial(t, s.Server)
		time.Sleep(2 * time.Second)
		if code, _, got := p.rest(); code != 1000 || !slices.Equal(got, numbers(5)) {
			t.Errorf("got %v after %q, want 1000 after %q", code, got, numbers(5))
		}
	})
}

// W8
func TestASlowConsumerIsDisconnected(t *testing.T) {
	tests := []struct {
		name  string
		queue websocket.Bounds
		size  int
		fits  int
	}{
		{"in messages, by default", websocket.Bounds{}, 1, 256},
		{"in messages", websocket.Bounds{Messages: 3}, 1, 3},
		{"in bytes", websocket.Bounds{Bytes: 100}, 38, 2},
		{"in bytes, by default", websocket.Bounds{}, 100_000, 10},
		{"one that is too large alone", websocket.Bounds{Bytes: 10}, 100, 1},
	}
	for _, tt := range tests {
		for _, resumes := range []bool{true, false} {
			t.Run(tt.name+", and resumes: "+strconv.FormatBool(resumes), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := serve(t, &websocket.Options{Queue: tt.queue}, func(_ context.Context, c *websocket.Conn) error {
						m := websocket.Text(strings.Repeat("x", tt.size))
						for i := range tt.fits {
							if err := c.TrySend(m); err != nil {
								t.Errorf("message %d: %v", i, err)
							}
						}
						err := c.TrySend(m)
						if !errors.Is(err, websocket.ErrSlowConsumer) {
							t.Errorf("one more: got %v, want ErrSlowConsumer", err)
						}
						return err
					})
					p, began := dial(t, s.Server), time.Now()
					synctest.Wait()
					if resumes {
						code, _, got := p.rest()
						if code != websocket.PolicyViolation {
							t.Errorf("closed with %v, want 1008", code)
						}
						if tt.size == 100_000 && len(got) > 1 {
							t.Errorf("got %d messages, want at most the one that was being written: the peer is behind", len(got))
						}
					}
					s.Close()
					if took := time.Since(began); !resumes && took != 2*time.Second {
						t.Errorf("the stalled peer was held for %v, want 2s", took)
					}
					if got := s.reports(); len(got) > 0 {
						t.Errorf("got reports %q, want none", got)
					}
				})
			})
		}
	}
}

func TestPingsAreAnsweredBetweenMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, echo)
		p := dial(t, s.Server)
		p.send(opPing, "")
		p.want(opPong, "")
		p.send(opPing, strings.Repeat("x", 125))
		p.want(opPong, strings.Repeat("x", 125))
		p.text("a")
		p.want(opText, "a")
		p.close(1000, "")
		p.wantEnd(1000)
	})
}

// A server that answered each at once could be blocked by a peer that does not
// read, and not notice that the peer closes.
func TestPingsOfAPeerThatDoesNotReadBlockNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := make(chan struct{})
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			if err := c.Send(ctx, websocket.Text("stuck")); err != nil {
				return err
			}
			<-ctx.Done()
			close(left)
			return nil
		})
		p := dial(t, s.Server)
		synctest.Wait()
		for i := range 1000 {
			p.send(opPing, strconv.Itoa(i))
		}
		p.close(4000, "")
		synctest.Wait()
		select {
		case <-left:
		default:
			t.Error("the peer's close was not noticed")
		}
		p.want(opText, "stuck")
		op, payload, err := p.next()
		last, size := "", 0
		for ; err == nil && op == opPong; op, payload, err = p.next() {
			last, size = payload, size+2+len(payload)
		}
		if last != "999" || size > 2<<10 {
			t.Errorf("got pongs of %d bytes, the last %q; want at most 2 KiB up to the last ping", size, last)
		}
		if err != nil || op != opClose || payload != "\x0f\xa0" {
			t.Errorf("got %d %q, %v; want the close with 4000", op, payload, err)
		}
	})
}

// W2
func TestAStalledPeerIsAbortedAfterTheCloseTimeout(t *testing.T) {
	tests := []struct {
		name  string
		leave func(p *peer)
	}{
		{"that does nothing", func(*peer) {}},
		{"that closes", func(p *peer) { p.close(1000, "") }},
		{"that pings", func(p *peer) { p.send(opPing, "") }},
		{"that goes on sending", func(p *peer) {
			for {
				if _, err := p.conn.Write(frame(0x82, "x")); err != nil {
					return
				}
				time.Sleep(time.Millisecond)
			}
		}},
		{"that stops inside a ping", func(p *peer) { p.write(frame(0x89, "abcdef")[:8]) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
					return c.Send(ctx, websocket.Text(strings.Repeat("x", 1000)))
				})
				p, began := dial(t, s.Server), time.Now()
				var head [10]byte // of the frame, the rest of which is stuck
				if _, err := io.ReadFull(p.conn, head[:]); err != nil {
					t.Fatal(err)
				}
				tt.leave(p)
				s.Close()
				if got := time.Since(began).Truncate(10 * time.Millisecond); got != 2*time.Second {
					t.Errorf("took %v, want 2s", got)
				}
			})
		})
	}
}

// W4
func TestThePeersCodeIsSeenThoughNothingCanBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			err := c.Send(ctx, websocket.Text("stuck"))
			<-ctx.Done()
			cause = context.Cause(ctx)
			return err
		})
		p := dial(t, s.Server)
		synctest.Wait()
		p.close(4000, "bye")
		p.conn.Close()
		s.Close()
		var e *websocket.CloseError
		if !errors.As(cause, &e) || e.Code != 4000 {
			t.Errorf("got cause %v, want 4000", cause)
		}
	})
}

// A half-dead connection: nothing can be written, and nothing comes.
func TestAPeerThatCannotBeWrittenToIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		f := func(ctx context.Context, c *websocket.Conn) error {
			if err := c.Send(ctx, websocket.Text("x")); err != nil {
				return err
			}
			_, err := c.Receive(ctx)
			var e *websocket.CloseError
			if !errors.As(err, &e) || e.Code != websocket.Abnormal || time.Since(began) != 2*time.Second {
				t.Errorf("got %v after %v, want 1006 after 2s", err, time.Since(began))
			}
			return err
		}
		s := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = upgrade(mute{w}, r, nil, f)
		}))
		p := dial(t, s)
		if _, _, err := p.next(); err == nil {
			t.Error("got a frame")
		}
	})
}

// mute is a writer whose connection fails to write once the handshake is over.
type mute struct{ http.ResponseWriter }

func (m mute) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(m.ResponseWriter).Hijack()
	return &muteConn{Conn: conn}, rw, err
}

type muteConn struct {
	net.Conn
	answered bool
}

func (c *muteConn) Write(p []byte) (int, error) {
	if !c.answered {
		c.answered = true
		return c.Conn.Write(p)
	}
	return 0, io.ErrClosedPipe
}

// The farewell of TLS, which crypto/tls gives five seconds, must not prolong
// the end of a peer that does not read it.
//
// W2
func TestTheEndDoesNotWaitForTheFarewellOfTLS(t *testing.T) {
	tests := []struct {
		name string
		peer func(*peer)
		took time.Duration
	}{
		{"of a peer that has closed", func(p *peer) {
			p.close(1000, "")
			p.want(opClose, "\x03\xe8")
		}, 2 * time.Second},
		{"of one that breaks the protocol", func(p *peer) {
			p.write(frame(0xff, ""))
			p.want(opClose, "\x03\xeaprotocol error")
		}, 2 * time.Second},
		{"of one that does not answer", func(p *peer) {
			p.text("bye")
			p.want(opClose, "\x03\xe8")
		}, 2 * time.Second},
		{"of one that reads it a second later", func(p *peer) {
			p.close(1000, "")
			p.want(opClose, "\x03\xe8")
			time.Sleep(time.Second)
			if rest, _ := io.ReadAll(p.br); string(rest) != "bye" {
				p.t.Errorf("got %q, want the farewell", rest)
			}
		}, time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var took time.Duration
				s := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					began := time.Now()
					_ = upgrade(courteous{w}, r, nil, func(ctx context.Context, c *websocket.Conn) error {
						_, err := c.Receive(ctx)
						return err
					})
					took = time.Since(began)
				}))
				tt.peer(dial(t, s))
				s.Close()
				if took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
			})
		})
	}
}

// courteous is a writer whose connection takes leave as that of crypto/tls does.
type courteous struct{ http.ResponseWriter }

func (c courteous) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(c.ResponseWriter).Hijack()
	return courteousConn{conn}, rw, err
}

type courteousConn struct{ net.Conn }

func (c courteousConn) NetConn() net.Conn { return c.Conn }

func (c courteousConn) CloseWrite() error {
	_ = c.SetWriteDeadline(time.Now().Add(5 * time.Second))
	_, err := c.Write([]byte("bye"))
	return err
}

func (c courteousConn) Close() error {
	_ = c.CloseWrite()
	return c.Conn.Close()
}

// W8
func TestWhatWasWrittenMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := websocket.Text(strings.Repeat("x", 38)) // 40 with its header
		s := serve(t, &websocket.Options{Queue: websocket.Bounds{Messages: 2, Bytes: 80}}, func(ctx context.Context, c *websocket.Conn) error {
			for range 5 {
				if err := errors.Join(c.TrySend(m), c.TrySend(m)); err != nil {
					return err
				}
				if _, err := c.Receive(ctx); err != nil { // the peer has both
					return err
				}
			}
			return nil
		})
		p := dial(t, s.Server)
		for range 5 {
			p.want(opText, m.String())
			p.want(opText, m.String())
			synctest.Wait()
			p.text("next")
		}
		p.wantEnd(1000)
	})
}
