package websocket_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	coder "github.com/coder/websocket"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery/nurserytest"
	"github.com/creche-go/creche/websocket"
)

// On a real network closing a socket with something unread destroys what was
// sent last.
//
// W12
func TestTheCloseFrameSurvivesAViolation(t *testing.T) {
	ts := newTCPServer(t, &websocket.Options{ReadLimit: 100, CloseTimeout: 20 * time.Second}, echo)
	const much = 16 << 20 // more than the buffers of the socket hold
	tests := []struct {
		name string
		sent []byte
		code websocket.Code
	}{
		{"of the protocol", append([]byte{0x81, 1, 'x'}, make([]byte, much)...), websocket.ProtocolError},
		{"of the limit", frame(0x82, strings.Repeat("x", much)), websocket.MessageTooBig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			began := time.Now()
			p := join(t, dialTCP(t, ts))
			p.write(tt.sent)
			p.wantEnd(tt.code)
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("took %v: the peer was not told that no more comes", took)
			}
		})
	}
}

// W4
func TestAPeerThatHangsUpGetsNoCloseFrame(t *testing.T) {
	ts := newTCPServer(t, nil, echo)
	conn := dialTCP(t, ts)
	p := join(t, conn)
	p.text("here")
	p.want(opText, "here")
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	p.wantEnd(websocket.Abnormal)
}

func dialTCP(t *testing.T, ts *httptest.Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", ts.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// W2
func TestAStalledPeerOverTLSIsAborted(t *testing.T) {
	ended := make(chan time.Duration, 1)
	opts := &websocket.Options{CloseTimeout: 100 * time.Millisecond}
	ts := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var began time.Time
		_ = upgrade(w, r, opts, func(ctx context.Context, c *websocket.Conn) error {
			for {
				if err := c.TrySend(websocket.Binary(make([]byte, 100_000))); err != nil {
					began = time.Now()
					return err
				}
			}
		})
		ended <- time.Since(began)
	}))
	ts.StartTLS()
	t.Cleanup(ts.Close)
	conn, err := tls.Dial("tcp", ts.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	join(t, conn)
	if got := <-ended; got > 3*time.Second {
		t.Errorf("ended after %v, want about 100ms, and not TLS's five seconds", got)
	}
}

func TestAnotherClient(t *testing.T) {
	ts := newTCPServer(t, nil, echo)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, _, err := coder.Dial(ctx, "ws"+strings.TrimPrefix(ts.URL, "http"), &coder.DialOptions{CompressionMode: coder.CompressionContextTakeover})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	c.SetReadLimit(-1)
	for _, size := range []int{0, 1, 125, 126, 65_535, 65_536} {
		sent := strings.Repeat("x", size)
		if err := c.Write(ctx, coder.MessageText, []byte(sent)); err != nil {
			t.Fatal(err)
		}
		kind, got, err := c.Read(ctx)
		if err != nil || kind != coder.MessageText || string(got) != sent {
			t.Fatalf("got %v of %d bytes, %v; want text of %d", kind, len(got), err, size)
		}
	}
	go func() { _, _, _ = c.Read(ctx) }() // which gets the pong
	if err := c.Ping(ctx); err != nil {
		t.Error(err)
	}
	if err := c.Close(coder.StatusNormalClosure, "bye"); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// newTCPServer makes a server whose write buffers do not grow: otherwise the
// network takes more and more, on a busy machine also later, of what is sent to a
// peer that does not read.
func newTCPServer(t *testing.T, o *websocket.Options, f connFunc) *httptest.Server {
	t.Helper()
	app := creche.New(creche.Options{})
	ts := httptest.NewUnstartedServer(app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return upgrade(w, r, o, f)
	})))
	ts.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if err := c.(*net.TCPConn).SetWriteBuffer(128 << 10); err != nil {
			t.Error(err)
		}
		return ctx
	}
	ts.Start()
	t.Cleanup(ts.Close)
	return ts
}

// W1
func TestConnectionsOverTCPLeaveNoDescriptor(t *testing.T) {
	n := 10_000
	if testing.Short() {
		n = 200
	}
	nurserytest.CheckLeaks(t)
	ts := newTCPServer(t, nil, echo)
	before := descriptors(t)
	for i := range n {
		conn := dialTCP(t, ts)
		p := &peer{t: t, conn: conn, br: bufio.NewReader(conn)}
		p.request(handshake + "\r\n")
		switch i % 3 {
		case 0:
			p.close(1000, "")
			p.wantEnd(1000)
		case 1:
			p.write([]byte{0x81, 1, 'x'})
		}
		conn.Close()
	}
	deadline := time.Now().Add(30 * time.Second)
	for descriptors(t) > before && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond) // the last ones are being closed
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors, want the %d of before", after, before)
	}
}

// descriptors returns how many files and sockets are open.
func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here")
	}
	return len(open)
}

// needDescriptors skips a test that would have more files and sockets open than
// it may.
func needDescriptors(t *testing.T, n int) {
	t.Helper()
	limits, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		t.Skip("no /proc here")
	}
	_, line, _ := strings.Cut(string(limits), "Max open files")
	var most int
	if _, err := fmt.Sscan(line, &most); err == nil && most < n { // or it is "unlimited"
		t.Skipf("%d descriptors, want %d: see ulimit -n", most, n)
	}
}
