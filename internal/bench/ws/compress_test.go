package main

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/creche-go/creche"
	ours "github.com/creche-go/creche/websocket"
)

// Gorilla is required nowhere but here.
func TestGorillaCompresses(t *testing.T) {
	app := creche.New(creche.Options{})
	o := &ours.Options{Compress: 100, ReadLimit: 1 << 20}
	ts := httptest.NewServer(app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return ours.Serve(w, r, o, echoCreche)
	})))
	defer ts.Close()
	dialer := websocket.Dialer{EnableCompression: true}
	c, response, err := dialer.Dial("ws"+strings.TrimPrefix(ts.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := response.Header.Get("Sec-WebSocket-Extensions"); !strings.HasPrefix(got, "permessage-deflate") {
		t.Fatalf("got %q, want compression", got)
	}
	noise := make([]byte, 100_000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	for _, sent := range []string{"x", strings.Repeat("many words ", 50_000), string(noise), "the last"} {
		for _, compress := range []bool{true, false} {
			c.EnableWriteCompression(compress)
			if err := c.WriteMessage(websocket.BinaryMessage, []byte(sent)); err != nil {
				t.Fatal(err)
			}
			if _, got, err := c.ReadMessage(); err != nil || string(got) != sent {
				t.Fatalf("got %d bytes, %v; want %d", len(got), err, len(sent))
			}
		}
	}
}
