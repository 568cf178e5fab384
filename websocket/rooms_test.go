package websocket_test

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/websocket"
)

// W7
func TestRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rooms websocket.Rooms
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			room := rooms.Join(c, "lobby")
			if again := rooms.Join(c, "lobby"); again.Key() != "lobby" || *again != *room {
				t.Errorf("joining again: got room %v, want the same", again)
			}
			for m, err := range c.Messages() {
				switch {
				case err != nil:
					return err
				case m.String() == "leave":
					room.Leave(c)
					room.Leave(c)
				case m.String() == "others":
					room.Broadcast(m, c)
				default:
					room.Broadcast(m)
				}
			}
			return nil
		})
		a, b := dial(t, s.Server), dial(t, s.Server)
		lobby := rooms.To("lobby")
		wantLen := func(want int) {
			t.Helper()
			synctest.Wait()
			if got := lobby.Len(); got != want || len(lobby.Members()) != want {
				t.Errorf("got %d in the room, %v; want %d", got, lobby.Members(), want)
			}
		}
		wantLen(2)
		a.text("hello")
		a.want(opText, "hello")
		b.want(opText, "hello")
		a.text("others")
		b.want(opText, "others")
		lobby.Broadcast(websocket.Binary([]byte("from outside")))
		a.want(opBinary, "from outside")
		b.want(opBinary, "from outside")

		b.text("leave")
		wantLen(1)
		a.text("alone")
		a.want(opText, "alone")
		a.conn.Close()
		wantLen(0)
		if got := rooms.Keys(); got != 0 {
			t.Errorf("%d rooms are kept, want none", got)
		}
		lobby.Broadcast(websocket.Text("nobody hears it"))
		lobby.Leave(nil)
		b.close(1000, "")
		b.wantEnd(1000)

		c := dial(t, s.Server) // the room is made again, and its old name is good
		wantLen(1)
		lobby.Broadcast(websocket.Text("again"))
		c.want(opText, "again")
	})
}

// W7
func TestAConnectionThatIsEndingJoinsNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rooms := websocket.Rooms{OnPresence: func(p websocket.Presence) { t.Errorf("told %+v, want nothing", p) }}
		refused := func(c *websocket.Conn) {
			room := rooms.Join(c, "lobby")
			if *room != *rooms.To("lobby") || room.Len() != 0 || c.Context().Err() == nil {
				t.Errorf("got %v with %d in it, want the room of the key with none", room, room.Len())
			}
			room.Leave(c)
		}
		var ended *websocket.Conn
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			ended = c
			<-ctx.Done()
			time.Sleep(time.Second)
			refused(c)
			return nil
		})
		dial(t, s.Server).conn.Close()
		s.finish()
		refused(ended)
	})
}

// W7
func TestAConnectionThatHasEndedMayStillBroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rooms websocket.Rooms
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			room := rooms.Join(c, "lobby")
			if room.Len() > 1 {
				c.Close(4000, "")
				synctest.Wait()
				room.Broadcast(websocket.Text("the last of it"), c)
				room.Broadcast(websocket.Text("to all"))
			}
			return forget(ctx, c)
		})
		stays := dial(t, s.Server)
		synctest.Wait()
		leaves := dial(t, s.Server)
		stays.want(opText, "the last of it")
		stays.want(opText, "to all")
		leaves.wantEnd(4000)
	})
}

// W7
func TestASecondRoomIsAnotherOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rooms websocket.Rooms
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			rooms.Join(c, "a")
			rooms.Join(c, "b").Leave(c)
			rooms.To("b").Broadcast(websocket.Text("b"))
			rooms.To("a").Broadcast(websocket.Text("a"))
			return nil
		})
		p := dial(t, s.Server)
		p.want(opText, "a")
		p.wantEnd(1000)
	})
}

// W7
func TestAKeyMayBeAnyBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := []string{"", " ", "\x00", "\xff\x00\xfe", "a\nb", "../..", "€", strings.Repeat("k", 1<<20)}
		var rooms websocket.Rooms
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			for _, key := range keys {
				if got := rooms.Join(c, key).Key(); got != key {
					t.Errorf("got key %.20q, want %.20q", got, key)
				}
			}
			return forget(ctx, c)
		})
		p := dial(t, s.Server)
		synctest.Wait()
		for i, key := range keys {
			rooms.To(key).Broadcast(websocket.Text(strconv.Itoa(i)))
			p.want(opText, strconv.Itoa(i))
		}
		if got := rooms.Keys(); got != len(keys) {
			t.Errorf("got %d rooms, want %d", got, len(keys))
		}
		p.close(1000, "")
		p.wantEnd(1000)
		synctest.Wait()
		if got := rooms.Keys(); got != 0 {
			t.Errorf("%d rooms are kept, want none", got)
		}
	})
}

// W8
func TestASlowMemberDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1000 // messages, far more than the queue of 256 holds
		var rooms websocket.Rooms
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			rooms.Join(c, "lobby")
			return forget(ctx, c)
		})
		slow := dial(t, s.Server)
		synctest.Wait()
		quick := make([]*peer, 10)
		for i := range quick {
			quick[i] = dial(t, s.Server)
		}
		synctest.Wait()
		began := time.Now()
		room := rooms.To("lobby")
		for i := range n {
			room.Broadcast(websocket.Text(strconv.Itoa(i)))
			for _, p := range quick {
				p.want(opText, strconv.Itoa(i))
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("%d broadcasts took %v", n, took)
		}
		synctest.Wait()
		if got := room.Len(); got != len(quick) {
			t.Errorf("%d in the room, want %d: the slow one is out", got, len(quick))
		}
		slow.wantEnd(websocket.PolicyViolation)
		for _, p := range quick {
			p.close(1000, "")
			p.wantEnd(1000)
		}
	})
}

// W7
func TestRoomsUnderRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rooms websocket.Rooms
		s := serve(t, nil, func(ctx context.Context, c *websocket.Conn) error {
			for i := range 200 {
				room := rooms.Join(c, strconv.Itoa(i%3))
				room.Broadcast(websocket.Text("x"))
				if i%2 == 0 {
					room.Leave(c)
				}
			}
			return nil
		})
		done := make(chan struct{})
		for range 8 {
			p := dial(t, s.Server)
			go func() {
				_, _, _ = p.rest()
				done <- struct{}{}
			}()
		}
		for range 8 {
			<-done
		}
		s.Close()
		for i := range 3 {
			if got := rooms.To(strconv.Itoa(i)).Len(); got != 0 {
				t.Errorf("room %d: %d left behind", i, got)
			}
		}
	})
}

func TestMessage(t *testing.T) {
	object, err := websocket.JSON(map[string]int{"a": 1})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		m    websocket.Message
		text bool
		want string
	}{
		{"the zero message", websocket.Message{}, true, ""},
		{"text", websocket.Text("a€"), true, "a€"},
		{"text that is not UTF-8", websocket.Text("a\xff"), true, "a\uFFFD"},
		{"binary", websocket.Binary([]byte{0xff}), false, "\xff"},
		{"JSON", object, true, `{"a":1}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.m.IsText() != tt.text || tt.m.String() != tt.want || string(tt.m.Bytes()) != tt.want {
				t.Errorf("got %q, text: %v; want %q, %v", tt.m, tt.m.IsText(), tt.want, tt.text)
			}
		})
	}
	raw, err := websocket.JSON(json.RawMessage("\"a\xff\xfe\""))
	if err != nil || raw.String() != "\"a\uFFFD\"" {
		t.Errorf("got %q, %v, want what is not UTF-8 replaced", raw.String(), err)
	}
	if _, err := websocket.JSON(func() {}); err == nil {
		t.Error("JSON of a function: got nil")
	}
	var v struct{ A int }
	if err := object.Decode(&v); err != nil || v.A != 1 {
		t.Errorf("decoded %v, %v", v, err)
	}
}
