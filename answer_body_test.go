package creche_test

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// readAll is a handler that wants the whole body, but no more than limit.
func readAll(limit int64) func(w http.ResponseWriter, r *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
		if err != nil {
			return fmt.Errorf("read order: %w", err)
		}
		_, err = fmt.Fprint(w, len(body))
		return err
	}
}

// talk sends text to srv and returns the first response, and whether the
// server closed the connection after it.
func talk(t *testing.T, srv *nurserytest.Server, text string) (res *http.Response, closed bool) {
	t.Helper()
	conn, err := srv.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	res, err = http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	_, err = in.ReadByte()
	var timeout net.Error
	return res, !errors.As(err, &timeout) || !timeout.Timeout()
}

// E6
func TestBodyOverTheLimit(t *testing.T) {
	tests := []struct {
		name   string
		size   int
		status int
		closed bool
	}{
		{"at the limit", 1024, http.StatusOK, false},
		{"over the limit", 1025, http.StatusRequestEntityTooLarge, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, seen := watched(creche.Options{})
				srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(readAll(1024))))
				res, closed := talk(t, srv, fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", tt.size, repeat(tt.size)))
				if res.StatusCode != tt.status || closed != tt.closed {
					t.Errorf("got %d, closed %v; want %d, closed %v", res.StatusCode, closed, tt.status, tt.closed)
				}
				seen.wantOnce(t)
			})
		})
	}
}

// E6: a client that is too slow to send its body gets 408.
func TestBodyThatIsTooSlow(t *testing.T) {
	for name, o := range map[string]creche.Options{"the handler reads": {}, "it is read before the handler": {ReadBody: 1 << 10}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, seen := watched(o)
				h := app.Middleware(creche.Handler(readAll(1024)))
				srv := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second)); err != nil {
						t.Error(err)
					}
					h.ServeHTTP(w, r)
				}))
				res, closed := talk(t, srv, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this")
				if res.StatusCode != http.StatusRequestTimeout || !closed {
					t.Errorf("got %d, closed %v; want 408, closed", res.StatusCode, closed)
				}
				seen.wantOnce(t)
			})
		})
	}
}

// E6: the deadline of somebody else's connection is not the client's fault.
func TestUpstreamDeadlineIsNo408(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{})
		upstream := fmt.Errorf("ask upstream: %w", os.ErrDeadlineExceeded)
		srv := nurserytest.NewServer(t, app.Middleware(failing(upstream)))
		wantReply(t, get(t, srv), http.StatusInternalServerError, "Internal Server Error")
		seen.wantOnce(t, upstream)
	})
}

// A body that ends early is the error of who reads it, however it was read.
func TestBodyThatEndsEarly(t *testing.T) {
	for name, o := range map[string]creche.Options{"the handler reads": {}, "it is read before the handler": {ReadBody: 1 << 10}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, _ := watched(o)
				read := make(chan string, 1)
				srv := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					body, err := io.ReadAll(r.Body)
					read <- fmt.Sprintf("%s, %v", body, err)
				})))
				conn, err := srv.Dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this")
				conn.Close()
				if got, want := <-read, "only this, unexpected EOF"; got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		})
	}
}

// R5: reading a small body first changes nothing for the handler.
func TestBodyReadBeforeTheHandler(t *testing.T) {
	tests := []struct {
		name string
		body func() io.Reader
		size int64
		want string
	}{
		{"smaller than the option", func() io.Reader { return strings.NewReader("tea") }, 3, "tea"},
		{"as large", func() io.Reader { return strings.NewReader(repeat(16)) }, 16, repeat(16)},
		{"larger, which is not read first", func() io.Reader { return strings.NewReader(repeat(17)) }, 17, repeat(17)},
		{"of unknown length, which is not read first", func() io.Reader { return onlyReader{strings.NewReader("tea")} }, -1, "tea"},
		{"empty", func() io.Reader { return http.NoBody }, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			protocols(t, func(t *testing.T, opts ...nurserytest.ServerOption) {
				t.Helper()
				synctest.Test(t, func(t *testing.T) {
					app, _ := watched(creche.Options{ReadBody: 16})
					srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
						if r.ContentLength != tt.size {
							t.Errorf("got Content-Length %d, want %d", r.ContentLength, tt.size)
						}
						_, err := io.Copy(w, r.Body)
						if err := r.Body.Close(); err != nil {
							t.Error(err)
						}
						return err
					})), opts...)
					req, err := http.NewRequest(http.MethodPost, srv.URL, tt.body())
					if err != nil {
						t.Fatal(err)
					}
					if got := sent(srv.Client(), req); got.status != http.StatusOK || got.body != tt.want {
						t.Errorf("got %v, want %q", got, tt.want)
					}
				})
			})
		})
	}
}

// R5: what outer middleware has put in the place of the body, and says nothing of
// its length, is not cut.
func TestDecompressedBodyReadBeforeTheHandler(t *testing.T) {
	const announced, limit = 4, 16
	tests := []struct {
		name   string
		size   int
		first  int // of them read before the handler
		failed error
	}{
		{"shorter than announced", 3, 3, nil},
		{"longer than announced", 15, 15, nil},
		{"as long as the option", limit, limit, nil},
		{"longer than the option", 5000, limit, nil},
		{"that fails", 10, 10, io.ErrUnexpectedEOF},
		{"that fails behind what the option reads", 5000, limit, io.ErrUnexpectedEOF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			app, _ := watched(creche.Options{ReadBody: limit})
			inside := &countedBody{size: tt.size, failed: cmp.Or(tt.failed, io.EOF)}
			h := app.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if inside.read != tt.first {
					t.Errorf("got %d bytes read before the handler, want %d", inside.read, tt.first)
				}
				got, err := io.ReadAll(r.Body)
				if len(got) != tt.size || err != tt.failed {
					t.Errorf("got %d bytes, %v; want %d, %v", len(got), err, tt.size, tt.failed)
				}
				if err := r.Body.Close(); err != nil || !inside.closed {
					t.Errorf("closed: got %v, %v; want the middleware's body closed", inside.closed, err)
				}
			}))
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(repeat(announced)))
			r.Body = inside
			h.ServeHTTP(httptest.NewRecorder(), r)
		})
	}
}

// countedBody has size bytes and then fails.
type countedBody struct {
	size, read int
	failed     error
	closed     bool
}

func (b *countedBody) Read(p []byte) (int, error) {
	n := min(len(p), b.size-b.read)
	b.read += n
	if n < len(p) {
		return n, b.failed
	}
	return n, nil
}

func (b *countedBody) Close() error {
	b.closed = true
	return nil
}

// R5: on HTTP/2 a body of known length may have trailers.
func TestTrailersOfABodyReadBeforeTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := watched(creche.Options{ReadBody: 16})
		srv := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %v %s", body, err, r.Trailer.Get("X-Sum"))
		})), nurserytest.HTTP2())
		got := ask(t, srv.Client(), http.MethodPost, srv.URL, func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("tea")), 3
			r.Trailer = http.Header{"X-Sum": {"42"}}
		})
		wantReply(t, got, http.StatusOK, "tea <nil> 42")
	})
}

// A rule that reads on where the handler stopped, and a stray read after the
// end of the exchange, which is refused.
//
// R4
func TestBodyAfterTheEndIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept io.ReadCloser
		app, _ := watched(creche.Options{Errors: []errorhandlers.Rule{
			errorhandlers.OnIs(errFirst, func(w http.ResponseWriter, r *http.Request, _ error) error {
				_, err := io.Copy(w, r.Body)
				return err
			}),
		}})
		srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			kept = r.Body
			if _, err := io.ReadFull(r.Body, make([]byte, 3)); err != nil {
				t.Error(err)
			}
			return errFirst
		})))
		req, err := http.NewRequest(http.MethodPost, srv.URL, strings.NewReader("tea and cake"))
		if err != nil {
			t.Fatal(err)
		}
		wantReply(t, sent(srv.Client(), req), http.StatusOK, " and cake")
		if n, err := kept.Read(make([]byte, 1)); n != 0 || err != http.ErrBodyReadAfterClose {
			t.Errorf("got %d, %v from a read after the end, want http.ErrBodyReadAfterClose", n, err)
		}
		if err := kept.Close(); err != nil {
			t.Errorf("got %v from Close after the end, want nil", err)
		}
	})
}
