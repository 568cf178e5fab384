package websocket_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/websocket"
)

// said makes a message of "key=value", with the key, or of a text without one.
func said(s string) websocket.Message {
	key, _, keyed := strings.Cut(s, "=")
	if !keyed {
		key = ""
	}
	return websocket.Text(s).Keyed(key)
}

// drops notes what is dropped.
type drops struct {
	mu   sync.Mutex
	list []string
}

func (d *drops) note(_ *websocket.Conn, m websocket.Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, m.String())
}

// A peer that does not read while messages are sent to it, and then does. The
// first is being written all the while.
//
// W8
func TestSlowConsumerPolicies(t *testing.T) {
	const closed = "closed with 1008"
	three, ten := websocket.Bounds{Messages: 3}, websocket.Bounds{Bytes: 10}
	long := strings.Repeat("x", 100)
	tests := []struct {
		name           string
		policy         websocket.SlowPolicy
		queue          websocket.Bounds
		sent, got, out string
	}{
		{"disconnect", websocket.Disconnect, three, "a b c", closed, "c a b"},
		{"disconnect is the default", 0, three, "a b c", closed, "c a b"},
		{"drop newest", websocket.DropNewest, three, "a b c d", "a b", "c d"},
		{"drop newest, too large", websocket.DropNewest, ten, "a " + long + " b", "a", long + " b"},
		{"drop oldest", websocket.DropOldest, three, "a b c d e", "c d e", "a b"},
		{"drop oldest, in bytes", websocket.DropOldest, ten, "a b c d", "b c d", "a"},
		{"drop oldest, too large", websocket.DropOldest, ten, "a b " + long, long, "a b"},
		{"drop oldest, after too large", websocket.DropOldest, ten, long + " a", "a", long},
		{"conflate", websocket.Conflate, three, "x=1 y=1 x=2 x=3", "x=3 y=1", "x=1 x=2"},
		{"conflate, when full", websocket.Conflate, three, "x=1 y=1 z=1 y=2", "x=1 y=2 z=1", "y=1"},
		{"conflate, full of other keys", websocket.Conflate, three, "x=1 y=1 z=1 x=2 w=1", closed, "x=1 w=1 x=2 y=1 z=1"},
		{"conflate, without a key", websocket.Conflate, three, "a x=1 a x=2", "a x=2 a", "x=1"},
		{"conflate, full without a key", websocket.Conflate, three, "a a a b", closed, "b a a a"},
		{"conflate, larger", websocket.Conflate, ten, "x=1 x=" + long, "x=" + long, "x=1"},
		{"conflate, smaller, which makes room", websocket.Conflate, ten, "x=123 x=1 y=1", "x=1 y=1", "x=123"},
		{"conflate, too large beside others", websocket.Conflate, ten, "x=1 y=1 x=" + long, closed, "x=" + long + " x=1 y=1"},
		{"conflate, with any bytes for a key", websocket.Conflate, three, "\xff\x00=1 \xff\x00=2", "\uFFFD\x00=2", "\uFFFD\x00=1"},
		{"block, when patience is over", websocket.Block, three, "a b c", closed, "c a b"},
	}
	for _, tt := range tests {
		for _, per := range []string{"connection", "room"} {
			t.Run(tt.name+", per "+per, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var dropped drops
					o := &websocket.Options{Queue: tt.queue, Slow: tt.policy, OnDrop: dropped.note}
					var rooms websocket.Rooms
					if per == "room" {
						o.Slow, rooms.Slow = websocket.Disconnect, tt.policy
					}
					conns := make(chan *websocket.Conn, 1)
					s := serve(t, o, func(ctx context.Context, c *websocket.Conn) error {
						rooms.Join(c, "all")
						conns <- c
						return forget(ctx, c)
					})
					p, c := dial(t, s.Server), <-conns
					room := rooms.To("all")
					room.Broadcast(websocket.Text("first"))
					synctest.Wait()
					for _, text := range strings.Split(tt.sent, " ") {
						room.Broadcast(said(text))
					}
					synctest.Wait()
					p.want(opText, "first")
					if tt.got == closed {
						p.wantEnd(websocket.PolicyViolation)
					} else {
						for _, want := range strings.Split(tt.got, " ") {
							p.want(opText, want)
						}
						c.Close(4000, "")
						p.wantEnd(4000)
					}
					s.finish()
					want := strings.Split(tt.out, " ")
					if tt.got == closed { // told by two, one of whom ends the connection
						slices.Sort(want)
						slices.Sort(dropped.list)
					}
					if !slices.Equal(dropped.list, want) {
						t.Errorf("dropped: got %q, want %q", dropped.list, want)
					}
					if got := c.Stats().Dropped; got.Messages != int64(len(want)) || got.Bytes < int64(2*len(want)) {
						t.Errorf("counted: got %+v, want %d messages", got, len(want))
					}
				})
			})
		}
	}
}

// W8
func TestUnderBlockABroadcastWaits(t *testing.T) {
	block := func() *websocket.Options {
		return &websocket.Options{Slow: websocket.Block, Queue: websocket.Bounds{Messages: 2}}
	}
	errEnough := errors.New("enough")
	tests := []struct {
		name string
		act  func(t *testing.T, p *peer, c *websocket.Conn, s *site, cancel context.CancelCauseFunc)
		took time.Duration
		err  error
		gone bool // the member is
	}{
		{"until there is room", func(_ *testing.T, p *peer, _ *websocket.Conn, _ *site, _ context.CancelCauseFunc) {
			p.want(opText, "one")
		}, time.Second, nil, false},
		{"until patience ends", func(*testing.T, *peer, *websocket.Conn, *site, context.CancelCauseFunc) {}, 5 * time.Second, nil, true},
		{"until the context ends", func(_ *testing.T, _ *peer, _ *websocket.Conn, _ *site, cancel context.CancelCauseFunc) {
			cancel(errEnough)
		}, time.Second, errEnough, false},
		{"until the member is closed", func(_ *testing.T, _ *peer, c *websocket.Conn, _ *site, _ context.CancelCauseFunc) {
			c.Close(4000, "")
		}, time.Second, nil, true},
		{"until the member vanishes", func(_ *testing.T, p *peer, _ *websocket.Conn, _ *site, _ context.CancelCauseFunc) {
			p.conn.Close()
		}, time.Second, nil, true},
		{"until the last word is over of a server that stops", func(_ *testing.T, _ *peer, _ *websocket.Conn, s *site, _ context.CancelCauseFunc) {
			s.above.Drain(time.Minute)
		}, 2 * time.Second, nil, true},
		{"until the requests are cancelled", func(_ *testing.T, _ *peer, _ *websocket.Conn, s *site, _ context.CancelCauseFunc) {
			s.above.Cancel(errEnough)
		}, time.Second, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var rooms websocket.Rooms
				conns := make(chan *websocket.Conn, 1)
				s := serve(t, block(), func(ctx context.Context, c *websocket.Conn) error {
					rooms.Join(c, "log")
					conns <- c
					return forget(ctx, c)
				})
				p, c := dial(t, s.Server), <-conns
				quick := dial(t, s.Server)
				<-conns
				synctest.Wait()
				room, began := rooms.To("log"), time.Now()
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				go func() {
					for _, text := range []string{"one", "two", "three"} {
						quick.want(opText, text)
					}
					if waited := time.Since(began); waited != 0 {
						t.Errorf("the other one waited %v", waited)
					}
					_, _, _ = quick.next() // the end, if any
				}()
				room.Broadcast(websocket.Text("one"))
				synctest.Wait()
				room.Broadcast(websocket.Text("two"))
				synctest.Wait()
				go func() {
					time.Sleep(time.Second)
					tt.act(t, p, c, s, cancel)
				}()
				err := room.Send(ctx, websocket.Text("three"))
				if took := time.Since(began); err != tt.err || took != tt.took {
					t.Errorf("got %v after %v, want %v after %v", err, took, tt.err, tt.took)
				}
				synctest.Wait()
				if got := c.Context().Err() != nil; got != tt.gone {
					t.Errorf("the member has ended: got %v, want %v", got, tt.gone)
				}
			})
		})
	}
}

// Whoever waits has the room that what is sent under another policy makes.
//
// W8
func TestRoomThatAnotherPolicyMakes(t *testing.T) {
	binary := func(size int) websocket.Message { return websocket.Binary(make([]byte, size)) }
	tests := []struct {
		name   string
		queued []websocket.Message
		policy websocket.SlowPolicy
		sent   websocket.Message
		took   time.Duration // of one of 300 bytes under Block
	}{
		{"drop oldest, for something smaller", []websocket.Message{binary(400), binary(400)}, websocket.DropOldest, binary(200), time.Second},
		{"drop oldest, fewer for more", []websocket.Message{binary(10), binary(600), binary(10)}, websocket.DropOldest, binary(650), time.Second},
		{"drop oldest, for as much", []websocket.Message{binary(400), binary(400)}, websocket.DropOldest, binary(400), 5 * time.Second},
		{"drop newest", []websocket.Message{binary(400), binary(400)}, websocket.DropNewest, binary(200), 5 * time.Second},
		{"conflate, something smaller", []websocket.Message{binary(800).Keyed("x")}, websocket.Conflate, binary(200).Keyed("x"), time.Second},
		{"conflate, something larger", []websocket.Message{binary(800).Keyed("x")}, websocket.Conflate, binary(900).Keyed("x"), 5 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conns := make(chan *websocket.Conn, 1)
				s := serve(t, &websocket.Options{Queue: websocket.Bounds{Messages: 4, Bytes: 1000}}, func(ctx context.Context, c *websocket.Conn) error {
					conns <- c
					return forget(ctx, c)
				})
				dial(t, s.Server)
				c, blocks, other := <-conns, websocket.Rooms{Slow: websocket.Block}, websocket.Rooms{Slow: tt.policy}
				room := other.Join(c, "")
				room.Broadcast(websocket.Text("is being written"))
				synctest.Wait()
				for _, m := range tt.queued {
					room.Broadcast(m)
				}
				time.AfterFunc(time.Second, func() { room.Broadcast(tt.sent) })
				began := time.Now()
				blocks.Join(c, "").Broadcast(binary(300))
				if took := time.Since(began); took != tt.took || (c.Context().Err() == nil) != (took == time.Second) {
					t.Errorf("had room after %v, %v; want it after %v", took, context.Cause(c.Context()), tt.took)
				}
			})
		})
	}
}

// All whose peers do not read wait for all others, and for themselves.
//
// W8
func TestMembersThatBlockEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rooms := websocket.Rooms{Slow: websocket.Block}
		o := &websocket.Options{Queue: websocket.Bounds{Messages: 1}, Patience: 2 * time.Second, CloseTimeout: time.Second}
		s := serve(t, o, func(ctx context.Context, c *websocket.Conn) error {
			room := rooms.Join(c, "all")
			<-time.After(time.Second)
			for range 10 {
				room.Broadcast(websocket.Text("x"))
			}
			return nil
		})
		began := time.Now()
		for range 20 {
			dial(t, s.Server)
		}
		s.finish()
		if took := time.Since(began); took != 4*time.Second {
			t.Errorf("all of it took %v, want 4s: a second, patience and the close timeout", took)
		}
	})
}

// While one is waited for another has found room: that one is not too slow.
//
// W8
func TestPatienceIsForEachMemberItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rooms := websocket.Rooms{Slow: websocket.Block}
		s := serve(t, &websocket.Options{Queue: websocket.Bounds{Messages: 1}}, func(ctx context.Context, c *websocket.Conn) error {
			rooms.Join(c, "all")
			return forget(ctx, c)
		})
		var stalled, late []*peer
		for range 4 {
			stalled, late = append(stalled, dial(t, s.Server)), append(late, dial(t, s.Server))
		}
		synctest.Wait()
		room := rooms.To("all")
		room.Broadcast(websocket.Text("one"))
		began := time.Now()
		read := make(chan struct{})
		time.AfterFunc(4*time.Second, func() {
			defer close(read)
			for _, p := range late {
				p.want(opText, "one")
			}
		})
		room.Broadcast(websocket.Text("two"))
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %v, want 5s", took)
		}
		<-read
		for _, p := range late {
			p.want(opText, "two")
		}
		for _, p := range stalled {
			p.want(opText, "one")
			p.wantEnd(websocket.PolicyViolation)
		}
	})
}

// W8
func TestUnderNoPolicyAStalledMemberDelaysOthers(t *testing.T) {
	for _, policy := range []websocket.SlowPolicy{websocket.Disconnect, websocket.DropNewest, websocket.DropOldest, websocket.Conflate} {
		t.Run(policy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rooms := websocket.Rooms{Slow: policy}
				s := serve(t, &websocket.Options{Queue: websocket.Bounds{Messages: 4}}, func(ctx context.Context, c *websocket.Conn) error {
					rooms.Join(c, "all")
					return forget(ctx, c)
				})
				dial(t, s.Server) // and never reads
				quick := []*peer{dial(t, s.Server), dial(t, s.Server)}
				synctest.Wait()
				began := time.Now()
				for i := range 100 {
					text := "k=" + numbers(100)[i]
					rooms.To("all").Broadcast(said(text))
					for _, p := range quick {
						p.want(opText, text)
					}
				}
				if took := time.Since(began); took != 0 {
					t.Errorf("it took %v, want no time", took)
				}
			})
		})
	}
}

// W8
func TestSendReplacesBeforeItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &websocket.Options{Queue: websocket.Bounds{Messages: 2}, Slow: websocket.Conflate}
		s := serve(t, o, func(ctx context.Context, c *websocket.Conn) error {
			for _, text := range []string{"first", "x=1", "y=1", "x=2"} {
				if err := c.Send(ctx, said(text)); err != nil {
					t.Errorf("%s: got %v, want nil", text, err)
				}
				time.Sleep(time.Second)
			}
			brief, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			if err := c.Send(brief, said("z=1")); err != context.DeadlineExceeded {
				t.Errorf("full of other keys: got %v, want that it waits", err)
			}
			if got := c.Stats().Dropped.Messages; got != 1 {
				t.Errorf("%d are counted as dropped, want 1: the sender knows of the other", got)
			}
			return nil
		})
		p := dial(t, s.Server)
		time.Sleep(6 * time.Second)
		for _, want := range []string{"first", "x=2", "y=1"} {
			p.want(opText, want)
		}
		p.wantEnd(websocket.NormalClosure)
	})
}

// W8
func TestTrySendNeverWaits(t *testing.T) {
	tests := []struct {
		policy websocket.SlowPolicy
		want   error
	}{
		{websocket.Disconnect, websocket.ErrSlowConsumer},
		{websocket.DropNewest, nil},
		{websocket.DropOldest, nil},
		{websocket.Conflate, nil}, // the key is the same
		{websocket.Block, websocket.ErrSlowConsumer},
	}
	for _, tt := range tests {
		t.Run(tt.policy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &websocket.Options{Queue: websocket.Bounds{Messages: 2}, Slow: tt.policy}
				s := serve(t, o, func(ctx context.Context, c *websocket.Conn) error {
					began := time.Now()
					var err error
					for range 4 {
						err = c.TrySend(said("k=v"))
					}
					if !errors.Is(err, tt.want) || time.Since(began) != 0 {
						t.Errorf("got %v after %v, want %v at once", err, time.Since(began), tt.want)
					}
					return nil
				})
				dial(t, s.Server)
				synctest.Wait()
			})
		})
	}
}

// Whoever sends from outside may be slow to tell what was dropped, and the
// connection end meanwhile.
//
// W8
func TestOnDropComesBeforeOnClose(t *testing.T) {
	tests := []struct {
		policy websocket.SlowPolicy
		end    func(c *websocket.Conn)
	}{
		{websocket.Disconnect, func(*websocket.Conn) {}},
		{websocket.DropNewest, func(c *websocket.Conn) { c.Close(4000, "") }},
		{websocket.DropOldest, func(c *websocket.Conn) { c.Close(4000, "") }},
		{websocket.Conflate, func(c *websocket.Conn) { c.Close(4000, "") }},
		{websocket.Block, func(*websocket.Conn) {}},
	}
	for _, tt := range tests {
		inBubbles(t, tt.policy.String(), func(t *testing.T, o *websocket.Options) {
			var begun, told atomic.Int64
			last := make(chan websocket.Stats, 1)
			o.Slow, o.Queue = tt.policy, websocket.Bounds{Messages: 1}
			o.OnDrop = func(*websocket.Conn, websocket.Message) {
				begun.Add(1)
				time.Sleep(time.Minute)
				told.Add(1)
			}
			o.OnClose = func(c *websocket.Conn, _ *websocket.CloseError) {
				if begun, told := begun.Load(), told.Load(); told == 0 || begun != told {
					t.Errorf("%d calls of OnDrop had begun and %d returned, want all of them", begun, told)
				}
				last <- c.Stats()
			}
			conns := make(chan *websocket.Conn, 1)
			var rooms websocket.Rooms
			s := serve(t, o, func(ctx context.Context, c *websocket.Conn) error {
				rooms.Join(c, "all")
				conns <- c
				return forget(ctx, c)
			})
			dial(t, s.Server) // and never reads
			c := <-conns
			synctest.Wait()
			room := rooms.To("all")
			room.Broadcast(said("x=0"))
			synctest.Wait()
			var sending sync.WaitGroup
			for range 4 {
				sending.Go(func() { room.Broadcast(said("x=1")) })
			}
			time.Sleep(10 * time.Second) // more than Patience
			tt.end(c)
			at, before := (<-last).Dropped, told.Load()
			s.finish()
			sending.Wait()
			if after := begun.Load(); after != before {
				t.Errorf("OnDrop was called %d times after OnClose", after-before)
			}
			if now := c.Stats().Dropped; at != now {
				t.Errorf("dropped: got %+v in OnClose and %+v after it", at, now)
			}
		})
	}
}

func TestRoomsWithAPolicyThatIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rooms := websocket.Rooms{Slow: -1}
		room, m := rooms.To("all"), websocket.Text("x")
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			for _, misuse := range []struct {
				name string
				call func()
			}{
				{"Join", func() { rooms.Join(c, "all") }},
				{"JoinAs", func() { rooms.JoinAs(c, "all", "me") }},
				{"Broadcast", func() { room.Broadcast(m) }},
				{"Send", func() { _ = room.Send(ctx, m) }},
			} {
				func() {
					defer func() {
						if got := recover(); got != "websocket: Rooms.Slow: SlowPolicy(-1) is no policy" {
							t.Errorf("%s: got panic %v", misuse.name, got)
						}
					}()
					misuse.call()
				}()
			}
			return nil
		})
		dial(t, s.Server).wantEnd(1000)
	})
}

// W8
func TestAFullQueueIsNotMovedForEachThatIsDropped(t *testing.T) {
	for _, n := range []int{2, 3, 16, 255, 256, 257, 1024} {
		if got, most := websocket.Shifts(n, 10*n), 20; got > most {
			t.Errorf("a queue of %d is moved %d times while all of it is replaced ten times, want at most %d", n, got, most)
		}
	}
}
