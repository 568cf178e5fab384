//go:build !race

package creche_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery/nurserytest"
)

var okBody = []byte("ok")

// idleWriter is a response writer that costs nothing.
type idleWriter struct {
	header http.Header
	asked  int // for the header
}

func (w *idleWriter) Header() http.Header         { w.asked++; return w.header }
func (w *idleWriter) WriteHeader(int)             {}
func (w *idleWriter) Write(p []byte) (int, error) { return len(p), nil }

// R11: a request that starts no task costs one allocation.
func TestAllocPerRequest(t *testing.T) {
	app := creche.New(creche.Options{})
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(okBody) })
	typed := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(okBody)
	})
	tests := []struct {
		name    string
		handler http.Handler
		edit    func(w *idleWriter, r *http.Request)
		want    float64
	}{
		{"a handler that writes", app.Middleware(ok), nil, 1},
		{"a handler that writes a status, too", app.Middleware(typed), nil, 1},
		{"a handler that returns an error, if it had one", app.Middleware(creche.Handler(func(w http.ResponseWriter, _ *http.Request) error {
			_, err := w.Write(okBody)
			return err
		})), nil, 1},
		{"headers from outer middleware", app.Middleware(ok), func(w *idleWriter, _ *http.Request) {
			w.header.Set("X-A", "1")
			w.header.Set("X-B", "2")
		}, 1},
		{"over HTTP/2", app.Middleware(ok), func(_ *idleWriter, r *http.Request) { r.ProtoMajor, r.ProtoMinor = 2, 0 }, 1},
		{"a group without rules", app.Middleware(app.Errors()(ok)), nil, 2},
		{"the middleware twice", app.Middleware(app.Middleware(ok)), nil, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &idleWriter{header: make(http.Header)}
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			if tt.edit != nil {
				tt.edit(w, r)
			}
			if got := testing.AllocsPerRun(1000, func() { tt.handler.ServeHTTP(w, r) }); got != tt.want {
				t.Errorf("got %v allocations a request, want %v", got, tt.want)
			}
		})
	}
}

// R11: net/http copies a header that somebody has asked for, so nobody does for a
// handler that does not.
func TestAllocNoHeader(t *testing.T) {
	app := creche.New(creche.Options{})
	w := &idleWriter{header: make(http.Header)}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	app.Middleware(creche.Handler(func(w http.ResponseWriter, _ *http.Request) error {
		_, err := w.Write(okBody)
		return err
	})).ServeHTTP(w, r)
	if w.asked > 0 {
		t.Errorf("the header was asked for %d times, want never", w.asked)
	}
}

// R11: that allocation is of the size class of 448 bytes.
func TestAllocBytesPerRequest(t *testing.T) {
	app := creche.New(creche.Options{})
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(okBody) })
	for _, tt := range []struct {
		name    string
		handler http.Handler
	}{
		{"net/http", app.Middleware(ok)},
		{"a router that is one value for all requests, as chi's", app.Through(creche.PlainRouter{})(ok)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := bytesPerRun(func(w http.ResponseWriter, r *http.Request) { tt.handler.ServeHTTP(w, r) }); got > 450 {
				t.Errorf("got %d bytes a request, want at most 450", got)
			}
		})
	}
}

// bytesPerRun returns what f allocates, on average.
func bytesPerRun(f func(w http.ResponseWriter, r *http.Request)) uint64 {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	w := &idleWriter{header: make(http.Header)}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	f(w, r) // fills the pools
	const runs = 10_000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f(w, r)
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / runs
}

// R11: that a stop can name the requests costs none of them an allocation.
func TestAllocOfBeingServed(t *testing.T) {
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(okBody) })
	// The deadlines of connections in memory cost something, so both have the same.
	bare := &http.Server{Handler: ok, ReadHeaderTimeout: time.Minute, IdleTimeout: time.Minute}
	ln := nurserytest.Listen()
	go bare.Serve(ln)
	defer bare.Close()
	want := allocsPerRequest(t, ln)

	app, ours := creche.New(creche.Options{IgnoreSignals: true, Logger: quiet}), nurserytest.Listen()
	ended := make(chan error)
	go func() { ended <- app.Serve(t.Context(), ours, ok) }()
	if got := allocsPerRequest(t, ours); got > want+0.5 {
		t.Errorf("got %.2f allocations a request, want the %.2f of net/http alone", got, want)
	}
	app.Stop(nil)
	wantErr(t, <-ended, nil)
}

// allocsPerRequest returns what a request costs whose client costs nothing.
func allocsPerRequest(t *testing.T, ln *nurserytest.Listener) float64 {
	t.Helper()
	c, err := ln.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	request, response := []byte(getSlash), make([]byte, 1<<10)
	ask := func() {
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		for n := 0; !bytes.HasSuffix(response[:n], []byte("\r\n\r\nok")); {
			m, err := c.Read(response[n:])
			if n += m; err != nil {
				t.Fatal(err)
			}
		}
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	ask()
	const runs = 10_000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		ask()
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / runs // testing.AllocsPerRun would round it down
}
