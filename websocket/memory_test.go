//go:build !race

package websocket_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/websocket"
)

// What an idle connection costs with its nursery, heartbeat and a room: heap
// and stacks in use. Its clients are in a process of their own.
//
//	go test -run MemoryOfAnIdleConnection -v ./websocket
//
// W13
func TestMemoryOfAnIdleConnection(t *testing.T) {
	n := 2000
	if os.Getenv("CRECHE_LONG") != "" {
		n = 5000
	}
	for _, tt := range []struct {
		name   string
		detach bool
		last   string // what each client sends before it falls silent, after a ping
		most   int
		coders int // as much, if frames are coder's
	}{
		{"the handler returns", true, "", 14 << 10, 32 << 10},
		{"the handler stays", false, "", 40 << 10, 58 << 10},
		{"in the middle of a header", true, "\x82\xfe\x01", 14 << 10, 32 << 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if byCoder() {
				tt.most = tt.coders
			}
			got := tt.most + 1
			for try := 0; got > tt.most && try < 3; try++ { // what else the process does only adds
				got = idleConnection(t, n, tt.last, &websocket.Options{Detach: tt.detach})
			}
			t.Logf("%d bytes each, of %d connections", got, n)
			if got > tt.most {
				t.Errorf("got %d bytes for an idle connection, want at most %d", got, tt.most)
			}
		})
	}
}

// idleConnection returns how many bytes each of n idle connections costs, the
// clients of which have sent last.
func idleConnection(t *testing.T, n int, last string, o *websocket.Options) int {
	t.Helper()
	var rooms websocket.Rooms
	app := creche.New(creche.Options{IgnoreSignals: true, Logger: slog.New(slog.DiscardHandler)})
	h := app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return upgrade(w, r, o, func(ctx context.Context, c *websocket.Conn) error {
			rooms.Join(c, "all")
			return echo(ctx, c)
		})
	}))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Serve(context.Background(), ln, h) }()
	leave := idleClients(t, ln.Addr().String(), 100, last) // so that what grows once has grown
	before := inUse()
	done := idleClients(t, ln.Addr().String(), n, last)
	if got := rooms.To("all").Len(); got != n+100 {
		t.Errorf("got %d connections, want %d", got, n+100)
	}
	each := (inUse() - before) / n
	done()
	leave()
	app.Stop(nil)
	if err := <-served; err != nil {
		t.Error(err)
	}
	return each
}

func inUse() int {
	var m runtime.MemStats
	for range 3 { // stacks shrink a step each time
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse + m.StackInuse)
}

// idleClients starts a process with n clients, each of which has sent a message
// and got it back, and last in the end, and returns what ends it.
func idleClients(t *testing.T, addr string, n int, last string) (end func()) {
	t.Helper()
	clients := exec.Command(os.Args[0], "-test.run=^TestIdleClients$")
	clients.Env = append(os.Environ(), "CRECHE_IDLE="+addr, "CRECHE_IDLE_CLIENTS="+strconv.Itoa(n), "CRECHE_IDLE_LAST="+last)
	in, err := clients.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := clients.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := clients.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("clients: got %q, %v", line, err)
	}
	return func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := clients.Wait(); err != nil {
			t.Errorf("clients: %v", err)
		}
	}
}

// TestIdleClients is the process of idleClients.
func TestIdleClients(t *testing.T) {
	addr := os.Getenv("CRECHE_IDLE")
	if addr == "" {
		t.Skip("a part of TestMemoryOfAnIdleConnection")
	}
	n, _ := strconv.Atoi(os.Getenv("CRECHE_IDLE_CLIENTS"))
	for range n {
		conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		p := join(t, conn)
		p.text("here")
		p.want(opText, "here")
		p.write(append(frame(0x80|opPing, ""), os.Getenv("CRECHE_IDLE_LAST")...)) // at once, so that the pong tells of both
		p.want(opPong, "")
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}
