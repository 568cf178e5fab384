package creche_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// witness keeps what an App reports.
type witness struct {
	mu   sync.Mutex
	seen []nursery.Report
}

// watched makes an App whose reports go to a witness.
func watched(o creche.Options) (*creche.App, *witness) {
	s := new(witness)
	o.Observe = s.observe
	return creche.New(o), s
}

func (s *witness) observe(_ context.Context, r nursery.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, r)
}

func (s *witness) reports() []nursery.Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]nursery.Report(nil), s.seen...)
}

// counts returns how many reports reach err.
func (s *witness) counts(err error) int {
	n := 0
	for _, r := range s.reports() {
		if errors.Is(r.Err, err) {
			n++
		}
	}
	return n
}

// wantOnce fails t unless there is one report of each of errs, and no other.
func (s *witness) wantOnce(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if got := s.counts(err); got != 1 {
			t.Errorf("got %d reports of %q, want 1", got, err)
		}
	}
	if got := s.reports(); len(got) > len(errs) {
		t.Errorf("got %d reports, want %d: %v", len(got), len(errs), got)
	}
}

// muted is for applications whose complaints are expected.
var muted = slog.New(slog.DiscardHandler)

// reply is a response as a client sees it. An err other than nil stands for
// one that was cut, or that never came.
type reply struct {
	status  int
	header  http.Header
	body    string
	trailer http.Header
	close   bool // the server closes the connection
	err     error
}

func (r reply) String() string {
	return fmt.Sprintf("%d %q (%v)", r.status, r.body, r.err)
}

// ask sends a request and reads the response to its end.
func ask(t *testing.T, c *http.Client, method, url string, edit ...func(*http.Request)) reply {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range edit {
		f(req)
	}
	return sent(c, req)
}

func sent(c *http.Client, req *http.Request) reply {
	res, err := c.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return reply{status: res.StatusCode, header: res.Header, body: string(body), trailer: res.Trailer, close: res.Close, err: err}
}

// get asks srv for / with GET.
func get(t *testing.T, srv *nurserytest.Server) reply {
	t.Helper()
	return ask(t, srv.Client(), http.MethodGet, srv.URL+"/")
}

// wantReply fails t unless the whole response has come, with this status and
// a body that holds text.
func wantReply(t *testing.T, got reply, status int, text string) {
	t.Helper()
	if got.err != nil || got.status != status || !strings.Contains(got.body, text) {
		t.Errorf("got %v, want %d with %q", got, status, text)
	}
}

// failing makes a handler of a function that returns an error.
func failing(err error) http.Handler {
	return creche.Handler(func(http.ResponseWriter, *http.Request) error { return err })
}

// protocols runs a test over HTTP/1.1 and over HTTP/2.
func protocols(t *testing.T, test func(t *testing.T, opts ...nurserytest.ServerOption)) {
	t.Helper()
	t.Run("over HTTP/1.1", func(t *testing.T) { test(t) })
	t.Run("over HTTP/2", func(t *testing.T) { test(t, nurserytest.HTTP2()) })
}
