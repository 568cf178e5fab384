package main

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// The test is also the server's process.
func TestMain(m *testing.M) {
	if i := slices.Index(os.Args, "-serve"); i > 0 && i+1 < len(os.Args) {
		if err := serveAs(os.Args[i+1]); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func TestEveryServerDelivers(t *testing.T) {
	works := []plan{
		{name: "broadcast", clients: 5, stalled: 1, window: 2, size: 128},
		{name: "large", clients: 3, window: 16, size: maxSize},
		{name: "echo", clients: 3, window: 1, size: 1024, echo: true},
	}
	for _, p := range works {
		t.Run(p.name, func(t *testing.T) {
			p.warm, p.long, p.rounds = 10*time.Millisecond, 100*time.Millisecond, 1
			if err := p.check(); err != nil {
				t.Fatal(err)
			}
			results, err := measure(serverNames(), p)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range serverNames() {
				if p.echo && dialectOf(name).noEcho {
					continue
				}
				r := results[name][0]
				if r.perSecond <= 0 || r.cpu < 0 || r.late <= 0 || r.late > time.Second || r.slowest <= 0 {
					t.Errorf("%s: got %+v, want deliveries", name, r)
				}
			}
			var b strings.Builder
			table(&b, p, serverNames(), results)
			if got := strings.Count(b.String(), "\n"); got != 5+len(serverNames()) {
				t.Errorf("got a table of %d lines:\n%s", got, b.String())
			}
		})
	}
}

func TestWorksOfTheList(t *testing.T) {
	for _, p := range plans() {
		if err := p.check(); err != nil || p.name == "" {
			t.Errorf("%q: got %v", p.name, err)
		}
	}
}

func TestMessagesTellWhoTheyAre(t *testing.T) {
	b, at := frameOf(200)
	stamp(b[at:], 0xfedcba9876543210, 12345)
	if number, sent, err := stamped(b[at:]); number != 0xfedcba9876543210 || sent != 12345 || err != nil {
		t.Errorf("got %x, %v, %v", number, sent, err)
	}
	b[at+1] = 'z'
	if _, _, err := stamped(b[at:]); err == nil {
		t.Error("a message that is garbled: got nil")
	}
	unmasked := append([]byte{0x82, 126, 0, 200}, b[at:]...)
	for n := range unmasked {
		if _, whole := payloadOf(unmasked[:n]); whole != 0 {
			t.Errorf("the first %d bytes of a frame: got a frame of %d", n, whole)
		}
	}
	if payload, whole := payloadOf(append(unmasked, 0x82)); whole != len(unmasked) || len(payload) != 200 {
		t.Errorf("got %d of %d bytes, want 200 of %d", len(payload), whole, len(unmasked))
	}
}
