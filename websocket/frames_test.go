package websocket_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/websocket"
)

// Every rule of RFC 6455 about frames that a server can break: what a peer
// sends, and what must come back. Each row is sent in three ways: frame by frame
// with what must come back read in between, all at once, and byte by byte or nearly so.
//
// W3, W5, W12
func TestRFC6455(t *testing.T) {
	ways := []struct {
		name string
		sort bool // pongs come first: they overtake messages
		cut  func(sent [][]byte) [][]byte
	}{
		{"frame by frame", false, func(sent [][]byte) [][]byte { return sent }},
		{"at once", true, func(sent [][]byte) [][]byte { return [][]byte{slices.Concat(sent...)} }},
		{"in bits of some bytes", false, func(sent [][]byte) [][]byte {
			all := slices.Concat(sent...)
			return slices.Collect(slices.Chunk(all, max(1, len(all)/500)))
		}},
	}
	for _, tt := range slices.Concat(rfc6455, payloads(), texts()) {
		for _, way := range ways {
			t.Run(tt.name+", "+way.name, func(t *testing.T) {
				onlyOwnRow(t, tt.name)
				synctest.Test(t, func(t *testing.T) {
					s := serve(t, &websocket.Options{ReadLimit: largest}, echo)
					p := dial(t, s.Server)
					frames := make(chan got)
					go p.collect(frames)
					go func() {
						for _, b := range way.cut(tt.sent) {
							_, _ = p.conn.Write(b) // the server may have enough
							synctest.Wait()
						}
						if goesOn(tt.want) {
							p.text("and on")
						}
					}()
					p.check(frames, tt.want, way.sort)
					p.conn.Close()
					s.finish()
					if got := s.reports(); len(got) > 0 {
						t.Errorf("got reports %q, want none: it is the peer's doing", got)
					}
				})
			})
		}
	}
}

// collect reads frames until there are no more.
func (p *peer) collect(frames chan<- got) {
	defer close(frames)
	for {
		op, payload, err := p.next()
		if err != nil {
			return
		}
		frames <- got{op, payload}
	}
}

// goesOn reports whether the connection does, after want.
func goesOn(want []got) bool { return len(want) == 0 || want[len(want)-1].op != opClose }

// check compares what came with what is wanted. A connection that goes on is
// proved to by one more message.
func (p *peer) check(frames <-chan got, want []got, pongsFirst bool) {
	p.t.Helper()
	goesOn := goesOn(want)
	if goesOn {
		want = append(slices.Clip(want), echoed("and on"))
	}
	var came []got
	for range want {
		g, ok := <-frames
		if !ok {
			break
		}
		if g.op == opClose && len(g.payload) > 2 {
			g.payload = g.payload[:2]
		}
		came = append(came, g)
	}
	if pongsFirst {
		came, want = sorted(came), sorted(want)
	}
	if !slices.Equal(came, want) {
		p.t.Fatalf("got %.300q, want %.300q", came, want)
	}
	if !goesOn {
		if _, err := p.conn.Write(frame(0x88, "\x03\xe8")); err == nil {
			_ = p.conn.SetDeadline(time.Now().Add(time.Minute))
		}
		if g, ok := <-frames; ok {
			p.t.Errorf("after the close: got %d %.40q, want the end", g.op, g.payload)
		}
	}
}

// sorted returns frames with the pongs first.
func sorted(frames []got) []got {
	frames = slices.Clone(frames)
	slices.SortStableFunc(frames, func(a, b got) int {
		switch aPong, bPong := a.op == opPong, b.op == opPong; {
		case aPong && !bPong:
			return -1
		case bPong && !aPong:
			return 1
		}
		return 0
	})
	return frames
}
