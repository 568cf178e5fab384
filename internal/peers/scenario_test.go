package peers_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// chats are the ways to start the chat. Clients offer compression in each.
var chats = []struct {
	name   string
	flags  []string
	packed bool // compression is agreed on
}{
	{"plain", nil, false},
	{"compressed", []string{"-compress=1"}, true},
	{"coder's frames", []string{"-plain"}, false},
	{"coder's frames, compressed", []string{"-plain", "-compress=1"}, true},
}

// host is the client that each is tried with.
var host = client{name: "host", start: inProcess(func(saw func(event)) dialer { return &gorillaClient{saw: saw} })}

// Each client with a chat of its own, in which it comes and goes.
//
// W12
func TestClients(t *testing.T) {
	t.Parallel()
	for _, kind := range chats {
		for _, c := range clients {
			t.Run(kind.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				chat := startChat(t, "127.0.0.1:0", kind.flags...)
				s := &scene{t, chat, visit(t, host, chat), visit(t, c, chat)}
				s.talks()
				s.agreesOnCompression(kind.packed)
				s.answersPings()
				s.closes()
				s.isClosed()
				s.doesNotAnswer()
				s.vanishes()
				s.seesTheStop()
			})
		}
	}
}

// A scene is a chat in which a client is tried.
type scene struct {
	t     *testing.T
	chat  *chat
	host  *visitor
	tried *visitor
}

// talks has the client hear what is said, and be heard.
func (s *scene) talks() {
	s.t.Helper()
	for _, said := range []string{"æøå 🍵", "two\nlines", "", strings.Repeat("long ", 10_000)} {
		s.tried.say(said)
		s.tried.hear(said)
		s.host.hear(said)
		s.host.say("host: " + said)
		s.tried.hear("host: " + said)
	}
	const burst = 200
	for i := range burst {
		s.host.say("one of many: " + strconv.Itoa(i))
	}
	for i := range burst {
		s.tried.hear("one of many: " + strconv.Itoa(i))
	}
}

// agreesOnCompression says whether the client's offer has been taken, and that
// both sides keep to it.
func (s *scene) agreesOnCompression(want bool) {
	s.t.Helper()
	seen := s.tried.link.look()
	if got := strings.Contains(seen.extensions, "permessage-deflate"); got != want {
		s.t.Errorf("agreed on extensions %q, want compression: %v", seen.extensions, want)
	}
	if got := seen.client.packed; got > 0 != (want && !s.tried.plain) {
		s.t.Errorf("%s sent %d compressed messages, want some: %v", s.tried.name, got, want && !s.tried.plain)
	}
	if got := seen.chat.packed; got > 0 != want {
		s.t.Errorf("the chat sent %d compressed messages, want some: %v", got, want)
	}
}

// answersPings has the client stay over several pings, to all of which it has
// to find the answer by itself.
func (s *scene) answersPings() {
	s.t.Helper()
	before := s.tried.link.look()
	eventually(s.t, "five pings are answered", func() bool {
		now := s.tried.link.look()
		return now.chat.pings >= before.chat.pings+5 && now.client.pongs >= before.client.pongs+5
	})
	s.tried.say("still here")
	s.host.hear("still here")
}

// closes has the client close with a code of its own, which the chat sees.
func (s *scene) closes() {
	s.t.Helper()
	reason := "enough, says " + s.tried.name + " 🍵"
	s.tried.do(command{Do: "close", Code: 4321, Reason: reason})
	s.chat.wantLeft(s.tried.link.look().from, fmt.Sprintf("closed with 4321: %q", reason))
	eventually(s.t, "the chat answers with the same code", func() bool {
		seen := s.tried.link.look()
		return slices.Equal(seen.client.codes, []int{4321}) && slices.Equal(seen.chat.codes, []int{4321})
	})
	s.tried.end()
}

// isClosed has the chat close with a code and a reason, which the client sees.
func (s *scene) isClosed() {
	s.t.Helper()
	s.tried.enter()
	s.tried.say(strings.Repeat("x", 70_000))
	s.tried.wantClosed(1009, "message too big")
	s.chat.wantLeft(s.tried.link.look().from, "message too big")
}

// doesNotAnswer has nothing that the client sends arrive any more, so that it is
// dropped, and told why.
func (s *scene) doesNotAnswer() {
	s.t.Helper()
	s.tried.enter()
	s.tried.link.mute()
	s.tried.wantClosed(1011, "no answer to a ping")
	s.chat.wantLeft(s.tried.link.look().from, "no answer to a ping")
	s.tried.link.comeBack()
}

// vanishes has nothing arrive at the client either.
func (s *scene) vanishes() {
	s.t.Helper()
	s.tried.enter()
	began := time.Now()
	s.tried.link.vanish()
	s.host.say("where is " + s.tried.name + "?")
	s.chat.wantLeft(s.tried.link.look().from, "no answer to a ping")
	if took := time.Since(began); took < pongWithin-pingEvery {
		s.t.Errorf("%s was dropped after %v, want no less than %v", s.tried.name, took, pongWithin)
	}
	s.host.hear("where is " + s.tried.name + "?")
	s.tried.link.comeBack()
	s.tried.wantClosed(1006, "")
}

// seesTheStop stops the chat, which tells everybody.
func (s *scene) seesTheStop() {
	s.t.Helper()
	s.tried.enter()
	s.chat.stop()
	s.tried.wantClosed(1001, "")
	s.host.wantClosed(1001, "")
	s.chat.wantEnd(2)
}

// A chat that stands still for longer than anybody has for a pong has yet to read
// those that came meanwhile.
//
// W6
func TestAChatThatStandsStill(t *testing.T) {
	t.Parallel()
	const within = 3 * time.Second
	for _, kind := range chats {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			chat := startChat(t, "127.0.0.1:0", append(kind.flags, "-pong-within", within.String())...)
			v := visit(t, host, chat)
			v.link.mute()
			before := v.link.look()
			eventually(t, "somebody is asked", func() bool { return v.link.look().chat.pings > before.chat.pings })
			chat.signal(syscall.SIGSTOP)
			v.link.flow()
			time.Sleep(within + time.Second)
			chat.signal(syscall.SIGCONT)
			s := &scene{t, chat, v, v}
			s.answersPings()
			chat.stop()
			v.wantClosed(1001, "")
			chat.wantEnd(1)
		})
	}
}

// All clients in one room: each hears each, and the stop tells all.
//
// W12
func TestEverybodyInOneRoom(t *testing.T) {
	t.Parallel()
	for _, kind := range chats {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			chat := startChat(t, "127.0.0.1:0", kind.flags...)
			var all []*visitor
			for _, c := range clients {
				all = append(all, visit(t, c, chat))
			}
			for _, v := range all {
				v.say(v.name + ": hello")
				for _, other := range all {
					other.hear(v.name + ": hello")
				}
			}
			chat.stop()
			for _, v := range all {
				v.wantClosed(1001, "")
			}
			chat.wantEnd(len(all))
		})
	}
}
