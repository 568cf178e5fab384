package creche_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"net/http"
	"strconv"
	"strings"
	"testing/synctest"
	"time"
)

// silent is for servers whose complaints are expected.
var silent = log.New(io.Discard, "", 0)

// shape is one way for a handler to write a response.
type shape struct {
	name    string
	handler http.HandlerFunc
	outer   http.HandlerFunc // middleware around the App has done this before
	header  string           // lines of the request's header
	http1   bool             // makes no sense over HTTP/2
	upload  string           // the body of a POST, instead of GET and HEAD
	fails   error            // what is reported of it: the response is cut
	nothing bool             // nothing arrives
}

// onlyReader hides what else a reader can do.
type onlyReader struct{ io.Reader }

func repeat(n int) string { return strings.Repeat("0123456789abcdef", n/16+1)[:n] }

func writing(bodies ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, b := range bodies {
			io.WriteString(w, b)
		}
	}
}

func withHeader(key, value string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(key, value)
		next(w, r)
	}
}

// sets is middleware's part alone.
func sets(key, value string) http.HandlerFunc { return withHeader(key, value, writing()) }

// once leaves out the request that ends the connection.
func once(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/last" {
			next(w, r)
		}
	}
}

func writeThenSet(key, value string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "x")
		w.Header().Set(key, value)
	}
}

func withStatus(status int, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		next(w, r)
	}
}

// shapes are compared with the plain router's. 2048 bytes are held.
var shapes = []shape{
	{name: "nothing is written", handler: writing()},
	{name: "only a header is set", handler: withHeader("X-A", "b", writing())},
	{name: "a few bytes", handler: writing("ok")},
	{name: "as many bytes as are held", handler: writing(repeat(2048))},
	{name: "one byte more than is held", handler: writing(repeat(2049))},
	{name: "a small write before a large one", handler: writing("first ", repeat(5000))},
	{name: "a large write before a small one", handler: writing(repeat(5000), " last")},
	{name: "a write that fills what is held, and one more byte", handler: writing(repeat(2047), "x", "y")},
	{name: "many small writes", handler: writing(strings.Split(repeat(999), "")...)},
	{name: "very many small writes", handler: writing(strings.Split(repeat(9999), "")...)},
	{name: "an empty write", handler: writing("")},
	{name: "an empty write, then a status that comes too late", handler: func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(nil)
		w.WriteHeader(http.StatusTeapot)
	}},
	{name: "a status alone", handler: withStatus(http.StatusCreated, writing())},
	{name: "a status, then a body", handler: withStatus(http.StatusCreated, writing("made"))},
	{name: "two statuses", handler: withStatus(http.StatusCreated, withStatus(http.StatusTeapot, writing("x")))},
	{name: "two statuses, the second of no meaning", handler: withStatus(http.StatusCreated, withStatus(7, writing("x")))},
	{name: "a status that nobody knows", handler: withStatus(799, writing("odd"))},
	{name: "headers after the status", handler: withHeader("X-A", "1", withStatus(http.StatusAccepted, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-A", "2")
		w.Header().Set("X-B", "late")
		w.Header().Del("Date")
		io.WriteString(w, "x")
		w.Header().Set("Content-Type", "late/type")
	}))},
	{name: "headers after the first write", handler: func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "x")
		w.Header().Set("X-B", "late")
	}},
	{name: "headers after the first of many writes", handler: func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("X-A", "1")
		h.Add("X-A", "2")
		writing(repeat(2000))(w, r)
		h.Set("X-A", "3")
		writing(repeat(2000))(w, r)
	}},
	{name: "headers taken away after the status", handler: withHeader("X-A", "1", withStatus(http.StatusAccepted, func(w http.ResponseWriter, _ *http.Request) {
		clear(w.Header())
	}))},
	{name: "no Date and no Content-Type", handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = nil
		w.Header()["Content-Type"] = nil
		io.WriteString(w, "<html>")
	}},
	{name: "a length that is right", handler: withHeader("Content-Length", "5", writing("right"))},
	{name: "a length that is right, in many writes", handler: withHeader("Content-Length", "5000", writing(strings.Split(repeat(5000), "")...))},
	{name: "a length that is too small", handler: withHeader("Content-Length", "3", writing("more")), http1: true},
	{name: "a length that is too small, then writes that fit", handler: withHeader("Content-Length", "3", writing("more", "x", "yz")), http1: true},
	{name: "a length that is too small in the end", handler: withHeader("Content-Length", "3", writing("ab", "cd", "e")), http1: true},
	{name: "a length that is too small, then a copy that fits", handler: withHeader("Content-Length", "9", func(w http.ResponseWriter, r *http.Request) {
		writing("ab", repeat(20))(w, r)
		_, _ = io.Copy(w, onlyReader{strings.NewReader("cde")})
		writing("fg")(w, r)
	}), http1: true},
	{name: "a length that is too small, then a flush and writes that fit", handler: withHeader("Content-Length", "9", func(w http.ResponseWriter, r *http.Request) {
		writing("ab", repeat(20))(w, r)
		flushing(w, r)
		writing("", "fg")(w, r)
	}), http1: true},
	{name: "a length that is too large", handler: withHeader("Content-Length", "10", writing("less"))},
	{name: "a length and no body", handler: withHeader("Content-Length", "10", writing())},
	{name: "a length and no body, flushed", handler: withHeader("Content-Length", "10", flushing)},
	{name: "a length of 0", handler: withHeader("Content-Length", "0", writing())},
	{name: "a length that is no number", handler: withHeader("Content-Length", "many", writing("x"))},
	{name: "a length below zero", handler: withHeader("Content-Length", "-1", writing("x"))},
	{name: "204", handler: withStatus(http.StatusNoContent, writing())},
	{name: "204 with a body", handler: withStatus(http.StatusNoContent, writing("must not be"))},
	{name: "204 with an empty write", handler: withStatus(http.StatusNoContent, writing(""))},
	{name: "304", handler: withHeader("Etag", `"a"`, withStatus(http.StatusNotModified, writing()))},
	{name: "304 with a body", handler: withStatus(http.StatusNotModified, writing("must not be"))},
	{name: "early hints", handler: withHeader("Link", "</a.css>; rel=preload", withStatus(http.StatusEarlyHints, writing("ok")))},
	{name: "early hints twice, then an error", handler: withHeader("Link", "</a.css>; rel=preload",
		withStatus(http.StatusEarlyHints, withStatus(http.StatusEarlyHints, withStatus(http.StatusTeapot, writing("x")))))},
	{name: "early hints that come too late", handler: withStatus(http.StatusAccepted, withHeader("Link", "</a.css>; rel=preload",
		withStatus(http.StatusEarlyHints, writing("ok"))))},
	{name: "a processing status alone", handler: withStatus(http.StatusProcessing, writing())},
	{name: "a declared trailer", handler: withHeader("Trailer", "X-Sum, X-Not", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "x")
		w.Header().Set("X-Sum", "1")
		w.Header().Set("X-Undeclared", "2")
	})},
	{name: "a declared trailer and no body", handler: withHeader("Trailer", "X-Sum", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Sum", "1")
	})},
	{name: "a declared trailer after a status", handler: withHeader("Trailer", "X-Sum", withStatus(http.StatusAccepted, withHeader("X-Sum", "1", writing("x"))))},
	{name: "a trailer declared too late", handler: withStatus(http.StatusAccepted, withHeader("Trailer", "X-Sum", withHeader("X-Sum", "1", writing("x"))))},
	{name: "a trailer that was not declared", handler: func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "x")
		w.Header().Set(http.TrailerPrefix+"X-Sum", "1")
	}},
	{name: "a trailer that was not declared, after a flush", handler: func(w http.ResponseWriter, r *http.Request) {
		flushing(w, r)
		io.WriteString(w, "x")
		w.Header().Set(http.TrailerPrefix+"X-Sum", "1")
	}},
	{name: "a trailer of both kinds, large body", handler: withHeader("Trailer", "X-Sum", func(w http.ResponseWriter, r *http.Request) {
		writing(repeat(3000))(w, r)
		w.Header().Set("X-Sum", "1")
		w.Header().Set(http.TrailerPrefix+"X-More", "2")
	})},
	{name: "a flush alone", handler: flushing},
	{name: "a flush, then a status that comes too late", handler: func(w http.ResponseWriter, r *http.Request) {
		flushing(w, r)
		w.WriteHeader(http.StatusTeapot)
	}},
	{name: "a flush between writes", handler: func(w http.ResponseWriter, r *http.Request) {
		writing("a")(w, r)
		flushing(w, r)
		writing("b", "c")(w, r)
		flushing(w, r)
	}},
	{name: "server-sent events", handler: withHeader("Content-Type", "text/event-stream", func(w http.ResponseWriter, _ *http.Request) {
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			_ = http.NewResponseController(w).Flush() // fails where a HEAD is over with its header
		}
	})},
	{name: "a copy from a reader", handler: func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, onlyReader{strings.NewReader(repeat(700))})
	}},
	{name: "a copy from an empty reader", handler: func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, onlyReader{strings.NewReader("")})
	}},
	{name: "a copy after a write", handler: func(w http.ResponseWriter, r *http.Request) {
		writing("<!doctype html>")(w, r)
		_, _ = io.Copy(w, onlyReader{strings.NewReader(repeat(3000))})
		writing("end")(w, r)
	}},
	{name: "a copy of what writes itself", handler: func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, strings.NewReader(repeat(100)))
	}},
	{name: "a file", handler: file},
	{name: "a part of a file", handler: file, header: "Range: bytes=10-19\r\n"},
	{name: "parts of a file", handler: file, header: "Range: bytes=0-1,5-6\r\n", http1: true}, // the boundary is random, and packed
	{name: "a part that a file does not have", handler: file, header: "Range: bytes=90000-\r\n"},
	{name: "a file that was not modified", handler: file, header: "If-Modified-Since: Tue, 02 Jan 2001 00:00:00 GMT\r\n"},
	{name: "a redirect", handler: func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/last", http.StatusSeeOther)
		}
	}},
	{name: "an error in plain text", handler: func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", http.StatusBadGateway)
	}},
	{name: "not found", handler: http.NotFound},
	{name: "HTML is recognised", handler: writing("<!doctype html><title>x</title>")},
	{name: "HTML is recognised in small writes", handler: writing("<!doc", "type html><ti", "tle>x</title>")},
	{name: "a picture is recognised", handler: writing("\x89PNG\r\n\x1a\n")},
	{name: "a type is not recognised when there is an encoding", handler: withHeader("Content-Encoding", "x", writing("<html>"))},
	{name: "a cookie", handler: func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		http.SetCookie(w, &http.Cookie{Name: "c", Value: "d"})
	}},
	{name: "the connection is closed", handler: withHeader("Connection", "close", writing("bye"))},
	{name: "the connection is closed, with a length", handler: withHeader("Connection", "close", withHeader("Content-Length", "3", writing("bye")))},
	{name: "gzip inside", handler: zipped},
	{name: "a header that net/http mends", handler: withHeader("X-A", "one\r\nX-B: two", writing("x"))},
	{name: "a protocol switch", handler: withHeader("Upgrade", "x", withHeader("Connection", "Upgrade",
		withStatus(http.StatusSwitchingProtocols, writing()))), http1: true},
	{name: "an upload that is sent back", upload: repeat(3000), handler: sendsBack},
	{name: "an upload that is sent back piece by piece", upload: repeat(3000), handler: func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		for buf := make([]byte, 700); ; {
			n, err := io.ReadFull(r.Body, buf)
			_, _ = w.Write(buf[:n])
			_ = http.NewResponseController(w).Flush()
			if err != nil {
				return
			}
		}
	}},
	{name: "a small upload that nobody reads", upload: "unread", handler: arrived(writing("thanks"))},
	{name: "a large upload that nobody reads", upload: repeat(300_000), handler: arrived(writing("thanks"))},
	{name: "an upload that nobody reads, and a large answer", upload: repeat(3000), handler: arrived(writing(repeat(5000)))},
	{name: "an upload that nobody reads, and no answer", upload: repeat(3000), handler: arrived(writing())},
	{name: "an upload of which a part is read", upload: repeat(3000), handler: arrived(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.ReadFull(r.Body, make([]byte, 10))
		fmt.Fprint(w, n, err)
	})},
	{name: "an upload that is read after the answer began", upload: repeat(3000), handler: func(w http.ResponseWriter, r *http.Request) {
		writing("begun ")(w, r)
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n, err)
	}},
	{name: "an upload over a limit", upload: repeat(3000), handler: arrived(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 100))
		w.Header().Set("Connection", "close") // which MaxBytesReader sees to only with the server's own writer
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
	})},
	{name: "an upload that waits to be asked for", upload: repeat(3000), header: expects, handler: sendsBack},
	{name: "an upload that waits to be asked for, after early hints", upload: repeat(3000), header: expects,
		handler: withHeader("Link", "</a.css>; rel=preload", withStatus(http.StatusEarlyHints, sendsBack)), http1: true}, // over HTTP/2 it is not asked for any more
	{name: "an upload that waits to be asked for, of which a part is read", upload: repeat(3000), header: expects, handler: func(w http.ResponseWriter, r *http.Request) {
		n, err := io.ReadFull(r.Body, make([]byte, 10))
		arrived(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, n, err) })(w, r)
	}},
	{name: "an upload that is asked for twice", upload: repeat(3000), header: expects, handler: withStatus(http.StatusContinue, sendsBack)},
	{name: "an upload that is refused before it is sent", upload: repeat(3000), header: expects,
		handler: withHeader("Connection", "close", withStatus(http.StatusForbidden, writing("no")))},
	{name: "an upload that is refused before it is sent, by a large answer", upload: repeat(3000), header: expects,
		handler: withHeader("Connection", "close", withStatus(http.StatusForbidden, writing(repeat(5000))))},
	{name: "an upload that is refused before it is sent, by a flushed answer", upload: repeat(3000), header: expects,
		handler: withHeader("Connection", "close", withStatus(http.StatusForbidden, flushing))},
	{name: "an upload that is no more wanted when it is waited for", upload: repeat(3000), header: expects,
		handler: withHeader("Connection", "close", writing())},
	{name: "a form", upload: "a=1&b=2", header: "Content-Type: application/x-www-form-urlencoded\r\n", handler: func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.FormValue("a"), r.FormValue("b"), r.ParseForm())
	}},
	{name: "an abort", handler: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nothing: true},
	{name: "an abort after a write", handler: func(w http.ResponseWriter, r *http.Request) {
		writing("x")(w, r)
		panic(http.ErrAbortHandler)
	}, nothing: true},
	{name: "an abort after a flush", handler: func(w http.ResponseWriter, r *http.Request) {
		writing("x")(w, r)
		flushing(w, r)
		panic(http.ErrAbortHandler)
	}},
	{name: "an abort after a flush of a part of a length", handler: withHeader("Content-Length", "100", func(w http.ResponseWriter, r *http.Request) {
		writing("x")(w, r)
		flushing(w, r)
		panic(http.ErrAbortHandler)
	})},
	{name: "a panic after a flush", handler: func(w http.ResponseWriter, r *http.Request) {
		writing("x")(w, r)
		flushing(w, r)
		panic(errFirst)
	}, fails: errFirst},
	{name: "a header of outer middleware that nobody inside looks at", outer: sets("X-Outer", "1"), handler: writing("x")},
	{name: "a type of outer middleware", outer: sets("Content-Type", "text/css"), handler: withStatus(http.StatusCreated, writing("x"))},
	{name: "a header of outer middleware, changed inside", outer: sets("X-A", "1"), handler: withHeader("X-A", "2", writing("x"))},
	{name: "a header of outer middleware, changed too late", outer: sets("X-A", "1"), handler: writeThenSet("X-A", "2")},
	{name: "a header first looked at when it is too late", handler: writeThenSet("X-A", "2")},
	{name: "a length that outer middleware declares", outer: sets("Content-Length", "5"), handler: writing("hello")},
	{name: "a length that outer middleware declares, and that is more", outer: sets("Content-Length", "9"), handler: writing("hello"), http1: true},
	{name: "a length that outer middleware declares, and that is too small", outer: sets("Content-Length", "3"), handler: writing("mo", "re"), http1: true},
	{name: "a length that outer middleware declares, and a write that is longer", outer: sets("Content-Length", "3"), handler: once(writing("more")), http1: true, fails: http.ErrContentLength},
	{name: "a trailer that outer middleware declares", outer: sets("Trailer", "X-A"), handler: writeThenSet("X-A", "2")},
	{name: "a hijacked connection", handler: hijacking(false), http1: true},
	{name: "a hijack after a status and a body", handler: hijacking(true), http1: true},
}

func sendsBack(w http.ResponseWriter, r *http.Request) {
	_, err := io.Copy(w, r.Body)
	if err != nil {
		panic(err)
	}
}

// expects is the header of a client that sends its body when it is told to.
const expects = "Expect: 100-continue\r\n"

// arrived calls next when all of the upload is there, as far as it comes
// unasked: what HTTP/2 does about one that is still on its way depends on how
// far that is.
func arrived(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		synctest.Wait()
		next(w, r)
	}
}

func flushing(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }

func file(w http.ResponseWriter, r *http.Request) {
	modified := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	http.ServeContent(w, r, "data.txt", modified, bytes.NewReader([]byte(repeat(4000))))
}

func zipped(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	defer func() { _ = z.Close() }()
	for i := range 1000 {
		io.WriteString(z, strconv.Itoa(i*i))
	}
}

func hijacking(late bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if late {
			withStatus(http.StatusAccepted, writing("before "))(w, r)
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\n\r\nraw")
		_ = rw.Flush()
		if _, err := io.WriteString(w, "x"); err != http.ErrHijacked {
			panic(fmt.Sprintf("write after the hijack: %v", err))
		}
		if _, _, err := w.(http.Hijacker).Hijack(); err == nil {
			panic("hijacked twice")
		}
	}
}
