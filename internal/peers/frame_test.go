package peers_test

import (
	"bufio"
	"encoding/binary"
	"io"
)

// What the link counts.
const (
	opClose = 8
	opPing  = 9
	opPong  = 10
)

// A frame is what the link looks at of a websocket's frame.
type frame struct {
	op      byte
	packed  bool   // compressed: the first frame of a message says so
	payload []byte // of a control frame
}

// code returns that of a close frame, which has none, 1005, if it is empty.
func (f frame) code() int {
	if len(f.payload) < 2 {
		return 1005
	}
	return int(binary.BigEndian.Uint16(f.payload))
}

func readFrame(r *bufio.Reader) (f frame, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return f, err
	}
	f.op, f.packed = head[0]&0x0f, head[0]&0x40 != 0
	size, err := readSize(r, head[1]&0x7f)
	if err != nil {
		return f, err
	}
	var mask [4]byte
	if head[1]&0x80 != 0 {
		if _, err := io.ReadFull(r, mask[:]); err != nil {
			return f, err
		}
	}
	if f.op < opClose {
		_, err := io.CopyN(io.Discard, r, size)
		return f, err
	}
	f.payload = make([]byte, size)
	_, err = io.ReadFull(r, f.payload)
	for i := range f.payload {
		f.payload[i] ^= mask[i%4]
	}
	return f, err
}

func readSize(r io.Reader, short byte) (int64, error) {
	var long [8]byte
	switch short {
	case 126:
		_, err := io.ReadFull(r, long[6:])
		return int64(binary.BigEndian.Uint64(long[:])), err
	case 127:
		_, err := io.ReadFull(r, long[:])
		return int64(binary.BigEndian.Uint64(long[:])), err
	}
	return int64(short), nil
}
