package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/websocket"
)

// W5
func TestMessagesComeAsTheyWereSent(t *testing.T) {
	large := strings.Repeat("€", 21_845)
	tests := []struct {
		name string
		sent []byte
		op   byte
		want string
	}{
		{"text", frame(0x80|opText, "grüße"), opText, "grüße"},
		{"binary", frame(0x80|opBinary, "\x00\xff"), opBinary, "\x00\xff"},
		{"an empty text", frame(0x80|opText, ""), opText, ""},
		{"an empty binary", frame(0x80|opBinary, ""), opBinary, ""},
		{"125 bytes", frame(0x80|opText, large[:123]+"ab"), opText, large[:123] + "ab"},
		{"126 bytes", frame(0x80|opText, large[:126]), opText, large[:126]},
		{"64 KiB", frame(0x80|opText, large+"a"), opText, large[:65535] + "a"},
		{"fragments", slices.Concat(frame(opText, "a\xe2"), frame(opContinuation, "\x82"), frame(0x80|opPong, ""), frame(0x80, "\xac")), opText, "a€"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, nil, echo)
				p := dial(t, s.Server)
				p.write(tt.sent)
				p.want(tt.op, tt.want)
				p.close(1000, "")
				p.wantEnd(1000)
			})
		})
	}
}

// W4
func TestThePeersCodeIsTheCause(t *testing.T) {
	tests := []struct {
		name   string
		leave  func(p *peer)
		code   websocket.Code
		reason string
		quiet  bool // the iteration just ends
	}{
		{"normal", func(p *peer) { p.close(1000, "bye") }, 1000, "bye", true},
		{"going away", func(p *peer) { p.close(1001, "") }, 1001, "", true},
		{"no code", func(p *peer) { p.send(opClose, "") }, 1005, "", true},
		{"a code of the application", func(p *peer) { p.close(4321, "häh") }, 4321, "häh", false},
		{"an error of the peer", func(p *peer) { p.close(1011, "") }, 1011, "", false},
		{"vanished", func(p *peer) { p.conn.Close() }, 1006, "", false},
		{"vanished inside a frame", func(p *peer) { p.write(frame(0x82, "abc")[:7]); p.conn.Close() }, 1006, "", false},
	}
	for _, tt := range tests {
		inBubbles(t, tt.name, func(t *testing.T, o *websocket.Options) {
			var cause, yielded error
			var got []string
			s := serve(t, o, func(ctx context.Context, c *websocket.Conn) error {
				for m, err := range c.Messages() {
					if err != nil {
						yielded = err
						break
					}
					if m.String() == "1" {
						<-ctx.Done() // so that the rest is still in the inbox
					}
					got = append(got, m.String())
				}
				cause = context.Cause(ctx)
				return yielded
			})
			p := dial(t, s.Server)
			p.text("1")
			p.text("2")
			tt.leave(p)
			if code, reason := p.end(); tt.code != 1006 && (code != tt.code || reason != tt.reason) {
				t.Errorf("got %v %q back, want the peer's own", code, reason)
			}
			s.finish()
			var e *websocket.CloseError
			if !errors.As(cause, &e) || e.Code != tt.code || e.Reason != tt.reason {
				t.Errorf("got cause %v, want %v %q", cause, tt.code, tt.reason)
			}
			if want := []string{"1", "2"}; !slices.Equal(got, want) {
				t.Errorf("received %q, want %q", got, want)
			}
			if quiet := yielded == nil; quiet != tt.quiet || !quiet && !errors.Is(yielded, e) {
				t.Errorf("the iteration yielded %v at its end", yielded)
			}
			if got := s.reports(); len(got) > 0 {
				t.Errorf("got reports %q, want none", got)
			}
		})
	}
}

// An application that has a message still to answer is given a moment for it,
// and no more.
//
// W4
func TestAClosingPeerIsNoticedByABusyHandler(t *testing.T) {
	for name, received := range map[string]int{"that has received nothing": 0, "that has received something": 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				took := make(chan time.Duration, 1)
				s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
					for range received {
						if _, err := c.Receive(ctx); err != nil {
							return err
						}
					}
					began := time.Now()
					<-ctx.Done()
					took <- time.Since(began)
					return nil
				})
				p := dial(t, s.Server)
				for range received {
					p.text("x")
				}
				p.close(4000, "")
				p.wantEnd(4000)
				if got, want := <-took, time.Duration(received)*10*time.Millisecond; got != want {
					t.Errorf("noticed after %v, want %v", got, want)
				}
			})
		})
	}
}

// W5
func TestTwoReadersAreAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			c.Go(func(ctx context.Context) error {
				m, err := c.Receive(ctx)
				if err != nil {
					return err
				}
				return c.Send(ctx, m)
			})
			time.Sleep(time.Second) // until the task waits
			if _, err := c.Receive(ctx); err != websocket.ErrBusy {
				t.Errorf("got %v, want ErrBusy", err)
			}
			<-ctx.Done()
			return nil
		})
		p := dial(t, s.Server)
		time.Sleep(2 * time.Second)
		p.text("unharmed")
		p.want(opText, "unharmed")
		p.close(1000, "")
		p.wantEnd(1000)
	})
}

func TestReceiveLeavesTheConnectionAloneWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			short, cancel := context.WithTimeoutCause(ctx, time.Second, errPlain)
			defer cancel()
			if _, err := c.Receive(short); err != errPlain {
				t.Errorf("got %v, want the cause", err)
			}
			return echo(ctx, c)
		})
		p := dial(t, s.Server)
		time.Sleep(2 * time.Second)
		p.text("later")
		p.want(opText, "later")
		p.close(1000, "")
		p.wantEnd(1000)
	})
}

// W5
func TestAFullInboxHoldsThePeerBack(t *testing.T) {
	tests := []struct {
		name  string
		inbox websocket.Bounds
		size  int
		taken int // messages that can be sent while nothing is received
	}{
		// One more than fits is read and waits for room.
		{"in messages, by default", websocket.Bounds{}, 1, 16 + 1},
		{"in messages", websocket.Bounds{Messages: 3}, 1, 3 + 1},
		{"in bytes", websocket.Bounds{Bytes: 100}, 40, 2 + 1},
		{"one that is too large alone", websocket.Bounds{Bytes: 10}, 40, 1 + 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				receive := make(chan int)
				s := serve(t, &websocket.Options{Inbox: tt.inbox}, func(ctx context.Context, c *websocket.Conn) error {
					for n := range receive {
						for range n {
							if _, err := c.Receive(ctx); err != nil {
								return err
							}
						}
					}
					_, err := c.Receive(ctx)
					return err
				})
				p := dial(t, s.Server)
				message := frame(0x82, strings.Repeat("x", tt.size))
				for range 3 { // what has been received makes room
					sent := p.fill(message)
					if sent != tt.taken {
						t.Errorf("%d messages were taken, want %d", sent, tt.taken)
					}
					receive <- sent
				}
				close(receive)
				p.close(1000, "")
				p.wantEnd(1000)
			})
		})
	}
}

// fill sends a message until it is not taken any more, and returns how often
// it was.
func (p *peer) fill(message []byte) (taken int) {
	p.t.Helper()
	defer func() { _ = p.conn.SetWriteDeadline(time.Time{}) }()
	for {
		_ = p.conn.SetWriteDeadline(time.Now().Add(time.Minute))
		switch n, err := p.conn.Write(message); {
		case err == nil:
			taken++
		case n > 0:
			p.t.Fatalf("%d bytes of a message were taken", n)
		default:
			return taken
		}
	}
}

func TestErrEnd(t *testing.T) {
	if !errors.Is(websocket.ErrEnd, io.EOF) {
		t.Error("it is no io.EOF")
	}
}

func TestBreakingOutOfMessagesLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		s := serve(t, nil, func(_ context.Context, c *websocket.Conn) error {
			for m, err := range c.Messages() {
				if err != nil {
					return err
				}
				got = append(got, m.String())
				break
			}
			for m, err := range c.Messages() {
				if err != nil {
					return err
				}
				got = append(got, m.String())
			}
			return nil
		})
		p := dial(t, s.Server)
		p.text("1")
		p.text("2")
		p.close(1000, "")
		p.wantEnd(1000)
		s.Close()
		if want := []string{"1", "2"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// W10
func TestLimitOfMessagesPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, &websocket.Options{MessagesPerSecond: 10, PingEvery: -1}, func(ctx context.Context, c *websocket.Conn) error {
			for _, err := range c.Messages() {
				if err != nil && !errors.Is(err, websocket.ErrTooMany) {
					t.Errorf("got %v, want ErrTooMany", err)
				}
			}
			return nil
		})
		p := dial(t, s.Server)
		for range 5 {
			for range 10 {
				p.text("x")
			}
			time.Sleep(time.Second)
		}
		for range 100 {
			p.text("x")
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Hour)
		for range 11 {
			p.text("x")
		}
		p.wantEnd(websocket.PolicyViolation)
	})
}

// What came while the inbox was full is read all at once, and need not have been
// sent so.
//
// W10
func TestLimitOfMessagesAfterAFullInbox(t *testing.T) {
	const busy = 6 * time.Second // of the application, with the first message
	tests := []struct {
		name   string
		during int           // messages; the first three are read at once
		rest   time.Duration // of the peer, when the application has been busy
		after  int
		code   websocket.Code
	}{
		{"half of what it may", 33, 0, 0, 4000},
		{"all that it may", 70, 0, 0, 4000},
		{"one more", 71, 0, 0, websocket.PolicyViolation},
		{"it is not kept for later", 33, busy, 10, 4000},
		{"but for a second's worth", 33, busy, 11, websocket.PolicyViolation},
		{"the rate goes on", 70, 2 * time.Second, 10, 4000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &websocket.Options{MessagesPerSecond: 10, PingEvery: -1, Inbox: websocket.Bounds{Messages: 1}}
				s := serve(t, o, func(_ context.Context, c *websocket.Conn) error {
					wait := busy
					for range c.Messages() {
						time.Sleep(wait)
						wait = 0
					}
					return nil
				})
				p, began := dial(t, s.Server), time.Now()
				go func() {
					text := frame(0x80|opText, "x")
					_, _ = p.conn.Write(bytes.Repeat(text, tt.during))
					time.Sleep(time.Until(began.Add(busy + tt.rest)))
					_, _ = p.conn.Write(append(bytes.Repeat(text, tt.after), closing(4000, "")...))
				}()
				p.wantEnd(tt.code)
			})
		})
	}
}
