package exampletest

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// Client talks to a program.
type Client struct {
	URL string // the program's, without a final slash

	t    testing.TB
	http http.Client
}

// newClient returns a client for the program at addr, whose connections are
// closed when the test ends.
func newClient(t testing.TB, addr string) *Client {
	transport := new(http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	return &Client{URL: "http://" + addr, t: t, http: http.Client{Transport: transport}}
}

// Answer is a response that has been read.
type Answer struct {
	*http.Response
	Text string // of the body
}

// Do sends a request and reads the whole answer. Header has names and values
// in turn. A failure to get an answer fails the test.
func (c *Client) Do(method, path, body string, header ...string) Answer {
	c.t.Helper()
	r, err := http.NewRequest(method, c.URL+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	a, err := c.Try(r)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// Try sends r and reads the whole answer.
func (c *Client) Try(r *http.Request) (Answer, error) {
	resp, err := c.http.Do(r)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return Answer{Response: resp, Text: string(text)}, err
}
