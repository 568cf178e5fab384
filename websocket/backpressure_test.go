package websocket_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery/nurserytest"
	"github.com/creche-go/creche/websocket"
)

// What a server learns of a peer while its own inbox is full. Only a real
// socket has the buffers that this is about.
//
// W4
func TestBackPressure(t *testing.T) {
	quick := websocket.Options{
		PingEvery: 50 * time.Millisecond, PongWithin: 10 * time.Second, CloseTimeout: 200 * time.Millisecond,
		Inbox: websocket.Bounds{Messages: 1},
	}
	patient, bounded := quick, quick
	patient.CloseTimeout, bounded.MaxPause = 20*time.Second, time.Second
	closes := func(p *peer) {
		p.close(4000, "bye")
		p.conn.Close()
	}
	resets := func(p *peer) {
		if err := p.conn.(*net.TCPConn).SetLinger(0); err != nil {
			p.t.Error(err)
		}
		p.conn.Close()
	}
	tests := []struct {
		name  string
		opts  websocket.Options
		leave func(*peer)
		read  time.Duration // when the application begins to; 0: never
		code  websocket.Code
		least time.Duration
	}{
		{"a closed socket is noticed by a ping", quick, closes, 0, websocket.Abnormal, 0},
		{"and how it was closed once the application reads", patient, closes, 200 * time.Millisecond, 4000, 0},
		{"also before any ping", patient, closes, 20 * time.Millisecond, 4000, 0},
		{"a reset socket is noticed by a ping", quick, resets, 0, websocket.Abnormal, 0},
		{"a silent one when the pause is over", bounded, func(*peer) {}, 0, websocket.TryAgainLater, 300 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			type ending struct {
				cause error
				got   []string
				took  time.Duration
			}
			ended := make(chan ending, 1)
			ts := newTCPServer(t, &tt.opts, func(ctx context.Context, c *websocket.Conn) error {
				for c.Stats().Paused == 0 {
					time.Sleep(time.Millisecond)
				}
				began := time.Now()
				var got []string
				if tt.read > 0 {
					time.Sleep(tt.read)
					for m, err := range c.Messages() {
						if err == nil {
							got = append(got, m.String())
						}
					}
				}
				<-ctx.Done()
				ended <- ending{context.Cause(ctx), got, time.Since(began)}
				return nil
			})
			p := join(t, dialTCP(t, ts))
			sent := []string{"one", "two", "three"}
			for _, text := range sent {
				p.text(text)
			}
			tt.leave(p)
			end := <-ended
			var e *websocket.CloseError
			if !errors.As(end.cause, &e) || e.Code != tt.code || end.took < tt.least || end.took > 10*time.Second {
				t.Errorf("got cause %v after %v, want %v", end.cause, end.took, tt.code)
			}
			if tt.read > 0 && !slices.Equal(end.got, sent) {
				t.Errorf("received %q, want %q", end.got, sent)
			}
		})
	}
}

// misfits are peers that do not play along, with how the connection of each ends.
var misfits = []struct {
	name  string
	peer  func(p *peer, beat time.Duration)
	cause func(error) bool
	least int // beats that the connection lives
}{
	{"one that stalls", func(*peer, time.Duration) {}, isHeartbeat, 2},
	{"one that reads and does not answer", func(p *peer, _ time.Duration) { _, _ = io.Copy(io.Discard, p.br) }, isHeartbeat, 2},
	{"one that half-closes", func(p *peer, _ time.Duration) { _ = p.conn.(*net.TCPConn).CloseWrite() }, isAbnormal, 0},
	{"one that vanishes", func(p *peer, _ time.Duration) { _ = p.conn.(*net.TCPConn).SetLinger(0); p.conn.Close() }, isAbnormal, 0},
	{"one that vanishes in a frame", func(p *peer, _ time.Duration) { p.write(frame(0x82, "some")[:7]); p.conn.Close() }, isAbnormal, 0},
	{"one that dribbles, and then stalls", func(p *peer, beat time.Duration) {
		for _, b := range frame(0x80|opText, "a dribble")[:12] {
			_, _ = p.conn.Write([]byte{b})
			time.Sleep(beat / 2)
		}
	}, isHeartbeat, 8},
}

// The heartbeat over real sockets, of peers that do not play along.
//
// W1, W4, W6
func TestPeersThatDoNotPlayAlong(t *testing.T) {
	const beat = 400 * time.Millisecond
	for _, tt := range misfits {
		t.Run(tt.name, func(t *testing.T) {
			nurserytest.CheckLeaks(t)
			type ending struct {
				cause error
				took  time.Duration
			}
			ended := make(chan ending, 1)
			o := &websocket.Options{PingEvery: beat, PongWithin: beat, CloseTimeout: beat}
			ts := newTCPServer(t, o, func(ctx context.Context, _ *websocket.Conn) error {
				began := time.Now()
				<-ctx.Done()
				ended <- ending{context.Cause(ctx), time.Since(began)}
				return nil
			})
			p := join(t, dialTCP(t, ts))
			tt.peer(p, beat)
			end, least := <-ended, time.Duration(tt.least)*beat
			if !tt.cause(end.cause) || end.took < least-beat/2 || end.took > 10*time.Second {
				t.Errorf("got cause %v after %v, want at least %v", end.cause, end.took, least)
			}
			_ = p.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.Copy(io.Discard, p.br); isTimeout(err) {
				t.Error("the socket is still open")
			}
		})
	}
}

// Two hundred of each kind at once: all of them end, nothing is left, and a peer
// that does play along is served meanwhile.
//
// W1, W4, W6
func TestCrowdsThatDoNotPlayAlong(t *testing.T) {
	each := 200
	if testing.Short() {
		each = 20
	}
	files := 2*each*len(misfits) + 100
	needDescriptors(t, files)
	nurserytest.CheckLeaks(t)
	const beat = 500 * time.Millisecond
	var rooms websocket.Rooms
	limit := websocket.NewLimit(files)
	o := &websocket.Options{PingEvery: beat, PongWithin: beat, CloseTimeout: beat, Connections: limit}
	patient := &websocket.Options{PingEvery: beat, Connections: limit} // with one that plays along on a slow machine
	app := creche.New(creche.Options{})
	ts := httptest.NewServer(app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		o := o
		if r.Header.Get("Good") != "" {
			o = patient
		}
		return websocket.Serve(w, r, o, func(ctx context.Context, c *websocket.Conn) error {
			rooms.Join(c, "all")
			return echo(ctx, c)
		})
	})))
	t.Cleanup(ts.Close)
	good := join(t, dialTCP(t, ts), "Good: yes")
	before := descriptors(t)
	slowest := time.Duration(0)
	greet := func() {
		began := time.Now()
		good.text("hello")
		for op := byte(0); op != opText; { // a ping may come first
			var payload string
			var err error
			if op, payload, err = good.next(); err != nil || op == opClose {
				t.Fatalf("the one that plays along: got %q, %v after %v", payload, err, time.Since(began))
			}
		}
		slowest = max(slowest, time.Since(began))
	}
	var crowd sync.WaitGroup
	for _, tt := range misfits {
		for range each {
			p := join(t, dialTCP(t, ts))
			crowd.Go(func() {
				tt.peer(p, beat)
				_, _ = io.Copy(io.Discard, p.br)
				p.conn.Close()
			})
			greet() // for it may take long until all are here
		}
	}
	gone := make(chan struct{})
	go func() { crowd.Wait(); close(gone) }()
	for deadline := time.Now().Add(time.Minute); limit.Len() > 1 || !isClosed(gone); {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are still open", limit.Len())
		}
		greet()
		time.Sleep(10 * time.Millisecond)
	}
	if in := rooms.To("all").Len(); in != 1 || descriptors(t) > before {
		t.Errorf("%d in the room, %d descriptors open; want 1 and %d", in, descriptors(t), before)
	}
	good.close(1000, "")
	good.wantEnd(1000)
	t.Logf("the slowest answer to the one that plays along took %v", slowest.Round(time.Millisecond))
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func isHeartbeat(err error) bool { return errors.Is(err, websocket.ErrHeartbeat) }

func isAbnormal(err error) bool {
	var e *websocket.CloseError
	return errors.As(err, &e) && e.Code == websocket.Abnormal && !isHeartbeat(err)
}
