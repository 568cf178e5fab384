package websockettest

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/creche-go/creche/websocket"
)

const (
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10

	final  = 0x80
	masked = 0x80
)

// frame returns a frame as a client sends it.
func frame(op byte, payload []byte) []byte {
	b := []byte{final | op}
	switch n := len(payload); {
	case n < 126:
		b = append(b, masked|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, masked|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, masked|127), uint64(n))
	}
	var mask [4]byte
	_, _ = rand.Read(mask[:]) // it never fails
	b = append(b, mask[:]...)
	for i, x := range payload {
		b = append(b, x^mask[i%4])
	}
	return b
}

func closePayload(code websocket.Code, reason string) []byte {
	if code == websocket.NoStatus {
		return nil
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
}

// largest is what a frame may have at most, so that a server which sends
// nonsense cannot take all memory.
const largest = 1 << 30

// readFrame reads a frame of the server, which sends whole messages in frames
// without a mask. Op has the bit that marks a compressed one.
func readFrame(br *bufio.Reader) (op byte, payload []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(br, head[:2]); err != nil {
		return 0, nil, err
	}
	if head[0]&(0xf0&^compressed) != final || head[1]&masked != 0 {
		return 0, nil, &ProtocolError{fmt.Sprintf("a frame that begins with %#x", head[:2])}
	}
	op = head[0] &^ final
	size, more := uint64(head[1]), 0
	switch size {
	case 126:
		more = 2
	case 127:
		more = 8
	}
	if more > 0 {
		if _, err := io.ReadFull(br, head[8-more:]); err != nil {
			return 0, nil, err
		}
		clear(head[:8-more])
		size = binary.BigEndian.Uint64(head[:])
	}
	if size > largest || op&opClose != 0 && size > 125 {
		return 0, nil, &ProtocolError{fmt.Sprintf("a frame of opcode %d and %d bytes", op, size)}
	}
	payload = make([]byte, size)
	_, err = io.ReadFull(br, payload)
	return op, payload, err
}
