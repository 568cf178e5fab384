package websockettest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha1" // which RFC 6455 prescribes
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// A Dialer opens connections to a server: a Server or Listener of package
// nurserytest is one, and so may be anything that has a real network behind it.
type Dialer interface {
	// Dial returns a new connection. The client closes it.
	Dial(ctx context.Context) (net.Conn, error)
}

// Options configures [Dial]. Nil, and every zero field, means the defaults.
type Options struct {
	// Header has further headers for the handshake: cookies, an Origin. Unless it
	// has an Accept-Encoding, nil if need be, the client accepts gzip, as browsers
	// do: what middleware compresses is for the tests to meet. A refusal that is
	// compressed for that is undone.
	Header http.Header
	// Subprotocols are those that the client offers, best first.
	Subprotocols []string
	// Compress has the client offer compression (permessage-deflate), which a
	// server with [websocket.Options.Compress] accepts: then all that the client
	// sends is compressed. That it was accepted is in the header of
	// [Client.Response].
	Compress bool
}

// RejectedError is what [Dial] returns when the server answered the handshake
// by HTTP and not with an upgrade.
type RejectedError struct {
	// Status is the status of the answer.
	Status int
	// Header and Body are the rest of it.
	Header http.Header
	Body   []byte
}

// Error returns the status and the beginning of the body.
func (e *RejectedError) Error() string {
	return fmt.Sprintf("websockettest: the handshake was answered with %d %s: %.200q", e.Status, http.StatusText(e.Status), e.Body)
}

// ProtocolError says how a server broke the protocol.
type ProtocolError struct {
	// What is what it sent, or did.
	What string
}

// Error returns What.
func (e *ProtocolError) Error() string {
	return "websockettest: the server broke the protocol: " + e.What
}

// Dial opens a connection with d and asks for an upgrade at target, a path or a
// URL with the scheme http or ws. If the server answers anything else the error
// is a [*RejectedError]. The client is ended by t's clean-up, without a word if
// the test has not closed it. In a bubble, d must be of the bubble and t be its
// own. A nil t or d panics.
func Dial(t testing.TB, d Dialer, target string, o *Options) (*Client, error) {
	if t == nil {
		panic("websockettest: Dial: nil t")
	}
	if d == nil {
		panic("websockettest: Dial: nil dialer")
	}
	t.Helper()
	if o == nil {
		o = new(Options)
	}
	request, key, err := o.handshake(target)
	if err != nil {
		return nil, fmt.Errorf("websockettest: %w", err)
	}
	conn, err := d.Dial(t.Context())
	if err != nil {
		return nil, fmt.Errorf("websockettest: %w", err)
	}
	br := bufio.NewReader(conn)
	response, err := upgrade(conn, br, request, key)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	_ = response.Body.Close() // there is none
	packs, err := agreed(response.Header, o.Compress)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return newClient(t, conn, br, response, packs), nil
}

// handshake returns the request, and the key in it.
func (o *Options) handshake(target string) (r *http.Request, key string, err error) {
	if strings.HasPrefix(target, "/") {
		target = "http://creche.test" + target
	}
	r, err = http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		return nil, "", err
	}
	r.Header.Set("Accept-Encoding", "gzip")
	for name, values := range o.Header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // it never fails
	key = base64.StdEncoding.EncodeToString(nonce[:])
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Sec-WebSocket-Version", "13")
	r.Header.Set("Sec-WebSocket-Key", key)
	if len(o.Subprotocols) > 0 {
		r.Header.Set("Sec-WebSocket-Protocol", strings.Join(o.Subprotocols, ", "))
	}
	if o.Compress {
		r.Header.Set("Sec-WebSocket-Extensions", offer)
	}
	return r, key, nil
}

// upgrade sends the request and reads the answer.
func upgrade(conn net.Conn, br *bufio.Reader, r *http.Request, key string) (*http.Response, error) {
	if err := r.Write(conn); err != nil {
		return nil, fmt.Errorf("websockettest: %w", err)
	}
	response, err := http.ReadResponse(br, r)
	if err != nil {
		return nil, fmt.Errorf("websockettest: reading the answer to the handshake: %w", err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return nil, rejected(response)
	}
	if got := response.Header.Get("Sec-WebSocket-Accept"); got != accept(key) {
		return nil, &ProtocolError{fmt.Sprintf("Sec-WebSocket-Accept %q, not %q", got, accept(key))}
	}
	return response, nil
}

// rejected returns the error for an answer that is no upgrade.
func rejected(r *http.Response) error {
	body, err := io.ReadAll(r.Body)
	if err == nil && r.Header.Get("Content-Encoding") == "gzip" {
		body, err = gunzipped(body)
		r.Header.Del("Content-Encoding")
		r.Header.Del("Content-Length")
	}
	if err != nil {
		return fmt.Errorf("websockettest: reading the refusal of the handshake: %w", err)
	}
	return &RejectedError{Status: r.StatusCode, Header: r.Header, Body: body}
}

func gunzipped(b []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// accept returns what the server makes of the key (RFC 6455, section 4.2.2).
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
