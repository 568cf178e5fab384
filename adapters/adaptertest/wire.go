package adaptertest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
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
	var routes []Route
	for i, shape := range shapes {
		routes = append(routes, Route{method, fmt.Sprintf("/shape/%d", i), func(w http.ResponseWriter, r *http.Request, _ Params) error {
			shape.write(w, r)
			return nil
		}})
	}
	ours := t.serve(creche.Options{}, Group{Routes: routes})
	ours.loud = true // as the router alone is, about some of the shapes
	bare := t.serveBare(routes)
	for i, shape := range shapes {
		path := fmt.Sprintf("/shape/%d", i)
		got, want := ours.bytesOf(method, path), bare.bytesOf(method, path)
		if got != want {
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

// bytesOf returns all that a client gets for a request, but the date.
func (s *site) bytesOf(method, path string) string {
	if s.protocol == 1 {
		return s.bytesOf1(method, path)
	}
	r := s.start(method, path, nil).wait()
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
func (s *site) bytesOf1(method, path string) string {
	conn, err := s.server.Dial(context.Background())
	if err != nil {
		s.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		s.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: creche.test\r\n\r\n", method, path); err != nil {
		s.Fatal(err)
	}
	var all bytes.Buffer
	from := bufio.NewReader(io.TeeReader(conn, &all))
	req := &http.Request{Method: method}
	for status := 0; status < 200; {
		resp, err := http.ReadResponse(from, req)
		if err != nil {
			return date.ReplaceAllString(all.String(), "") + err.Error()
		}
		status = resp.StatusCode
		_, err = io.Copy(io.Discard, resp.Body)
		if err != nil || resp.Close {
			_, _ = io.Copy(io.Discard, from)
		}
		_ = resp.Body.Close()
	}
	return date.ReplaceAllString(all.String(), "")
}
