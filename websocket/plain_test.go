package websocket_test

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/websocket"
)

// What is promised of the frames of this package alone, as Options.Plain has it.
const (
	once     = "a message is compressed once for all who get it"
	header   = "a message may be seen to be too large by the header of its frame"
	shortest = "a length that could be shorter is a breach of the protocol"
	slowly   = "a ping may take longer than five seconds to come whole"
	unpacked = "what is not compressed as it should be is refused, or spoils nothing"
)

// coderTakes are the rows of tables that coder's frames do not keep, and why.
var coderTakes = map[string]string{
	"something huge":                   header,
	"0 in 16 bits":                     shortest,
	"125 in 16 bits":                   shortest,
	"126 in 64 bits":                   shortest,
	"65535 in 64 bits":                 shortest,
	"a long length after a good frame": shortest,
	"a long length of a fragment":      shortest,
	"a long length of a ping":          shortest,
	"a block that says it is the last, and another message": unpacked,
	"something after the last block":                        unpacked,
	"a message without a byte":                              unpacked,
	"a block that is cut off":                               unpacked,
	"empty blocks without end":                              unpacked,
}

// byCoder reports whether the frames of all connections are to be coder's. It is
// asked anew each time: of what is asked before the tests run go test does not
// know when it looks for a result to reuse.
func byCoder() bool { return os.Getenv("CRECHE_PLAIN") != "" }

// onlyOwn skips a test of what is promised of the frames of this package alone.
func onlyOwn(t *testing.T, what string) {
	t.Helper()
	if byCoder() {
		t.Skip("only without Options.Plain: " + what)
	}
}

// onlyOwnRow is onlyOwn for the row of a table.
func onlyOwnRow(t *testing.T, name string) {
	t.Helper()
	if what, taken := coderTakes[name]; taken {
		onlyOwn(t, what)
	}
}

// All tests of this package once more, with Options.Plain, in a process of their
// own. To run some of them so:
//
//	CRECHE_PLAIN=1 go test -run Heartbeat ./websocket
//
// W1, W2, W3, W4, W5, W6, W7, W8, W9, W10, W12, W13
func TestAllWithFramesOfCoder(t *testing.T) {
	if byCoder() {
		t.Skip("this is that process")
	}
	if testing.Short() {
		t.Skip("it takes as long as all the others together")
	}
	short := os.Getenv("CRECHE_LONG") == ""
	args := []string{"-test.run=^Test", "-test.shuffle=on", "-test.timeout=" + flag.Lookup("test.timeout").Value.String()}
	if short {
		args = append(args, "-test.short")
	}
	again := exec.CommandContext(t.Context(), os.Args[0], args...)
	again.Env = append(os.Environ(), "CRECHE_PLAIN=1")
	if out, err := again.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// The option chooses whose frames they are. Those of pings differ: coder numbers
// them.
func TestPlainChooses(t *testing.T) {
	for plain, ping := range map[bool]string{false: "", true: "1"} {
		synctest.Test(t, func(t *testing.T) {
			s := serve(t, &websocket.Options{Plain: plain}, echo)
			p := dial(t, s.Server)
			p.text("hello")
			p.want(opText, "hello")
			if !byCoder() {
				p.want(opPing, ping)
			}
			p.send(opPing, "here")
			for op := byte(0); op != opPong; {
				var err error
				if op, _, err = p.next(); err != nil {
					t.Fatal(err)
				}
			}
			p.write(unmask(0x81, "x"))
			p.wantEnd(websocket.ProtocolError)
		})
	}
}

// Wherever the connection of a peer ends, a message of which a part is missing is
// not received.
//
// W4
func TestAMessageThatIsCutOffIsNotReceived(t *testing.T) {
	text := strings.Repeat("all or nothing ", 20)
	for name, sent := range map[string][]byte{
		"in one frame":  frame(0x81, text),
		"in fragments":  slices.Concat(frame(0x01, text[:100]), frame(0x89, "?"), frame(0x00, ""), frame(0x80, text[100:])),
		"of many bytes": frame(0x82, noise(10_000)),
		"compressed":    frame(0xc1, deflated(t, text+noise(100), 1)),
	} {
		t.Run(name, func(t *testing.T) {
			for cut := 0; cut < len(sent); cut += 1 + cut/200 {
				synctest.Test(t, func(t *testing.T) {
					var got []websocket.Message
					var cause error
					s := serve(t, &websocket.Options{Compress: 1 << 20}, func(ctx context.Context, c *websocket.Conn) error {
						for m, err := range c.Messages() {
							if cause = err; err == nil {
								got = append(got, m)
							}
						}
						return nil
					})
					p := dial(t, s.Server, offer)
					go func() { // the pong is not read
						_, _ = p.conn.Write(sent[:cut])
						p.conn.Close()
					}()
					s.finish()
					var e *websocket.CloseError
					if len(got) > 0 || !errors.As(cause, &e) || e.Code != websocket.Abnormal {
						t.Errorf("%d of %d bytes: got %d messages and %v, want none and 1006", cut, len(sent), len(got), cause)
					}
				})
			}
		})
	}
}

// W6
func TestAPingThatTakesLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, echo)
		p := dial(t, s.Server)
		for _, b := range frame(0x89, "slow") {
			time.Sleep(6 * time.Second)
			p.write([]byte{b})
		}
		if byCoder() { // see slowly
			p.wantEnd(websocket.ProtocolError)
			return
		}
		p.want(opPong, "slow")
		p.close(1000, "")
		p.wantEnd(1000)
	})
}

// W1, W6
func TestAPingThatNobodyAnswersDelaysNoEnd(t *testing.T) {
	inBubbles(t, "", func(t *testing.T, o *websocket.Options) {
		o.PingEvery = time.Second
		s := serve(t, o, echo)
		p, began := dial(t, s.Server), time.Now()
		p.wantPing()
		p.close(1000, "")
		p.wantEnd(1000)
		s.finish()
		if took := time.Since(began); took != time.Second {
			t.Errorf("ended after %v, want the second until the ping", took)
		}
	})
}

// Nothing of a connection stays in memory, however it ended.
//
// W1
func TestNothingOfAConnectionStaysInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			m, err := c.Receive(ctx)
			if m.String() == "abort" {
				panic(http.ErrAbortHandler)
			}
			return err
		})
		come := func(n int) (objects int) {
			for i := range n {
				p := dial(t, s.Server)
				switch i % 3 {
				case 0:
					p.text("abort")
				case 1:
					p.close(1000, "")
				}
				if i%3 < 2 {
					p.end()
				}
				p.conn.Close()
				synctest.Wait()
			}
			var m runtime.MemStats
			for range 3 { // pools, and what has finalizers, take several
				runtime.GC()
			}
			runtime.ReadMemStats(&m)
			return int(m.HeapObjects)
		}
		const n = 300
		before := come(n)
		if more := come(n) - before; more > 30*n { // what the test keeps of a peer is half of that
			t.Errorf("%d connections have left %d objects in memory", n, more)
		}
	})
}
