package websocket_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/websocket"
)

// told notes events as texts.
type told struct {
	mu   sync.Mutex
	list []string
}

func (l *told) note(p websocket.Presence) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sign := map[bool]string{true: "+", false: "-"}[p.Joined]
	l.list = append(l.list, fmt.Sprintf("%s%s %s %d %d", sign, p.Who, p.Room.Key(), p.Len, p.Here))
}

// take returns what has been told since the last call.
func (l *told) take() []string {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list = nil
	return list
}

// W7
func TestPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events told
		rooms := websocket.Rooms{OnPresence: events.note}
		conns := make(chan *websocket.Conn, 1)
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			conns <- c
			return forget(ctx, c)
		})
		enter := func() (*peer, *websocket.Conn) {
			return dial(t, s.Server), <-conns
		}
		peerA, a := enter()
		_, b := enter()
		_, c := enter()
		lobby := rooms.To("lobby")
		want := func(step string, who []string, events, want []string) {
			t.Helper()
			if !slices.Equal(events, want) {
				t.Errorf("%s: got events %q, want %q", step, events, want)
			}
			if got := lobby.Who(); !slices.Equal(got, who) {
				t.Errorf("%s: got %q in the room, want %q", step, got, who)
			}
		}
		want("nobody", nil, events.take(), nil)
		rooms.JoinAs(a, "lobby", "Ann")
		want("one", []string{"Ann"}, events.take(), []string{"+Ann lobby 1 1"})
		rooms.JoinAs(a, "lobby", "Eve")
		want("twice", []string{"Ann"}, events.take(), nil)
		rooms.JoinAs(b, "lobby", "Ann")
		want("a second tab", []string{"Ann"}, events.take(), []string{"+Ann lobby 2 2"})
		rooms.Join(c, "lobby")
		want("one without a name", []string{"Ann"}, events.take(), []string{"+ lobby 3 1"})
		rooms.JoinAs(c, "\xff\x00", "Cid")
		want("another room", []string{"Ann"}, events.take(), []string{"+Cid \xff\x00 1 1"})
		peerA.conn.Close()
		want("a tab is closed", []string{"Ann"}, events.take(), []string{"-Ann lobby 2 1"})
		lobby.Leave(b)
		want("the last tab leaves", nil, events.take(), []string{"-Ann lobby 1 0"})
		lobby.Leave(b)
		lobby.Leave(a)
		want("who has left leaves", nil, events.take(), nil)
		c.Close(1000, "")
		want("who ends is in no room", nil, events.take(), []string{"- lobby 0 0", "-Cid \xff\x00 0 0"})
		rooms.Join(c, "lobby")
		want("nor joins any", nil, events.take(), nil)
		if got := rooms.Keys(); got != 0 {
			t.Errorf("%d rooms are kept, want none", got)
		}
	})
}

// W7
func TestAllConnectionsOfOneUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var users websocket.Rooms
		names := make(chan string, 1)
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			users.Join(c, <-names)
			return forget(ctx, c)
		})
		var peers []*peer
		for _, name := range []string{"Ann", "Ann", "Bob"} {
			names <- name
			peers = append(peers, dial(t, s.Server))
			synctest.Wait()
		}
		users.To("Ann").Broadcast(websocket.Text("to Ann"))
		users.To("Bob").Broadcast(websocket.Text("to Bob"))
		users.To("Cid").Broadcast(websocket.Text("to Cid"))
		for i, want := range []string{"to Ann", "to Ann", "to Bob"} {
			peers[i].want(opText, want)
		}
	})
}

// Whoever is told may do anything with the rooms.
//
// W7
func TestOnPresenceMayJoinAndLeaveAndBroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events told
		var rooms websocket.Rooms
		rooms.OnPresence = func(p websocket.Presence) {
			events.note(p)
			p.Room.Broadcast(websocket.Text(strconv.Itoa(p.Len)))
			if p.Joined && p.Room.Key() == "lobby" {
				rooms.Join(p.Conn, "more")
				p.Room.Leave(p.Conn)
			}
		}
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			rooms.Join(c, "lobby")
			return forget(ctx, c)
		})
		p := dial(t, s.Server)
		p.want(opText, "1")
		p.want(opText, "1")
		if got, want := events.take(), []string{"+ lobby 1 1", "+ more 1 1", "- lobby 0 0"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// W7
func TestOnPresenceThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events told
		rooms := websocket.Rooms{OnPresence: func(p websocket.Presence) {
			events.note(p)
			if p.Who == "Eve" {
				panic("of Eve")
			}
		}}
		names := make(chan string, 1)
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			rooms.JoinAs(c, "lobby", <-names)
			return forget(ctx, c)
		})
		names <- "Eve"
		dial(t, s.Server).wantEnd(websocket.InternalError)
		synctest.Wait() // or else Ann may tell of her, and have the panic
		names <- "Ann"
		dial(t, s.Server)
		want := []string{"+Eve lobby 1 1", "-Eve lobby 0 0", "+Ann lobby 1 1"}
		if got := events.take(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := s.reports(); len(got) != 2 {
			t.Errorf("got reports %q, want both panics", got)
		}
	})
}

// What has happened while somebody is told who then panics is told too.
//
// W7
func TestOnPresenceThatPanicsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events told
		rooms := websocket.Rooms{OnPresence: func(p websocket.Presence) {
			events.note(p)
			if p.Who == "Eve" && !p.Joined {
				time.Sleep(time.Second)
				panic("of Eve")
			}
		}}
		names := make(chan string, 1)
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			rooms.JoinAs(c, "lobby", <-names)
			return forget(ctx, c)
		})
		for _, name := range []string{"Eve", "Ann", "Bob"} {
			names <- name
			p := dial(t, s.Server)
			synctest.Wait()
			if name == "Eve" {
				p.conn.Close()
			}
			synctest.Wait()
		}
		time.Sleep(time.Second)
		want := []string{"+Eve lobby 1 1", "-Eve lobby 0 0", "+Ann lobby 1 1", "+Bob lobby 2 1"}
		if got := events.take(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// Whoever is told and does not return keeps no connection from being closed, and
// nobody from joining, leaving or broadcasting.
//
// W7
func TestOnPresenceThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		var count int
		rooms := websocket.Rooms{OnPresence: func(p websocket.Presence) {
			if count++; !p.Joined {
				<-hang
			}
		}}
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			rooms.Join(c, "lobby")
			return forget(ctx, c)
		})
		began := time.Now()
		for range 3 {
			p := dial(t, s.Server)
			synctest.Wait()
			p.close(4000, "")
			p.wantEnd(4000)
		}
		p := dial(t, s.Server)
		synctest.Wait()
		rooms.To("lobby").Broadcast(websocket.Text("hello"))
		p.want(opText, "hello")
		if took := time.Since(began); took != 0 || count != 2 {
			t.Errorf("took %v and %d events, want no time and two", took, count)
		}
		close(hang)
		synctest.Wait()
		if count != 7 {
			t.Errorf("got %d events when it goes on, want all 7", count)
		}
	})
}

// W7
func TestTenThousandJoinAndLeaveAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lens := make(map[string]int)
		var rooms websocket.Rooms
		rooms.Slow = websocket.DropOldest
		rooms.OnPresence = func(p websocket.Presence) {
			by := map[bool]int{true: 1, false: -1}[p.Joined]
			if lens[p.Room.Key()] += by; lens[p.Room.Key()] != p.Len {
				t.Errorf("%+v: got %d in the room, want %d by the events before", p, p.Len, lens[p.Room.Key()])
			}
			if p.Room.Key() == "0" {
				p.Room.Broadcast(websocket.Text("news"))
			}
		}
		conns := make(chan *websocket.Conn, 20)
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			conns <- c
			return forget(ctx, c)
		})
		var all []*websocket.Conn
		for range cap(conns) {
			p := dial(t, s.Server)
			go func() { _, _, _ = p.rest() }()
			all = append(all, <-conns)
		}
		var crowd sync.WaitGroup
		for i := range 10_000 {
			crowd.Go(func() {
				key, c := strconv.Itoa(rand.IntN(5)), all[i%len(all)]
				room := rooms.JoinAs(c, key, strconv.Itoa(i%3))
				if i%10 == 0 {
					rooms.To(key).Broadcast(websocket.Text("x"), c)
				}
				if i%2 == 0 {
					room.Leave(c)
				}
				if i > 9000 && i%10 == 0 {
					c.Close(1000, "")
				}
			})
		}
		crowd.Wait()
		for _, c := range all {
			c.Close(1000, "")
		}
		s.finish()
		for key, n := range lens {
			if room := rooms.To(key); n != 0 || room.Len() != 0 || room.Who() != nil {
				t.Errorf("room %s: %d by the events, %d, %q; want nobody", key, n, room.Len(), room.Who())
			}
		}
		if got := rooms.Keys(); got != 0 || len(lens) == 0 {
			t.Errorf("%d rooms are kept of %d, want none", got, len(lens))
		}
	})
}
