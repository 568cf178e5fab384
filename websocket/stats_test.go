package websocket_test

import (
	"context"
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
