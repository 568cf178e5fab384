package websocket

import "encoding/binary"

// framing follows the peer's frames by their headers, to refuse a length that
// is written in more bytes than it needs (RFC 6455, section 5.2), which coder's
// parser lets pass.
type framing struct {
	head [10]byte // of the frame whose header is coming
	have int      // how much of it has come
	skip uint64   // bytes of mask and payload still to come
}

// follow returns how much of b comes before the end of a header that is wrong,
// or len(b), true if there is none.
func (f *framing) follow(b []byte) (n int, ok bool) {
	for n < len(b) {
		if f.skip > 0 {
			step := min(f.skip, uint64(len(b)-n))
			f.skip -= step
			n += int(step)
			continue
		}
		f.head[f.have] = b[n]
		f.have++
		n++
		if f.have < headerSize(f.head) || f.have < 2 {
			continue
		}
		if !f.enter() {
			return n - 1, false
		}
	}
	return n, true
}

// headerSize returns the size of a frame's header without the mask.
func headerSize(head [10]byte) int {
	switch head[1] & 0x7f {
	case 126:
		return 4
	case 127:
		return 10
	}
	return 2
}

// enter begins the payload of the frame whose header is complete, and reports
// whether its length is in as few bytes as it can be.
func (f *framing) enter() bool {
	size, least := uint64(f.head[1]&0x7f), uint64(0)
	switch size {
	case 126:
		size, least = uint64(binary.BigEndian.Uint16(f.head[2:])), 126
	case 127:
		size, least = binary.BigEndian.Uint64(f.head[2:]), 1<<16
	}
	if size < least {
		return false
	}
	f.have, f.skip = 0, size
	if f.head[1]&0x80 != 0 && size < 1<<63 { // longer ones are refused by coder
		f.skip += 4
	}
	f.head[1] = 0
	return true
}
