package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"time"
)

// Every message is a JSON string, for one of the servers takes nothing else: in
// quotes its number and its time in 16 hexadecimal digits each, then letters.
const (
	minSize = 126 // from which on a frame tells its length in two bytes more
	maxSize = 8 << 10
	digits  = 16
)

// dialect is how a client talks to a server.
type dialect struct {
	hello   string // sent when connected, and answered by one frame
	publish string // the path of a connection that only publishes; "": those that listen do
	prefix  string // what is before a message in a frame
	suffix  string // what is after it; then a newline and another may follow
	noEcho  bool
}

func dialectOf(name string) dialect {
	if name == "centrifuge" {
		return dialect{
			hello:   `{"id":1,"connect":{}}`,
			publish: "/publish",
			prefix:  `{"push":{"channel":"all","pub":{"data":`,
			suffix:  `}}}`,
			noEcho:  true,
		}
	}
	return dialect{}
}

// frameOf returns a frame with a message of size bytes, and where that begins.
// Its mask is of zeros, which change nothing.
func frameOf(size int) (frame []byte, at int) {
	frame = binary.BigEndian.AppendUint16([]byte{0x82, 0x80 | 126}, uint16(size))
	frame = append(frame, 0, 0, 0, 0)
	at = len(frame)
	for range size {
		frame = append(frame, 'x')
	}
	frame[at], frame[len(frame)-1] = '"', '"'
	return frame, at
}

// stamp writes number and time into a message.
func stamp(message []byte, number uint64, at time.Duration) {
	putHex(message[1:1+digits], number)
	putHex(message[1+digits:1+2*digits], uint64(at))
}

// stamped is the reverse.
func stamped(message []byte) (number uint64, at time.Duration, err error) {
	if message[0] != '"' || message[len(message)-1] != '"' {
		return 0, 0, fmt.Errorf("got a message %.40q", message)
	}
	number, ok := hex(message[1 : 1+digits])
	sent, ok2 := hex(message[1+digits : 1+2*digits])
	if !ok || !ok2 {
		return 0, 0, fmt.Errorf("got a message %.40q", message)
	}
	return number, time.Duration(sent), nil
}

func putHex(b []byte, n uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = "0123456789abcdef"[n&15]
		n >>= 4
	}
}

func hex(b []byte) (n uint64, ok bool) {
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9':
			n = n<<4 | uint64(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

// payloadOf returns the payload of the frame at the beginning of b and how long
// the frame is, or 0 if it is not whole. None is masked.
func payloadOf(b []byte) (payload []byte, whole int) {
	if len(b) < 2 {
		return nil, 0
	}
	head, size := 2, int(b[1])
	switch {
	case size == 126 && len(b) >= 4:
		head, size = 4, int(binary.BigEndian.Uint16(b[2:]))
	case size == 127 && len(b) >= 10:
		head, size = 10, int(binary.BigEndian.Uint64(b[2:]))
	case size > 125:
		return nil, 0
	}
	if len(b) < head+size {
		return nil, 0
	}
	return b[head : head+size], head + size
}

// say sends a short text.
func say(conn net.Conn, text string) error {
	frame := append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
	_, err := conn.Write(frame)
	return err
}

// upgrade is the request for a websocket at path.
func upgrade(path, host string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
}
