package creche_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/creche-go/creche/nursery/nurserytest"
)

// play makes a handler of a script, two bytes an operation.
func play(script []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/last" {
			return
		}
		for i := 0; i+1 < len(script) && i < 64; i += 2 {
			step(w, r, script[i], script[i+1])
		}
	}
}

var scriptedKeys = []string{
	"X-A", "X-B", "Content-Type", "Content-Encoding", "Etag", "Link", "Trailer", "Connection", "Date", http.TrailerPrefix + "X-A",
}

// prelude is the part of a script that outer middleware plays: what it sets.
func prelude(script []byte) http.HandlerFunc {
	var sets []byte
	for i := 0; i+1 < len(script) && i < 64; i += 2 {
		switch script[i] % 16 {
		case 0, 1, 2, 14: // a length of which the handler does not know is a shape
			sets = append(sets, script[i:i+2]...)
		}
	}
	return play(sets)
}

func step(w http.ResponseWriter, r *http.Request, op, n byte) {
	switch key := scriptedKeys[int(n)%len(scriptedKeys)]; op % 16 {
	case 0:
		w.Header().Set(key, fmt.Sprint(op, n))
	case 1:
		w.Header().Add(key, "x-a")
	case 2:
		w.Header().Del(key)
	case 3:
		w.Header().Set("Content-Length", fmt.Sprint(int(n)*20))
	case 4:
		w.WriteHeader([]int{200, 201, 202, 204, 206, 301, 304, 400, 404, 500, 503}[n%11])
	case 5:
		w.WriteHeader([]int{100, 102, 103}[n%3])
	case 6, 7:
		_, _ = io.WriteString(w, repeat(int(n)))
	case 8:
		_, _ = w.Write([]byte(repeat(int(n) * 40)))
	case 9:
		_ = http.NewResponseController(w).Flush()
	case 10:
		_, _ = io.Copy(w, onlyReader{strings.NewReader(repeat(int(n) * 10))})
	case 11:
		_, _ = io.Copy(w, strings.NewReader(repeat(int(n))))
	case 12:
		_, _ = io.CopyN(io.Discard, r.Body, int64(n))
	case 13:
		if n%8 == 0 {
			panic(http.ErrAbortHandler)
		}
	case 14:
		w.Header()[key] = nil
	case 15:
		if f, ok := w.(http.Flusher); ok && n%2 == 0 {
			f.Flush()
		}
	}
}

// FuzzHandlers compares what a server sends for a handler made of a script
// with what it sends without an App around it.
//
// R2, R4
func FuzzHandlers(f *testing.F) {
	for _, seed := range []string{
		"", "\x06\x05", "\x04\x01\x06\x05", "\x06\x05\x00\x00\x09\x00\x06\x05", "\x03\x02\x08\x01", "\x08\x80\x06\x01", "\x01\x06\x06\x05\x00\x00",
		"\x05\x02\x04\x02\x06\x03", "\x04\x03\x06\x05", "\x0a\xff\x06\x01", "\x0b\x05\x0c\x05", "\x06\x01\x0d\x00", "\x09\x00\x0d\x00", "\x0e\x08\x06\x09", "\x00\x09\x06\x05",
	} {
		f.Add([]byte(seed), byte(0))
		f.Add([]byte(seed), byte(1))
		f.Add([]byte(seed), byte(3))
	}
	f.Fuzz(func(t *testing.T, script []byte, mode byte) {
		s := shape{handler: play(script), nothing: true}
		method := http.MethodGet
		switch mode % 3 {
		case 1:
			method = http.MethodHead
		case 2:
			method, s.upload = http.MethodPost, repeat(300)
		}
		if mode/3%2 == 1 {
			outer := len(script) / 4 * 2
			s.outer, s.handler = prelude(script[:outer]), play(script[outer:])
		}
		synctest.Test(t, func(t *testing.T) { s.compare(t, method, http1Wire) })
	})
}

// FuzzHandlersOverHTTP2 is FuzzHandlers for the other protocol, without
// uploads, which the server resets when it will.
//
// R2, R4
func FuzzHandlersOverHTTP2(f *testing.F) {
	for _, seed := range []string{"", "\x06\x05", "\x04\x01\x06\x05", "\x08\x80\x06\x01", "\x01\x06\x06\x05\x00\x00", "\x05\x02\x04\x02\x06\x03", "\x00\x09\x06\x05"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		for i := 0; i+1 < len(script); i += 2 {
			switch op := script[i] % 16; op {
			case 3, 13:
				t.Skip("a length that is too small, and when a reset arrives, are HTTP/2's own affair")
			case 14:
				t.Skip("with an empty trailer its server never ends the stream")
			}
		}
		s := shape{handler: play(script), nothing: true}
		synctest.Test(t, func(t *testing.T) { s.compare(t, http.MethodGet, http2Wire, nurserytest.HTTP2()) })
	})
}
