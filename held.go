package creche

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/creche-go/creche/errorhandlers"
)

// defaultHold is what net/http buffers of a body before it writes the header,
// so that holding as much back delays nothing.
const defaultHold = 2048

// leastHold has room for what routers say when they refuse a request, which
// the rules are to say instead.
const leastHold = 64

// mostPooled is the largest buffer that is kept for another response.
const mostPooled = 64 << 10

// response is where a response goes, how far it has come, and the part of it
// that is kept back until the tasks are joined. Handlers never see it, and
// their writer is for one goroutine that ends before the exchange: so it is
// pooled.
type response struct {
	w       http.ResponseWriter
	state   state
	shown   bool    // somebody inside has asked for the header, and may have changed it
	opening headers // once it is shown: what outer middleware had set
	written headers // once it is shown: as the handler's WriteHeader found it
	status  int     // 0: nothing written yet
	sent    int     // what it was when it was committed
	length  int64   // the Content-Length declared, or -1
	body    []byte
	unheard error // what a write failed with because the client has left
	// otherwise is what there is to answer if nothing is written: see Exchange.Otherwise.
	otherwise error
}

// header returns the header, to be looked at or changed. Until somebody asks it is
// left alone, for net/http copies a header that was asked for.
func (x *Exchange) header() http.Header {
	h := x.response
	header := h.w.Header()
	if h.shown || h.state != open {
		return header
	}
	h.shown = true
	h.opening.take(header)
	if h.status != 0 {
		x.begin(header)
	}
	return header
}

// begin notes the header as a WriteHeader finds it. One with trailers leaves at
// once: what comes of them is set later.
func (x *Exchange) begin(header http.Header) {
	x.response.note(header)
	if len(header["Trailer"]) > 0 {
		x.commit()
	}
}

// headers is a copy of an http.Header that reuses its memory.
type headers struct {
	fields []field
	values []string
}

type field struct {
	key  string
	from int // of its values
	to   int
}

// take makes h a copy of header.
func (h *headers) take(header http.Header) {
	h.clear()
	if len(header) == 0 { // a loop over nothing costs more than the question
		return
	}
	for key, values := range header {
		from := len(h.values)
		h.values = append(h.values, values...)
		h.fields = append(h.fields, field{key: key, from: from, to: len(h.values)})
	}
}

// set adds key to h, or replaces it.
func (h *headers) set(key string, values []string) {
	h.fields = slices.DeleteFunc(h.fields, func(f field) bool { return f.key == key })
	from := len(h.values)
	h.values = append(h.values, values...)
	h.fields = append(h.fields, field{key: key, from: from, to: len(h.values)})
}

// restore makes header equal to h again.
func (h *headers) restore(header http.Header) {
	if len(header) == 0 && len(h.fields) == 0 {
		return
	}
	for key := range header {
		if !slices.ContainsFunc(h.fields, func(f field) bool { return f.key == key }) {
			delete(header, key)
		}
	}
	for _, f := range h.fields {
		values := h.values[f.from:f.to]
		if now, ok := header[f.key]; !ok || !slices.Equal(now, values) {
			header[f.key] = slices.Clone(values)
		}
	}
}

func (h *headers) clear() {
	clear(h.fields)
	clear(h.values)
	h.fields, h.values = h.fields[:0], h.values[:0]
}

// note keeps a copy of header, and what it says of the length.
func (h *response) note(header http.Header) {
	if declared := header["Content-Length"]; len(declared) > 0 {
		if n, err := strconv.ParseInt(declared[0], 10, 64); err == nil && n >= 0 {
			h.length = n
		}
	}
	h.written.take(header)
}

// reset forgets what the handler wrote.
func (h *response) reset() {
	h.status, h.body = 0, h.body[:0]
	h.written.clear()
}

// state returns how far the response of x has come.
func (x *Exchange) state() state {
	if x.response == nil {
		return closed
	}
	return x.response.state
}

// written reports whether a response is held.
func (x *Exchange) written() bool { return x.response.status != 0 }

// sent returns the status that is held or has left, and 0 if there is none.
func (x *Exchange) sent() int {
	if x.state() == open {
		return x.response.status
	}
	return x.response.sent
}

// release gives the response of x, emptied, back to the pool. That of a hijacked
// connection is not from there, and one that has grown large would be kept for
// responses that are not.
func (x *Exchange) release() {
	h := x.response
	x.response = nil
	if h.state == hijacked || cap(h.body) > mostPooled {
		return
	}
	h.reset()
	h.opening.clear()
	h.w, h.state, h.shown, h.sent, h.unheard, h.otherwise = nil, open, false, 0, nil, nil
	x.App().responses.Put(h)
}

// commit sends what is held.
func (x *Exchange) commit() {
	h := x.response
	if h.state != open || h.status == 0 {
		return
	}
	h.state, h.sent = committed, h.status
	if h.shown {
		h.sendHeader()
	} else {
		h.w.WriteHeader(h.status)
	}
	if len(h.body) > 0 {
		// A lost connection shows to the handler at the next write, or not at all.
		if _, err := h.w.Write(h.body); x.heard(err) == http.ErrContentLength {
			x.reportLeaves(err) // outer middleware's mistake, which no write of the handler has met
		}
	}
	h.reset()
}

// sendHeader sends the header as the handler's WriteHeader found it. What was set
// after that has no effect, as without us, but for trailers.
func (h *response) sendHeader() {
	header := h.w.Header()
	var trailers http.Header
	if len(header) > 0 {
		trailers = lateTrailers(header)
	}
	h.written.restore(header)
	h.w.WriteHeader(h.status)
	for _, f := range h.written.fields {
		if strings.HasPrefix(f.key, http.TrailerPrefix) {
			delete(header, f.key) // it may have been taken back since
		}
	}
	if trailers != nil {
		maps.Copy(header, trailers)
	}
}

// lateTrailers returns the trailers that were set without being declared. The
// server takes those from the header when the response ends, but must not see
// them when it begins: it would announce them.
func lateTrailers(header http.Header) (trailers http.Header) {
	for key, values := range header {
		if strings.HasPrefix(key, http.TrailerPrefix) {
			if trailers == nil {
				trailers = make(http.Header)
			}
			trailers[key] = values
		}
	}
	return trailers
}

// discard forgets what the handler wrote, and what it set in the header.
func (x *Exchange) discard() {
	h := x.response
	h.reset()
	if h.shown {
		h.opening.restore(h.w.Header())
	}
}

// completes names the header without which an answer of the status would be
// incomplete (RFC 9110, sections 11.6.1, 10.2.1, 11.7.1 and 10.2.3), or returns
// "". It is about the resource or the server, not about the response that is
// discarded, and whoever refuses a request sets it before saying so.
func completes(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "Www-Authenticate"
	case http.StatusMethodNotAllowed:
		return "Allow"
	case http.StatusProxyAuthRequired:
		return "Proxy-Authenticate"
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return "Retry-After"
	}
	return ""
}

// completing returns what is set in header of those that [completes] names.
func completing(header http.Header) (set http.Header) {
	for _, key := range []string{"Www-Authenticate", "Allow", "Proxy-Authenticate", "Retry-After"} {
		if values := header[key]; len(values) > 0 {
			if set == nil {
				set = make(http.Header)
			}
			set[key] = slices.Clone(values)
		}
	}
	return set
}

// keepMiddlewares has the headers that middleware inside the exchange has set
// (for CORS, say) survive a discard. It is called when the handler is, with the
// writer that the handler gets: if that does not lead to ours, as in net/http's
// TimeoutHandler, the handler has another header, and perhaps a goroutine of
// its own.
func (x *Exchange) keepMiddlewares(w http.ResponseWriter) {
	if !x.isUnder(w) || x.state() != open || x.written() || !x.response.shown {
		return
	}
	h := x.response
	for key, values := range h.w.Header() {
		if !errorhandlers.AboutBody(key) {
			h.opening.set(key, values)
		}
	}
}

// isUnder reports whether w is, or wraps, the writer of x.
func (x *Exchange) isUnder(w http.ResponseWriter) bool {
	for w := range writers(w) {
		switch v := w.(type) {
		case http1Writer:
			return v.x() == x
		case http2Writer:
			return v.x() == x
		case *writer:
			return v.x() == x
		}
	}
	return false
}

// Held returns status and body of the response while it is held back, and a
// status of 0 when nothing has been written, it has left, or the rules have
// answered in an exchange inside. The body must not be changed, and not be kept.
// It is for adapters whose router answers by itself.
func (x *Exchange) Held() (status int, body []byte) {
	if x.state() != open || x.is(answered) {
		return 0, nil
	}
	return x.response.status, x.response.body
}

// Begun reports whether a response has begun, in x or in an exchange around it:
// something was written, be it still held or with the server already, or the
// connection was taken over. It is for connection packages, which must not take
// over a connection on which there is an answer. Only the handler's goroutine
// may call it.
func (x *Exchange) Begun() bool {
	for ; x != nil; x = ExchangeOf(x.ctx) {
		if x.state() != open || x.written() {
			return true
		}
	}
	return false
}
