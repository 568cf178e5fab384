package websockettest_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery/nurserytest"
	"github.com/creche-go/creche/websocket"
	"github.com/creche-go/creche/websocket/websockettest"
)

func TestMain(m *testing.M) { nurserytest.CheckMain(m) }

type connFunc = func(ctx context.Context, c *websocket.Conn) error

// serve upgrades every request but those to /no, through a whole application.
func serve(t *testing.T, o *websocket.Options, f connFunc) *nurserytest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/ws", creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return websocket.Serve(w, r, o, f)
	}))
	mux.Handle("/no", creche.Handler(func(http.ResponseWriter, *http.Request) error {
		return &errorhandlers.Problem{Status: http.StatusPaymentRequired, Detail: "Pay first."}
	}))
	return nurserytest.NewServer(t, creche.New(creche.Options{}).Middleware(mux))
}

func dial(t *testing.T, d websockettest.Dialer, o *websockettest.Options) *websockettest.Client {
	t.Helper()
	c, err := websockettest.Dial(t, d, "/ws", o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func echo(ctx context.Context, c *websocket.Conn) error {
	for m, err := range c.Messages() {
		if err != nil {
			return err
		}
		if err := c.Send(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// wantClose receives to the end, which must be a close with code.
func wantClose(t *testing.T, c *websockettest.Client, code websocket.Code, reason string) {
	t.Helper()
	var err error
	for err == nil {
		_, err = c.Receive(t.Context())
	}
	e, ok := errors.AsType[*websocket.CloseError](err)
	if !ok || e.Code != code || e.Reason != reason {
		t.Errorf("got %v, want a close with %v %q", err, code, reason)
	}
	if _, again := c.Receive(t.Context()); again != err {
		t.Errorf("once more: got %v, want the same", again)
	}
}

// W11, W6
func TestTwoMinutesOfHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t, serve(t, nil, echo), nil)
		time.Sleep(2*time.Minute + time.Second)
		if got := c.Pings(); got != 4 {
			t.Errorf("got %d pings in two minutes, want 4", got)
		}
		c.Mute()
		muted := time.Now()
		wantClose(t, c, websocket.InternalError, "no answer to a ping")
		if got, want := time.Since(muted), 39*time.Second; got != want {
			t.Errorf("dropped after %v, want %v", got, want)
		}
		if got := c.Pings(); got != 5 {
			t.Errorf("got %d pings, want 5", got)
		}
	})
}

// W11
func TestARejectedUpgradeIsToldFromAClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, echo)
		_, err := websockettest.Dial(t, s, "http://creche.test/no", nil)
		e, ok := errors.AsType[*websockettest.RejectedError](err)
		if !ok || e.Status != http.StatusPaymentRequired || !strings.Contains(string(e.Body), "Pay first.") || e.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("got %v, want the 402 with its problem", err)
		}
		foreign := &websockettest.Options{Header: http.Header{"origin": {"https://evil.test"}}}
		_, err = websockettest.Dial(t, s, "/ws", foreign)
		if e, ok = errors.AsType[*websockettest.RejectedError](err); !ok || e.Status != http.StatusForbidden {
			t.Errorf("got %v, want the 403 of a foreign origin", err)
		}
		s.Close()
		if _, err = websockettest.Dial(t, s, "/ws", nil); err == nil || errors.As(err, &e) {
			t.Errorf("of a closed server: got %v, want another error", err)
		}
	})
}

// W11
func TestAWholeConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t, serve(t, &websocket.Options{Subprotocols: []string{"tea"}}, echo), &websockettest.Options{Subprotocols: []string{"mate", "tea"}})
		if got := c.Subprotocol(); got != "tea" {
			t.Errorf("subprotocol: got %q, want tea", got)
		}
		for _, m := range []websocket.Message{
			websocket.Text(""), websocket.Text("grüße"), websocket.Binary([]byte{0, 0xff}),
			websocket.Text(strings.Repeat("x", 126)), websocket.Binary(make([]byte, 1<<16)),
		} {
			if err := c.Send(m); err != nil {
				t.Fatal(err)
			}
			if got, err := c.Receive(t.Context()); err != nil || got.String() != m.String() || got.IsText() != m.IsText() {
				t.Errorf("got %.20q, %v, want %.20q", got, err, m)
			}
		}
		if got := c.Waiting(); got != 0 {
			t.Errorf("got %d messages waiting, want none", got)
		}
		short, cancel := context.WithTimeoutCause(t.Context(), time.Second, io.ErrNoProgress)
		defer cancel()
		if _, err := c.Receive(short); err != io.ErrNoProgress {
			t.Errorf("got %v, want the cause of the context", err)
		}
		if err := c.Close(4000, "bye"); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := c.Close(4000, "bye"); err != nil {
			t.Errorf("Close again: %v", err)
		}
		wantClose(t, c, 4000, "bye")
		if err := c.Send(websocket.Text("late")); err == nil {
			t.Error("Send after the end: got nil")
		}
	})
}

// W11
func TestAClientThatCompresses(t *testing.T) {
	tests := []struct {
		name   string
		server int
		client bool
		bytes  int64 // of what is echoed, on its way
	}{
		{"with a server that does", 512, true, 100},
		{"with a server that does not", 0, true, 70_000},
		{"and one that does not", 512, false, 70_000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conns := make(chan *websocket.Conn, 1)
				s := serve(t, &websocket.Options{Compress: tt.server, ReadLimit: 1 << 20}, func(ctx context.Context, c *websocket.Conn) error {
					conns <- c
					return echo(ctx, c)
				})
				c := dial(t, s, &websockettest.Options{Compress: tt.client})
				if got, want := c.Response().Header.Get("Sec-WebSocket-Extensions") != "", tt.server > 0 && tt.client; got != want {
					t.Errorf("compression was agreed on: got %v, want %v", got, want)
				}
				for _, m := range []websocket.Message{
					websocket.Text(""), websocket.Text(strings.Repeat("grüße ", 10_000)), websocket.Binary([]byte{0, 0xff}),
				} {
					if err := c.Send(m); err != nil {
						t.Fatal(err)
					}
					if got, err := c.Receive(t.Context()); err != nil || got.String() != m.String() || got.IsText() != m.IsText() {
						t.Errorf("got %.20q, %v, want %.20q", got, err, m)
					}
				}
				synctest.Wait()
				if got := (<-conns).Stats().Sent.Bytes; got > 2*tt.bytes+2_000 || got < tt.bytes {
					t.Errorf("the server wrote %d bytes, want about %d", got, tt.bytes)
				}
				if err := c.Send(websocket.Text(strings.Repeat("x", 1<<20+1))); err != nil {
					t.Fatal(err)
				}
				wantClose(t, c, websocket.MessageTooBig, "message too big")
			})
		})
	}
}

// Middleware that compresses does so for a browser, and for this client.
//
// W11
func TestARefusalThatIsCompressed(t *testing.T) {
	for _, tt := range []struct {
		name   string
		header http.Header
		want   string
	}{
		{"by default", nil, "gzip"},
		{"with another choice", http.Header{"accept-encoding": {"identity"}}, "identity"},
		{"with none", http.Header{"Accept-Encoding": nil}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if got := r.Header.Get("Accept-Encoding"); got != tt.want {
						t.Errorf("got Accept-Encoding %q, want %q", got, tt.want)
					}
					var body io.Writer = w
					if r.Header.Get("Accept-Encoding") == "gzip" {
						w.Header().Set("Content-Encoding", "gzip")
						z := gzip.NewWriter(w)
						defer z.Close()
						body = z
					}
					w.WriteHeader(http.StatusPaymentRequired)
					_, _ = io.WriteString(body, "Pay first.")
				}))
				_, err := websockettest.Dial(t, s, "/ws", &websockettest.Options{Header: tt.header})
				e, ok := errors.AsType[*websockettest.RejectedError](err)
				if !ok || string(e.Body) != "Pay first." || e.Header.Get("Content-Encoding") != "" {
					t.Errorf("got %v, want the 402 with its text", err)
				}
			})
		})
	}
}

// W11
func TestWhatTheServerEndsWith(t *testing.T) {
	tests := []struct {
		name   string
		f      connFunc
		code   websocket.Code
		reason string
	}{
		{"a close of its own", func(context.Context, *websocket.Conn) error {
			return &websocket.CloseError{Code: 4001, Reason: "enough"}
		}, 4001, "enough"},
		{"no code", func(_ context.Context, c *websocket.Conn) error {
			c.Close(websocket.NormalClosure, "")
			return nil
		}, websocket.NormalClosure, ""},
		{"no word", func(context.Context, *websocket.Conn) error { panic(http.ErrAbortHandler) }, websocket.Abnormal, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				wantClose(t, dial(t, serve(t, nil, tt.f), nil), tt.code, tt.reason)
			})
		})
	}
}

// W11, W8
func TestAClientThatStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		c := dial(t, serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			if _, err := c.Receive(ctx); err != nil {
				return err
			}
			for {
				if err := c.TrySend(websocket.Text("news")); err != nil {
					ended <- err
					return err
				}
			}
		}), nil)
		c.Stall()
		if err := c.Send(websocket.Text("go")); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, websocket.ErrSlowConsumer) {
			t.Errorf("got %v, want ErrSlowConsumer", err)
		}
		if err := c.Close(1000, ""); err == nil {
			t.Error("Close of one that stalled: got nil, want that there was no close")
		}
	})
}

// W11
func TestAClientThatVanishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		c := dial(t, serve(t, nil, func(ctx context.Context, _ *websocket.Conn) error {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return nil
		}), nil)
		c.Vanish()
		if e, ok := errors.AsType[*websocket.CloseError](<-ended); !ok || e.Code != websocket.Abnormal {
			t.Errorf("the server: got %v, want 1006", e)
		}
		wantClose(t, c, websocket.Abnormal, "")
	})
}

// answers is a server whose upgrade has these headers, after which it sends
// frames.
func answers(t *testing.T, headers, frames string) *nurserytest.Server {
	t.Helper()
	return nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		headers = strings.ReplaceAll(headers, "ACCEPT", websockettest.Accept(r.Header.Get("Sec-WebSocket-Key")))
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+headers+"\r\n\r\n"+frames)
		_, _ = io.Copy(io.Discard, conn)
	}))
}

const (
	accepts = "Sec-WebSocket-Accept: ACCEPT"
	packs   = accepts + "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover"
)

// W11
func TestServersThatBreakTheProtocol(t *testing.T) {
	tests := []struct{ name, headers, frames string }{
		{"a mask", accepts, "\x81\x81\x00\x00\x00\x00x"},
		{"a reserved bit", accepts, "\xa1\x01x"},
		{"compression that was not agreed on", accepts, "\xc1\x01\x00"},
		{"a fragment", accepts, "\x01\x01x"},
		{"an unknown opcode", accepts, "\x83\x01x"},
		{"a long ping", accepts, "\x89\x7e\x00\x7e"},
		{"text that is not UTF-8", accepts, "\x81\x01\xff"},
		{"a close of one byte", accepts, "\x88\x01x"},
		{"more than there can be", accepts, "\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"},
		{"a compressed ping", packs, "\xc9\x00"},
		{"a compressed fragment", packs, "\xc0\x00"},
		{"what is not compressed, though it says so", packs, "\xc1\x01\xff"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := dial(t, answers(t, tt.headers, tt.frames), &websockettest.Options{Compress: tt.headers == packs})
				_, err := c.Receive(t.Context())
				if _, ok := errors.AsType[*websockettest.ProtocolError](err); !ok {
					t.Errorf("got %v, want a *ProtocolError", err)
				}
				c.Vanish()
			})
		})
	}
}

// W11
func TestAnswersThatBreakTheProtocol(t *testing.T) {
	const extensions = accepts + "\r\nSec-WebSocket-Extensions: "
	tests := []struct {
		name, headers string
		compress      bool
	}{
		{"a wrong accept", "Sec-WebSocket-Accept: wrong", false},
		{"an extension that was not offered", packs, false},
		{"another extension than was offered", extensions + "x-one; server_no_context_takeover", true},
		{"one more", packs + ", x-one", true},
		{"a window that is kept", extensions + "permessage-deflate", true},
		{"a window whose size was not offered", packs + "; client_max_window_bits=10", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, err := websockettest.Dial(t, answers(t, tt.headers, ""), "/ws", &websockettest.Options{Compress: tt.compress})
				if _, ok := errors.AsType[*websockettest.ProtocolError](err); !ok {
					t.Errorf("got %v, want a *ProtocolError", err)
				}
			})
		})
	}
}

func TestMisuse(t *testing.T) {
	var none context.Context
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, echo)
		c := dial(t, s, nil)
		for want, call := range map[string]func(){
			"websockettest: Dial: nil t":                 func() { _, _ = websockettest.Dial(nil, s, "/ws", nil) },
			"websockettest: Dial: nil dialer":            func() { _, _ = websockettest.Dial(t, nil, "/ws", nil) },
			"websockettest: Client.Receive: nil context": func() { _, _ = c.Receive(none) },
		} {
			func() {
				defer func() {
					if got := recover(); got != want {
						t.Errorf("got panic %v, want %q", got, want)
					}
				}()
				call()
			}()
		}
		if _, err := websockettest.Dial(t, s, "http://[", nil); err == nil {
			t.Error("of a URL that is none: got nil")
		}
	})
}
