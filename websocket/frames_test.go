package websocket_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/websocket"
)

// A got is a frame that the server must send: its opcode and payload.
type got struct {
	op      byte
	payload string
}

func echoed(s string) got { return got{opText, s} }
func raw(s string) got    { return got{opBinary, s} }
func pong(s string) got   { return got{opPong, s} }

// closes is the close frame with code, whatever its reason.
func closes(code websocket.Code) got {
	return got{opClose, string([]byte{byte(code >> 8), byte(code)})}
}

var (
	x125  = strings.Repeat("x", 125)
	x126  = strings.Repeat("x", 126)
	valid = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5 \u20ac \U0001F375"
)

// extended is a frame with a length in 16 or 64 bits.
func extended(first byte, bits, size int, payload string) []byte {
	b := []byte{first, 0x80 | 126, byte(size >> 8), byte(size)}
	if bits == 64 {
		b = []byte{first, 0x80 | 127, 0, 0, 0, 0, byte(size >> 24), byte(size >> 16), byte(size >> 8), byte(size)}
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// unmask is a frame without a mask.
func unmask(first byte, payload string) []byte {
	return append([]byte{first, byte(len(payload))}, payload...)
}

// every is a frame in fragments of one byte each.
func every(op byte, payload string) (b []byte) {
	for i := range len(payload) {
		first := byte(opContinuation)
		if i == 0 {
			first = op
		}
		if i == len(payload)-1 {
			first |= 0x80
		}
		b = append(b, frame(first, payload[i:i+1])...)
	}
	return b
}

var rfc6455 = []struct {
	name string
	sent [][]byte
	want []got // then the server closes, if the last is a close, or goes on
}{
	// 5.2: framing.
	{"an empty text", [][]byte{frame(0x81, "")}, []got{echoed("")}},
	{"an empty binary", [][]byte{frame(0x82, "")}, []got{raw("")}},
	{"a text of 125 bytes", [][]byte{frame(0x81, x125)}, []got{echoed(x125)}},
	{"a text of 126 bytes", [][]byte{frame(0x81, x126)}, []got{echoed(x126)}},
	{"a text of 127 bytes", [][]byte{frame(0x81, x126+"y")}, []got{echoed(x126 + "y")}},
	{"a text of 65535 bytes", [][]byte{frame(0x81, strings.Repeat("x", 65535))}, []got{echoed(strings.Repeat("x", 65535))}},
	{"a text of 65536 bytes", [][]byte{frame(0x81, strings.Repeat("x", 65536))}, []got{echoed(strings.Repeat("x", 65536))}},
	{"a binary of 128 bytes", [][]byte{frame(0x82, x126+"\x00\xff")}, []got{raw(x126 + "\x00\xff")}},
	{"a mask of zeros", [][]byte{append([]byte{0x81, 0x81, 0, 0, 0, 0}, 'x')}, []got{echoed("x")}},
	{"a frame without a mask", [][]byte{unmask(0x81, "x")}, []got{closes(1002)}},
	{"an empty frame without a mask", [][]byte{unmask(0x81, "")}, []got{closes(1002)}},
	{"a ping without a mask", [][]byte{unmask(0x89, "x")}, []got{closes(1002)}},
	{"a close without a mask", [][]byte{unmask(0x88, "\x03\xe8")}, []got{closes(1002)}},
	{"a continuation without a mask", [][]byte{frame(0x01, "a"), unmask(0x80, "b")}, []got{closes(1002)}},

	// 5.2: lengths.
	{"0 in 16 bits", [][]byte{extended(0x81, 16, 0, "")}, []got{closes(1002)}},
	{"125 in 16 bits", [][]byte{extended(0x81, 16, 125, x125)}, []got{closes(1002)}},
	{"126 in 16 bits", [][]byte{extended(0x81, 16, 126, x126)}, []got{echoed(x126)}},
	{"126 in 64 bits", [][]byte{extended(0x81, 64, 126, x126)}, []got{closes(1002)}},
	{"65535 in 64 bits", [][]byte{extended(0x81, 64, 65535, "")}, []got{closes(1002)}},
	{"65536 in 64 bits", [][]byte{extended(0x82, 64, 65536, strings.Repeat("x", 65536))}, []got{raw(strings.Repeat("x", 65536))}},
	{"a long length after a good frame", [][]byte{frame(0x81, "good"), extended(0x81, 16, 1, "x")}, []got{echoed("good"), closes(1002)}},
	{"a long length of a fragment", [][]byte{frame(0x01, "a"), extended(0x80, 16, 1, "x")}, []got{closes(1002)}},
	{"a long length of a ping", [][]byte{extended(0x89, 16, 1, "x")}, []got{closes(1002)}},
	{"a ping of 126 bytes", [][]byte{frame(0x89, x126)}, []got{closes(1002)}},
	{"a pong of 126 bytes", [][]byte{frame(0x8a, x126)}, []got{closes(1002)}},
	{"a close of 126 bytes", [][]byte{frame(0x88, "\x03\xe8"+x125[:124])}, []got{closes(1002)}},
	{"the highest bit of a length", [][]byte{{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}, []got{closes(1002)}},

	// 5.2: reserved bits and opcodes.
	{"RSV1", [][]byte{frame(0xc1, "x")}, []got{closes(1002)}},
	{"RSV2", [][]byte{frame(0xa1, "x")}, []got{closes(1002)}},
	{"RSV3", [][]byte{frame(0x91, "x")}, []got{closes(1002)}},
	{"RSV1 and RSV2 of a binary", [][]byte{frame(0xe2, "x")}, []got{closes(1002)}},
	{"RSV3 of a ping", [][]byte{frame(0x99, "x")}, []got{closes(1002)}},
	{"RSV1 of a close", [][]byte{frame(0xc8, "\x03\xe8")}, []got{closes(1002)}},
	{"RSV2 of a continuation", [][]byte{frame(0x01, "a"), frame(0xa0, "b")}, []got{closes(1002)}},
	{"RSV after good frames", [][]byte{frame(0x81, "a"), frame(0xa1, "b"), frame(0x89, "")}, []got{echoed("a"), closes(1002)}},
	{"opcode 3", [][]byte{frame(0x83, "x")}, []got{closes(1002)}},
	{"opcode 4", [][]byte{frame(0x84, "")}, []got{closes(1002)}},
	{"opcode 5", [][]byte{frame(0x81, "a"), frame(0x85, "x")}, []got{echoed("a"), closes(1002)}},
	{"opcode 6", [][]byte{frame(0x86, "x")}, []got{closes(1002)}},
	{"opcode 7", [][]byte{frame(0x87, "x")}, []got{closes(1002)}},
	{"opcode 11", [][]byte{frame(0x8b, "")}, []got{closes(1002)}},
	{"opcode 12", [][]byte{frame(0x8c, "x")}, []got{closes(1002)}},
	{"opcode 13", [][]byte{frame(0x81, "a"), frame(0x8d, "x")}, []got{echoed("a"), closes(1002)}},
	{"opcode 14", [][]byte{frame(0x8e, "x")}, []got{closes(1002)}},
	{"opcode 15", [][]byte{frame(0x8f, "x")}, []got{closes(1002)}},
	{"an unknown opcode inside a message", [][]byte{frame(0x01, "a"), frame(0x83, "x")}, []got{closes(1002)}},

	// 5.4: fragmentation.
	{"a message in two", [][]byte{frame(0x01, "a"), frame(0x80, "b")}, []got{echoed("ab")}},
	{"a binary in two", [][]byte{frame(0x02, "\xff"), frame(0x80, "\x00")}, []got{raw("\xff\x00")}},
	{"a message in many", [][]byte{every(opText, valid)}, []got{echoed(valid)}},
	{"empty fragments", [][]byte{frame(0x01, ""), frame(0x00, ""), frame(0x80, "")}, []got{echoed("")}},
	{"empty fragments around some", [][]byte{frame(0x01, ""), frame(0x00, "x"), frame(0x80, "")}, []got{echoed("x")}},
	{"a ping inside a message", [][]byte{frame(0x01, "a"), frame(0x89, "p"), frame(0x80, "b")}, []got{pong("p"), echoed("ab")}},
	{"pings inside and after a message", [][]byte{frame(0x01, "a"), frame(0x89, "1"), frame(0x00, "b"), frame(0x89, "2"), frame(0x80, "c"), frame(0x89, "3")}, []got{pong("1"), pong("2"), echoed("abc"), pong("3")}},
	{"a pong inside a message", [][]byte{frame(0x01, "a"), frame(0x8a, ""), frame(0x80, "b")}, []got{echoed("ab")}},
	{"a close inside a message", [][]byte{frame(0x01, "a"), closing(1000, "")}, []got{closes(1000)}},
	{"a fragmented ping", [][]byte{frame(0x09, "x"), frame(0x80, "y")}, []got{closes(1002)}},
	{"a fragmented pong", [][]byte{frame(0x0a, "x")}, []got{closes(1002)}},
	{"a fragmented close", [][]byte{frame(0x08, "\x03\xe8")}, []got{closes(1002)}},
	{"a continuation of nothing", [][]byte{frame(0x80, "x")}, []got{closes(1002)}},
	{"a continuation of nothing that is not the last", [][]byte{frame(0x00, "x"), frame(0x81, "y")}, []got{closes(1002)}},
	{"a continuation after a whole message", [][]byte{frame(0x81, "a"), frame(0x80, "x")}, []got{echoed("a"), closes(1002)}},
	{"a text inside a message", [][]byte{frame(0x01, "a"), frame(0x81, "b")}, []got{closes(1002)}},
	{"a binary inside a text", [][]byte{frame(0x01, "a"), frame(0x02, "b"), frame(0x80, "c")}, []got{closes(1002)}},
	{"two messages in fragments, one after the other", [][]byte{frame(0x01, "a"), frame(0x80, "b"), frame(0x02, "c"), frame(0x80, "d")}, []got{echoed("ab"), raw("cd")}},

	// 5.5.2 and 5.5.3: pings and pongs.
	{"a ping without a payload", [][]byte{frame(0x89, "")}, []got{pong("")}},
	{"a ping of bytes", [][]byte{frame(0x89, "\x00\xff\xfe")}, []got{pong("\x00\xff\xfe")}},
	{"a ping of 125 bytes", [][]byte{frame(0x89, x125)}, []got{pong(x125)}},
	{"a pong that nobody asked for", [][]byte{frame(0x8a, "x"), frame(0x89, "y")}, []got{pong("y")}},
	{"ten pings", [][]byte{frame(0x89, "0"), frame(0x89, "1"), frame(0x89, "2"), frame(0x89, "3"), frame(0x89, "4"), frame(0x89, "5"), frame(0x89, "6"), frame(0x89, "7"), frame(0x89, "8"), frame(0x89, "9")},
		[]got{pong("0"), pong("1"), pong("2"), pong("3"), pong("4"), pong("5"), pong("6"), pong("7"), pong("8"), pong("9")}},

	// 5.5.1 and 7.4: closing.
	{"a close without a code", [][]byte{frame(0x88, "")}, []got{{opClose, ""}}},
	{"a close of one byte", [][]byte{frame(0x88, "x")}, []got{closes(1002)}},
	{"a close with the longest reason", [][]byte{closing(1000, x125[:123])}, []got{closes(1000)}},
	{"a close with a reason that is not UTF-8", [][]byte{closing(1000, "a\xed\xa0\x80")}, []got{closes(1007)}},
	{"a message before the close", [][]byte{frame(0x81, "last"), closing(1000, "")}, []got{echoed("last"), closes(1000)}},
	{"several messages before the close", [][]byte{frame(0x81, "a"), frame(0x82, "b"), frame(0x01, "c"), frame(0x80, "d"), closing(1001, "")}, []got{echoed("a"), raw("b"), echoed("cd"), closes(1001)}},
	{"a message after the close", [][]byte{closing(1000, ""), frame(0x81, "late")}, []got{closes(1000)}},
	{"a ping after the close", [][]byte{closing(1000, ""), frame(0x89, "late")}, []got{closes(1000)}},
	{"two closes", [][]byte{closing(1000, ""), closing(1001, "")}, []got{closes(1000)}},
	{"a violation after the close", [][]byte{closing(1000, ""), unmask(0x81, "x")}, []got{closes(1000)}},

	// 8.1: UTF-8.
	{"text of all widths", [][]byte{frame(0x81, valid)}, []got{echoed(valid)}},
	{"a code point split over fragments", [][]byte{frame(0x01, valid[:1]), frame(0x00, valid[1:4]), frame(0x80, valid[4:])}, []got{echoed(valid)}},
	{"a code point split around a ping", [][]byte{frame(0x01, "\xe2\x82"), frame(0x89, ""), frame(0x80, "\xac")}, []got{pong(""), echoed("\u20ac")}},
	{"a code point that its message cuts off", [][]byte{frame(0x81, "\xe2\x82")}, []got{closes(1007)}},
	{"a code point split over messages", [][]byte{frame(0x81, "\xe2\x82"), frame(0x81, "\xac")}, []got{closes(1007)}},
	{"the last code point", [][]byte{frame(0x81, "\U0010ffff")}, []got{echoed("\U0010ffff")}},
	{"beyond the last code point", [][]byte{frame(0x81, "\xf4\x90\x80\x80")}, []got{closes(1007)}},
	{"a surrogate", [][]byte{frame(0x81, "\xed\xa0\x80")}, []got{closes(1007)}},
	{"surrogates in pairs", [][]byte{frame(0x81, "\xed\xa0\x80\xed\xb0\x80")}, []got{closes(1007)}},
	{"an overlong slash", [][]byte{frame(0x81, "\xc0\xaf")}, []got{closes(1007)}},
	{"an overlong slash in three", [][]byte{frame(0x81, "\xe0\x80\xaf")}, []got{closes(1007)}},
	{"an overlong null", [][]byte{frame(0x81, "\xc0\x80")}, []got{closes(1007)}},
	{"five bytes", [][]byte{frame(0x81, "\xf8\x88\x80\x80\x80")}, []got{closes(1007)}},
	{"a lonely continuation byte", [][]byte{frame(0x81, "a\x80")}, []got{closes(1007)}},
	{"0xff", [][]byte{frame(0x81, "\xff")}, []got{closes(1007)}},
	{"0xfe", [][]byte{frame(0x81, "\xfe")}, []got{closes(1007)}},
	{"a noncharacter", [][]byte{frame(0x81, "\uffff")}, []got{echoed("\uffff")}},
	{"a null", [][]byte{frame(0x81, "a\x00b")}, []got{echoed("a\x00b")}},
	{"what is not UTF-8 as binary", [][]byte{frame(0x82, "\xff\xc0\x80")}, []got{raw("\xff\xc0\x80")}},
	{"text that is wrong in its middle fragment", [][]byte{frame(0x01, "good"), frame(0x00, "\xed\xa0\x80"), frame(0x80, "good")}, []got{closes(1007)}},

	// 10.4: limits, here 64 KiB and 65536 bytes above.
	{"a message that is too big by one", [][]byte{frame(0x82, strings.Repeat("x", 65537))}, []got{closes(1009)}},
	{"fragments that are too big by one", [][]byte{frame(0x02, strings.Repeat("x", 65536)), frame(0x80, "y")}, []got{closes(1009)}},
	{"a header that promises too much", [][]byte{{0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 65537)}, []got{closes(1009)}},
}

// Every rule of RFC 6455 about frames that a server can break: what a peer
// sends, and what must come back. Each row is sent in three ways: frame by frame
// with what must come back read in between, all at once, and byte by byte or nearly so.
//
// W3, W5, W12
func TestRFC6455(t *testing.T) {
	ways := []struct {
		name string
		each bool // pong is wanted: of pings that come together the last is answered
		cut  func(sent [][]byte) [][]byte
	}{
		{"frame by frame", true, func(sent [][]byte) [][]byte { return sent }},
		{"at once", false, func(sent [][]byte) [][]byte { return [][]byte{slices.Concat(sent...)} }},
		{"in bits of some bytes", true, func(sent [][]byte) [][]byte {
			all := slices.Concat(sent...)
			return slices.Collect(slices.Chunk(all, max(1, len(all)/500)))
		}},
	}
	for _, tt := range rfc6455 {
		for _, way := range ways {
			t.Run(tt.name+", "+way.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := serve(t, nil, echo)
					p := dial(t, s.Server)
					frames := make(chan got, 20)
					want := tt.want
					skip := func(byte) bool { return false }
					if !way.each {
						skip = func(op byte) bool { return op == opPong }
						want = slices.DeleteFunc(slices.Clone(want), func(g got) bool { return skip(g.op) })
					}
					go p.collect(frames, skip)
					for _, b := range way.cut(tt.sent) {
						_, _ = p.conn.Write(b) // the server may have enough
						synctest.Wait()        // so that pongs are not one for several
					}
					p.check(frames, want)
					p.conn.Close()
					s.finish()
					if got := s.reports(); len(got) > 0 {
						t.Errorf("got reports %q, want none: it is the peer's doing", got)
					}
				})
			})
		}
	}
}

// collect reads frames until there are no more.
func (p *peer) collect(frames chan<- got, skip func(op byte) bool) {
	defer close(frames)
	for {
		op, payload, err := p.next()
		if err != nil {
			return
		}
		if !skip(op) {
			frames <- got{op, payload}
		}
	}
}

// check compares what came with what is wanted. A connection that goes on is
// proved to by one more message.
func (p *peer) check(frames <-chan got, want []got) {
	p.t.Helper()
	goesOn := len(want) == 0 || want[len(want)-1].op != opClose
	if goesOn {
		p.text("and on")
		want = append(slices.Clip(want), echoed("and on"))
	}
	for i, w := range want {
		g, ok := <-frames
		switch {
		case !ok:
			p.t.Fatalf("frame %d: got the end, want %d %.40q", i, w.op, w.payload)
		case g.op == opClose && len(g.payload) > 2 && w.op == opClose:
			g.payload = g.payload[:2]
		}
		if g != w {
			p.t.Fatalf("frame %d: got %d %.40q, want %d %.40q", i, g.op, g.payload, w.op, w.payload)
		}
	}
	if !goesOn {
		if _, err := p.conn.Write(frame(0x88, "\x03\xe8")); err == nil {
			_ = p.conn.SetDeadline(time.Now().Add(time.Minute))
		}
		if g, ok := <-frames; ok {
			p.t.Errorf("after the close: got %d %.40q, want the end", g.op, g.payload)
		}
	}
}
