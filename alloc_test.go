//go:build !race

package creche_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
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
			if got := bytesPerRun(10_000, func(w http.ResponseWriter, r *http.Request) { tt.handler.ServeHTTP(w, r) }); got > 450 {
				t.Errorf("got %d bytes a request, want at most 450", got)
			}
		})
	}
}

// What is held takes memory as it comes, whatever may be held, and what has grown
// large is not kept for others.
//
// R2, R11
func TestAllocBytesOfWhatIsHeld(t *testing.T) {
	for _, tt := range []struct {
		name        string
		hold, size  int
		least, most uint64 // bytes allocated for a request
	}{
		{"nothing, of a megabyte", 1 << 20, 0, 0, 450},
		{"some, of a megabyte", 1 << 20, 2048, 0, 450},
		{"more, which is kept for others", 1 << 20, 30 << 10, 0, 500},
		{"much, which is not", 1 << 20, 500 << 10, 500 << 10, 5 << 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := make([]byte, tt.size)
			h := creche.New(creche.Options{Hold: tt.hold}).Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write(body)
			}))
			if got := bytesPerRun(1000, h.ServeHTTP); got < tt.least || got > tt.most {
				t.Errorf("got %d bytes a request, want %d to %d", got, tt.least, tt.most)
			}
		})
	}
	t.Run("by the first of many requests", func(t *testing.T) {
		const requests = 200
		app := creche.New(creche.Options{Hold: 1 << 20})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		whileWritten(t, app, requests, func() { runtime.ReadMemStats(&after) })
		if got := (after.TotalAlloc - before.TotalAlloc) / requests; got > 16<<10 {
			t.Errorf("got %d bytes a request, want some thousand", got)
		}
	})
}

// whileWritten calls f while so many requests have each written two bytes.
func whileWritten(t *testing.T, app *creche.App, requests int, f func()) {
	t.Helper()
	var written sync.WaitGroup
	over := make(chan struct{})
	h := app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(okBody)
		written.Done()
		<-over
	}))
	err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
		for range requests {
			written.Add(1)
			n.Go(func(context.Context) error {
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
				return nil
			})
		}
		written.Wait()
		f()
		close(over)
		return nil
	})
	wantErr(t, err, nil)
}

// bytesPerRun returns what f allocates, on average.
func bytesPerRun(runs uint64, f func(w http.ResponseWriter, r *http.Request)) uint64 {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	w := &idleWriter{header: make(http.Header)}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	f(w, r) // fills the pools
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
