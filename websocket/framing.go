package websocket

import (
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf8"
)

// header is the beginning of a frame (RFC 6455, section 5.2).
type header struct {
	final  bool
	packed bool // this begins a compressed message
	op     byte
	size   int64 // of the payload
	mask   [4]byte
}

// errViolation is what frames give that break the protocol. Nothing of what
// follows one can be understood.
var errViolation = errors.New("websocket: the peer breaks the protocol")

// maxControl is the largest payload of a control frame.
const maxControl = 125

// header reads the beginning of the next frame, and refuses it as early as it
// can be seen to be wrong.
func (w *wire) header() (h header, err error) {
	b, err := w.peek(2)
	if err != nil {
		return h, err
	}
	h.final, h.packed, h.op = b[0]&final != 0, b[0]&reserved == compressed, b[0]&0x0f
	short := b[1] &^ masked
	switch control := h.op >= opClose; {
	case b[1]&masked == 0, h.op > opPong, h.op > opBinary && !control:
		return h, errViolation
	case b[0]&reserved != 0 && !(h.packed && h.mayBePacked(w.conn.opts.compress)):
		return h, errViolation
	case control && (!h.final || short > maxControl):
		return h, errViolation
	}
	more := extra(short)
	if b, err = w.peek(2 + more); err != nil {
		return h, err
	}
	if h.size = int64(length(b)); h.size < 0 || more > 0 && h.size < leastIn(more) {
		return h, errViolation
	}
	if b, err = w.peek(2 + more + len(h.mask)); err != nil {
		return h, err
	}
	copy(h.mask[:], b[2+more:])
	w.skip(len(b))
	return h, nil
}

// mayBePacked reports whether compression was agreed on and a message begins.
func (h header) mayBePacked(compress int) bool {
	return compress > 0 && (h.op == opText || h.op == opBinary)
}

// extra returns in how many bytes more a length is that begins with short.
func extra(short byte) int {
	switch short {
	case 126:
		return 2
	case 127:
		return 8
	}
	return 0
}

// length returns the length in the beginning of a frame.
func length(b []byte) uint64 {
	switch len(b) {
	case 2:
		return uint64(b[1] &^ masked)
	case 4:
		return uint64(binary.BigEndian.Uint16(b[2:]))
	}
	return binary.BigEndian.Uint64(b[2:])
}

// leastIn returns the least length that needs so many bytes more, for no length
// may have more than it needs.
func leastIn(more int) int64 {
	if more == 2 {
		return 126
	}
	return 1 << 16
}

// some reads of the payload of the frame that h begins what has come, appends it
// to b and leaves in h what has not. Memory is taken for what has come, not for
// what the length promises.
func (w *wire) some(b []byte, h *header) ([]byte, error) {
	if len(b) == cap(b) {
		b = append(b, 0)[:len(b)]
	}
	from := len(b)
	n, err := w.Read(b[from:min(int64(cap(b)), int64(from)+h.size)])
	b = b[:from+n]
	unmask(b[from:], h.mask)
	h.size -= int64(n)
	h.mask = turned(h.mask, n)
	return b, err
}

// unmask undoes the mask of what begins with its first byte (RFC 6455, section
// 5.3).
func unmask(b []byte, mask [4]byte) {
	four := binary.LittleEndian.Uint32(mask[:])
	eight := uint64(four)<<32 | uint64(four)
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^eight)
	}
	for i := range b {
		b[i] ^= mask[i%4]
	}
}

// turned returns the mask of what follows n bytes.
func turned(mask [4]byte, n int) (m [4]byte) {
	for i := range m {
		m[i] = mask[(i+n)%4]
	}
	return m
}

// discard reads the payload of the frame that h begins, and forgets it.
func (w *wire) discard(h header) error {
	_, err := io.CopyN(io.Discard, w, h.size)
	return err
}

// control reads the payload of a control frame. It is valid until the next
// call.
func (w *wire) control(h header) ([]byte, error) {
	b, err := w.peek(int(h.size))
	if err != nil {
		return nil, err
	}
	unmask(b, h.mask)
	w.skip(len(b))
	return b, nil
}

// closeOf returns what a close frame says, or what is wrong with it.
func closeOf(payload []byte) (*CloseError, error) {
	switch {
	case len(payload) == 0:
		return &CloseError{Code: NoStatus}, nil
	case len(payload) == 1:
		return nil, errViolation
	}
	code, reason := Code(binary.BigEndian.Uint16(payload)), payload[2:]
	switch {
	case code.sendable() != code:
		return nil, errViolation
	case !utf8.Valid(reason):
		return nil, ErrNotText
	}
	return &CloseError{Code: code, Reason: string(reason)}, nil
}

// textUpTo returns how much of b is UTF-8, of which the first from bytes are
// known to be. It is all but the beginning of a code point that may be completed
// by what follows; ok is false if nothing can mend b.
func textUpTo(b []byte, from int) (upTo int, ok bool) {
	upTo = len(b)
	for i := len(b) - 1; i >= from && i > len(b)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				upTo = i
			}
			break
		}
	}
	return upTo, utf8.Valid(b[from:upTo])
}
