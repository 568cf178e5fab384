package websocket_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/websocket"
)

// optionFaults are options each of which has one fault, and how it is told.
var optionFaults = []struct {
	name string
	o    websocket.Options
	want string
}{
	{
		"a malformed pattern", websocket.Options{Origins: []string{"["}},
		`websocket: Options.Origins: pattern "[" is malformed`,
	},
	{
		"an empty pattern", websocket.Options{Origins: []string{""}},
		`websocket: Options.Origins: pattern "" has no host`,
	},
	{
		"a pattern with a path", websocket.Options{Origins: []string{"https://a.example/path"}},
		`websocket: Options.Origins: pattern "https://a.example/path" has a path, and an origin has none`,
	},
	{
		"a subprotocol of two words", websocket.Options{Subprotocols: []string{"a b"}},
		`websocket: Options.Subprotocols: "a b" is not a token`,
	},
	{
		"an empty subprotocol", websocket.Options{Subprotocols: []string{""}},
		`websocket: Options.Subprotocols: "" is not a token`,
	},
	{
		"a negative limit of a message", websocket.Options{ReadLimit: -1},
		`websocket: Options.ReadLimit is -1: want 0 or more`,
	},
	{
		"a negative rate", websocket.Options{MessagesPerSecond: -2},
		`websocket: Options.MessagesPerSecond is -2: want 0 or more`,
	},
	{
		"compression from a negative size on", websocket.Options{Compress: -512},
		`websocket: Options.Compress is -512: want 0 or more`,
	},
	{
		"a negative number of messages received", websocket.Options{Inbox: websocket.Bounds{Messages: -1}},
		`websocket: Options.Inbox.Messages is -1: want 0 or more`,
	},
	{
		"negative bytes received", websocket.Options{Inbox: websocket.Bounds{Bytes: -1}},
		`websocket: Options.Inbox.Bytes is -1: want 0 or more`,
	},
	{
		"a negative number of messages queued", websocket.Options{Queue: websocket.Bounds{Messages: -1}},
		`websocket: Options.Queue.Messages is -1: want 0 or more`,
	},
	{
		"negative bytes queued", websocket.Options{Queue: websocket.Bounds{Bytes: -1}},
		`websocket: Options.Queue.Bytes is -1: want 0 or more`,
	},
	{
		"a negative patience", websocket.Options{Patience: -time.Second},
		`websocket: Options.Patience is -1s: want 0 or more`,
	},
	{
		"a negative time for a pong", websocket.Options{PongWithin: -time.Second},
		`websocket: Options.PongWithin is -1s: want 0 or more`,
	},
	{
		"a negative time for the close", websocket.Options{CloseTimeout: -time.Minute},
		`websocket: Options.CloseTimeout is -1m0s: want 0 or more`,
	},
	{
		"a negative time for the last word", websocket.Options{LastWord: -1},
		`websocket: Options.LastWord is -1ns: want 0 or more`,
	},
	{
		"a limit that NewLimit has not made", websocket.Options{Connections: new(websocket.Limit)},
		`websocket: Options.Connections is a zero Limit, which would admit nobody: want one of NewLimit, or nil`,
	},
	{
		"a policy that is none", websocket.Options{Slow: 6},
		`websocket: Options.Slow is SlowPolicy(6): want one of the policies, or 0`,
	},
	{
		"a negative policy", websocket.Options{Slow: -1},
		`websocket: Options.Slow is SlowPolicy(-1): want one of the policies, or 0`,
	},
}

// W10
func TestCheckFindsAFault(t *testing.T) {
	for _, tt := range optionFaults {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.o.Check(); got == nil || got.Error() != tt.want {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}

func TestCheckFindsNoFault(t *testing.T) {
	for name, o := range map[string]*websocket.Options{
		"nil":                         nil,
		"zero":                        {},
		"what the documentation says": choices,
		"patterns of all kinds":       {Origins: []string{"*", "*.example.com", "https://a.example", "a.example:8080", "[a-z].example"}},
		"no heartbeat and no pause":   {PingEvery: -1, MaxPause: -1},
		"all that can be, and more": {
			ReadLimit: 1 << 62, Patience: 1 << 62, PingEvery: 1 << 62, PongWithin: 1 << 62, MaxPause: 1 << 62, CloseTimeout: 1 << 62, LastWord: 1 << 62,
		},
		"every policy's last": {Slow: websocket.Block},
	} {
		if err := o.Check(); err != nil {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// All faults are told together, by Check and to whoever connects all the same.
//
// W10
func TestCheckFindsAllFaults(t *testing.T) {
	o := &websocket.Options{
		Origins:      []string{"[", "", "https://a.example/path", "ok.example"},
		Subprotocols: []string{"a b", "", "ok"},
		ReadLimit:    -1, MessagesPerSecond: -2, Compress: -512,
		Inbox: websocket.Bounds{Messages: -1, Bytes: -1}, Queue: websocket.Bounds{Messages: -1, Bytes: -1},
		Patience: -time.Second, PongWithin: -time.Second, CloseTimeout: -time.Minute, LastWord: -1,
		Connections: new(websocket.Limit),
		Slow:        6,
	}
	var want []string
	for _, tt := range optionFaults[:len(optionFaults)-1] { // there is one policy only
		want = append(want, tt.want)
	}
	if got := strings.Split(o.Check().Error(), "\n"); !slices.Equal(got, want) {
		t.Errorf("got faults %q, want %q", got, want)
	}
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, o, echo)
		if response := get(t, s.Server, handshake+"\r\n"); response.StatusCode != http.StatusInternalServerError {
			t.Errorf("got %s, want 500", response.Status)
		}
		if got := s.reports(); len(got) != 1 || got[0].Error() != strings.Join(want, "; ") {
			t.Errorf("got reports %q, want one with what Check says", got)
		}
	})
}
