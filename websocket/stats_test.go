package websocket_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/websocket"
)

func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conns := make(chan *websocket.Conn, 1)
		resume := make(chan struct{})
		s := serve(t, &websocket.Options{Inbox: websocket.Bounds{Messages: 2}}, func(ctx context.Context, c *websocket.Conn) error {
			conns <- c
			<-resume
			return echo(ctx, c)
		})
		p := dial(t, s.Server)
		kept := <-conns
		p.text("one")
		p.text("seven")
		time.Sleep(5 * time.Second)
		p.write(frame(0x80|opText, "eleven")[:5]) // not a message yet
		time.Sleep(4 * time.Second)
		want := websocket.Stats{
			Received: websocket.Count{Messages: 2, Bytes: 8},
			Unread:   websocket.Bounds{Messages: 2, Bytes: 8},
			Silence:  4 * time.Second,
		}
		if got := kept.Stats(); got != want {
			t.Errorf("before: got %+v\nwant %+v", got, want)
		}
		p.write(frame(0x80|opText, "eleven")[5:])
		time.Sleep(2 * time.Second)
		want.Silence, want.Paused = 2*time.Second, 2*time.Second
		if got := kept.Stats(); got != want {
			t.Errorf("with a full inbox: got %+v\nwant %+v", got, want)
		}
		close(resume)
		synctest.Wait()
		want = websocket.Stats{
			Received: websocket.Count{Messages: 3, Bytes: 14},
			Unsent:   websocket.Bounds{Messages: 3, Bytes: 20},
		}
		if got := kept.Stats(); got != want {
			t.Errorf("while the peer does not read: got %+v\nwant %+v", got, want)
		}
		p.want(opText, "one")
		p.want(opText, "seven")
		p.want(opText, "eleven")
		p.close(1000, "")
		p.wantEnd(1000)
		s.finish()
		want.Sent, want.Unsent = websocket.Count{Messages: 3, Bytes: 20}, websocket.Bounds{}
		if got := kept.Stats(); got != want {
			t.Errorf("after the end: got %+v\nwant %+v", got, want)
		}
	})
}

// What a connection took to be sent is sent, still to be sent or dropped, and
// nothing is still to be sent when it has ended.
//
// W8
func TestWhatABrokenConnectionTookIsDropped(t *testing.T) {
	tests := []struct {
		name string
		end  func(p *peer, c *websocket.Conn)
		sent int64 // of ten, the second of which is stuck
	}{
		{"the peer vanishes", func(p *peer, _ *websocket.Conn) { p.conn.Close() }, 1},
		{"the peer stalls to the end of the close timeout", func(_ *peer, c *websocket.Conn) { c.Close(1000, "") }, 1},
		{"it is aborted", func(_ *peer, c *websocket.Conn) { c.Go(func(context.Context) error { panic(http.ErrAbortHandler) }) }, 1},
		{"the peer reads on after the close", func(p *peer, c *websocket.Conn) {
			c.Close(1000, "")
			p.wantEnd(1000)
		}, 10},
	}
	for _, tt := range tests {
		inBubbles(t, tt.name, func(t *testing.T, o *websocket.Options) {
			var told drops
			last := make(chan websocket.Stats, 1)
			o.OnDrop = told.note
			o.OnClose = func(c *websocket.Conn, _ *websocket.CloseError) { last <- c.Stats() }
			conns := make(chan *websocket.Conn, 1)
			s := serve(t, o, func(ctx context.Context, c *websocket.Conn) error {
				conns <- c
				return forget(ctx, c)
			})
			p, c := dial(t, s.Server), <-conns
			m := websocket.Text("12345678") // ten bytes with its header
			for i := range 10 {
				if err := c.TrySend(m); err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // so that the writer has no more than one
				if i == 0 {
					p.want(opText, m.String())
					synctest.Wait()
				}
			}
			tt.end(p, c)
			s.finish()
			dropped := 10 - tt.sent
			want := websocket.Stats{Sent: websocket.Count{Messages: tt.sent, Bytes: 10 * tt.sent}, Dropped: websocket.Count{Messages: dropped, Bytes: 10 * dropped}}
			for _, got := range []websocket.Stats{<-last, c.Stats()} {
				if got.Silence = 0; got != want {
					t.Errorf("at the end: got %+v\nwant %+v", got, want)
				}
			}
			if len(told.list) > 0 {
				t.Errorf("OnDrop was called for %q, which were not too many", told.list)
			}
		})
	}
}
