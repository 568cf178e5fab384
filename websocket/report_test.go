package websocket_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/websocket"
)

var errTicker = errors.New("broker gone")

// ticks has a task with a name fail, and then one that ends later.
func ticks(ctx context.Context, c *websocket.Conn) error {
	c.Go(func(context.Context) error { return errTicker }, nursery.Name("ticker"))
	c.Go(func(ctx context.Context) error { <-ctx.Done(); return errPlain }, nursery.Name("late"))
	<-ctx.Done()
	return nil
}

// N3, W3
func TestReportsOfAConnectionNameTheTask(t *testing.T) {
	inBubbles(t, "in an application", func(t *testing.T, o *websocket.Options) {
		s := serve(t, o, ticks)
		dial(t, s.Server).end()
		s.finish()
		var got []string
		for _, r := range s.full {
			got = append(got, r.Nursery+"/"+r.Task+": "+r.Err.Error())
		}
		want := "websocket/ticker: broker gone, websocket/late: " + errPlain.Error()
		if got := strings.Join(got, ", "); got != want {
			t.Errorf("got reports %q, want %q", got, want)
		}
	})
	t.Run("outside any", func(t *testing.T) {
		out := logged(t)
		srv := bare(t, ticks)
		dial(t, srv).end()
		srv.Close()
		for _, want := range []string{"task=ticker error=\"broker gone\"", "task=late"} {
			if got := out.String(); !strings.Contains(got, want) {
				t.Errorf("got log %q, want %q in it", got, want)
			}
		}
	})
}
