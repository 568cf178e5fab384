package websocket_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery/nurserytest"
	"github.com/creche-go/creche/websocket"
)

// get writes a request and returns the answer's header.
func get(t *testing.T, s *nurserytest.Server, request string) *http.Response {
	t.Helper()
	conn, err := s.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	p := &peer{t: t, conn: conn, br: bufio.NewReader(conn)}
	return p.request(request)
}

// W3, W10
func TestHandshakes(t *testing.T) {
	change := func(old, replacement string) string { return strings.Replace(handshake, old, replacement, 1) + "\r\n" }
	with := func(header string) string { return handshake + header + "\r\n\r\n" }
	loose := &websocket.Options{Origins: []string{"*.example.com", "https://example.org"}, Subprotocols: []string{"v2", "v1"}}
	tests := []struct {
		name    string
		options *websocket.Options
		request string
		status  int
		header  [2]string
	}{
		{"a good one", nil, with("X: y"), 101, [2]string{"Sec-Websocket-Accept", "ICX+Yqv66kxgM0FcWaLWlFLwTAI="}},
		{"of any case", nil, change("Connection: Upgrade\r\nUpgrade: websocket", "connection: keep-alive, upgrade\r\nupgrade: WebSocket"), 101, [2]string{}},
		{"none at all", nil, "GET /ws HTTP/1.1\r\nHost: creche.test\r\n\r\n", 426, [2]string{"Upgrade", "websocket"}},
		{"none at all, again", nil, "GET /ws HTTP/1.1\r\nHost: creche.test\r\n\r\n", 426, [2]string{"Connection", "Upgrade"}},
		{"HTTP/1.0", nil, change("HTTP/1.1", "HTTP/1.0"), 426, [2]string{}},
		{"no Upgrade", nil, change("Upgrade: websocket\r\n", ""), 426, [2]string{"Upgrade", "websocket"}},
		{"another protocol", nil, change("Upgrade: websocket", "Upgrade: h2c"), 426, [2]string{"Upgrade", "websocket"}},
		{"not GET", nil, change("GET", "PUT"), 405, [2]string{"Allow", "GET"}},
		{"no version", nil, change("Sec-WebSocket-Version: 13\r\n", ""), 426, [2]string{"Sec-Websocket-Version", "13"}},
		{"an old version", nil, change("Version: 13", "Version: 8"), 426, [2]string{"Sec-Websocket-Version", "13"}},
		{"no key", nil, change("Sec-WebSocket-Key", "X"), 400, [2]string{}},
		{"a short key", nil, change("AAAA", ""), 400, [2]string{}},
		{"two keys", nil, with("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="), 400, [2]string{}},
		{"a body", nil, handshake + "Content-Length: 2\r\n\r\n\x81\x80", 400, [2]string{}},

		{"no origin", nil, with("X: y"), 101, [2]string{}},
		{"the same origin", nil, with("Origin: http://creche.test"), 101, [2]string{}},
		{"a foreign origin", nil, with("Origin: https://evil.example"), 403, [2]string{}},
		{"another port", nil, with("Origin: http://creche.test:8080"), 403, [2]string{}},
		{"an opaque origin", nil, with("Origin: null"), 403, [2]string{}},
		{"an origin that is none", nil, with("Origin: %"), 403, [2]string{}},
		{"one of the patterns", loose, with("Origin: https://A.Example.com"), 101, [2]string{}},
		{"not quite one of the patterns", loose, with("Origin: https://example.com"), 403, [2]string{}},
		{"a pattern with a scheme", loose, with("Origin: https://example.org"), 101, [2]string{}},
		{"another scheme than the pattern's", loose, with("Origin: http://example.org"), 403, [2]string{}},

		{"the server's favourite subprotocol", loose, with("Sec-WebSocket-Protocol: v1, v2"), 101, [2]string{"Sec-Websocket-Protocol", "v2"}},
		{"an unknown subprotocol", loose, with("Sec-WebSocket-Protocol: v3"), 101, [2]string{"Sec-Websocket-Protocol", ""}},
		{"the server's favourite subprotocol, of two headers", loose, with("Sec-WebSocket-Protocol:v1\t,v0\r\nSec-WebSocket-Protocol: v3 ,\tv2 "), 101, [2]string{"Sec-Websocket-Protocol", "v2"}},
		{"a subprotocol in another case", loose, with("Sec-WebSocket-Protocol: V2"), 101, [2]string{"Sec-Websocket-Protocol", ""}},
		{"a subprotocol in both cases", loose, with("Sec-WebSocket-Protocol: V2, V1, v1"), 101, [2]string{"Sec-Websocket-Protocol", "v1"}},
		{"an empty subprotocol", loose, with("Sec-WebSocket-Protocol: ,"), 101, [2]string{"Sec-Websocket-Protocol", ""}},
		{"compression is not taken", nil, with("Sec-WebSocket-Extensions: permessage-deflate"), 101, [2]string{"Sec-Websocket-Extensions", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, tt.options, returns(nil))
				response := get(t, s.Server, tt.request)
				if response.StatusCode != tt.status {
					t.Errorf("got %s, want %d", response.Status, tt.status)
				}
				if name := tt.header[0]; name != "" && response.Header.Get(name) != tt.header[1] {
					t.Errorf("got %s: %q, want %q", name, response.Header.Get(name), tt.header[1])
				}
				if tt.status != 101 && response.Header.Get("Content-Type") != "application/problem+json" {
					t.Errorf("got %q, want the rules' answer", response.Header.Get("Content-Type"))
				}
				if got := s.reports(); len(got) > 0 {
					t.Errorf("got reports %q, want none", got)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

// W3
func TestARefusedHandshakeMeetsTheRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, echo, errorhandlers.OnStatus(403, func(w http.ResponseWriter, _ *http.Request, _ error) error {
			w.WriteHeader(http.StatusTeapot)
			return nil
		}))
		response := get(t, s.Server, handshake+"Origin: https://evil.example\r\n\r\n")
		if response.StatusCode != http.StatusTeapot || response.Header.Get("Upgrade") != "" {
			t.Errorf("got %s with %v, want the rule's 418", response.Status, response.Header)
		}
	})
}

func TestHeadersOfOuterMiddlewareAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Set-Cookie", "a=b")
			_ = upgrade(w, r, nil, returns(nil))
		}))
		response := get(t, s, handshake+"\r\n")
		if got := response.Header.Get("Set-Cookie"); response.StatusCode != http.StatusSwitchingProtocols || got != "a=b" {
			t.Errorf("got %s with cookie %q", response.Status, got)
		}
	})
}

func TestSubprotocolAndRequestReachTheFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, &websocket.Options{Subprotocols: []string{"v1"}}, func(ctx context.Context, c *websocket.Conn) error {
			server, ok := c.Context().Value(http.ServerContextKey).(*http.Server)
			if ctx.Value(http.ServerContextKey) != server || !ok {
				t.Error("the values of the request's context are gone")
			}
			return c.Send(ctx, websocket.Text(c.Subprotocol()))
		})
		p := dial(t, s.Server, "Sec-WebSocket-Protocol: V1,v0,v1")
		p.want(opText, "v1")
		p.wantEnd(1000)
	})
}

func TestAWriterThatCannotHandTheConnectionOver(t *testing.T) {
	for name, wrap := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"one that wraps nothing": func(w http.ResponseWriter) http.ResponseWriter { return struct{ http.ResponseWriter }{w} },
		"one that wraps itself":  func(w http.ResponseWriter) http.ResponseWriter { return loop{w} },
		"one that refuses":       func(w http.ResponseWriter) http.ResponseWriter { return refusing{w} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got error
				s := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					got = upgrade(wrap(w), r, nil, echo)
				}))
				response := get(t, s, handshake+"\r\n")
				if response.StatusCode != http.StatusInternalServerError || got == nil || !strings.Contains(got.Error(), "no http.Hijacker") {
					t.Errorf("got %s and %v, want a plain error", response.Status, got)
				}
				if got := response.Header.Get("Sec-WebSocket-Accept") + response.Header.Get("Upgrade"); got != "" {
					t.Errorf("got the headers of an upgrade: %q", got)
				}
				_, _ = io.Copy(io.Discard, response.Body)
			})
		})
	}
}

type loop struct{ http.ResponseWriter }

func (l loop) Unwrap() http.ResponseWriter { return l }

type refusing struct{ http.ResponseWriter }

func (refusing) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, errors.New("this is no http.Hijacker today")
}

// A peer that does not take the answer within five seconds gets no frames after
// the half of it that it has taken.
//
// W5
func TestNothingFollowsHalfAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			_ = c.Send(ctx, websocket.Text("hello"))
			<-ctx.Done()
			cause = context.Cause(ctx)
			return nil
		})
		conn, err := s.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, handshake+"\r\n"); err != nil {
			t.Fatal(err)
		}
		some := make([]byte, 20)
		if _, err := io.ReadFull(conn, some); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		if rest, _ := io.ReadAll(conn); len(rest) > 0 {
			t.Errorf("got %q after %q, want the end", rest, some)
		}
		s.finish()
		if e, vanished := errors.AsType[*websocket.CloseError](cause); !vanished || e.Code != websocket.Abnormal {
			t.Errorf("got cause %v, want a 1006", cause)
		}
	})
}

// W10
func TestLimitOfConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := websocket.NewLimit(2)
		s := serve(t, &websocket.Options{Connections: limit}, echo)
		get(t, s.Server, "GET /ws HTTP/1.1\r\nHost: creche.test\r\n\r\n") // refused, so it does not count
		a, b := dial(t, s.Server), dial(t, s.Server)
		response := get(t, s.Server, handshake+"\r\n")
		if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" || limit.Len() != 2 {
			t.Errorf("the third of two: got %s, and %d are open", response.Status, limit.Len())
		}
		a.conn.Close()
		synctest.Wait()
		c := dial(t, s.Server)
		for _, p := range []*peer{b, c} {
			p.close(1000, "")
			p.wantEnd(1000)
		}
		s.Close()
		if got := limit.Len(); got != 0 {
			t.Errorf("%d are open in the end", got)
		}
	})
}

func TestNewLimitOfNothing(t *testing.T) {
	defer func() {
		if got := recover(); got != "websocket: NewLimit(0): want at least 1" {
			t.Errorf("got panic %v", got)
		}
	}()
	websocket.NewLimit(0)
}

// keeping is a writer that keeps the status until there is a body, as echo's
// Gzip has one.
type keeping struct{ http.ResponseWriter }

func (keeping) WriteHeader(int)               {}
func (k keeping) Unwrap() http.ResponseWriter { return k.ResponseWriter }

// The answer to the handshake does not wait for a body.
//
// W13
func TestTheAnswerPassesAWriterThatKeepsTheStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Outer", "kept")
			w.Header().Set("Content-Length", "7")
			_ = upgrade(keeping{w}, r, nil, echo)
		}))
		p := dial(t, s)
		p.write(frame(0x80|opText, "tea"))
		p.want(opText, "tea")
		p.conn.Close()
		s.Close()
	})
}

// A handler of net/http's own shape may leave alone what Serve returns. Nobody
// takes an empty 200 for an answer to a handshake.
//
// W3
func TestARefusalThatNobodyHandsOnIsAnswered(t *testing.T) {
	const evil = handshake + "Origin: https://evil.example\r\n\r\n"
	requests := []struct {
		name, request string
		o             *websocket.Options
		want, logged  int
	}{
		{"what is no handshake", "GET / HTTP/1.1\r\nHost: creche.test\r\nConnection: close\r\n\r\n", nil, http.StatusUpgradeRequired, 0},
		{"a foreign origin", evil, nil, http.StatusForbidden, 0},
		{"options with two faults", handshake + "\r\n", &websocket.Options{ReadLimit: -1, Compress: -1}, http.StatusInternalServerError, 1},
	}
	for name, around := range map[string]func(http.Handler) http.Handler{
		"outside any middleware": func(next http.Handler) http.Handler { return next },
		"inside":                 func(next http.Handler) http.Handler { return creche.New(creche.Options{}).Middleware(next) },
		"by a creche.Handler": func(next http.Handler) http.Handler {
			return creche.Handler(func(w http.ResponseWriter, r *http.Request) error { next.ServeHTTP(w, r); return nil })
		},
	} {
		for _, tt := range requests {
			t.Run(tt.name+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					log := logged(t)
					var got error
					s := nurserytest.NewServer(t, around(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						got = websocket.Serve(w, r, tt.o, echo)
					})))
					response := get(t, s, tt.request)
					if kind := response.Header.Get("Content-Type"); response.StatusCode != tt.want || kind != "application/problem+json" || got == nil {
						t.Errorf("got %s of %s, and %v; want the default %d and an error", response.Status, kind, got, tt.want)
					}
					s.Close()
					if text := log.String(); strings.Count(text, "level=ERROR") != tt.logged || tt.logged > 0 && !strings.Contains(text, "ReadLimit is -1: want 0 or more; websocket: Options.Compress is -1") {
						t.Errorf("logged %q, want %d lines, with all faults", text, tt.logged)
					}
				})
			})
		}
	}
	t.Run("by the rules, if there are any", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			app := creche.New(creche.Options{Errors: []errorhandlers.Rule{
				errorhandlers.OnStatus(http.StatusForbidden, func(w http.ResponseWriter, _ *http.Request, _ error) error {
					w.WriteHeader(http.StatusTeapot)
					return nil
				}),
			}})
			s := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = websocket.Serve(w, r, nil, echo)
			})))
			if response := get(t, s, evil); response.StatusCode != http.StatusTeapot {
				t.Errorf("got %s, want the rule's 418", response.Status)
			}
		})
	})
	t.Run("but not where the handler does it itself", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := nurserytest.NewServer(t, creche.New(creche.Options{}).Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := websocket.Serve(w, r, nil, echo); err != nil {
					w.WriteHeader(http.StatusTeapot)
				}
			})))
			if response := get(t, s, evil); response.StatusCode != http.StatusTeapot {
				t.Errorf("got %s, want the handler's 418", response.Status)
			}
		})
	})
}
