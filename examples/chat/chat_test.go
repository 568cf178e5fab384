package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/creche-go/creche/nursery/nurserytest"
)

func TestMain(m *testing.M) { nurserytest.CheckMain(m) }

func TestWhatOneSaysEverybodyGetsUnchanged(t *testing.T) {
	r := startChat(t)
	ann, bob := r.join("Ann"), r.join("Bob")
	for _, said := range []string{
		"Ann: hello",
		"no name in front",
		`{"json": true}`,
		"<b>bold</b> & æøå 🍵",
		"two\nlines",
		"  spaces around  ",
		strings.Repeat("long ", 500),
	} {
		ann.say(said)
		ann.hear(said)
		bob.hear(said)
	}
	bob.say("Bob: and back")
	ann.hear("Bob: and back")
	bob.hear("Bob: and back")
}

func TestABurstReachesEverybodyInOrder(t *testing.T) {
	const visitors, messages = 10, 2000
	r := startChat(t)
	ann := r.join("Ann")
	var heard sync.WaitGroup
	for _, v := range append(crowd(r, visitors), ann) {
		heard.Go(func() {
			for i := range messages {
				if !v.hears(fmt.Sprintf("Ann: %d", i)) {
					return
				}
			}
		})
	}
	for i := range messages {
		ann.say(fmt.Sprintf("Ann: %d", i))
	}
	heard.Wait()
}

func TestEverybodyGetsAHeartbeatEverySecond(t *testing.T) {
	r := startChat(t)
	ann, bob := r.join("Ann"), r.join("Bob")
	began := time.Now()
	for _, c := range []*visitor{ann, bob} {
		c.feel(3)
	}
	if took := time.Since(began); took < 1500*time.Millisecond || took > 5*time.Second {
		t.Errorf("three heartbeats took %v, want two to three seconds", took)
	}
}

// W1
func TestAVisitorWhoLeavesEndsBothTasks(t *testing.T) {
	for _, tt := range []struct {
		name  string
		leave func(*visitor)
	}{
		{"with a close frame", func(c *visitor) { _ = c.conn.Close(websocket.StatusNormalClosure, "bye") }},
		{"without a word", func(c *visitor) { _ = c.conn.CloseNow() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := startChat(t)
			ann, bob := r.join("Ann"), r.join("Bob")
			if got := whoIsThere(r); got != 2 {
				t.Errorf("who: got %d, want 2", got)
			}
			if got := heartbeats(t); got != 2 {
				t.Errorf("heartbeat tasks: got %d, want 2", got)
			}
			tt.leave(bob)
			eventually(t, "one is there", func() bool { return whoIsThere(r) == 1 })
			eventually(t, "one heartbeat task is left", func() bool { return heartbeats(t) == 1 })
			ann.say("Ann: alone now")
			ann.hear("Ann: alone now")
			if got := r.log.Text(); strings.Contains(got, "level=ERROR") {
				t.Errorf("log: got %q, want nobody's leaving to be an error", got)
			}
		})
	}
}

// W4
func TestTheLogSaysWhyAVisitorLeft(t *testing.T) {
	r := startChat(t)
	ann, bob := r.join("Ann"), r.join("Bob")
	_ = ann.conn.Close(4000, "tired")
	r.log.Wait(t, `closed with 4000: \"tired\"`)
	_ = bob.conn.CloseNow()
	r.log.Wait(t, "closed with 1006 abnormal closure")
}

func TestWhoCountsNobodyToo(t *testing.T) {
	r := startChat(t)
	a := r.Do("GET", "/who", "")
	if got, want := a.Header.Get("Content-Type"), "application/json"; got != want {
		t.Errorf("content type: got %q, want %q", got, want)
	}
	if got, want := strings.TrimSpace(a.Text), `{"count":0}`; got != want {
		t.Errorf("body: got %q, want %q", got, want)
	}
}

func TestThePageIsServed(t *testing.T) {
	r := startChat(t)
	a := r.Do("GET", "/", "")
	if a.StatusCode != http.StatusOK {
		t.Errorf("status: got %d, want 200", a.StatusCode)
	}
	if got, want := a.Header.Get("Content-Type"), "text/html; charset=utf-8"; got != want {
		t.Errorf("content type: got %q, want %q", got, want)
	}
	if a.Text != string(index) {
		t.Errorf("body: got %d bytes, want the page's %d", len(a.Text), len(index))
	}
	if strings.Contains(a.Text, "innerHTML") {
		t.Error("the page uses innerHTML: what strangers say would run in it")
	}
}

func TestAVisitorWhoNeverReadsDelaysNobodyAndIsSentAway(t *testing.T) {
	r := startChat(t)
	ann := r.join("Ann")
	r.join("Bob") // and never reads again
	said := "Ann: " + strings.Repeat("all work and no play ", 700)
	for range 1500 { // more than all the buffers on the way to Bob can take
		ann.say(said)
		ann.hear(said)
	}
	eventually(t, "one is there", func() bool { return whoIsThere(r) == 1 })
}

func crowd(r *room, size int) (all []*visitor) {
	for range size {
		all = append(all, r.join("one more"))
	}
	return all
}

// whoIsThere asks as the page does.
func whoIsThere(r *room) int {
	r.t.Helper()
	var answer struct{ Count *int }
	a := r.Do("GET", "/who", "")
	if err := json.Unmarshal([]byte(a.Text), &answer); err != nil || answer.Count == nil {
		r.t.Fatalf("who: got %q, want a count", a.Text)
	}
	return *answer.Count
}

// heartbeats counts the goroutines that are in a heartbeat.
func heartbeats(t *testing.T) int {
	t.Helper()
	var stacks bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&stacks, 2); err != nil {
		t.Fatal(err)
	}
	return strings.Count(stacks.String(), "/chat.heartbeat.func")
}

// eventually is for what happens soon after the other side has seen its part
// of it, as the end of a connection does.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}
