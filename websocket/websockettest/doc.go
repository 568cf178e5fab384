// Package websockettest has a websocket client for tests.
//
// It speaks to servers in memory, through the whole stack: the handshake, the
// router, the middleware, the frames. In a bubble of [testing/synctest] hours of
// heartbeats cost no time, and whatever the client does not do (answer, read,
// close) is done at an exact moment:
//
//	synctest.Test(t, func(t *testing.T) {
//		s := nurserytest.NewServer(t, handler)
//		c, err := websockettest.Dial(t, s, "/ws", nil)
//		if err != nil {
//			t.Fatal(err) // a *RejectedError has the answer that was no upgrade
//		}
//		time.Sleep(2 * time.Minute)
//		if got := c.Pings(); got != 4 {
//			t.Errorf("got %d pings, want 4", got)
//		}
//	})
//
// [Options] has what is offered in the handshake, and a client that compresses for
// a server that does ([websocket.Options.Compress]):
//
//	c, err := websockettest.Dial(t, s, "/ws", &websockettest.Options{Compress: true})
//
// Its nearest relative is the client of github.com/coder/websocket, over the
// Client of such a server: that one is for production, needs somebody who reads
// to answer pings, ends the connection when a context of a read ends, and cannot
// misbehave.
//
// Read [Dial] and [Client] first.
package websockettest
