package websocket_test

import (
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

var violations = []struct {
	name  string
	sent  []byte
	code  websocket.Code
	cause error
}{
	{"an unmasked frame", []byte{0x81, 1, 'x'}, 1002, websocket.ErrProtocol},
	{"an unmasked control frame", []byte{0x89, 0}, 1002, websocket.ErrProtocol},
	{"RSV1 without an extension", frame(0xc1, "x"), 1002, websocket.ErrProtocol},
	{"RSV2", frame(0xa1, "x"), 1002, websocket.ErrProtocol},
	{"RSV3", frame(0x91, "x"), 1002, websocket.ErrProtocol},
	{"an unknown opcode for data", frame(0x83, "x"), 1002, websocket.ErrProtocol},
	{"an unknown opcode for control", frame(0x8b, ""), 1002, websocket.ErrProtocol},
	{"a fragmented ping", frame(0x09, ""), 1002, websocket.ErrProtocol},
	{"a ping of 126 bytes", frame(0x89, strings.Repeat("x", 126)), 1002, websocket.ErrProtocol},
	{"a continuation of nothing", frame(0x80, "x"), 1002, websocket.ErrProtocol},
	{"a message inside a message", slices.Concat(frame(0x01, "a"), frame(0x81, "b")), 1002, websocket.ErrProtocol},
	{"a length with its highest bit set", append([]byte{0x82, 0xff, 0x80}, make([]byte, 11)...), 1002, websocket.ErrProtocol},
	{"a close frame of one byte", frame(0x88, "x"), 1002, websocket.ErrProtocol},
	{"a close code that may not be sent", closing(1005, ""), 1002, websocket.ErrProtocol},
	{"a reason that is not UTF-8", closing(1000, "\xff"), 1007, websocket.ErrNotText},
	{"text that is not UTF-8", frame(0x81, "a\xc0\x80"), 1007, websocket.ErrNotText},
	{"fragmented text that is not UTF-8", slices.Concat(frame(0x01, "\xe2\x82"), frame(0x80, "x")), 1007, websocket.ErrNotText},
	{"a message that is too big", frame(0x82, strings.Repeat("x", 101)), 1009, websocket.ErrTooBig},
	{"fragments that are too big together", slices.Concat(frame(0x02, strings.Repeat("x", 60)), frame(0x80, strings.Repeat("x", 41))), 1009, websocket.ErrTooBig},
	{"the beginning of something huge", append([]byte{0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 101)...), 1009, websocket.ErrTooBig},
}

// W3, W5, W12
func TestViolationsOfTheProtocol(t *testing.T) {
	for _, tt := range violations {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var cause error
				s := serve(t, &websocket.Options{ReadLimit: 100}, func(ctx context.Context, c *websocket.Conn) error {
					for _, err := range c.Messages() {
						cause = err
					}
					return nil // the code is the violation's all the same
				})
				p, began := dial(t, s.Server), time.Now()
				p.write(tt.sent)
				op, payload, err := p.next()
				if err != nil || op != opClose || websocket.Code(payload[0])<<8|websocket.Code(payload[1]) != tt.code {
					t.Errorf("got frame %d %q, %v; want a close with %v", op, payload, err, tt.code)
				}
				if len(payload) == 2 {
					t.Error("the close frame gives no reason")
				}
				p.conn.Close()
				s.Close()
				if !errors.Is(cause, tt.cause) {
					t.Errorf("got cause %v, want %v", cause, tt.cause)
				}
				if got := s.reports(); len(got) > 0 || time.Since(began) > 2*time.Second {
					t.Errorf("got reports %q after %v, want none: it is the peer's fault", got, time.Since(began))
				}
			})
		})
	}
}

// A connection ends within the close timeout whatever the peer sends, and the
// server says nothing of it.
func FuzzFrames(f *testing.F) {
	add := func(sent []byte, compress bool) {
		f.Add(sent, compress, false)
		f.Add(sent, compress, true)
	}
	for _, v := range violations {
		add(v.sent, false)
	}
	add(closing(1000, "bye"), false)
	add(slices.Concat(frame(0x81, "a"), frame(0x89, "b"), frame(0x01, "c"), frame(0x80, "d")), false)
	add(slices.Concat(frame(0x41, "\xf2\x48\xcd"), frame(0x89, "b"), frame(0x80, "\xc9\xc9\x07\x00")), true)
	add(frame(0xc2, deflated(f, strings.Repeat("x", 1000), 9)), true)
	f.Fuzz(func(t *testing.T, sent []byte, compress, plain bool) {
		synctest.Test(t, func(t *testing.T) {
			o := &websocket.Options{ReadLimit: 100, Plain: plain}
			if compress {
				o.Compress = 10
			}
			s := serve(t, o, echo)
			p, began := dial(t, s.Server, offer), time.Now()
			go func() {
				_, _ = p.conn.Write(sent)
				time.Sleep(10 * time.Second)
				p.conn.Close()
			}()
			_, _ = io.Copy(io.Discard, p.br)
			s.Close()
			if got := time.Since(began); got > 10*time.Second {
				t.Errorf("ended after %v", got)
			}
			if got := s.reports(); len(got) > 0 {
				t.Errorf("got reports %q", got)
			}
			time.Sleep(time.Minute)
		})
	})
}
