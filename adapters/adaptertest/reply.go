package adaptertest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// A reply is what a client got for one request, and the checks of it.
type reply struct {
	t       *trial
	what    string // the request's line
	status  int    // 0: no header arrived
	header  http.Header
	trailer http.Header
	body    string // what arrived of it
	closed  bool   // the connection is not to be used again
	err     error  // of asking, or of reading the body
	begun   *gate  // opens when the header arrives; may be nil
}

// A call is a request under way.
type call struct {
	*reply
	done  *gate
	leave context.CancelFunc // as the client
}

// get and post send a request and wait for the reply. Header has names and
// values in turn.
func (s *site) get(path string, header ...string) *reply {
	return s.start(http.MethodGet, path, nil, header...).wait()
}

func (s *site) post(path, body string, header ...string) *reply {
	return s.start(http.MethodPost, path, strings.NewReader(body), header...).wait()
}

// start sends a request without waiting for its reply.
func (s *site) start(method, path string, body io.Reader, header ...string) *call {
	ctx, leave := context.WithCancel(context.Background())
	c := &call{reply: &reply{t: s.trial, what: method + " " + path, begun: s.gate()}, done: s.gate(), leave: leave}
	s.clients.Go(func(context.Context) error {
		defer c.done.open()
		defer leave()
		c.ask(ctx, s.server.Client(), s.server.URL+path, body, header)
		return nil
	})
	return c
}

// wait returns the whole reply. One that does not come is an error in it.
func (c *call) wait() *reply {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-c.done.c:
	case <-late.C:
		c.leave()
		c.done.pass()
		c.err = errors.New("no reply: the request hangs")
	}
	return c.reply
}

func (r *reply) ask(ctx context.Context, client *http.Client, url string, body io.Reader, header []string) {
	method, _, _ := strings.Cut(r.what, " ")
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		r.err = err
		return
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Transport.RoundTrip(req) // without following redirects
	if err != nil {
		r.err = err
		return
	}
	r.read(resp)
}

func (r *reply) read(resp *http.Response) {
	defer resp.Body.Close()
	if r.begun != nil {
		r.begun.open()
	}
	text, err := io.ReadAll(resp.Body)
	r.status, r.header, r.trailer, r.closed = resp.StatusCode, resp.Header, resp.Trailer, resp.Close
	r.body, r.err = string(text), err
}

// is checks that the reply is whole and has the status.
func (r *reply) is(status int) *reply {
	r.t.Helper()
	if r.err != nil || r.status != status {
		r.t.Errorf("%s: got status %d, error %v and %q, want status %d and a whole body", r.what, r.status, r.err, r.body, status)
	}
	return r
}

// says checks the whole body.
func (r *reply) says(want string) *reply {
	r.t.Helper()
	if r.body != want {
		r.t.Errorf("%s: body: got %q, want %q", r.what, r.body, want)
	}
	return r
}

// has checks a header; want "" means that there must be none.
func (r *reply) has(key, want string) *reply {
	r.t.Helper()
	if got := strings.Join(r.header.Values(key), "; "); got != want {
		r.t.Errorf("%s: %s: got %q, want %q", r.what, key, got, want)
	}
	return r
}

// hides checks that none of the texts is in the body or in a header.
func (r *reply) hides(texts ...string) *reply {
	r.t.Helper()
	var all strings.Builder
	_ = r.header.Write(&all) // a Builder takes everything
	_, _ = all.WriteString(r.body)
	for _, text := range texts {
		if strings.Contains(all.String(), text) {
			r.t.Errorf("%s: got %q, want nothing of %q in it", r.what, all.String(), text)
		}
	}
	return r
}

// problem checks that the reply is problem details with the status and, unless
// it is "", the detail.
func (r *reply) problem(status int, detail string) *reply {
	r.t.Helper()
	r.is(status)
	var p struct {
		Status int    `json:"status"`
		Title  string `json:"title"`
		Detail string `json:"detail"`
	}
	if kind, _, err := mime.ParseMediaType(r.header.Get("Content-Type")); err != nil || kind != "application/problem+json" {
		r.t.Errorf("%s: Content-Type: got %q, want application/problem+json", r.what, r.header.Get("Content-Type"))
	}
	if err := json.Unmarshal([]byte(r.body), &p); err != nil || p.Status != status || p.Title == "" {
		r.t.Errorf("%s: body: got %q (%v), want the one JSON object of a problem with status %d and a title", r.what, r.body, err, status)
	}
	if p.Detail != detail {
		r.t.Errorf("%s: detail: got %q, want %q", r.what, p.Detail, detail)
	}
	return r
}

// cut checks that the client was told that the body is not whole, after it
// got the beginning of it.
func (r *reply) cut(status int, beginning string) *reply {
	r.t.Helper()
	if r.err == nil || r.status != status || !strings.HasPrefix(r.body, beginning) {
		r.t.Errorf("%s: got status %d, error %v and %d bytes, want status %d, %d bytes or more and then an error", r.what, r.status, r.err, len(r.body), status, len(beginning))
	}
	return r
}

// lost checks that no response arrived at all.
func (r *reply) lost() {
	r.t.Helper()
	if r.err == nil || r.status != 0 {
		r.t.Errorf("%s: got status %d, error %v and %q, want the connection or the stream cut before a response", r.what, r.status, r.err, r.body)
	}
}
