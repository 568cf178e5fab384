package websocket_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/creche-go/creche/websocket"
)

// RFC 6455, section 7.4: which codes a peer may close with.
var closeCodes = []struct {
	cases string // of Autobahn's test suite
	code  int
	may   bool
}{
	{"7.7.1", 1000, true}, {"7.7.2", 1001, true}, {"7.7.3", 1002, true}, {"7.7.4", 1003, true}, {"7.7.5", 1007, true},
	{"7.7.6", 1008, true}, {"7.7.7", 1009, true}, {"7.7.8", 1010, true}, {"7.7.9", 1011, true},
	{"", 1012, true}, {"", 1013, true}, {"", 1014, true}, // registered with IANA since
	{"7.7.10", 3000, true}, {"7.7.11", 3999, true}, {"7.7.12", 4000, true}, {"7.7.13", 4999, true},
	{"7.9.1", 0, false}, {"", 1, false}, {"7.9.2", 999, false}, {"7.9.3", 1004, false}, {"7.9.4", 1005, false},
	{"7.9.5", 1006, false}, {"", 1015, false}, {"7.9.6", 1016, false}, {"7.9.7", 1100, false}, {"", 1999, false},
	{"7.9.8", 2000, false}, {"7.9.9", 2999, false}, {"7.13.1", 5000, false}, {"7.13.2", 65535, false},
}

// W4, W12
func TestCloseCodesOfThePeer(t *testing.T) {
	for _, tt := range closeCodes {
		t.Run(fmt.Sprint(tt.code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, nil, echo)
				p := dial(t, s.Server)
				p.close(websocket.Code(tt.code), "why")
				want, reason := websocket.Code(tt.code), "why"
				if !tt.may {
					want, reason = websocket.ProtocolError, "protocol error"
				}
				if got, text := p.end(); got != want || text != reason {
					t.Errorf("got %v %q, want %v %q", got, text, want, reason)
				}
			})
		})
	}
}

const mib = 1 << 20

// A largeMessage is sent in fragments, or in chops of one frame.
type largeMessage struct {
	cases                string
	op                   byte
	size, fragment, chop int // the whole, if 0
}

func largeMessages() (all []largeMessage) {
	for binary, op := range []byte{opText, opBinary} {
		add := func(below, i, size, fragment, chop int) {
			all = append(all, largeMessage{fmt.Sprintf("9.%d.%d", below+binary, i+1), op, size, fragment, chop})
		}
		for i, size := range []int{64 << 10, 256 << 10, mib, 4 * mib, 8 * mib, 16 * mib} {
			add(1, i, size, 0, 0)
		}
		for i := range 9 {
			add(3, i, 4*mib, 64<<(2*i), 0)
		}
		for i := range 6 {
			add(5, i, mib, 0, 64<<i)
		}
	}
	return all
}

// W5, W12
func TestLargeMessages(t *testing.T) {
	ts := newTCPServer(t, &websocket.Options{ReadLimit: 16 * mib}, echo)
	p := join(t, dialTCP(t, ts))
	text := strings.Repeat("0123456789abcde\n", mib)
	for _, tt := range largeMessages() {
		if testing.Short() && tt.size > mib {
			continue
		}
		t.Run(fmt.Sprintf("%s: %d bytes in %d and %d", tt.cases, tt.size, tt.fragment, tt.chop), func(t *testing.T) {
			sent := make(chan error, 1)
			go func() { sent <- tt.send(p.conn, text[:tt.size]) }()
			p.want(tt.op, text[:tt.size])
			if err := <-sent; err != nil {
				t.Error(err)
			}
		})
	}
	p.text(strings.Repeat("x", 16*mib+1))
	p.wantEnd(websocket.MessageTooBig)
}

func (m *largeMessage) send(conn net.Conn, text string) error {
	fragment := m.fragment
	if fragment == 0 {
		fragment = m.size
	}
	for at, first := 0, m.op; at < len(text); first = opContinuation {
		next := min(at+fragment, len(text))
		if next == len(text) {
			first |= 0x80
		}
		b := frame(first, text[at:next])
		at = next
		for len(b) > 0 {
			n := len(b)
			if m.chop > 0 {
				n = min(n, m.chop)
			}
			if _, err := conn.Write(b[:n]); err != nil {
				return err
			}
			b = b[n:]
		}
	}
	return nil
}

// A roundTrip is a thousand messages, one after the other.
type roundTrip struct {
	cases string
	op    byte
	size  int
}

func roundTrips() (all []roundTrip) {
	for binary, op := range []byte{opText, opBinary} {
		for i, size := range []int{0, 16, 64, 256, 1024, 4096} {
			all = append(all, roundTrip{fmt.Sprintf("9.%d.%d", 7+binary, i+1), op, size})
		}
	}
	return all
}

// W12
func TestAThousandMessagesOneAfterTheOther(t *testing.T) {
	ts := newTCPServer(t, nil, echo)
	p := join(t, dialTCP(t, ts))
	for _, tt := range roundTrips() {
		text := strings.Repeat("x", tt.size)
		for range 1000 {
			p.send(tt.op, text)
			p.want(tt.op, text)
		}
	}
	p.close(1000, "")
	p.wantEnd(1000)
}
