package websocket_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/creche-go/creche/websocket"
)

// RFC 6455, section 7.4: which codes a peer may close with.
//
// W4, W12
func TestCloseCodesOfThePeer(t *testing.T) {
	may := func(code int) bool {
		switch {
		case code == 1004, code == 1005, code == 1006:
			return false
		case 1000 <= code && code <= 1014, 3000 <= code && code <= 4999:
			return true
		}
		return false
	}
	codes := []int{0, 1, 999, 1016, 1100, 1999, 2000, 2999, 3000, 3999, 4000, 4999, 5000, 65535}
	for code := 1000; code <= 1015; code++ {
		codes = append(codes, code)
	}
	for _, code := range codes {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, nil, echo)
				p := dial(t, s.Server)
				p.close(websocket.Code(code), "why")
				want, reason := websocket.Code(code), "why"
				if !may(code) {
					want, reason = websocket.ProtocolError, "protocol error"
				}
				if got, text := p.end(); got != want || text != reason {
					t.Errorf("got %v %q, want %v %q", got, text, want, reason)
				}
			})
		})
	}
}

// W5, W12
func TestLargeMessages(t *testing.T) {
	const mib = 1 << 20
	tests := []struct {
		size, fragment int
	}{
		{64 << 10, 64}, {mib, 1 << 10}, {4 * mib, 64 << 10}, {8 * mib, 8 * mib}, {16 * mib, 16 * mib}, {16 * mib, 4 * mib},
	}
	ts := newTCPServer(t, &websocket.Options{ReadLimit: 16 * mib}, echo)
	for _, op := range []byte{opText, opBinary} {
		p := join(t, dialTCP(t, ts))
		for _, tt := range tests {
			if testing.Short() && tt.size > mib {
				continue
			}
			text := strings.Repeat("0123456789abcde\n", tt.size/16)
			go func() {
				for at, first := 0, op; at < len(text); first = opContinuation {
					next := min(at+tt.fragment, len(text))
					if next == len(text) {
						first |= 0x80
					}
					if _, err := p.conn.Write(frame(first, text[at:next])); err != nil {
						t.Error(err)
						return
					}
					at = next
				}
			}()
			p.want(op, text)
		}
		p.text(strings.Repeat("x", 16*mib+1))
		p.wantEnd(websocket.MessageTooBig)
	}
}

// W12
func TestAThousandMessagesOneAfterTheOther(t *testing.T) {
	ts := newTCPServer(t, nil, echo)
	p := join(t, dialTCP(t, ts))
	for _, size := range []int{0, 16, 64, 256, 1024, 4096} {
		text := strings.Repeat("x", size)
		go func() {
			for range 1000 {
				if _, err := p.conn.Write(frame(0x80|opText, text)); err != nil {
					t.Error(err)
					return
				}
			}
		}()
		for range 1000 {
			p.want(opText, text)
		}
	}
	p.close(1000, "")
	p.wantEnd(1000)
}
