package creche

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
)

// state is how far a response has come.
type state uint8

const (
	open      state = iota // nothing has left
	committed              // the header is with the server
	hijacked               // the connection is somebody else's
	closed                 // the exchange has ended
)

var errEnded = errors.New("creche: write to a response whose request has ended")

// writer is an Exchange seen as a ResponseWriter. Like net/http's it is for
// one goroutine at a time.
type writer Exchange

// http1Writer and http2Writer offer what the server's writers do for their
// protocol. A struct of one pointer fits an interface without allocation.
type http1Writer struct{ *writer }

type http2Writer struct{ *writer }

var (
	_ http.Hijacker   = http1Writer{}
	_ io.ReaderFrom   = http1Writer{}
	_ http.Pusher     = http2Writer{}
	_ http.Flusher    = (*writer)(nil)
	_ io.StringWriter = (*writer)(nil)
)

// Writer returns the response writer that handlers get. It holds the response
// back and has the optional interfaces of the server's own: Flusher and
// StringWriter, on HTTP/1 Hijacker and ReaderFrom, on HTTP/2 Pusher. Flush,
// Hijack, a ReadFrom that is given something, a declared trailer and a body larger
// than [Options.Hold] commit it early.
func (x *Exchange) Writer() http.ResponseWriter {
	switch x.request.ProtoMajor {
	case 1:
		return http1Writer{(*writer)(x)}
	case 2:
		return http2Writer{(*writer)(x)}
	}
	return (*writer)(x)
}

func (w *writer) x() *Exchange { return (*Exchange)(w) }

// Unwrap is for [http.ResponseController], which finds deadlines there.
func (w *writer) Unwrap() http.ResponseWriter {
	if w.response == nil {
		return nil
	}
	return w.response.w
}

func (w *writer) Header() http.Header {
	if w.response == nil {
		return http.Header{}
	}
	return w.x().header()
}

func (w *writer) WriteHeader(status int) {
	h := w.response
	switch {
	case h == nil:
		return
	case h.state != open:
		h.w.WriteHeader(status) // superfluous, or after a hijack: the server says so
		return
	case h.status != 0:
		w.x().sayTwice(status)
		return
	case status >= 100 && status < 200 && status != http.StatusSwitchingProtocols:
		h.w.WriteHeader(status) // informational: it leaves at once
		return
	case status < 100 || status > 999:
		panic(fmt.Sprintf("creche: invalid WriteHeader code %v", status)) // as net/http does
	}
	h.status, h.length = status, -1
	if h.shown {
		w.x().begin(h.w.Header())
	}
	if status == http.StatusSwitchingProtocols {
		w.x().commit()
	}
}

func (w *writer) Write(p []byte) (int, error) {
	if ok, err := w.room(len(p)); err != nil {
		return 0, err
	} else if !ok {
		n, err := w.response.w.Write(p)
		return n, w.x().heard(err)
	}
	w.response.body = append(w.response.body, p...)
	return len(p), nil
}

func (w *writer) WriteString(s string) (int, error) {
	if ok, err := w.room(len(s)); err != nil {
		return 0, err
	} else if !ok {
		n, err := io.WriteString(w.response.w, s)
		return n, w.x().heard(err)
	}
	w.response.body = append(w.response.body, s...)
	return len(s), nil
}

// room readies w for n more bytes. It returns true if they are to be held and
// false if they are to be written on, with all that was held before them.
func (w *writer) room(n int) (bool, error) {
	h := w.response
	switch w.x().state() {
	case closed:
		return false, w.x().late()
	case hijacked, committed:
		return false, nil
	}
	if h.status == 0 {
		w.WriteHeader(http.StatusOK)
		if h.state == committed {
			return false, nil
		}
	}
	switch {
	case n == 0:
		return true, nil
	case !bodyAllowed(h.status):
		return false, http.ErrBodyNotAllowed
	case len(h.body) > 0:
		w.Header() // outer middleware may have declared a length that only a part of the body keeps
		if h.state == committed {
			return false, nil
		}
	}
	size := int64(len(h.body) + n)
	if h.length >= 0 && size > h.length || size > int64(w.x().App().hold) {
		w.x().commit() // a body longer than declared is for the server to refuse
		return false, nil
	}
	return true, nil
}

func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// Flush commits the response and flushes it.
func (w *writer) Flush() { _ = w.FlushError() }

// FlushError is Flush for [http.ResponseController].
func (w *writer) FlushError() error {
	switch w.x().state() {
	case closed:
		return w.x().late()
	case open:
		if !w.x().written() {
			w.WriteHeader(http.StatusOK)
		}
		w.x().commit()
	}
	return w.x().heard(http.NewResponseController(w.response.w).Flush())
}

// Hijack hands the connection over. The exchange goes on until its handler
// returns, and a stop waits for it.
func (w http1Writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	h := w.response
	if h == nil {
		return nil, nil, w.x().late()
	}
	w.x().commit()
	if h.state == hijacked {
		return nil, nil, http.ErrHijacked
	}
	conn, rw, err := http.NewResponseController(h.w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	// Not the pooled one, whose buffer a connection may do without for days.
	taken := &response{w: h.w, state: hijacked}
	w.x().release()
	w.response = taken
	return conn, rw, nil
}

// ReadFrom commits the response and copies from src, with sendfile where the
// server can. Before that it waits for what comes first of src, which may be a body
// whose client waits to be told to send it: while there is nothing the response
// stays held, and if src fails without having had anything a failure is still
// answered. A header that was not written is left to the server.
func (w http1Writer) ReadFrom(src io.Reader) (int64, error) {
	switch w.x().state() {
	case closed:
		return 0, w.x().late()
	case open:
		return copyFrom(src, w.copy)
	}
	return w.copy(src)
}

// copy commits the response and copies from src.
func (w http1Writer) copy(src io.Reader) (int64, error) {
	if w.x().written() {
		w.x().commit()
	} else if w.x().state() == open {
		w.response.state, w.response.sent = committed, http.StatusOK
	}
	n, err := io.Copy(w.response.w, src)
	return n, w.x().heard(err)
}

// Push is HTTP/2's server push. What has it may be under writers that do not.
func (w http2Writer) Push(target string, opts *http.PushOptions) error {
	if w.response == nil {
		return http.ErrNotSupported
	}
	for under := range writers(w.response.w) {
		if p, ok := under.(http.Pusher); ok {
			return p.Push(target, opts)
		}
	}
	return http.ErrNotSupported
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
