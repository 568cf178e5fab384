package websocket

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Rooms groups connections by key, to send one message to all of a room. A room
// exists while somebody is in it. The zero Rooms is ready to use, and must not
// be copied; its fields are set before it is used. All methods may be called from
// any goroutine, inside of connections or not.
//
// A key may be any bytes. All connections of one user are a room too, in a Rooms
// of their own or under a key of their own:
//
//	users.Join(c, name)
//	users.To(name).Broadcast(m)
type Rooms struct {
	// Slow is what a message to a room does that a member's queue has no room
	// for. 0 means what the member's [Options.Slow] says. What is no policy
	// panics in Join, JoinAs, [Room.Broadcast] and [Room.Send].
	Slow SlowPolicy
	// OnPresence is told who joins and who leaves: see [Presence]. Nil means
	// nobody.
	OnPresence func(Presence)

	mu     sync.Mutex // never held across a wait, nor while anything is sent or told
	byKey  map[string]*members
	events fifo[Presence] // still to be told
	tells  bool           // somebody is telling
}

// members are the connections in a room.
type members struct {
	set   map[*Conn]string // and who they are
	list  []*Conn          // the same, never changed once made; nil when out of date
	names map[string]int   // how many connections each has who has a name; nil if nobody
}

// Room is the room of a key in a [Rooms]. It is a name and not the room
// itself: it stays valid when the last member leaves and others join. A Rooms
// makes it; the zero Room does not work.
type Room struct {
	rooms *Rooms
	key   string
}

// Join puts c into the room of key and returns the room, which is that of
// [Rooms.To]. A connection leaves by itself when it begins to end, that is, when
// [Conn.Context] does. From then on Join does nothing but return the room, of which
// c is no member, and OnPresence is not called; c.Context().Err() tells the two
// apart. (A Join that meets the beginning of the end may still be let in, and c
// leaves at once.) A connection that is in the room already stays. A nil c panics.
// It costs a look at all rooms that c is in, and so does Leave.
func (rs *Rooms) Join(c *Conn, key string) *Room { return rs.JoinAs(c, key, "") }

// JoinAs is Join with a name for who it is that joins, which any number of
// connections may have: those of a user with several tabs, say. [Room.Who] and
// [Presence] tell it. A connection that is in the room already keeps the name it
// has. The name "" is none, and a nil c panics.
func (rs *Rooms) JoinAs(c *Conn, key, who string) *Room {
	if c == nil {
		panic("websocket: Rooms.Join: nil connection")
	}
	rs.check()
	room := Room{rs, key}
	if rs.enter(c, room, who) {
		rs.tell()
	}
	return &room
}

// enter is JoinAs without telling. It returns false if nothing has changed.
func (rs *Rooms) enter(c *Conn, room Room, who string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone || slices.Contains(c.rooms, room) {
		return false
	}
	c.rooms = append(c.rooms, room)
	rs.add(c, room.key, who)
	return true
}

func (rs *Rooms) check() {
	if rs.Slow != 0 && !rs.Slow.known() {
		panic(fmt.Sprintf("websocket: Rooms.Slow: %v is no policy", rs.Slow))
	}
}

// To returns the room of key, which may be empty, for those who are not in it.
func (rs *Rooms) To(key string) *Room { return &Room{rs, key} }

// Key returns the key of the room.
func (r *Room) Key() string { return r.key }

// Broadcast sends m to all who are in the room, but for those excepted. It goes
// into each member's queue, and what happens to a member whose queue is full is
// up to the policy ([Rooms.Slow], [Options.Slow]): by default it is disconnected.
// Broadcast waits for nobody, but for members under [Block], and then until they
// end or their [Options.Patience] does: [Room.Send] has a context for that.
//
// Messages that one goroutine broadcasts arrive in order, but for those that take
// the place of an older one under [Conflate]. In an empty room it does nothing, and
// from a connection that has ended, or is in no room, it does what it does from
// anywhere else. The list of members is made anew, once, after somebody joined or
// left.
func (r *Room) Broadcast(m Message, except ...*Conn) {
	m, slow, began := r.reach(m, except)
	for _, c := range slow {
		_ = c.waitPatiently(c.ctx, m, began)
	}
}

// Send is [Room.Broadcast] that waits for members under [Block] no longer than
// until ctx ends. Then it returns the cause: those of them that had no room yet
// miss m, which counts as dropped, and stay. Otherwise it returns nil, also when
// members were disconnected. To the others m is sent before it waits, whether or
// not ctx has ended. A nil ctx panics.
func (r *Room) Send(ctx context.Context, m Message, except ...*Conn) error {
	if ctx == nil {
		panic("websocket: Room.Send: nil context")
	}
	var err error
	m, slow, began := r.reach(m, except)
	for _, c := range slow {
		if e := c.waitPatiently(ctx, m, began); e != nil {
			err = e
		}
	}
	return err
}

// reach sends m to all who need not be waited for. It returns m as all share it, the
// others, and since when they are waited for.
func (r *Room) reach(m Message, except []*Conn) (shared Message, slow []*Conn, began time.Time) {
	r.rooms.check()
	var w waker
	for _, c := range r.rooms.members(r.key) {
		m = c.out.shared(m)
		if !slices.Contains(except, c) && !c.offer(m, r.rooms.Slow, &w) {
			slow = append(slow, c)
		}
	}
	w.start()
	if len(slow) > 0 {
		began = time.Now()
	}
	return m, slow, began
}

// Leave takes c out of the room. Whoever is not in it, a nil c too, has left.
func (r *Room) Leave(c *Conn) {
	if c != nil && r.leave(c) {
		r.rooms.tell()
	}
}

// leave is Leave without telling. It returns false if nothing has changed.
func (r *Room) leave(c *Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.rooms, *r)
	if i < 0 {
		return false
	}
	c.rooms = slices.Delete(c.rooms, i, i+1)
	r.rooms.remove(c, r.key)
	return true
}

// Len returns how many connections are in the room.
func (r *Room) Len() int {
	r.rooms.mu.Lock()
	defer r.rooms.mu.Unlock()
	if m := r.rooms.byKey[r.key]; m != nil {
		return len(m.set)
	}
	return 0
}

// Members returns the connections in the room, in no order. What they are to
// the application is among the values of [Conn.Context].
func (r *Room) Members() []*Conn { return slices.Clone(r.rooms.members(r.key)) }

func (rs *Rooms) members(key string) []*Conn {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	m := rs.byKey[key]
	if m == nil {
		return nil
	}
	if m.list == nil {
		m.list = make([]*Conn, 0, len(m.set))
		for c := range m.set {
			m.list = append(m.list, c)
		}
	}
	return m.list
}

func (rs *Rooms) add(c *Conn, key, who string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	m := rs.byKey[key]
	if m == nil {
		m = &members{set: make(map[*Conn]string)}
		if rs.byKey == nil {
			rs.byKey = make(map[string]*members)
		}
		rs.byKey[key] = m
	}
	m.set[c], m.list = who, nil
	m.count(who, 1)
	rs.note(c, key, who, true)
}

// remove takes c, which must be in it, out of the room of key.
func (rs *Rooms) remove(c *Conn, key string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	m := rs.byKey[key]
	who := m.set[c]
	delete(m.set, c)
	m.list = nil
	m.count(who, -1)
	rs.note(c, key, who, false)
	if len(m.set) == 0 {
		delete(rs.byKey, key)
	}
}

// leaveRooms takes c out of its rooms and keeps it from joining others. It
// returns those who have something to tell now.
func (c *Conn) leaveRooms() (tell []*Rooms) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	for _, room := range c.rooms {
		room.rooms.remove(c, room.key)
		if room.rooms.OnPresence != nil && !slices.Contains(tell, room.rooms) {
			tell = append(tell, room.rooms)
		}
	}
	c.rooms = nil
	return tell
}
