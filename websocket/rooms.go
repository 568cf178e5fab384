package websocket

import (
	"slices"
	"sync"
)

// Rooms groups connections by key, to send one message to all of a room. A room
// exists while somebody is in it. The zero Rooms is ready to use, and must not
// be copied. All methods may be called from any goroutine, inside of
// connections or not.
type Rooms struct {
	mu    sync.Mutex // never held across a wait, nor while anything is sent
	byKey map[string]*members
}

// members are the connections in a room.
type members struct {
	set  map[*Conn]struct{}
	list []*Conn // the same, never changed once made; nil when out of date
}

// Room is the room of a key in a [Rooms]. It is a name and not the room
// itself: it stays valid when the last member leaves and others join.
type Room struct {
	rooms *Rooms
	key   string
}

// Join puts c into the room of key and returns it. A connection that is in it
// already stays, and one that is ending does not join. It leaves by itself when
// it begins to end. A nil c panics. It costs a look at all rooms that c is in,
// and so does Leave.
func (rs *Rooms) Join(c *Conn, key string) *Room {
	if c == nil {
		panic("websocket: Rooms.Join: nil connection")
	}
	room := Room{rs, key}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.gone {
		if !slices.Contains(c.rooms, room) {
			c.rooms = append(c.rooms, room)
		}
		rs.add(c, key)
	}
	return &room
}

// To returns the room of key, which may be empty, for those who are not in it.
func (rs *Rooms) To(key string) *Room { return &Room{rs, key} }

// Key returns the key of the room.
func (r *Room) Key() string { return r.key }

// Broadcast sends m to all who are in the room, but for those excepted. It does
// not wait for anybody: the message goes into each member's queue, and a member
// whose queue is full is disconnected with [ErrSlowConsumer]. Messages that one
// goroutine broadcasts arrive in order. In an empty room it does nothing. The
// list of members is made anew, once, after somebody joined or left.
func (r *Room) Broadcast(m Message, except ...*Conn) {
	for _, c := range r.rooms.members(r.key) {
		if !slices.Contains(except, c) {
			_ = c.TrySend(m) // whoever is not reached is on the way out
		}
	}
}

// Leave takes c out of the room. Whoever is not in it, a nil c too, has left.
func (r *Room) Leave(c *Conn) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.rooms, *r); i >= 0 {
		c.rooms = slices.Delete(c.rooms, i, i+1)
	}
	r.rooms.remove(c, r.key)
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

func (rs *Rooms) add(c *Conn, key string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	m := rs.byKey[key]
	if m == nil {
		m = &members{set: make(map[*Conn]struct{})}
		if rs.byKey == nil {
			rs.byKey = make(map[string]*members)
		}
		rs.byKey[key] = m
	}
	if _, in := m.set[c]; !in {
		m.set[c] = struct{}{}
		m.list = nil
	}
}

func (rs *Rooms) remove(c *Conn, key string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	m := rs.byKey[key]
	if m == nil {
		return
	}
	if _, in := m.set[c]; in {
		delete(m.set, c)
		m.list = nil
	}
	if len(m.set) == 0 {
		delete(rs.byKey, key)
	}
}

// leaveRooms takes c out of its rooms and keeps it from joining others.
func (c *Conn) leaveRooms() {
	c.mu.Lock()
	c.gone = true
	rooms := c.rooms
	c.rooms = nil
	c.mu.Unlock()
	for _, room := range rooms {
		room.rooms.remove(c, room.key)
	}
}
