package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// W3, R9
func TestARequestThatIsNoUpgradeIsAnsweredPlainly(t *testing.T) {
	good := map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	}
	r := startChat(t)
	for _, tt := range []struct {
		name, method, path string
		header             map[string]string // over good; an empty value takes one away
		status             int
		wantHeader, want   string
	}{
		{"a plain GET", "GET", "/ws", map[string]string{"Connection": "", "Upgrade": ""}, http.StatusUpgradeRequired, "Upgrade", "websocket"},
		{"an upgrade to something else", "GET", "/ws", map[string]string{"Upgrade": "h2c"}, http.StatusUpgradeRequired, "Upgrade", "websocket"},
		{"an unknown version", "GET", "/ws", map[string]string{"Sec-WebSocket-Version": "8"}, http.StatusUpgradeRequired, "Sec-WebSocket-Version", "13"},
		{"no key", "GET", "/ws", map[string]string{"Sec-WebSocket-Key": ""}, http.StatusBadRequest, "", ""},
		{"a key that is none", "GET", "/ws", map[string]string{"Sec-WebSocket-Key": "short"}, http.StatusBadRequest, "", ""},
		{"a page from elsewhere", "GET", "/ws", map[string]string{"Origin": "https://elsewhere.example"}, http.StatusForbidden, "", ""},
		{"a POST", "POST", "/ws", nil, http.StatusMethodNotAllowed, "Allow", "GET"},
		{"an unknown route", "GET", "/elsewhere", nil, http.StatusNotFound, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var header []string
			for name, value := range good {
				if over, ok := tt.header[name]; ok {
					value = over
				}
				if value != "" {
					header = append(header, name, value)
				}
			}
			if origin := tt.header["Origin"]; origin != "" {
				header = append(header, "Origin", origin)
			}
			a := r.Do(tt.method, tt.path, "", header...)
			if a.StatusCode != tt.status {
				t.Errorf("status: got %d, want %d", a.StatusCode, tt.status)
			}
			if got, want := a.Header.Get("Content-Type"), "application/problem+json"; got != want {
				t.Errorf("content type: got %q, want %q", got, want)
			}
			if tt.wantHeader != "" && a.Header.Get(tt.wantHeader) != tt.want {
				t.Errorf("%s: got %q, want %q", tt.wantHeader, a.Header.Get(tt.wantHeader), tt.want)
			}
		})
	}
}

// W10
func TestTheChatsOwnPageMayConnect(t *testing.T) {
	r := startChat(t)
	conn, _, err := websocket.Dial(t.Context(), r.URL+"/ws", &websocket.DialOptions{
		HTTPHeader: http.Header{"Origin": {r.URL}},
	})
	if err != nil {
		t.Fatalf("Dial: got %v, want nil", err)
	}
	_ = conn.CloseNow()
}

// W3, W10
func TestABadMessageClosesItsSenderOnly(t *testing.T) {
	for _, tt := range []struct {
		name string
		data []byte
		code websocket.StatusCode
	}{
		{"a message that is too big", []byte(strings.Repeat("x", 8<<20)), websocket.StatusMessageTooBig},
		{"a text that is not UTF-8", []byte("caf\xe9"), websocket.StatusInvalidFramePayloadData},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := startChat(t)
			ann, bob := r.join("Ann"), r.join("Bob")
			// The server may hang up before it has read all of a message, so
			// that writing the rest fails.
			_ = bob.conn.Write(t.Context(), websocket.MessageText, tt.data)
			if got := bob.end(); got != tt.code {
				t.Errorf("close code: got %d, want %d", got, tt.code)
			}
			ann.say("Ann: still here")
			ann.hear("Ann: still here")
			eventually(t, "one is there", func() bool { return whoIsThere(r) == 1 })
		})
	}
}
