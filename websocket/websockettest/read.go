package websockettest

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/creche-go/creche/websocket"
)

// read is the client's task.
func (c *Client) read(context.Context) error {
	defer close(c.ended)
	for {
		op, payload, err := readFrame(c.br)
		switch {
		case c.stalled.Load():
			<-c.released
			err = io.EOF
		case err == nil:
			err = c.take(op, payload)
		}
		if err != nil {
			_ = c.conn.Close()
			c.finish(err)
			return nil
		}
	}
}

// finish has Receive return err when all messages have been received, unless
// there is another reason already.
func (c *Client) finish(err error) {
	if _, broken := err.(*ProtocolError); !broken {
		err = &websocket.CloseError{Code: websocket.Abnormal, Err: err}
	}
	c.fail(err)
}

func (c *Client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	c.signal()
}

// take deals with a frame of the server.
func (c *Client) take(op byte, payload []byte) error {
	switch op {
	case opText, opBinary:
		return c.keep(op, payload)
	case compressed | opText, compressed | opBinary:
		return c.unpack(op&^compressed, payload)
	case opPing:
		c.pings.Add(1)
		c.answer(opPong, payload)
	case opPong:
	case opClose:
		return c.closed(payload)
	default:
		return &ProtocolError{fmt.Sprintf("a frame with opcode %d", op)}
	}
	return nil
}

func (c *Client) unpack(op byte, payload []byte) error {
	if !c.packs {
		return &ProtocolError{"a compressed message, which was not agreed on"}
	}
	b, err := inflate(payload)
	if err != nil {
		return err
	}
	return c.keep(op, b)
}

func (c *Client) keep(op byte, payload []byte) error {
	m := websocket.Binary(payload)
	if op == opText {
		m = websocket.Text(string(payload))
		if m.String() != string(payload) {
			return &ProtocolError{"a text that is not UTF-8"}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return &ProtocolError{"a message after the close"}
	}
	c.received = append(c.received, m)
	c.signal()
	return nil
}

// closed deals with a close frame.
func (c *Client) closed(payload []byte) error {
	e := &websocket.CloseError{Code: websocket.NoStatus}
	switch {
	case len(payload) == 1:
		return &ProtocolError{"a close frame of one byte"}
	case len(payload) > 1:
		e.Code, e.Reason = websocket.Code(binary.BigEndian.Uint16(payload)), string(payload[2:])
	}
	c.fail(e)
	if c.closing.CompareAndSwap(false, true) {
		c.answer(opClose, payload[:min(2, len(payload))])
	}
	return nil
}

// answer writes a frame in a task of its own: a server that does not read must
// not keep the client from it.
func (c *Client) answer(op byte, payload []byte) {
	if c.mute.Load() {
		return
	}
	_ = c.tasks.TryGo(func(context.Context) error {
		_ = c.write(op, payload) // the server may be gone
		return nil
	})
}
