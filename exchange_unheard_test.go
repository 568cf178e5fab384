package creche_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// journal is a log that several goroutines may write.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// sends writes an event as soon as the last has left, until that fails.
func sends(w http.ResponseWriter, _ *http.Request) error {
	for i := 0; ; i++ {
		if _, err := fmt.Fprintf(w, "data: %d\n\n", i); err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
		time.Sleep(50 * time.Microsecond)
	}
}

// copies copies without end. With a length that was declared net/http has the
// connection itself copy, which has the system copy a file.
func copies(w http.ResponseWriter, r *http.Request) error {
	if r.URL.Path == "/" {
		_, err := io.Copy(w, zeros{})
		return err
	}
	w.Header().Set("Content-Length", strconv.Itoa(1<<30))
	if r.URL.Path == "/declared" {
		_, err := io.Copy(w, zeros{})
		return err
	}
	file, err := os.CreateTemp("", "")
	if err != nil {
		return err
	}
	defer func() { _ = file.Close(); _ = os.Remove(file.Name()) }()
	if err := file.Truncate(1 << 30); err != nil { // it is all holes
		return err
	}
	_, err = io.Copy(w, file)
	return err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// A client that leaves while something is written to it is no failure, whether
// the write or the context is the first to notice.
//
// E5, R5
func TestClientLeavesASocketDuringAWrite(t *testing.T) {
	tests := []struct {
		name    string
		http2   bool
		path    string
		handler func(w http.ResponseWriter, r *http.Request) error
		leave   func(conn net.Conn)
	}{
		{name: "with a FIN", handler: sends, leave: func(conn net.Conn) { _ = conn.Close() }},
		{name: "with a RST", handler: sends, leave: func(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0); _ = conn.Close() }},
		{name: "during a copy", handler: copies, leave: func(conn net.Conn) { _ = conn.Close() }},
		{name: "during a copy by the connection", path: "declared", handler: copies, leave: func(conn net.Conn) { _ = conn.Close() }},
		{name: "during a copy of a file", path: "file", handler: copies, leave: func(conn net.Conn) { _ = conn.Close() }},
		{name: "with the reset of a stream", http2: true, handler: sends},
		{name: "with a FIN of all streams", http2: true, handler: sends, leave: func(conn net.Conn) { _ = conn.(*tls.Conn).NetConn().Close() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			nurserytest.CheckLeaks(t)
			n := rounds(t, 20, 500)
			log, ended := new(journal), make(chan bool, n)
			app := creche.New(creche.Options{Logger: log.logger()})
			inner := app.Middleware(creche.Handler(tt.handler))
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() { ended <- true }()
				inner.ServeHTTP(w, r)
			}))
			srv.Config.ErrorLog = slog.NewLogLogger(muted.Handler(), 0)
			if srv.EnableHTTP2 = tt.http2; tt.http2 {
				srv.StartTLS()
			} else {
				srv.Start()
			}
			defer srv.Close()
			for range n {
				leaveEvents(t, srv, "/"+tt.path, tt.leave)
			}
			for range n {
				until(t, "end of a handler", ended)
			}
			if text := log.String(); strings.Contains(text, "ERROR") || strings.Count(text, `msg="creche: client gone" method=GET path=/`+tt.path) != n {
				t.Errorf("got the log\n%s\nwant %d times that the client is gone, and no error", text, n)
			}
		})
	}
}

// leaveEvents asks for events, reads some and leaves.
func leaveEvents(t *testing.T, srv *httptest.Server, path string, leave func(conn net.Conn)) {
	t.Helper()
	var conn net.Conn
	dial := func(ctx context.Context, network, addr string) (c net.Conn, err error) {
		c, err = new(net.Dialer).DialContext(ctx, network, addr)
		conn = c
		return c, err
	}
	transport := &http.Transport{DialContext: dial, ForceAttemptHTTP2: true}
	transport.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		secure := tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		conn = secure
		return secure, secure.HandshakeContext(ctx)
	}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadFull(res.Body, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if leave == nil {
		cancel()
		return
	}
	leave(conn)
}

// Whatever else a write fails with is told, also where the client has left.
//
// E5
func TestFailedWritesThatAreNotTheClientsLeaving(t *testing.T) {
	tests := []struct {
		name    string
		handler func(w http.ResponseWriter, r *http.Request) error
		want    error
	}{
		{"a body that is not allowed", func(w http.ResponseWriter, r *http.Request) error {
			w.WriteHeader(http.StatusNoContent)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			_, err := io.WriteString(w, "body")
			return err
		}, http.ErrBodyNotAllowed},
		{"a body that is longer than declared", func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("Content-Length", "2")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			_, err := io.WriteString(w, "body")
			return err
		}, http.ErrContentLength},
		{"a source that fails", func(w http.ResponseWriter, r *http.Request) error {
			_ = http.NewResponseController(w).Flush()
			_, err := io.Copy(w, lost{r.Context()})
			return err
		}, errSoldOut},
		{"a source that fails while the connection copies", func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("Content-Length", "1000")
			_ = http.NewResponseController(w).Flush()
			_, err := io.Copy(w, lost{r.Context()})
			return err
		}, errSoldOut},
		{"what is joined to it", func(w http.ResponseWriter, r *http.Request) error {
			return errors.Join(sends(w, r), errSoldOut)
		}, errSoldOut},
		{"a connection of the handler's own that the peer has left", func(w http.ResponseWriter, r *http.Request) error {
			_ = sends(w, r)
			return &net.OpError{Op: "write", Err: syscall.EPIPE}
		}, syscall.EPIPE},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			nurserytest.CheckLeaks(t)
			app, seen := watched(creche.Options{Logger: muted})
			srv := httptest.NewServer(app.Middleware(creche.Handler(tt.handler)))
			defer srv.Close()
			conn, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			if _, err := io.ReadFull(conn, make([]byte, len("HTTP/1.1"))); err != nil {
				t.Fatal(err)
			}
			_ = conn.Close()
			srv.Close()
			seen.wantOnce(t, tt.want)
		})
	}
}

// lost is a source that is lost with the client.
type lost struct{ ctx context.Context }

func (l lost) Read([]byte) (int, error) {
	<-l.ctx.Done()
	return 0, errSoldOut
}

// E5
func TestAWriteDeadlineIsToldThoughTheConnectionIsLost(t *testing.T) {
	protocols(t, func(t *testing.T, opts ...nurserytest.ServerOption) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			app, seen := watched(creche.Options{Logger: muted})
			srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
				c := http.NewResponseController(w)
				if err := errors.Join(c.Flush(), c.SetWriteDeadline(time.Now().Add(time.Second))); err != nil {
					return err
				}
				return sends(w, r)
			})), opts...)
			req, err := http.NewRequest(http.MethodGet, srv.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			_ = res.Body.Close()
			synctest.Wait()
			seen.wantOnce(t, os.ErrDeadlineExceeded)
		})
	})
}

// The stop closes connections itself. What fails then is told, for nobody left.
//
// E5, B5
func TestAWriteThatTheStopCutsIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := prepared(creche.Options{Stopping: stages})
		app.start(t, app.listener, app.Middleware(creche.Handler(func(w http.ResponseWriter, _ *http.Request) error {
			_, err := io.WriteString(w, repeat(1<<20))
			return err
		})))
		app.dial(t, getSlash)
		app.leave()
		wantErr(t, app.end(), nil)
		app.seen.wantOnce(t, io.ErrClosedPipe)
	})
}

// One that leaves while a rule answers is no failure of the rule. Nor does the
// next request suffer, whose response may be in the same memory.
//
// E4, E5
func TestClientLeavesDuringAnAnswer(t *testing.T) {
	protocols(t, func(t *testing.T, opts ...nurserytest.ServerOption) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			app, seen := watched(creche.Options{Logger: muted, Errors: []errorhandlers.Rule{
				errorhandlers.OnIs(errSoldOut, func(w http.ResponseWriter, r *http.Request, _ error) error { return sends(w, r) }),
				errorhandlers.OnIs(errFirst, teapot),
			}})
			srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
				if r.URL.Path == "/other" {
					return errFirst
				}
				return errSoldOut
			})), opts...)
			for range 10 {
				res, err := srv.Client().Get(srv.URL + "/events")
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				synctest.Wait()
				time.Sleep(time.Second)
				wantReply(t, ask(t, srv.Client(), http.MethodGet, srv.URL+"/other"), http.StatusTeapot, "teapot")
			}
			for _, r := range seen.reports() {
				if got, want := r.Err.Error(), creche.ErrClientGone.Error()+", and could not be told: "+errSoldOut.Error(); got != want {
					t.Errorf("got report %q, want %q", got, want)
				}
			}
		})
	})
}
