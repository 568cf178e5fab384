package websocket_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/creche-go/creche/nursery/nurserytest"
	"github.com/creche-go/creche/websocket"
)

const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// A peer is a client that writes and reads frames, good ones and bad ones.
type peer struct {
	t    testing.TB
	conn net.Conn
	br   *bufio.Reader
}

const handshake = "GET /ws HTTP/1.1\r\nHost: creche.test\r\n" +
	"Connection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"

// dial connects to s and upgrades, with further headers, each a whole line.
func dial(t testing.TB, s *nurserytest.Server, headers ...string) *peer {
	t.Helper()
	conn, err := s.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return join(t, conn, headers...)
}

// join upgrades on conn, which is closed by t's clean-up.
func join(t testing.TB, conn net.Conn, headers ...string) *peer {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	p := &peer{t: t, conn: conn, br: bufio.NewReader(conn)}
	response := p.request(handshake + lines(headers) + "\r\n")
	if response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %s, want an upgrade", response.Status)
	}
	return p
}

func (p *peer) request(text string) *http.Response {
	p.t.Helper()
	p.write([]byte(text))
	response, err := http.ReadResponse(p.br, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return response
}

func (p *peer) write(b []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// frame returns a masked frame. Its first byte is the opcode with its flags.
func frame(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := [4]byte{1, 2, 3, 4}
	b = append(b, mask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return b
}

func closing(code websocket.Code, reason string) []byte {
	return frame(0x80|opClose, string(binary.BigEndian.AppendUint16(nil, uint16(code)))+reason)
}

func (p *peer) send(op byte, payload string) {
	p.t.Helper()
	p.write(frame(0x80|op, payload))
}

func (p *peer) text(s string) {
	p.t.Helper()
	p.send(opText, s)
}

func (p *peer) close(code websocket.Code, reason string) {
	p.t.Helper()
	p.write(closing(code, reason))
}

// next reads a frame, which must be whole, and neither compressed nor masked.
func (p *peer) next() (op byte, payload string, err error) {
	first, payload, err := p.nextFrame()
	if err == nil && first&0xf0 != 0x80 {
		err = fmt.Errorf("peer: frame begins with %x", first)
	}
	return first & 0x0f, payload, err
}

// nextFrame reads a frame, which must not be masked.
func (p *peer) nextFrame() (first byte, payload string, err error) {
	var head [2]byte
	if _, err := io.ReadFull(p.br, head[:]); err != nil {
		return 0, "", err
	}
	if head[1]&0x80 != 0 {
		return 0, "", fmt.Errorf("peer: frame begins with %x", head)
	}
	size := uint64(head[1])
	switch size {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(p.br, b[:])
		size = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, err = io.ReadFull(p.br, b[:])
		size = binary.BigEndian.Uint64(b[:])
	}
	if err != nil {
		return 0, "", err
	}
	b := make([]byte, size)
	_, err = io.ReadFull(p.br, b)
	return head[0], string(b), err
}

// want reads the next frame and compares it.
func (p *peer) want(op byte, payload string) {
	p.t.Helper()
	gotOp, got, err := p.next()
	if err != nil || gotOp != op || got != payload {
		p.t.Fatalf("got frame %d %.50q, %v; want %d %.50q", gotOp, got, err, op, payload)
	}
}

// end reads up to the close frame, answers it, sees the connection closed and
// returns code and reason. Without a close frame the code is Abnormal.
func (p *peer) end() (websocket.Code, string) {
	p.t.Helper()
	code, reason, _ := p.rest()
	return code, reason
}

// rest is end that also returns the messages before the close frame.
func (p *peer) rest() (code websocket.Code, reason string, messages []string) {
	p.t.Helper()
	for {
		op, payload, err := p.next()
		switch {
		case err != nil:
			return websocket.Abnormal, "", messages
		case op == opText, op == opBinary:
			messages = append(messages, payload)
		case op == opClose:
			_, _ = p.conn.Write(frame(0x80|opClose, payload)) // may be closed already
			_ = p.conn.SetReadDeadline(time.Now().Add(time.Minute))
			if b, err := io.ReadAll(p.br); len(b) > 0 || isTimeout(err) {
				p.t.Errorf("after the close frame: got %q, %v; want the end", b, err)
			}
			if payload == "" {
				return websocket.NoStatus, "", messages
			}
			return websocket.Code(binary.BigEndian.Uint16([]byte(payload))), payload[2:], messages
		}
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

// wantEnd is end with a comparison of the code.
func (p *peer) wantEnd(want websocket.Code) {
	p.t.Helper()
	if got, reason := p.end(); got != want {
		p.t.Errorf("closed with %v %q, want %v", got, reason, want)
	}
}

func newReader(conn net.Conn) *bufio.Reader { return bufio.NewReader(conn) }

func lines(headers []string) string {
	var b strings.Builder
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	return b.String()
}
