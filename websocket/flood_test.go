package websocket_test

import (
	"bytes"
	"compress/flate"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/websocket"
)

// Peers that send without end, and never read, cost bounded queues and delay
// nobody else.
//
// W5, W8, W10
func TestFloods(t *testing.T) {
	floods := []struct {
		name  string
		frame []byte
		code  websocket.Code // 0: the connection stays, and the flood is held back
	}{
		{"of messages that nobody reads", frame(0x80|opText, "flood"), 0},
		{"of messages beyond the rate", frame(0x80|opBinary, "flood"), websocket.PolicyViolation},
		{"of pings", frame(0x80|opPing, "flood"), 0},
		{"of pongs", frame(0x80|opPong, "flood"), 0},
		{"of fragments that never end", frame(opContinuation, strings.Repeat("x", 1000)), websocket.MessageTooBig},
		{"of empty fragments", frame(opContinuation, ""), 0},
	}
	for _, flood := range floods {
		t.Run(flood.name, func(t *testing.T) {
			conns := make(chan *websocket.Conn, 1)
			o := &websocket.Options{CloseTimeout: 300 * time.Millisecond}
			if flood.code == websocket.PolicyViolation {
				o.MessagesPerSecond = 100
			}
			if flood.code != 0 && byCoder() { // which takes longer to read all of it
				o.CloseTimeout = 3 * time.Second
			}
			ts := newTCPServer(t, o, func(ctx context.Context, c *websocket.Conn) error {
				m, err := c.Receive(ctx)
				if err != nil {
					return err
				}
				if m.String() != "flood" && m.String() != "begin" {
					return c.Send(ctx, m)
				}
				conns <- c
				if flood.code == websocket.PolicyViolation {
					for range c.Messages() {
					}
				}
				<-ctx.Done() // and never reads again
				return context.Cause(ctx)
			})
			p := join(t, dialTCP(t, ts))
			p.text("begin")
			if flood.frame[0]&0x8f == opContinuation {
				p.write(frame(opText, ""))
			}
			c := <-conns
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				many := bytes.Repeat(flood.frame, 1+16<<10/len(flood.frame))
				_ = p.conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
				for {
					if _, err := p.conn.Write(many); err != nil {
						return
					}
				}
			}()
			for range 10 { // others, meanwhile
				began := time.Now()
				q := join(t, dialTCP(t, ts))
				q.text("hello")
				q.want(opText, "hello")
				q.wantEnd(websocket.NormalClosure)
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("another connection took %v", took)
				}
			}
			<-stopped
			if s := c.Stats(); s.Unread.Messages > 16 || s.Unsent.Messages > 0 {
				t.Errorf("got %+v, want what the bounds allow", s)
			}
			if flood.code != 0 {
				_ = p.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
				if got, _ := p.end(); got != flood.code {
					t.Errorf("closed with %v, want %v", got, flood.code)
				}
				return
			}
			if err := c.Context().Err(); err != nil {
				t.Errorf("the connection: got %v, want it alive", context.Cause(c.Context()))
			}
			c.Close(websocket.NormalClosure, "enough")
			_ = p.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.Copy(io.Discard, p.br); isTimeout(err) {
				t.Error("the connection is still open")
			}
		})
	}
}

// W10
func TestAFloodOfConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := websocket.NewLimit(10)
		s := serve(t, &websocket.Options{Connections: limit}, forget)
		var mu sync.Mutex
		statuses := make(map[int]int)
		var in []*peer
		var crowd sync.WaitGroup
		for range 500 {
			crowd.Go(func() {
				conn, err := s.Dial(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				p := &peer{t: t, conn: conn, br: newReader(conn)}
				response := p.request(handshake + "\r\n")
				mu.Lock()
				defer mu.Unlock()
				statuses[response.StatusCode]++
				if response.StatusCode == http.StatusSwitchingProtocols {
					in = append(in, p)
					return
				}
				if response.Header.Get("Retry-After") == "" {
					t.Error("a refusal without Retry-After")
				}
				conn.Close()
			})
		}
		crowd.Wait()
		if statuses[101] != 10 || statuses[503] != 490 {
			t.Errorf("got answers %v, want 10 upgrades and 490 refusals", statuses)
		}
		for _, p := range in {
			p.close(1000, "")
			p.wantEnd(1000)
			p.conn.Close()
		}
		synctest.Wait()
		if got := limit.Len(); got != 0 {
			t.Errorf("got %d connections, want none", got)
		}
		dial(t, s.Server).close(1000, "")
	})
}

// Compression is never agreed on, so that a bomb is a broken frame.
//
// W10
func TestACompressedBomb(t *testing.T) {
	size := 64
	if testing.Short() {
		size = 4
	}
	var bomb bytes.Buffer
	deflate, err := flate.NewWriter(&bomb, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range size {
		_, _ = deflate.Write(zeros)
	}
	_ = deflate.Flush()
	for _, detach := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := serve(t, &websocket.Options{Detach: detach}, echo)
			conn, err := s.Dial(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			p := &peer{t: t, conn: conn, br: newReader(conn)}
			response := p.request(handshake + "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n")
			if got := response.Header.Get("Sec-WebSocket-Extensions"); response.StatusCode != 101 || got != "" {
				t.Errorf("got %s with the extension %q, want an upgrade without", response.Status, got)
			}
			go func() { _, _ = conn.Write(frame(0xc2, bomb.String())) }()
			p.wantEnd(websocket.ProtocolError)
		})
	}
}

// After what is too large no more is unpacked: a peer could have the server do a
// thousand times what it sends.
//
// W5, W10
func TestAFloodOfBombs(t *testing.T) {
	const enough = 16 << 20 // which is more than sockets hold, and 16 GB unpacked
	ts := newTCPServer(t, &websocket.Options{Compress: 512, CloseTimeout: 10 * time.Second}, echo)
	p := join(t, dialTCP(t, ts), offer)
	zeros := deflated(t, string(make([]byte, 1<<20)), flate.BestCompression) + "\x00\x00\xff\xff"
	p.write(frame(opBinary|0x40, zeros))
	more := frame(opContinuation, zeros)
	_ = p.conn.SetWriteDeadline(time.Now().Add(3 * time.Second))
	for sent := 0; sent < enough; sent += len(more) {
		if _, err := p.conn.Write(more); err != nil {
			t.Fatalf("after %d bytes: %v, want all of it taken", sent, err)
		}
	}
	p.wantEnd(websocket.MessageTooBig)
}
