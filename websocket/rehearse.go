package websocket

import (
	"bufio"
	"net"
	"net/http"

	coder "github.com/coder/websocket"
)

// rehearsed returns a connection of coder's that reads and writes by way of e,
// and has r to read with. Coder makes none without a handshake, so it gets one, in
// which all is as it should be, and which nobody sees.
func rehearsed(e ends, r *bufio.Reader, compress int) (*coder.Conn, error) {
	o := &coder.AcceptOptions{CompressionThreshold: compress}
	if compress > 0 {
		o.CompressionMode = coder.CompressionNoContextTakeover
	}
	// A control frame fits into the writer, so that it leaves in one go.
	rw := bufio.NewReadWriter(r, bufio.NewWriterSize(e, 2+maxControl))
	return coder.Accept(&rehearsal{handshake{header: make(http.Header), conn: e}, rw}, proper, o)
}

// proper is a handshake that offers what may be needed. It is only read.
var proper = &http.Request{
	Method: http.MethodGet, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	Header: http.Header{
		"Connection":               {"Upgrade"},
		"Upgrade":                  {"websocket"},
		"Sec-Websocket-Version":    {"13"},
		"Sec-Websocket-Key":        {"AAAAAAAAAAAAAAAAAAAAAA=="},
		"Sec-Websocket-Extensions": {compression},
	},
}

// rehearsal is the ResponseWriter of such a handshake.
type rehearsal struct {
	handshake
	rw *bufio.ReadWriter
}

func (r *rehearsal) Hijack() (net.Conn, *bufio.ReadWriter, error) { return r.conn, r.rw, nil }

// ends is a connection that is no more than two functions.
type ends struct {
	net.Conn    // nil: coder reads, writes and closes, and nothing else
	read, write func([]byte) (int, error)
}

func (e ends) Read(b []byte) (int, error)  { return e.read(b) }
func (e ends) Write(b []byte) (int, error) { return e.write(b) }
func (ends) Close() error                  { return nil }
