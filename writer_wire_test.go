package creche_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// TestHeldResponsesLookLikeTheRoutersOwn compares what a server sends with
// and without an App around the handler, byte for byte. Both servers live in
// one bubble, so their Date is the same.
//
// R2, R4
func TestHeldResponsesLookLikeTheRoutersOwn(t *testing.T) {
	for _, s := range shapes {
		for _, method := range s.methods() {
			t.Run(s.name+"/"+method+" over HTTP/1.1", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { s.compare(t, method, http1Wire) })
			})
			if s.http1 {
				continue
			}
			t.Run(s.name+"/"+method+" over HTTP/2", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { s.compare(t, method, http2Wire, nurserytest.HTTP2()) })
			})
		}
	}
}

// TestThereAreShapesEnough counts the shapes over each protocol.
//
// R2
func TestThereAreShapesEnough(t *testing.T) {
	both := 0
	for _, s := range shapes {
		if !s.http1 {
			both++
		}
	}
	if both < 70 || len(shapes) < 90 {
		t.Errorf("got %d shapes over both protocols and %d in all, want at least 70 and 90", both, len(shapes))
	}
}

func (s shape) methods() []string {
	if s.upload != "" {
		return []string{http.MethodPost}
	}
	return []string{http.MethodGet, http.MethodHead}
}

type wire func(t *testing.T, srv *nurserytest.Server, method string, s shape) string

func (s shape) compare(t *testing.T, method string, read wire, opts ...nurserytest.ServerOption) {
	t.Helper()
	opts = append(opts, nurserytest.Configure(func(srv *http.Server) { srv.ErrorLog = silent }))
	app, seen := watched(creche.Options{})
	plain := read(t, nurserytest.NewServer(t, s.within(s.handler), opts...), method, s)
	held := read(t, nurserytest.NewServer(t, s.within(app.Middleware(s.handler)), opts...), method, s)
	if plain == "" && !s.nothing {
		t.Fatal("the plain router sent nothing: the comparison says nothing")
	}
	if held != plain {
		t.Errorf("got\n%s\nwant, as the plain router\n%s", held, plain)
	}
	if s.fails != nil {
		seen.wantOnce(t, s.fails)
	} else {
		seen.wantOnce(t)
	}
}

// within returns next behind the outer middleware.
func (s shape) within(next http.Handler) http.Handler {
	if s.outer == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.outer(w, r)
		next.ServeHTTP(w, r)
	})
}

// http1Wire returns all that the server sends until it closes the connection,
// which a second request asks it to do.
func http1Wire(t *testing.T, srv *nurserytest.Server, method string, s shape) string {
	t.Helper()
	conn, err := srv.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	header := s.header
	if s.upload != "" {
		header += fmt.Sprintf("Content-Length: %d\r\n", len(s.upload))
	}
	// One write, so that it does not matter when the server stops to read, and
	// beside the reading, for a server may answer before it has read an upload.
	go func() {
		_, _ = fmt.Fprintf(conn, "%s / HTTP/1.1\r\nHost: creche.test\r\n%s\r\n%s"+
			"GET /last HTTP/1.1\r\nHost: creche.test\r\nConnection: close\r\n\r\n", method, header, s.upload)
	}()
	all, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return boundary.ReplaceAllString(string(all), "boundary")
}

// boundary is what separates the parts of a multipart body: random.
var boundary = regexp.MustCompile(`[0-9a-f]{60}`)

// http2Wire returns the frames of the response, and what the client made of
// them.
func http2Wire(t *testing.T, srv *nurserytest.Server, method string, s shape) string {
	t.Helper()
	var log received
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{
		Protocols:          protocols,
		DisableCompression: true,
		// Longer than any case takes: the upload waits until it is asked for.
		ExpectContinueTimeout: time.Hour,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := srv.Dial(ctx)
			return &recorded{Conn: conn, log: &log}, err
		},
	}
	defer transport.CloseIdleConnections()
	got := ask(t, &http.Client{Transport: transport}, method, srv.URL+"/", func(r *http.Request) {
		for line := range strings.Lines(s.header) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			r.Header.Set(name, value)
		}
		if s.upload != "" {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(s.upload)), int64(len(s.upload))
		}
	})
	synctest.Wait()
	return fmt.Sprintf("%s%v %v %q %v", log.frames(), got.err, got.status, got.body, got.trailer)
}

// received is the stream of bytes that a client gets.
type received struct {
	mu  sync.Mutex
	all bytes.Buffer
}

type recorded struct {
	net.Conn
	log *received
}

func (c *recorded) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	c.log.all.Write(p[:n])
	return n, err
}

// frames prints the frames of responses, one a line: those with a stream, but
// for window updates, whose place among the others depends on the client.
func (r *received) frames() string {
	const header, windowUpdate = 9, 8
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for all := r.all.Bytes(); len(all) >= header; {
		size := int(all[0])<<16 | int(binary.BigEndian.Uint16(all[1:]))
		kind, flags, stream := all[3], all[4], binary.BigEndian.Uint32(all[5:])
		if stream != 0 && kind != windowUpdate {
			fmt.Fprintf(&b, "stream %d: type %d, flags %x, %q\n", stream, kind, flags, all[header:header+size])
		}
		all = all[header+size:]
	}
	return b.String()
}

// A client that waits to be asked for its body is asked, also by a handler that
// has written before it reads. (The plain router does not ask any more, and
// both would wait.)
//
// R2
func TestABodyIsAskedForAfterAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, creche.Options{}, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "got ")
			body, err := io.ReadAll(r.Body)
			fmt.Fprint(w, string(body), err)
		})
		c := s.dial(t, "POST / HTTP/1.1\r\nHost: creche.test\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
		answers := bufio.NewReader(c)
		if line, err := answers.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
			t.Errorf("got %q (%v), want to be asked for the body", line, err)
		}
		_, _ = io.WriteString(c, "tea")
		rest, err := io.ReadAll(answers)
		if err != nil || !strings.HasPrefix(string(rest), "\r\nHTTP/1.1 200 OK\r\n") || !strings.HasSuffix(string(rest), "\r\n\r\ngot tea<nil>") {
			t.Errorf("got %q (%v), want got tea", rest, err)
		}
		s.leave()
		wantErr(t, s.end(), nil)
	})
}
