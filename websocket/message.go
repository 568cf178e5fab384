package websocket

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Message is a text or binary message. It is immutable, may be sent any number
// of times and to many connections, also concurrently. It is framed once, when
// it is made, and compressed once, when it is first sent to somebody who wants
// that ([Options.Compress]). The zero Message is an empty text.
type Message struct {
	frame  []byte  // as it leaves a server, which does not mask
	key    string  // see Keyed
	packed *packed // nil: has no place to be shared
}

// Opcodes of RFC 6455, section 5.2.
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// Bits of the first two bytes of a frame.
const (
	final    = 0x80
	reserved = 0x70
	masked   = 0x80
)

var emptyText = []byte{final | opText, 0}

// Text makes a text message. What is not UTF-8 in s is replaced by U+FFFD, for
// text that is not may not be sent.
func Text(s string) Message {
	s = strings.ToValidUTF8(s, "\uFFFD")
	m := blank(opText, len(s))
	copy(m.Bytes(), s)
	return m.made()
}

// Binary makes a binary message of a copy of b.
func Binary(b []byte) Message { return message(opBinary, b).made() }

// JSON makes a text message of v. The error is that of [json.Marshal]. What is not
// UTF-8 in it, as a [json.RawMessage] may bring along, is replaced as by [Text].
func JSON(v any) (Message, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return Message{}, fmt.Errorf("websocket: %w", err)
	}
	if !utf8.Valid(b) {
		b = bytes.ToValidUTF8(b, []byte("\uFFFD"))
	}
	return message(opText, b).made(), nil
}

// Keyed returns m with a key, which may be any bytes and is not sent: it says
// what m is the newest of. Under [Conflate] m takes the place of a message of
// the same key that still waits. The frame is shared, and not copied. A message
// with the key "" has none.
func (m Message) Keyed(key string) Message {
	m.key = key
	return m
}

// IsText reports whether m is text. If not it is binary.
func (m Message) IsText() bool { return m.wire()[0]&0x0f == opText }

// Bytes returns the payload, which must not be changed. It is not copied.
func (m Message) Bytes() []byte {
	b := m.wire()
	return b[2+extra(b[1]) : len(b) : len(b)]
}

// String returns a copy of the payload.
func (m Message) String() string { return string(m.Bytes()) }

// Decode stores the JSON in m in the value that v points to. JSON that is none,
// or does not suit v, is the peer's mistake: the error is a [*CloseError] with
// [InvalidPayload] that wraps what [json.Unmarshal] returned. That v is no pointer,
// or a nil one, is not: that error is one of the application's, and reported.
func (m Message) Decode(v any) error {
	err := json.Unmarshal(m.Bytes(), v)
	if err == nil {
		return nil
	}
	if _, ours := err.(*json.InvalidUnmarshalError); ours {
		return fmt.Errorf("websocket: Message.Decode: %w", err)
	}
	return &CloseError{Code: InvalidPayload, Reason: "invalid JSON", Err: err}
}

// wire returns the whole frame.
func (m Message) wire() []byte {
	if m.frame == nil {
		return emptyText
	}
	return m.frame
}

func message(op byte, payload []byte) Message {
	m := blank(op, len(payload))
	copy(m.Bytes(), payload)
	return m
}

// blank returns a message of size bytes that are still to be filled in.
func blank(op byte, size int) Message {
	var header [10]byte
	h := append(header[:0], final|op)
	switch {
	case size < 126:
		h = append(h, byte(size))
	case size < 1<<16:
		h = binary.BigEndian.AppendUint16(append(h, 126), uint16(size))
	default:
		h = binary.BigEndian.AppendUint64(append(h, 127), uint64(size))
	}
	frame := make([]byte, len(h)+size)
	copy(frame, h)
	return Message{frame: frame}
}

// closeFrame returns the frame that closes with code, which may be sent, and
// reason as it may. The code NoStatus makes an empty one, which is the answer to
// one.
func closeFrame(code Code, reason string) []byte {
	if code == NoStatus {
		return []byte{final | opClose, 0}
	}
	reason = sendable(reason)
	frame := []byte{final | opClose, byte(2 + len(reason))}
	frame = binary.BigEndian.AppendUint16(frame, uint16(code))
	return append(frame, reason...)
}
