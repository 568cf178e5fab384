package websocket_test

import (
	"strings"

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

// largest is the size of the largest message in the table.
const largest = 256 << 10

var (
	xLimit = strings.Repeat("x", largest)
	x125   = strings.Repeat("x", 125)
	x126   = strings.Repeat("x", 126)
	valid  = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5 \u20ac \U0001F375"
	wrong  = valid + "\xed\xa0\x80edited"
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

// begins is the beginning of a text of a hundred bytes, under a mask of zeros.
func begins(payload string) []byte {
	return append([]byte{0x81, 0x80 | 100, 0, 0, 0, 0}, payload...)
}

type frameRow struct {
	cases string // of Autobahn's test suite, which the row has: see TestCasesOfAutobahn
	name  string
	sent  [][]byte
	want  []got // then the server closes, if the last is a close, or goes on
}

var rfc6455 = []frameRow{
	// 5.2: framing.
	{"1.1.1 6.1.1", "an empty text", [][]byte{frame(0x81, "")}, []got{echoed("")}},
	{"1.2.1", "an empty binary", [][]byte{frame(0x82, "")}, []got{raw("")}},
	{"", "a mask of zeros", [][]byte{append([]byte{0x81, 0x81, 0, 0, 0, 0}, 'x')}, []got{echoed("x")}},
	{"", "a frame without a mask", [][]byte{unmask(0x81, "x")}, []got{closes(1002)}},
	{"", "an empty frame without a mask", [][]byte{unmask(0x81, "")}, []got{closes(1002)}},
	{"", "a ping without a mask", [][]byte{unmask(0x89, "x")}, []got{closes(1002)}},
	{"", "a close without a mask", [][]byte{unmask(0x88, "\x03\xe8")}, []got{closes(1002)}},
	{"", "a continuation without a mask", [][]byte{frame(0x01, "a"), unmask(0x80, "b")}, []got{closes(1002)}},

	// 5.2: lengths.
	{"", "0 in 16 bits", [][]byte{extended(0x81, 16, 0, "")}, []got{closes(1002)}},
	{"", "125 in 16 bits", [][]byte{extended(0x81, 16, 125, x125)}, []got{closes(1002)}},
	{"", "126 in 16 bits", [][]byte{extended(0x81, 16, 126, x126)}, []got{echoed(x126)}},
	{"", "126 in 64 bits", [][]byte{extended(0x81, 64, 126, x126)}, []got{closes(1002)}},
	{"", "65535 in 64 bits", [][]byte{extended(0x81, 64, 65535, "")}, []got{closes(1002)}},
	{"", "65536 in 64 bits", [][]byte{extended(0x82, 64, 65536, strings.Repeat("x", 65536))}, []got{raw(strings.Repeat("x", 65536))}},
	{"", "a long length after a good frame", [][]byte{frame(0x81, "good"), extended(0x81, 16, 1, "x")}, []got{echoed("good"), closes(1002)}},
	{"", "a long length of a fragment", [][]byte{frame(0x01, "a"), extended(0x80, 16, 1, "x")}, []got{closes(1002)}},
	{"", "a long length of a ping", [][]byte{extended(0x89, 16, 1, "x")}, []got{closes(1002)}},
	{"2.5", "a ping of 126 bytes", [][]byte{frame(0x89, x126)}, []got{closes(1002)}},
	{"", "a pong of 126 bytes", [][]byte{frame(0x8a, x126)}, []got{closes(1002)}},
	{"7.3.6", "a close of 126 bytes", [][]byte{frame(0x88, "\x03\xe8"+x125[:124])}, []got{closes(1002)}},
	{"", "the highest bit of a length", [][]byte{{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}, []got{closes(1002)}},

	// 5.2: reserved bits and opcodes.
	{"", "RSV1", [][]byte{frame(0xc1, "x")}, []got{closes(1002)}},
	{"", "RSV2", [][]byte{frame(0xa1, "x")}, []got{closes(1002)}},
	{"3.1", "RSV3", [][]byte{frame(0x91, "x")}, []got{closes(1002)}},
	{"3.3", "RSV2 and RSV3 after good frames", [][]byte{frame(0x81, "a"), frame(0xb1, "b"), frame(0x89, "")}, []got{echoed("a"), closes(1002)}},
	{"3.4", "RSV1 after good frames", [][]byte{frame(0x81, "a"), frame(0xc1, "b"), frame(0x89, "")}, []got{echoed("a"), closes(1002)}},
	{"3.5", "RSV1 and RSV3 of a binary", [][]byte{frame(0xd2, "x")}, []got{closes(1002)}},
	{"", "RSV1 and RSV2 of a binary", [][]byte{frame(0xe2, "x")}, []got{closes(1002)}},
	{"3.6", "RSV1 and RSV2 of a ping", [][]byte{frame(0xe9, "x")}, []got{closes(1002)}},
	{"3.7", "all of RSV of a close", [][]byte{frame(0xf8, "\x03\xe8")}, []got{closes(1002)}},
	{"", "RSV3 of a ping", [][]byte{frame(0x99, "x")}, []got{closes(1002)}},
	{"", "RSV1 of a close", [][]byte{frame(0xc8, "\x03\xe8")}, []got{closes(1002)}},
	{"", "RSV2 of a continuation", [][]byte{frame(0x01, "a"), frame(0xa0, "b")}, []got{closes(1002)}},
	{"3.2", "RSV after good frames", [][]byte{frame(0x81, "a"), frame(0xa1, "b"), frame(0x89, "")}, []got{echoed("a"), closes(1002)}},
	{"4.1.1", "opcode 3", [][]byte{frame(0x83, "")}, []got{closes(1002)}},
	{"4.1.2", "opcode 4", [][]byte{frame(0x84, "x")}, []got{closes(1002)}},
	{"4.1.3", "opcode 5", [][]byte{frame(0x81, "a"), frame(0x85, ""), frame(0x89, "")}, []got{echoed("a"), closes(1002)}},
	{"4.1.4", "opcode 6", [][]byte{frame(0x81, "a"), frame(0x86, "x"), frame(0x89, "")}, []got{echoed("a"), closes(1002)}},
	{"4.1.5", "opcode 7", [][]byte{frame(0x81, "a"), frame(0x87, "x"), frame(0x89, "")}, []got{echoed("a"), closes(1002)}},
	{"4.2.1", "opcode 11", [][]byte{frame(0x8b, "")}, []got{closes(1002)}},
	{"4.2.2", "opcode 12", [][]byte{frame(0x8c, "x")}, []got{closes(1002)}},
	{"4.2.3", "opcode 13", [][]byte{frame(0x81, "a"), frame(0x8d, ""), frame(0x89, "")}, []got{echoed("a"), closes(1002)}},
	{"4.2.4", "opcode 14", [][]byte{frame(0x81, "a"), frame(0x8e, "x"), frame(0x89, "")}, []got{echoed("a"), closes(1002)}},
	{"4.2.5", "opcode 15", [][]byte{frame(0x81, "a"), frame(0x8f, "x"), frame(0x89, "")}, []got{echoed("a"), closes(1002)}},
	{"", "an unknown opcode inside a message", [][]byte{frame(0x01, "a"), frame(0x83, "x")}, []got{closes(1002)}},

	// 5.4: fragmentation.
	{"5.3 5.4 5.5", "a message in two", [][]byte{frame(0x01, "a"), frame(0x80, "b")}, []got{echoed("ab")}},
	{"", "a binary in two", [][]byte{frame(0x02, "\xff"), frame(0x80, "\x00")}, []got{raw("\xff\x00")}},
	{"6.2.3 6.2.4", "a message in many", [][]byte{every(opText, valid)}, []got{echoed(valid)}},
	{"6.1.2", "empty fragments", [][]byte{frame(0x01, ""), frame(0x00, ""), frame(0x80, "")}, []got{echoed("")}},
	{"6.1.3", "empty fragments around some", [][]byte{frame(0x01, ""), frame(0x00, "x"), frame(0x80, "")}, []got{echoed("x")}},
	{"5.6 5.7 5.8", "a ping inside a message", [][]byte{frame(0x01, "a"), frame(0x89, "p"), frame(0x80, "b")}, []got{pong("p"), echoed("ab")}},
	{"", "pings inside and after a message", [][]byte{frame(0x01, "a"), frame(0x89, "1"), frame(0x00, "b"), frame(0x89, "2"), frame(0x80, "c"), frame(0x89, "3")}, []got{pong("1"), pong("2"), echoed("abc"), pong("3")}},
	{"5.19 5.20", "pings inside a message of five", [][]byte{frame(0x01, "1"), frame(0x00, "2"), frame(0x89, "p"), frame(0x00, "3"), frame(0x00, "4"), frame(0x89, "q"), frame(0x80, "5")}, []got{pong("p"), pong("q"), echoed("12345")}},
	{"", "a pong inside a message", [][]byte{frame(0x01, "a"), frame(0x8a, ""), frame(0x80, "b")}, []got{echoed("ab")}},
	{"7.1.5", "a close inside a message", [][]byte{frame(0x01, "a"), closing(1000, ""), frame(0x80, "b")}, []got{closes(1000)}},
	{"5.1", "a fragmented ping", [][]byte{frame(0x09, "x"), frame(0x80, "y")}, []got{closes(1002)}},
	{"5.2", "a fragmented pong", [][]byte{frame(0x0a, "x"), frame(0x80, "y")}, []got{closes(1002)}},
	{"", "a fragmented close", [][]byte{frame(0x08, "\x03\xe8")}, []got{closes(1002)}},
	{"5.9 5.10 5.11", "a continuation of nothing", [][]byte{frame(0x80, "x"), frame(0x81, "y")}, []got{closes(1002)}},
	{"5.12 5.13 5.14", "a continuation of nothing that is not the last", [][]byte{frame(0x00, "x"), frame(0x81, "y")}, []got{closes(1002)}},
	{"", "a continuation after a whole message", [][]byte{frame(0x81, "a"), frame(0x80, "x")}, []got{echoed("a"), closes(1002)}},
	{"5.15", "a continuation that is not the last after a whole message", [][]byte{frame(0x01, "a"), frame(0x80, "b"), frame(0x00, "x"), frame(0x81, "y")}, []got{echoed("ab"), closes(1002)}},
	{"5.16", "continuations of nothing that are not the last, between messages", [][]byte{frame(0x00, "x"), frame(0x01, "a"), frame(0x80, "b"), frame(0x00, "x"), frame(0x01, "a"), frame(0x80, "b")}, []got{closes(1002)}},
	{"5.17", "continuations of nothing between messages", [][]byte{frame(0x80, "x"), frame(0x01, "a"), frame(0x80, "b"), frame(0x80, "x"), frame(0x01, "a"), frame(0x80, "b")}, []got{closes(1002)}},
	{"5.18", "a text inside a message", [][]byte{frame(0x01, "a"), frame(0x81, "b")}, []got{closes(1002)}},
	{"", "a binary inside a text", [][]byte{frame(0x01, "a"), frame(0x02, "b"), frame(0x80, "c")}, []got{closes(1002)}},
	{"", "two messages in fragments, one after the other", [][]byte{frame(0x01, "a"), frame(0x80, "b"), frame(0x02, "c"), frame(0x80, "d")}, []got{echoed("ab"), raw("cd")}},

	// 5.5.2 and 5.5.3: pings and pongs.
	{"2.1", "a ping without a payload", [][]byte{frame(0x89, "")}, []got{pong("")}},
	{"2.2", "a ping of text", [][]byte{frame(0x89, "hello")}, []got{pong("hello")}},
	{"2.3", "a ping of bytes", [][]byte{frame(0x89, "\x00\xff\xfe")}, []got{pong("\x00\xff\xfe")}},
	{"2.4 2.6", "a ping of 125 bytes", [][]byte{frame(0x89, x125)}, []got{pong(x125)}},
	{"2.7", "a pong without a payload that nobody asked for", [][]byte{frame(0x8a, "")}, nil},
	{"2.8", "a pong with a payload that nobody asked for", [][]byte{frame(0x8a, "x")}, nil},
	{"2.9", "a pong that nobody asked for, and a ping", [][]byte{frame(0x8a, "x"), frame(0x89, "y")}, []got{pong("y")}},
	{"2.10 2.11", "ten pings", [][]byte{frame(0x89, "0"), frame(0x89, "1"), frame(0x89, "2"), frame(0x89, "3"), frame(0x89, "4"), frame(0x89, "5"), frame(0x89, "6"), frame(0x89, "7"), frame(0x89, "8"), frame(0x89, "9")},
		[]got{pong("0"), pong("1"), pong("2"), pong("3"), pong("4"), pong("5"), pong("6"), pong("7"), pong("8"), pong("9")}},

	// 5.5.1 and 7.4: closing.
	{"7.3.1", "a close without a code", [][]byte{frame(0x88, "")}, []got{{opClose, ""}}},
	{"7.3.2", "a close of one byte", [][]byte{frame(0x88, "x")}, []got{closes(1002)}},
	{"7.3.3", "a close with a code alone", [][]byte{closing(1000, "")}, []got{closes(1000)}},
	{"7.3.4", "a close with a reason", [][]byte{closing(1000, "why")}, []got{closes(1000)}},
	{"7.3.5", "a close with the longest reason", [][]byte{closing(1000, x125[:123])}, []got{closes(1000)}},
	{"7.5.1", "a close with a reason that is not UTF-8", [][]byte{closing(1000, "a\xed\xa0\x80b")}, []got{closes(1007)}},
	{"7.1.1", "a message before the close", [][]byte{frame(0x81, "last"), closing(1000, "")}, []got{echoed("last"), closes(1000)}},
	{"", "several messages before the close", [][]byte{frame(0x81, "a"), frame(0x82, "b"), frame(0x01, "c"), frame(0x80, "d"), closing(1001, "")}, []got{echoed("a"), raw("b"), echoed("cd"), closes(1001)}},
	{"7.1.4", "a message after the close", [][]byte{closing(1000, ""), frame(0x81, "late")}, []got{closes(1000)}},
	{"7.1.3", "a ping after the close", [][]byte{closing(1000, ""), frame(0x89, "late")}, []got{closes(1000)}},
	{"7.1.2", "two closes", [][]byte{closing(1000, ""), closing(1001, "")}, []got{closes(1000)}},
	{"7.1.6", "a long message, a short one, a close and a ping", [][]byte{frame(0x81, xLimit), frame(0x81, "hello"), closing(1000, ""), frame(0x89, "")}, []got{echoed(xLimit), echoed("hello"), closes(1000)}},
	{"", "a violation after the close", [][]byte{closing(1000, ""), unmask(0x81, "x")}, []got{closes(1000)}},

	// 8.1: UTF-8.
	{"6.2.1", "text of all widths", [][]byte{frame(0x81, valid)}, []got{echoed(valid)}},
	{"6.2.2", "text in fragments that end with code points", [][]byte{frame(0x01, valid[:5]), frame(0x80, valid[5:])}, []got{echoed(valid)}},
	{"", "a code point split over fragments", [][]byte{frame(0x01, valid[:1]), frame(0x00, valid[1:4]), frame(0x80, valid[4:])}, []got{echoed(valid)}},
	{"", "a code point split around a ping", [][]byte{frame(0x01, "\xe2\x82"), frame(0x89, ""), frame(0x80, "\xac")}, []got{pong(""), echoed("\u20ac")}},
	{"", "a code point that its message cuts off", [][]byte{frame(0x81, "\xe2\x82")}, []got{closes(1007)}},
	{"", "a code point split over messages", [][]byte{frame(0x81, "\xe2\x82"), frame(0x81, "\xac")}, []got{closes(1007)}},
	{"", "the last code point", [][]byte{frame(0x81, "\U0010ffff")}, []got{echoed("\U0010ffff")}},
	{"", "beyond the last code point", [][]byte{frame(0x81, "\xf4\x90\x80\x80")}, []got{closes(1007)}},
	{"", "a surrogate", [][]byte{frame(0x81, "\xed\xa0\x80")}, []got{closes(1007)}},
	{"", "surrogates in pairs", [][]byte{frame(0x81, "\xed\xa0\x80\xed\xb0\x80")}, []got{closes(1007)}},
	{"", "an overlong slash", [][]byte{frame(0x81, "\xc0\xaf")}, []got{closes(1007)}},
	{"", "an overlong slash in three", [][]byte{frame(0x81, "\xe0\x80\xaf")}, []got{closes(1007)}},
	{"", "an overlong null", [][]byte{frame(0x81, "\xc0\x80")}, []got{closes(1007)}},
	{"", "five bytes", [][]byte{frame(0x81, "\xf8\x88\x80\x80\x80")}, []got{closes(1007)}},
	{"", "a lonely continuation byte", [][]byte{frame(0x81, "a\x80")}, []got{closes(1007)}},
	{"", "0xff", [][]byte{frame(0x81, "\xff")}, []got{closes(1007)}},
	{"", "0xfe", [][]byte{frame(0x81, "\xfe")}, []got{closes(1007)}},
	{"", "a noncharacter", [][]byte{frame(0x81, "\uffff")}, []got{echoed("\uffff")}},
	{"", "a null", [][]byte{frame(0x81, "a\x00b")}, []got{echoed("a\x00b")}},
	{"", "what is not UTF-8 as binary", [][]byte{frame(0x82, "\xff\xc0\x80")}, []got{raw("\xff\xc0\x80")}},
	{"6.3.1", "text with something wrong inside", [][]byte{frame(0x81, wrong)}, []got{closes(1007)}},
	{"6.3.2", "text with something wrong inside, in many fragments", [][]byte{every(opText, wrong)}, []got{closes(1007)}},
	{"", "text that is wrong in its middle fragment", [][]byte{frame(0x01, "good"), frame(0x00, "\xed\xa0\x80"), frame(0x80, "good")}, []got{closes(1007)}},

	// 8.1: what cannot become UTF-8 any more ends the connection at once, before
	// its frame, or its message, is complete.
	{"6.4.1", "beyond the last code point in the second fragment", [][]byte{frame(0x01, valid), frame(0x00, "\xf4\x90\x80\x80")}, []got{closes(1007)}},
	{"6.4.2", "beyond the last code point in two fragments", [][]byte{frame(0x01, valid+"\xf4"), frame(0x00, "\x90")}, []got{closes(1007)}},
	{"6.4.3", "beyond the last code point in the middle of a frame", [][]byte{begins(valid), []byte("\xf4\x90\x80\x80")}, []got{closes(1007)}},
	{"6.4.4", "beyond the last code point in two bits of a frame", [][]byte{begins(valid + "\xf4"), []byte("\x90")}, []got{closes(1007)}},
	{"", "a surrogate in two bits of a frame", [][]byte{begins("\xed"), []byte("\xa0")}, []got{closes(1007)}},
	{"", "an overlong null in two bits of a frame", [][]byte{begins("a\xe0"), []byte("\x80")}, []got{closes(1007)}},
	{"", "0xff in the middle of a frame", [][]byte{begins("a"), []byte("\xff")}, []got{closes(1007)}},

	// 10.4: limits.
	{"", "a message that is too big by one", [][]byte{frame(0x82, xLimit+"y")}, []got{closes(1009)}},
	{"", "fragments that are too big by one", [][]byte{frame(0x02, xLimit), frame(0x80, "y")}, []got{closes(1009)}},
	{"", "a header that promises too much", [][]byte{{0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, make([]byte, largest+1)}, []got{closes(1009)}},
}
