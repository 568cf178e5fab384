package creche_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// sourceOf has content and then fails.
func sourceOf(content string, err error) io.Reader {
	return &failingSource{content: content, err: err}
}

type failingSource struct {
	content string
	err     error
}

func (s *failingSource) Read(p []byte) (int, error) {
	n := copy(p, s.content)
	if s.content = s.content[n:]; n > 0 {
		return n, nil
	}
	return 0, s.err
}

// copying is a handler that copies from src after it has done something.
func copying(src io.Reader, before ...func(w http.ResponseWriter)) http.Handler {
	return creche.Handler(func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "text/plain")
		for _, f := range before {
			f(w)
		}
		_, err := io.Copy(w, src)
		return err
	})
}

// R2, R3: a copy commits the response when its source has something.
func TestCopyFromASourceThatFails(t *testing.T) {
	status := func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) }
	text := func(w http.ResponseWriter) { _, _ = io.WriteString(w, "held") }
	tests := []struct {
		name   string
		from   string // what the source has before it fails
		before []func(w http.ResponseWriter)
		cut    bool
	}{
		{"at once", "", nil, false},
		{"at once, after a status", "", []func(http.ResponseWriter){status}, false},
		{"at once, after what is held", "", []func(http.ResponseWriter){text}, false},
		{"at once, after the empty one of another copy", "", []func(http.ResponseWriter){func(w http.ResponseWriter) { _, _ = io.Copy(w, sourceOf("", io.EOF)) }}, false},
		{"after a byte", "x", nil, true},
		{"after more than is held", repeat(5000), nil, true},
	}
	// announcing is middleware whose writer sends the header before it copies, as
	// chi's does.
	announcing := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(announcer{w}, r) })
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			protocols(t, func(t *testing.T, opts ...nurserytest.ServerOption) {
				t.Helper()
				for where, outer := range map[string]func(http.Handler) http.Handler{
					"alone": func(next http.Handler) http.Handler { return next }, "behind a writer that announces": announcing,
				} {
					in(t, where, func(t *testing.T) {
						app, seen := watched(creche.Options{})
						h := app.Middleware(app.Timeout(time.Minute)(copying(sourceOf(tt.from, errFirst), tt.before...)))
						got := get(t, nurserytest.NewServer(t, outer(h), opts...))
						// HTTP/2 has no copy of its own: what fits is held.
						if tt.cut && (len(opts) == 0 || len(tt.from) > 2048) {
							if got.err == nil || got.status != http.StatusOK {
								t.Errorf("got %v, want a 200 that is cut", got)
							}
						} else {
							wantReply(t, got, http.StatusInternalServerError, "Internal Server Error")
						}
						seen.wantOnce(t, errFirst)
					})
				}
			})
		})
	}
}

// announcer is a writer of outer middleware.
type announcer struct{ http.ResponseWriter }

func (w announcer) ReadFrom(src io.Reader) (int64, error) {
	w.WriteHeader(http.StatusOK)
	return io.Copy(w.ResponseWriter, src)
}

func (w announcer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// R13
func TestCopyUnderATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{})
		srv := nurserytest.NewServer(t, app.Middleware(app.Timeout(time.Second)(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
			_, err := io.Copy(w, lost{r.Context()})
			return errors.Join(err, r.Context().Err())
		}))))
		wantReply(t, get(t, srv), http.StatusServiceUnavailable, "Service Unavailable")
		seen.wantOnce(t, errSoldOut)
	})
}

// R4: a file is sent from where it stands, and a part of one no further than that.
func TestCopyOfAFileFromWhereItStands(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.txt")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(write, "piped"); err != nil || write.Close() != nil {
		t.Fatal(err)
	}
	part := &io.LimitedReader{N: 4}
	tests := []struct {
		name string
		src  func(f *os.File) io.Reader
		want string
	}{
		{"a file", func(f *os.File) io.Reader { return f }, "23456789"},
		{"a part", func(f *os.File) io.Reader { part.R = f; return part }, "2345"},
		{"a part of a part", func(f *os.File) io.Reader { return io.LimitReader(io.LimitReader(f, 4), 3) }, "234"},
		{"nothing of it", func(f *os.File) io.Reader { return io.LimitReader(f, 0) }, ""},
		{"a pipe", func(*os.File) io.Reader { return read }, "piped"},
		{"a part of a pipe that has ended", func(*os.File) io.Reader { return io.LimitReader(read, 3) }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.Seek(2, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			app, seen := watched(creche.Options{})
			srv := httptest.NewServer(app.Middleware(app.Middleware(copying(tt.src(f)))))
			defer srv.Close()
			if got := ask(t, srv.Client(), http.MethodGet, srv.URL); got.err != nil || got.body != tt.want {
				t.Errorf("got %v, want %q", got, tt.want)
			}
			seen.wantOnce(t)
		})
	}
	if part.N != 0 {
		t.Errorf("got %d bytes left of the part, want 0", part.N)
	}
}
