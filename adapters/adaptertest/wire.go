package adaptertest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/creche-go/creche"
)

// wire has the cases about what a response that does not fail looks like.
func wire() []check {
	// R2, R4
	return []check{
		{"what is sent is byte for byte what the router alone sends, for GET", "R2, R4", both, sameForGet},
		{"what is sent is byte for byte what the router alone sends, for HEAD", "R2, R4", both, sameForHead},
	}
}

func sameForGet(t *trial)  { sameBytes(t, http.MethodGet) }
func sameForHead(t *trial) { sameBytes(t, http.MethodHead) }

// sameBytes compares all shapes of handlers behind the adapter and without.
func sameBytes(t *trial, method string) {
	shapes := shapes
	if t.protocol == 1 {
		shapes = slices.Concat(shapes, shapesOfHTTP1)
	}
	sameAsBare(t, shapes, method, func(s *site, path string) string { return s.bytesOf(method, path) })
}

// sameAsBare compares what ask gets from the adapter's router and from the
// router alone, by shape.
func sameAsBare(t *trial, shapes []shape, method string, ask func(s *site, path string) string) {
	var routes []Route
	for i, shape := range shapes {
		routes = append(routes, Route{method, fmt.Sprintf("/shape/%d", i), shape.handle})
	}
	ours := t.serve(creche.Options{}, Group{Routes: routes})
	ours.loud = true // as the router alone is, about some of the shapes
	bare := t.serveBare(routes)
	for i, shape := range shapes {
		path := fmt.Sprintf("/shape/%d", i)
		if got, want := ask(ours, path), ask(bare, path); got != want {
			t.Errorf("a handler that %s, %s:\n got %q\nwant %q", shape.does, method, brief(got), brief(want))
		}
	}
}

var date = regexp.MustCompile(`Date: [^\r]*\r\n`)

func brief(text string) string {
	if len(text) > 600 {
		return text[:400] + " … " + text[len(text)-200:]
	}
	return text
}

// bytesOf returns all that a client gets for a request, but the date. Header has
// names and values in turn.
func (s *site) bytesOf(method, path string, header ...string) string {
	return s.bytesOfUpload(method, path, "", header...)
}

// bytesOfUpload is bytesOf for a request with a body, if it is not "". With an
// Expect header that is sent when the server asks for it.
func (s *site) bytesOfUpload(method, path, body string, header ...string) string {
	if s.protocol == 1 {
		return s.bytesOf1(method, path, body, header)
	}
	var upload io.Reader
	if body != "" {
		upload = strings.NewReader(body)
	}
	r := s.start(method, path, upload, header...).wait()
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "%d\r\n", r.status)
	_ = r.header.Write(&b) // sorted
	_, _ = fmt.Fprintf(&b, "\r\n%s\r\n%v", r.body, r.err)
	for _, key := range slices.Sorted(maps.Keys(r.trailer)) {
		_, _ = fmt.Fprintf(&b, "\r\n%s: %v", key, r.trailer[key])
	}
	return date.ReplaceAllString(b.String(), "")
}

// bytesOf1 reads from the connection until the response is complete, and then
// whatever else is there if the server closes it.
func (s *site) bytesOf1(method, path, body string, header []string) string {
	conn, err := s.server.Dial(context.Background())
	if err != nil {
		s.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		s.Fatal(err)
	}
	head, later := lines(method, path, body, header), slices.Contains(header, "100-continue")
	if !later {
		head += body
	}
	s.write(conn, head)
	var all bytes.Buffer
	from := bufio.NewReader(io.TeeReader(conn, &all))
	req := &http.Request{Method: method}
	for status := 0; status < 200; {
		resp, err := http.ReadResponse(from, req)
		if err != nil {
			return date.ReplaceAllString(all.String(), "") + err.Error()
		}
		status = resp.StatusCode
		if later && status == http.StatusContinue {
			s.write(conn, body)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		if err != nil || resp.Close {
			_, _ = io.Copy(io.Discard, from)
		}
		_ = resp.Body.Close()
	}
	return date.ReplaceAllString(all.String(), "")
}

// lines returns the head of a request.
func lines(method, path, body string, header []string) string {
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: creche.test\r\n", method, path)
	for i := 0; i < len(header); i += 2 {
		_, _ = fmt.Fprintf(&b, "%s: %s\r\n", header[i], header[i+1])
	}
	if body != "" {
		_, _ = fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	return b.String() + "\r\n"
}

// write sends text beside what the client reads: a server may answer before it
// has read all, or close.
func (s *site) write(conn net.Conn, text string) {
	s.clients.Go(func(context.Context) error {
		_, _ = io.WriteString(conn, text)
		return nil
	})
}
