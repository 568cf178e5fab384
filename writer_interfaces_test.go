package creche_test

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// abilities lists the optional interfaces of a writer.
func abilities(w http.ResponseWriter) string {
	var list []string
	can := func(name string, ok bool) {
		if ok {
			list = append(list, name)
		}
	}
	_, ok := w.(http.Flusher)
	can("Flusher", ok)
	_, ok = w.(interface{ FlushError() error })
	can("FlushError", ok)
	_, ok = w.(http.Hijacker)
	can("Hijacker", ok)
	_, ok = w.(io.ReaderFrom)
	can("ReaderFrom", ok)
	_, ok = w.(io.StringWriter)
	can("StringWriter", ok)
	_, ok = w.(http.Pusher)
	can("Pusher", ok)
	c := http.NewResponseController(w)
	can("SetReadDeadline", c.SetReadDeadline(time.Time{}) == nil)
	can("SetWriteDeadline", c.SetWriteDeadline(time.Time{}) == nil)
	can("EnableFullDuplex", c.EnableFullDuplex() == nil)
	return strings.Join(list, " ")
}

// R4
func TestWriterCanDoWhatTheServersCan(t *testing.T) {
	protocols(t, func(t *testing.T, opts ...nurserytest.ServerOption) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			app, _ := watched(creche.Options{})
			h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, abilities(w)) })
			plain := get(t, nurserytest.NewServer(t, h, opts...))
			for name, wrapped := range map[string]http.Handler{"once": app.Middleware(h), "twice": app.Middleware(app.Middleware(h))} {
				if got := get(t, nurserytest.NewServer(t, wrapped, opts...)); got.body != plain.body || plain.body == "" {
					t.Errorf("%s: got a writer with %s, want %s", name, got.body, plain.body)
				}
			}
		})
	})
}

// R4
func TestWriterOfAProtocolNobodyKnows(t *testing.T) {
	app, _ := watched(creche.Options{})
	got := ""
	h := app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		got = abilities(w)
	}))
	h.ServeHTTP(&plainWriter{}, &http.Request{Method: http.MethodGet, ProtoMajor: 3})
	if want := "Flusher FlushError StringWriter"; got != want {
		t.Errorf("got a writer with %q, want %q", got, want)
	}
}

// plainWriter can do nothing but what it has to.
type plainWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *plainWriter) Header() http.Header {
	if w.header == nil {
		w.header = make(http.Header)
	}
	return w.header
}

func (w *plainWriter) WriteHeader(status int) { w.status = status }

func (w *plainWriter) Write(p []byte) (int, error) {
	w.status = cmp.Or(w.status, http.StatusOK)
	return w.body.Write(p)
}

// R4: over a writer that can do nothing more, the calls fail and say so.
func TestWriterOverOneThatCannot(t *testing.T) {
	app, _ := watched(creche.Options{})
	below := &plainWriter{}
	h := app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, _, err := http.NewResponseController(w).Hijack(); err == nil {
			t.Error("got a hijacked connection, want an error")
		}
		if n, err := io.Copy(w, onlyReader{strings.NewReader("copied ")}); n != 7 || err != nil {
			t.Errorf("got %d, %v from ReadFrom, want 7 bytes", n, err)
		}
		if err := http.NewResponseController(w).Flush(); err == nil {
			t.Error("got a flush, want an error")
		}
		io.WriteString(w, "written")
	}))
	h.ServeHTTP(below, &http.Request{Method: http.MethodGet, ProtoMajor: 1})
	if below.status != http.StatusOK || below.body.String() != "copied written" {
		t.Errorf("got %d %q, want the response", below.status, below.body.String())
	}
}

// R4
func TestWriteErrors(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(w http.ResponseWriter)
		want    error
	}{
		{"a body where none may be", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }, http.ErrBodyNotAllowed},
		{"a body after 304", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotModified) }, http.ErrBodyNotAllowed},
		{"more than the length that was declared", func(w http.ResponseWriter) { w.Header().Set("Content-Length", "1") }, http.ErrContentLength},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, _ := watched(creche.Options{})
				srv := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					tt.prepare(w)
					if n, err := w.Write([]byte("ab")); n != 0 || err != tt.want {
						t.Errorf("got %d, %v from Write, want %v", n, err, tt.want)
					}
					if n, err := io.WriteString(w, "ab"); n != 0 || err != tt.want {
						t.Errorf("got %d, %v from WriteString, want %v", n, err, tt.want)
					}
				})), nurserytest.Configure(func(s *http.Server) { s.ErrorLog = silent }))
				get(t, srv)
			})
		})
	}
}

// A refused write must leave no hole in a response that then looks whole.
//
// R4
func TestRefusedWriteCutsTheResponse(t *testing.T) {
	protocols(t, func(t *testing.T, opts ...nurserytest.ServerOption) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			app, _ := watched(creche.Options{})
			h := app.Middleware(withHeader("Content-Length", "3", writing("ab", "cd", "e")))
			srv := nurserytest.NewServer(t, h, append(opts, nurserytest.Configure(func(s *http.Server) { s.ErrorLog = silent }))...)
			if got := get(t, srv); got.err == nil {
				t.Errorf("got %v, which looks whole", got)
			}
		})
	})
}

// R4
func TestWriterRefusesAfterTheEnd(t *testing.T) {
	protocols(t, func(t *testing.T, opts ...nurserytest.ServerOption) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			var kept http.ResponseWriter
			app, seen := watched(creche.Options{})
			srv := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if kept == nil {
					kept = w
					io.WriteString(w, "first")
					return
				}
				refuses(t, kept) // while the next response is written
				io.WriteString(w, "second")
				refuses(t, kept)
			})), opts...)
			wantReply(t, get(t, srv), http.StatusOK, "first")
			refuses(t, kept)
			got := get(t, srv)
			wantReply(t, got, http.StatusOK, "second")
			if got.body != "second" || got.header.Get("X-Stray") != "" {
				t.Errorf("got %v %v, with something of another's", got, got.header)
			}
			seen.wantOnce(t)
		})
	})
}

func refuses(t *testing.T, w http.ResponseWriter) {
	t.Helper()
	want := func(call string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("got nil from %s after the end, want an error", call)
		}
	}
	w.Header().Set("X-Stray", "1")
	w.WriteHeader(http.StatusTeapot)
	_, err := w.Write([]byte("stray"))
	want("Write", err)
	_, err = io.WriteString(w, "stray")
	want("WriteString", err)
	want("Flush", http.NewResponseController(w).Flush())
	want("SetWriteDeadline", http.NewResponseController(w).SetWriteDeadline(time.Time{}))
	w.(http.Flusher).Flush()
	if h, ok := w.(http.Hijacker); ok {
		_, _, err = h.Hijack()
		want("Hijack", err)
		_, err = w.(io.ReaderFrom).ReadFrom(strings.NewReader("stray"))
		want("ReadFrom", err)
	}
	if p, ok := w.(http.Pusher); ok {
		want("Push", p.Push("/x", nil))
	}
}

// R4: early hints leave at once, before the tasks have ended.
func TestEarlyHintsAreNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := watched(creche.Options{})
		srv := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "</a.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			<-r.Context().Done()
		})))
		conn, err := srv.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		began := time.Now()
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		line, err := bufio.NewReader(conn).ReadString('\n')
		if want := "HTTP/1.1 103 Early Hints\r\n"; line != want || err != nil || time.Since(began) > 0 {
			t.Errorf("got %q, %v after %v, want %q at once", line, err, time.Since(began), want)
		}
	})
}

// R4: a flush reaches the client while the handler goes on.
func TestFlushIsNotHeld(t *testing.T) {
	protocols(t, func(t *testing.T, opts ...nurserytest.ServerOption) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			app, _ := watched(creche.Options{})
			srv := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for i := range 3 {
					fmt.Fprintf(w, "data: %d\n\n", i)
					w.(http.Flusher).Flush()
					time.Sleep(time.Hour)
				}
			})), opts...)
			began := time.Now()
			res, err := srv.Client().Get(srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			lines := bufio.NewScanner(res.Body)
			for i := range 3 {
				lines.Scan()
				if got, want := lines.Text(), fmt.Sprintf("data: %d", i); got != want || time.Since(began) != time.Duration(i)*time.Hour {
					t.Errorf("got %q after %v, want %q after %dh", got, time.Since(began), want, i)
				}
				lines.Scan()
			}
			if lines.Scan() || time.Since(began) != 3*time.Hour {
				t.Errorf("got the end after %v, want it after 3h", time.Since(began))
			}
		})
	})
}

// R4: a hijacked connection is the handler's, whose failures are only told.
func TestHijackedConnectionIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, fail := range map[string]func() error{
			"an error": func() error { return errSoldOut },
			"a panic":  func() error { panic(errSoldOut) },
		} {
			app, seen := watched(creche.Options{Logger: muted})
			var conn net.Conn
			srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(w http.ResponseWriter, _ *http.Request) error {
				var err error
				if conn, _, err = w.(http.Hijacker).Hijack(); err != nil {
					return err
				}
				return fail()
			})))
			client, err := srv.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			synctest.Wait()
			go func() {
				io.WriteString(conn, "raw")
				conn.Close()
			}()
			if got, err := io.ReadAll(client); string(got) != "raw" || err != nil {
				t.Errorf("%s: got %q, %v on the connection, want only what its owner wrote", name, got, err)
			}
			client.Close()
			seen.wantOnce(t, errSoldOut)
		}
	})
}

// R4: files reach the server's own ReadFrom as what they are, which is what
// sendfile needs.
func TestFileDownloadsKeepSendfile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.bin")
	if err := os.WriteFile(path, []byte(repeat(10_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) }
	for name, h := range map[string]http.Handler{
		"served as a file": http.HandlerFunc(serve),
		"copied": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			f, err := os.Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			_, _ = io.Copy(w, f)
		}),
		"after a status": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			f, err := os.Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.Copy(w, f)
		}),
	} {
		for level, around := range map[string]func(*creche.App, http.Handler) http.Handler{
			"once":  func(app *creche.App, h http.Handler) http.Handler { return app.Middleware(h) },
			"twice": func(app *creche.App, h http.Handler) http.Handler { return app.Middleware(app.Middleware(h)) },
			"with a timeout": func(app *creche.App, h http.Handler) http.Handler {
				return app.Middleware(app.Timeout(time.Minute)(h))
			},
		} {
			w := &copier{ResponseRecorder: httptest.NewRecorder()}
			around(creche.New(creche.Options{}), h).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			if w.files != 1 || w.Body.Len() != 10_000 {
				t.Errorf("%s, %s: got %d files and %d bytes, want 1 and 10000", name, level, w.files, w.Body.Len())
			}
		}
	}
}

// copier is a writer that counts the files it is given to copy from.
type copier struct {
	*httptest.ResponseRecorder
	files int
}

func (c *copier) ReadFrom(src io.Reader) (int64, error) {
	from := src
	if l, ok := src.(*io.LimitedReader); ok {
		from = l.R
	}
	if _, ok := from.(interface { // as package net asks for sendfile
		io.Seeker
		syscall.Conn
	}); ok {
		c.files++
	}
	return io.Copy(c.ResponseRecorder, src)
}
