package creche_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/creche-go/creche"
)

// TestAKeptWriterReachesNoOtherResponse has a handler use the writer of a
// request that is over, of which the part that is pooled is likely the
// handler's own by now.
//
// R4
func TestAKeptWriterReachesNoOtherResponse(t *testing.T) {
	uses := []struct {
		name string
		use  func(w http.ResponseWriter) error
	}{
		{"Write", func(w http.ResponseWriter) error { _, err := w.Write([]byte("stolen")); return err }},
		{"WriteString", func(w http.ResponseWriter) error { _, err := io.WriteString(w, "stolen"); return err }},
		{"ReadFrom", func(w http.ResponseWriter) error {
			_, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("stolen"))
			return err
		}},
		{"Flush", func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() }},
		{"Hijack", func(w http.ResponseWriter) error { _, _, err := w.(http.Hijacker).Hijack(); return err }},
		{"WriteHeader", func(w http.ResponseWriter) error { w.WriteHeader(http.StatusTeapot); return io.EOF }},
		{"Header", func(w http.ResponseWriter) error { w.Header().Set("X-Stolen", "1"); return io.EOF }},
		{"Unwrap", func(w http.ResponseWriter) error {
			if under := w.(interface{ Unwrap() http.ResponseWriter }).Unwrap(); under != nil {
				under.WriteHeader(http.StatusTeapot)
			}
			return io.EOF
		}},
	}
	for _, before := range endings {
		for _, tt := range uses {
			t.Run(tt.name+" after "+before.name, func(t *testing.T) {
				app := creche.New(creche.Options{})
				var kept http.ResponseWriter
				first := app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					kept = w
					before.handle(w, r)
				}))
				second := app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					if err := tt.use(kept); err == nil {
						t.Error("got no error from the writer of a request that is over, want one")
					}
					_, _ = io.WriteString(w, "mine")
				}))
				serveOnce(first, httptest.NewRecorder())
				got := httptest.NewRecorder()
				second.ServeHTTP(got, httptest.NewRequest(http.MethodGet, "/", nil))
				if got.Code != http.StatusOK || got.Body.String() != "mine" || len(got.Header()["X-Stolen"]) > 0 {
					t.Errorf("got %d %q %v, want the handler's own 200", got.Code, got.Body, got.Header())
				}
			})
		}
	}
}

// endings are ways for a response to end, which leave what is pooled in as many
// states.
var endings = []struct {
	name   string
	handle http.HandlerFunc
}{
	{"nothing", writing()},
	{"a held response", withHeader("X-Stolen", "1", withStatus(http.StatusTeapot, writing("other")))},
	{"a flushed response", func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }},
	{"a failure", failing(errSoldOut).ServeHTTP},
	{"an abort", func(w http.ResponseWriter, r *http.Request) {
		withHeader("X-Stolen", "1", withStatus(http.StatusTeapot, writing("other")))(w, r)
		panic(http.ErrAbortHandler)
	}},
	{"a hijack", func(w http.ResponseWriter, _ *http.Request) { _, _, _ = w.(http.Hijacker).Hijack() }},
}

// serveOnce has h answer, or abort, one request.
func serveOnce(h http.Handler, rec *httptest.ResponseRecorder) {
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler {
			panic(v)
		}
	}()
	h.ServeHTTP(&hijackable{rec}, httptest.NewRequest(http.MethodGet, "/", nil))
}

// hijackable is a recorder whose connection can be taken, though there is none.
type hijackable struct{ *httptest.ResponseRecorder }

func (*hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }

// TestAResponseTakesNothingOverFromTheOneBefore looks at what is pooled from
// the side of who gets it next.
//
// R4
func TestAResponseTakesNothingOverFromTheOneBefore(t *testing.T) {
	for _, before := range endings {
		t.Run(before.name, func(t *testing.T) {
			app := creche.New(creche.Options{})
			outer := httptest.NewRecorder()
			outer.Header().Set("X-Outer", "theirs")
			serveOnce(app.Middleware(before.handle), outer)
			for _, next := range []struct {
				handler http.HandlerFunc
				status  int
			}{{writing(), http.StatusOK}, {failing(errSoldOut).ServeHTTP, http.StatusInternalServerError}} {
				got := httptest.NewRecorder()
				app.Middleware(next.handler).ServeHTTP(got, httptest.NewRequest(http.MethodGet, "/", nil))
				if got.Code != next.status || strings.Contains(got.Body.String(), "other") || len(got.Header()["X-Outer"]) > 0 || len(got.Header()["X-Stolen"]) > 0 {
					t.Errorf("got %d %q %v, want %d and nothing of the response before", got.Code, got.Body, got.Header(), next.status)
				}
			}
		})
	}
}
