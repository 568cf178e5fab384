package websocket

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strings"
	"time"

	coder "github.com/coder/websocket"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// upgrade takes the request's connection over. Until that has happened an
// error is one to answer by HTTP.
func upgrade(w http.ResponseWriter, r *http.Request, o Options) (c *Conn, err error) {
	if cause := context.Cause(r.Context()); cause != nil {
		return nil, cause
	}
	if r.ProtoMajor > 1 {
		// RFC 8441 would allow it, which net/http offers no client by default, and
		// clients that are not offered it come over HTTP/1.1. The headers that
		// belong to a 426 are none of HTTP/2 (RFC 9113, section 8.2.2).
		return nil, &errorhandlers.Problem{
			Status: http.StatusUpgradeRequired, Detail: "Websockets are served over HTTP/1.1 here.",
			Err: errors.New("websocket: an upgrade over " + r.Proto),
		}
	}
	if r.ContentLength != 0 && r.Header.Get("Upgrade") != "" {
		// What follows the header would be taken for frames.
		return nil, refusal(http.StatusBadRequest, errors.New("websocket: the handshake has a body"))
	}
	if !o.Connections.enter() {
		return nil, refusal(http.StatusServiceUnavailable, errors.New("websocket: too many connections"))
	}
	defer func() {
		if c == nil { // also after a panic of the ResponseWriter
			o.Connections.leave()
		}
	}()
	return accept(w, r, o)
}

// accept answers the handshake.
func accept(w http.ResponseWriter, r *http.Request, o Options) (c *Conn, err error) {
	h := &handshake{w: w, x: creche.ExchangeOf(r.Context()), header: make(http.Header)}
	defer func() {
		if c == nil && h.conn != nil { // a panic of the connection, which may be of middleware's own
			socket{h.conn}.abort()
		}
	}()
	if o.Compress > 0 {
		if answer := agree(r.Header["Sec-Websocket-Extensions"]); answer != "" {
			h.header.Set("Sec-WebSocket-Extensions", answer)
		} else {
			o.Compress = 0
		}
	}
	if protocol := choose(o.Subprotocols, r.Header["Sec-Websocket-Protocol"]); protocol != "" {
		h.header.Set("Sec-WebSocket-Protocol", protocol)
	}
	ws, err := coder.Accept(h, r, &coder.AcceptOptions{OriginPatterns: o.Origins})
	switch {
	case h.failed != nil:
		return nil, fmt.Errorf("websocket: taking the connection over: %w", h.failed)
	case err != nil:
		return nil, h.refusal(err)
	}
	protocol := ws.Subprotocol()
	_ = ws.CloseNow() // which closes nothing: who reads and writes is the Conn's frames
	c = newConn(h.conn, h.early, protocol, o)
	if o.Plain {
		if err := c.plainly(); err != nil {
			return nil, fmt.Errorf("websocket: the plain way: %w", err)
		}
	}
	return c, nil
}

// choose returns the best subprotocol that is among the offers, or "". Coder would
// take one that is written in another case, and is another one.
func choose(best, offers []string) string {
	for _, protocol := range best {
		for _, list := range offers {
			for offer := range strings.SplitSeq(list, ",") {
				if strings.Trim(offer, " \t") == protocol {
					return protocol
				}
			}
		}
	}
	return ""
}

// handshake is the ResponseWriter that coder's Accept gets. It keeps a refusal
// back, so that the application's rules answer it, and keeps the connection for
// us.
type handshake struct {
	w      http.ResponseWriter
	x      *creche.Exchange // nil outside any middleware
	header http.Header
	status int
	conn   net.Conn
	early  []byte // what the peer sent before it had the answer
	failed error  // the take-over did
}

func (h *handshake) Header() http.Header         { return h.header }
func (h *handshake) WriteHeader(status int)      { h.status = status }
func (h *handshake) Write(p []byte) (int, error) { return len(p), nil }

// Hijack takes the connection and sends the response to the handshake on it, with
// the headers that outer middleware has set. It does not go by way of the
// ResponseWriter, for some keep a status until there is a body: echo's Gzip, and
// gin's own.
func (h *handshake) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !hijackable(h.w) {
		h.failed = fmt.Errorf("%T is no http.Hijacker: %w", h.w, http.ErrNotSupported)
		return nil, nil, h.failed
	}
	if h.x != nil && h.x.Begun() || begun(h.w) {
		h.failed = errBegun
		return nil, nil, h.failed
	}
	header := h.w.Header().Clone() // for what answers a failure has those of the writer
	maps.Copy(header, h.header)
	conn, rw, err := http.NewResponseController(h.w).Hijack()
	if err != nil {
		h.failed = err
		return nil, nil, err
	}
	h.conn = conn
	early, _ := rw.Reader.Peek(rw.Reader.Buffered())
	h.early = bytes.Clone(early)
	_ = conn.SetWriteDeadline(time.Now().Add(answerWithin))
	if _, err := conn.Write(h.answer(header)); err != nil {
		socket{conn}.abort() // what reads from it finds out, and nothing follows half an answer
	}
	_ = conn.SetWriteDeadline(time.Time{})
	kept := open{conn}
	return kept, bufio.NewReadWriter(bufio.NewReader(kept), bufio.NewWriter(kept)), nil
}

// answerWithin is how long a peer may take to take the answer, which mostly fits
// into the buffers on its way.
const answerWithin = 5 * time.Second

// notOfAnswer are the headers that an answer without a body does not have (RFC
// 9110, section 8.6, and RFC 9112, section 6.1).
var notOfAnswer = map[string]bool{"Content-Length": true, "Transfer-Encoding": true, "Trailer": true}

// answer returns the response as it leaves.
func (h *handshake) answer(header http.Header) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", h.status, http.StatusText(h.status))
	if header.Get("Date") == "" {
		fmt.Fprintf(&b, "Date: %s\r\n", time.Now().UTC().Format(http.TimeFormat))
	}
	_ = header.WriteSubset(&b, notOfAnswer) // into memory, which does not fail
	b.WriteString("\r\n")
	return b.Bytes()
}

// open is a connection that coder cannot close.
type open struct{ net.Conn }

func (open) Close() error { return nil }

func hijackable(w http.ResponseWriter) bool {
	for w := range writers(w) {
		if _, ok := w.(http.Hijacker); ok {
			return true
		}
	}
	return false
}

// writers iterates over w and those that it wraps: a bounded number, for one may
// wrap itself.
func writers(w http.ResponseWriter) iter.Seq[http.ResponseWriter] {
	return func(yield func(http.ResponseWriter) bool) {
		for range mostWriters {
			if !yield(w) {
				return
			}
			outer, wraps := w.(interface{ Unwrap() http.ResponseWriter })
			if !wraps {
				return
			}
			w = outer.Unwrap()
		}
	}
}

// mostWriters is more than anybody wraps.
const mostWriters = 1000

// errBegun is why a request is not upgraded whose handler, or middleware of it, has
// written something: the peer would find the answer to the handshake in a body.
var errBegun = errors.New("the response has begun: nothing may be written before the upgrade")

// begun reports whether w, or a writer that it wraps, says that something was
// written: the server's own does not. These methods are what gin and negroni
// have for that, and chi.
func begun(w http.ResponseWriter) bool {
	for w := range writers(w) {
		switch w := w.(type) {
		case interface{ Written() bool }:
			if w.Written() {
				return true
			}
		case interface{ BytesWritten() int }:
			if w.BytesWritten() > 0 {
				return true
			}
		}
	}
	return false
}

// refusal makes a problem of what Accept wanted to answer.
func (h *handshake) refusal(err error) error {
	status := h.status
	if h.header.Get("Sec-WebSocket-Version") != "" {
		// An unknown version is a 426 (RFC 6455, section 4.2.2), not a 400.
		status = http.StatusUpgradeRequired
	}
	return refusal(status, err)
}

func refusal(status int, err error) *errorhandlers.Problem {
	p := &errorhandlers.Problem{Status: status, Err: err, Header: make(http.Header)}
	switch status {
	case http.StatusUpgradeRequired:
		p.Detail = "A websocket of version 13 is served here, and nothing else."
		p.Header.Set("Connection", "Upgrade")
		p.Header.Set("Upgrade", "websocket")
		p.Header.Set("Sec-WebSocket-Version", "13")
	case http.StatusMethodNotAllowed:
		p.Detail = "A websocket is opened with GET."
		p.Header.Set("Allow", http.MethodGet)
	case http.StatusBadRequest:
		p.Detail = "The websocket handshake is malformed."
	case http.StatusForbidden:
		p.Detail = "Pages of this origin may not connect."
	case http.StatusServiceUnavailable:
		p.Detail = "No more connections are taken now."
		p.Header.Set("Retry-After", "2")
	}
	return p
}

// refused has err, which Serve is about to return, answered in any case: by the
// rules, if the handler does not see to it, and here where there are none. It
// returns err.
func refused(x *creche.Exchange, w http.ResponseWriter, r *http.Request, err error) error {
	if x != nil {
		x.Otherwise(err)
		return err
	}
	chosen, _ := errorhandlers.Search{}.First(err, nil)
	p := chosen.Problem()
	if p.Status == http.StatusInternalServerError && r.Context().Err() == nil {
		slog.LogAttrs(r.Context(), slog.LevelError, "websocket: upgrade failed", slog.String("error", nursery.Text(err)))
	}
	if !begun(w) && !nursery.Is(err, http.ErrHijacked) {
		p.ServeHTTP(w, r)
	}
	return err
}
