package websocket

import (
	"maps"
	"slices"
)

// Presence says that a connection has joined a room or left it, and how things
// were after that: see [Rooms.OnPresence].
//
// The events of a Rooms are told one after the other, in the order in which they
// happened, by somebody who joins or leaves: mostly by the one that the event is
// about, but who comes while another is telling leaves it to that one and goes
// on, so that Join may return before its own event was told. That a connection
// has left because it ends is told by a task of it. OnPresence is called without
// any lock, may broadcast, join and leave, and should return soon, for events wait
// for it in memory. A panic is that of whoever tells, who may be another than it is
// about, and keeps none of the events that remain from being told.
type Presence struct {
	// Room is the room, and Conn the connection. If it has left it may have
	// ended.
	Room *Room
	Conn *Conn
	// Who is the name that it joined with, or "".
	Who string
	// Joined is true for those who came and false for those who left.
	Joined bool
	// Len is how many connections were in the room then.
	Len int
	// Here is how many of them had that name: whoever comes with 1 was not there
	// before, and whoever leaves with 0 is gone. Each without a name is somebody
	// else.
	Here int
}

// Who returns the names of those in the room ([Rooms.JoinAs]), each once, sorted.
// It costs a walk over all names.
func (r *Room) Who() []string {
	r.rooms.mu.Lock()
	defer r.rooms.mu.Unlock()
	if m := r.rooms.byKey[r.key]; m != nil {
		return slices.Sorted(maps.Keys(m.names))
	}
	return nil
}

// count counts one who has joined or left.
func (m *members) count(who string, by int) {
	if who == "" {
		return
	}
	if m.names == nil {
		m.names = make(map[string]int)
	}
	if m.names[who] += by; m.names[who] == 0 {
		delete(m.names, who)
	}
}

// here is Presence.Here.
func (m *members) here(who string, joined bool) int {
	switch {
	case who != "":
		return m.names[who]
	case joined:
		return 1
	}
	return 0
}

// note has an event told. The caller holds rs.mu.
func (rs *Rooms) note(c *Conn, key, who string, joined bool) {
	if rs.OnPresence == nil {
		return
	}
	m := rs.byKey[key]
	rs.events.push(Presence{&Room{rs, key}, c, who, joined, len(m.set), m.here(who, joined)})
}

// tell tells the events that wait, unless somebody is at it.
func (rs *Rooms) tell() {
	if !rs.mayTell() {
		return
	}
	over := false
	defer func() {
		if !over { // OnPresence has panicked, and nobody else would tell the rest
			rs.mu.Lock()
			rs.tells = false
			rs.mu.Unlock()
			rs.tell()
		}
	}()
	for {
		e, ok := rs.nextEvent()
		if over = !ok; over {
			return
		}
		rs.OnPresence(e)
	}
}

// nextEvent returns what is to be told next. Without any, telling is over.
func (rs *Rooms) nextEvent() (e Presence, ok bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.events.len() == 0 {
		rs.tells = false
		return e, false
	}
	return rs.events.pop(), true
}

// mayTell returns true to the one who is to tell.
func (rs *Rooms) mayTell() bool {
	if rs.OnPresence == nil {
		return false
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.tells {
		return false
	}
	rs.tells = true
	return true
}
