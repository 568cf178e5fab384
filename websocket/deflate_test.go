package websocket_test

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	coder "github.com/coder/websocket"

	"github.com/creche-go/creche/websocket"
)

const offer = "Sec-WebSocket-Extensions: permessage-deflate"

// deflated is s as a peer compresses it (RFC 7692, section 7.2.1).
func deflated(t testing.TB, s string, level int) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte(s))
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// inflated is what a peer makes of a compressed message (section 7.2.2).
func inflated(t testing.TB, payload string) string {
	t.Helper()
	b, err := io.ReadAll(flate.NewReader(strings.NewReader(payload + "\x00\x00\xff\xff\x01\x00\x00\xff\xff")))
	if err != nil {
		t.Errorf("inflating %.50q: %v", payload, err)
	}
	return string(b)
}

// wantPacked reads the next frame, which must be a compressed text, and returns
// how long it was.
func (p *peer) wantPacked(want string) int {
	p.t.Helper()
	first, payload, err := p.nextFrame()
	if err != nil || first != 0xc1 {
		p.t.Fatalf("got frame %x %.50q, %v; want a compressed text", first, payload, err)
	}
	if got := inflated(p.t, payload); got != want {
		p.t.Errorf("got %.50q, want %.50q", got, want)
	}
	return len(payload)
}

// W10
func TestOffersOfCompression(t *testing.T) {
	const yes = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	tests := []struct{ name, offer, want string }{
		{"none", "", ""},
		{"a plain one", "permessage-deflate", yes},
		{"a browser's", "permessage-deflate; client_max_window_bits", yes},
		{"with all that a client may ask for", "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=10", yes},
		{"with spaces and tabs", " permessage-deflate\t;  server_no_context_takeover ; client_max_window_bits =\t15", yes},
		{"in quotes", `permessage-deflate; client_max_window_bits="9"`, yes},
		{"the full window", "permessage-deflate; server_max_window_bits=15", yes + "; server_max_window_bits=15"},
		{"a smaller window", "permessage-deflate; server_max_window_bits=14", ""},
		{"a smaller window, or any", "permessage-deflate; server_max_window_bits=10, permessage-deflate", yes},
		{"one window or another", "permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=15", yes + "; server_max_window_bits=15"},
		{"a window without a size", "permessage-deflate; server_max_window_bits", ""},
		{"a window of no bits", "permessage-deflate; client_max_window_bits=", ""},
		{"a window of 7 bits", "permessage-deflate; client_max_window_bits=7", ""},
		{"a window of 16 bits", "permessage-deflate; client_max_window_bits=16", ""},
		{"a window with a leading zero", "permessage-deflate; client_max_window_bits=09", ""},
		{"a window with a letter", "permessage-deflate; server_max_window_bits=15x", ""},
		{"a flag with a value", "permessage-deflate; server_no_context_takeover=1", ""},
		{"a flag with an empty value", "permessage-deflate; client_no_context_takeover=", ""},
		{"the same twice", "permessage-deflate; client_max_window_bits; client_max_window_bits=12", ""},
		{"a flag twice", "permessage-deflate; server_no_context_takeover; server_no_context_takeover", ""},
		{"something unknown", "permessage-deflate; fast", ""},
		{"something unknown, or not", "permessage-deflate; fast, permessage-deflate", yes},
		{"an empty parameter", "permessage-deflate;", ""},
		{"another extension", "x-webkit-deflate-frame", ""},
		{"another extension first", "permessage-bzip2; a=1, permessage-deflate", yes},
		{"in two headers", "x-one\r\nSec-WebSocket-Extensions: permessage-deflate", yes},
		{"of another name that begins so", "permessage-deflated", ""},
		{"that is no list of tokens", "=;,:\"", ""},
		{"after a comma in quotes", `x-one; a="x, permessage-deflate", permessage-deflate`, yes},
		{"in quotes alone, at the end", `x-one; a="x, permessage-deflate"`, ""},
		{"in quotes alone, in the middle", `x-one; a="x, permessage-deflate, y"`, ""},
		{"in quotes alone, with a parameter", `x-one; a=", permessage-deflate; client_max_window_bits, "`, ""},
		{"in quotes alone, after one that is escaped", `x-one; a="\", permessage-deflate, \""`, ""},
		{"in quotes that do not end", `x-one; a=", permessage-deflate, y`, ""},
		{"in quotes that end in the next header", "x-one; a=\"\r\nSec-WebSocket-Extensions: permessage-deflate", yes},
		{"a parameter in quotes alone", `permessage-deflate; a="; client_max_window_bits; "`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, &websocket.Options{Compress: 1}, returns(nil))
				response := get(t, s.Server, handshake+"Sec-WebSocket-Extensions: "+tt.offer+"\r\n\r\n")
				if got := response.Header.Get("Sec-WebSocket-Extensions"); response.StatusCode != 101 || got != tt.want {
					t.Errorf("got %s with %q, want an upgrade with %q", response.Status, got, tt.want)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

// The examples in section 7.2.3 of RFC 7692, and what section 6 forbids. Nothing
// that is echoed gets shorter by compression.
//
// W10, W12
func TestRFC7692(t *testing.T) {
	const hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"
	long := deflated(t, strings.Repeat("x", 1000), flate.BestCompression)
	tests := []struct {
		name string
		sent []byte
		want []got // then the server closes, if the last is a close, or goes on
	}{
		{"7.2.3.1, in one frame", frame(0xc1, hello), []got{echoed("Hello")}},
		{"7.2.3.1, in fragments", slices.Concat(frame(0x41, hello[:3]), frame(0x80, hello[3:])), []got{echoed("Hello")}},
		{"7.2.3.1, with a ping in between", slices.Concat(frame(0x41, hello[:3]), frame(0x89, "?"), frame(0x80, hello[3:])), []got{pong("?"), echoed("Hello")}},
		{"7.2.3.3, a block that is not compressed", frame(0xc1, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), []got{echoed("Hello")}},
		{"7.2.3.4, a block that says it is the last", frame(0xc1, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), []got{echoed("Hello")}},
		{"7.2.3.5, two blocks", frame(0xc1, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), []got{echoed("Hello")}},
		{"the last block without an empty one after it", frame(0xc1, "\xf3\x48\xcd\xc9\xc9\x07\x00"), []got{echoed("Hello")}},
		{"a block that says it is the last, and another message", slices.Concat(frame(0xc1, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), frame(0xc1, hello)), []got{echoed("Hello"), echoed("Hello")}},
		{"something after the last block", frame(0xc1, "\xf3\x48\xcd\xc9\xc9\x07\x00"+hello), []got{closes(1007)}},
		{"a message of nothing", frame(0xc1, "\x00"), []got{echoed("")}},
		{"a message without a byte", frame(0xc1, ""), []got{closes(1007)}},
		{"binary", frame(0xc2, hello), []got{raw("Hello")}},
		{"not compressed, though it might be", frame(0x81, "Hello"), []got{echoed("Hello")}},
		{"one of each", slices.Concat(frame(0x81, "Hello"), frame(0xc1, hello), frame(0x82, "Hello")), []got{echoed("Hello"), echoed("Hello"), raw("Hello")}},
		{"in fragments of a byte, with empty ones", slices.Concat(frame(0x41, ""), frame(0, ""), every(0, hello)), []got{echoed("Hello")}},
		{"the bit on a fragment that continues", slices.Concat(frame(0x41, hello[:3]), frame(0xc0, hello[3:])), []got{closes(1002)}},
		{"the bit on a fragment of what is not compressed", slices.Concat(frame(0x01, "a"), frame(0xc0, hello)), []got{closes(1002)}},
		{"the bit on a ping", frame(0xc9, ""), []got{closes(1002)}},
		{"the bit on a pong", frame(0xca, ""), []got{closes(1002)}},
		{"the bit on a close", frame(0xc8, "\x03\xe8"), []got{closes(1002)}},
		{"another bit beside it", frame(0xe1, hello), []got{closes(1002)}},
		{"another bit", frame(0xa1, "Hello"), []got{closes(1002)}},
		{"what is no compression", frame(0xc1, "\xff\xff\xff"), []got{closes(1007)}},
		{"a block that is cut off", frame(0xc1, hello[:4]), []got{closes(1007)}},
		{"a block whose length is wrong", frame(0xc1, "\x00\x05\x00\xfa\xfeHello\x00"), []got{closes(1007)}},
		{"text that is not UTF-8", frame(0xc1, deflated(t, "a\xc0\x80", 1)), []got{closes(1007)}},
		{"as much as may come", frame(0xc2, deflated(t, strings.Repeat("x", 100), 1)), []got{raw(strings.Repeat("x", 100))}},
		{"as much as may come, and no shorter by it", frame(0xc2, deflated(t, noise(100), 1)), []got{raw(noise(100))}},
		{"more than may come", frame(0xc2, deflated(t, strings.Repeat("x", 101), 1)), []got{closes(1009)}},
		{"much more than may come", frame(0xc2, long), []got{closes(1009)}},
		{"empty blocks without end", frame(0xc2, strings.Repeat("\x00\x00\x00\xff\xff", 40)), []got{closes(1009)}},
		{"something huge", append([]byte{0xc2, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, long...), []got{closes(1009)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			onlyOwnRow(t, tt.name)
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, &websocket.Options{ReadLimit: 100, Compress: 1 << 20}, echo)
				p := dial(t, s.Server, offer)
				go func() { _, _ = p.conn.Write(tt.sent) }()
				last := false
				for _, want := range tt.want {
					op, payload, err := p.next()
					if last = want.op == opClose; last {
						payload = payload[:min(2, len(payload))]
					}
					if err != nil || op != want.op || payload != want.payload {
						t.Fatalf("got frame %d %.50q, %v; want %d %.50q", op, payload, err, want.op, want.payload)
					}
				}
				if !last {
					p.close(1000, "")
					p.wantEnd(1000)
				}
				p.conn.Close()
				s.Close()
				if got := s.reports(); len(got) > 0 {
					t.Errorf("got reports %q, want none: it is the peer's fault", got)
				}
			})
		})
	}
}

// The example of section 7.2.3.2, in which the second message needs the window of
// the first.
//
// W10, W12
func TestAWindowThatWasNotAgreedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ends := make(chan *websocket.CloseError, 1)
		o := &websocket.Options{Compress: 1 << 20, OnClose: func(_ *websocket.Conn, e *websocket.CloseError) { ends <- e }}
		s := serve(t, o, echo)
		p := dial(t, s.Server, offer)
		p.write(frame(0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00"))
		p.want(opText, "Hello")
		p.write(frame(0xc1, "\xf2\x00\x11\x00\x00"))
		p.wantEnd(websocket.InvalidPayload)
		if e := <-ends; !errors.Is(e, websocket.ErrCompression) {
			t.Errorf("got %v, want %v", e, websocket.ErrCompression)
		}
	})
}

// The largest limit there is overflows nowhere, though what is compressed may be
// longer.
//
// W10
func TestALimitThatIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, &websocket.Options{ReadLimit: math.MaxInt64, Compress: 1 << 20}, echo)
		p := dial(t, s.Server, offer)
		text := noise(100_000)
		go func() {
			_, _ = p.conn.Write(slices.Concat(frame(0x82, text), frame(0x02, text), frame(0x80, text), frame(0xc2, deflated(t, text, 1))))
		}()
		for _, want := range []string{text, text + text, text} {
			p.want(opBinary, want)
		}
		p.close(1000, "")
		p.wantEnd(1000)
	})
}

// noise is n bytes that cannot be compressed.
func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b) // it never fails
	return string(b)
}

// W10
func TestACompressedBombIsNotUnpacked(t *testing.T) {
	const size, limit = 16 << 20, 64 << 10
	bomb := frame(0xc2, deflated(t, string(make([]byte, size)), flate.BestCompression))
	if len(bomb) > limit {
		t.Fatalf("the bomb has %d bytes, which is no surprise", len(bomb))
	}
	synctest.Test(t, func(t *testing.T) {
		var cause error
		s := serve(t, &websocket.Options{Compress: 512}, func(ctx context.Context, c *websocket.Conn) error {
			_, cause = c.Receive(ctx)
			return cause
		})
		p := dial(t, s.Server, offer)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p.write(bomb)
		p.wantEnd(websocket.MessageTooBig)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 8*limit {
			t.Errorf("took %d bytes of memory for a limit of %d", got, limit)
		}
		s.finish()
		if !errors.Is(cause, websocket.ErrTooBig) {
			t.Errorf("got cause %v, want %v", cause, websocket.ErrTooBig)
		}
	})
}

// Some in a room have agreed on compression, some have not, and one compresses
// only what is larger. All get the same, each as it can be understood.
//
// W7, W10
func TestARoomWithAndWithoutCompression(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rooms websocket.Rooms
		join := func(ctx context.Context, c *websocket.Conn) error {
			rooms.Join(c, "all")
			return forget(ctx, c)
		}
		some := serve(t, &websocket.Options{Compress: 200}, join)
		large := serve(t, &websocket.Options{Compress: 10_000}, join)
		packed := []*peer{dial(t, some.Server, offer), dial(t, some.Server, offer+"; client_max_window_bits")}
		plain := []*peer{dial(t, some.Server), dial(t, some.Server, offer+"; server_max_window_bits=9"), dial(t, large.Server, offer)}
		synctest.Wait()
		room, texts := rooms.To("all"), 0
		for i, m := range []websocket.Message{
			websocket.Text(strings.Repeat("made by the application ", 50)),
			websocket.Text(strings.Repeat("s", 199)),
			websocket.Text(noise(50) + strings.Repeat("€", 50)),
			websocket.Binary([]byte(noise(1000))), // which gets no shorter
		} {
			if i == 3 && byCoder() {
				break // see squeezed
			}
			room.Broadcast(m)
			op := byte(opText)
			if !m.IsText() {
				op = opBinary
			}
			for _, p := range plain {
				p.want(op, m.String())
			}
			for _, p := range packed {
				if i == 1 || i == 3 {
					p.want(op, m.String())
					continue
				}
				texts++
				if got := p.wantPacked(m.String()); got >= len(m.Bytes()) {
					t.Errorf("%d bytes became %d by compression", len(m.Bytes()), got)
				}
			}
		}
		if texts != 4 {
			t.Errorf("got %d compressed texts, want 4", texts)
		}
	})
}

// A message is compressed once, at the first that wants it, and its bounds are
// those of what it says. What was written is what is counted as sent.
//
// W7, W8
func TestAMessageIsCompressedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := strings.Repeat("again and again ", 1000)
		conns := make(chan *websocket.Conn, 2)
		o := &websocket.Options{Compress: 512, Queue: websocket.Bounds{Bytes: 20_000}, Slow: websocket.DropNewest}
		s := serve(t, o, func(ctx context.Context, c *websocket.Conn) error {
			conns <- c
			return forget(ctx, c)
		})
		m := websocket.Text(text)
		var frames [2][]byte
		for i := range frames {
			p, c := dial(t, s.Server, offer), <-conns
			for range 2 { // the first is being written when the second comes, and finds no room
				if err := c.TrySend(m); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}
			if got := c.Stats(); got.Unsent.Bytes <= len(text) || got.Dropped.Messages != 1 {
				t.Errorf("got %+v, want one message unsent, of %d bytes, and one dropped", got, len(text))
			}
			size := p.wantPacked(text)
			synctest.Wait()
			if got := c.Stats(); got.Sent.Messages != 1 || got.Sent.Bytes > int64(size)+4 || got.Unsent != (websocket.Bounds{}) {
				t.Errorf("got %+v, want one message sent, in %d bytes and a header", got, size)
			}
			frames[i] = websocket.CompressedFrame(m)
		}
		switch {
		case byCoder(): // which compresses for itself: see once
			if frames[1] != nil {
				t.Errorf("the message keeps %d compressed bytes that nobody sends", len(frames[1]))
			}
		case len(frames[0]) == 0 || &frames[0][0] != &frames[1][0]:
			t.Error("the second connection had the message compressed again")
		}
	})
}

// So is one that was received, and has to wait for members of a room.
//
// W7, W8
func TestAReceivedMessageIsCompressedOnceThoughItWaits(t *testing.T) {
	onlyOwn(t, once)
	synctest.Test(t, func(t *testing.T) {
		const members = 3
		var frames [][]byte
		var mu sync.Mutex
		conns := make(chan *websocket.Conn, 1)
		rooms := websocket.Rooms{Slow: websocket.Block}
		o := &websocket.Options{Compress: 512, Queue: websocket.Bounds{Messages: 1}, OnDrop: func(_ *websocket.Conn, m websocket.Message) {
			mu.Lock()
			defer mu.Unlock()
			frames = append(frames, websocket.CompressedFrame(m))
		}}
		s := serve(t, o, func(ctx context.Context, c *websocket.Conn) error {
			conns <- c
			return forget(ctx, c)
		})
		for range members { // which do not read
			dial(t, s.Server, offer)
			c := <-conns
			rooms.Join(c, "all")
			if err := c.TrySend(websocket.Text("is being written")); err != nil {
				t.Fatal(err)
			}
		}
		p := dial(t, s.Server)
		p.text(strings.Repeat("again and again ", 1000))
		m, err := (<-conns).Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		rooms.To("all").Broadcast(m)
		if len(frames) != members {
			t.Fatalf("got %d messages dropped, want one for each of %d members", len(frames), members)
		}
		for _, frame := range frames {
			if len(frame) == 0 || &frame[0] != &frames[0][0] {
				t.Error("a member had the message compressed for itself")
			}
		}
	})
}

// Many connections want one message at once.
//
// W7
func TestManySendOneMessageAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const connections, each = 20, 20
		messages := make([]websocket.Message, each)
		for i := range messages {
			messages[i] = websocket.Text(strconv.Itoa(i) + strings.Repeat(" is sent by all", 100))
		}
		s := serve(t, &websocket.Options{Compress: 512}, func(ctx context.Context, c *websocket.Conn) error {
			for _, m := range messages {
				if err := c.Send(ctx, m); err != nil {
					return err
				}
			}
			return nil
		})
		var peers sync.WaitGroup
		for range connections {
			p := dial(t, s.Server, offer)
			peers.Go(func() {
				for i, m := range messages {
					if first, payload, err := p.nextFrame(); err != nil || first != 0xc1 || inflated(t, payload) != m.String() {
						t.Errorf("message %d: got frame %x %.20q, %v", i, first, payload, err)
						return
					}
				}
				p.wantEnd(1000)
			})
		}
		peers.Wait()
	})
}

// W10
func TestAnotherClientThatCompresses(t *testing.T) {
	for _, mode := range []coder.CompressionMode{coder.CompressionContextTakeover, coder.CompressionNoContextTakeover} {
		t.Run(fmt.Sprint("mode ", mode), func(t *testing.T) {
			ts := newTCPServer(t, &websocket.Options{Compress: 100, ReadLimit: 1 << 20}, echo)
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			c, response, err := coder.Dial(ctx, "ws"+strings.TrimPrefix(ts.URL, "http"), &coder.DialOptions{CompressionMode: mode, CompressionThreshold: 1})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.CloseNow() })
			if got := response.Header.Get("Sec-WebSocket-Extensions"); got == "" {
				t.Fatal("no extension was agreed on")
			}
			c.SetReadLimit(-1)
			for _, sent := range []string{"", "x", strings.Repeat("many words ", 10_000), noise(100_000), strings.Repeat("x", 1<<20), "the last"} {
				if err := c.Write(ctx, coder.MessageBinary, []byte(sent)); err != nil {
					t.Fatal(err)
				}
				kind, got, err := c.Read(ctx)
				if err != nil || kind != coder.MessageBinary || string(got) != sent {
					t.Fatalf("got %v of %d bytes, %v; want binary of %d", kind, len(got), err, len(sent))
				}
			}
		})
	}
}

// Whatever comes gives a message within the limit or an error, and what was
// compressed comes out as it was.
func FuzzInflate(f *testing.F) {
	for _, s := range []string{"", "Hello", strings.Repeat("x", 1000), noise(300)} {
		for level := -2; level <= 9; level++ {
			f.Add([]byte(deflated(f, s, level)))
		}
	}
	f.Add([]byte("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"))
	f.Add([]byte("\xf2\x00\x11\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 500
		got, err := websocket.Inflate(slices.Clone(b), limit)
		switch {
		case err != nil && err != websocket.ErrTooBig && err != websocket.ErrCompression:
			t.Errorf("got %v", err)
		case cap(got) > 4*limit:
			t.Errorf("took %d bytes for a limit of %d", cap(got), limit)
		case err == nil && len(got) > limit:
			t.Errorf("got %d bytes, want at most %d", len(got), limit)
		}
		for _, level := range []int{flate.HuffmanOnly, flate.BestSpeed} {
			if got, err := websocket.Inflate([]byte(deflated(t, string(b), level)), int64(len(b))); err != nil || !bytes.Equal(got, b) {
				t.Errorf("level %d: got %q, %v; want %q", level, got, err, b)
			}
		}
	})
}
