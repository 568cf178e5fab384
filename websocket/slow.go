package websocket

import "fmt"

// SlowPolicy says what happens to a message for a connection whose queue
// ([Options.Queue]) has no room for it, because the peer reads more slowly than
// it is sent to. It is chosen for a connection by [Options.Slow] and for rooms
// by [Rooms.Slow], which comes first. Whatever it is, memory is bounded, and
// what is dropped is counted ([Stats].Dropped) and told ([Options.OnDrop]).
// Only under Block does anybody wait for a slow peer.
//
// A message larger than the bound of the queue is taken when the queue is empty.
// [Conn.Send] waits for room whatever the policy is, for it is up to the caller
// whom it delays; under Conflate it replaces first.
type SlowPolicy int

const (
	// Disconnect ends the connection with [ErrSlowConsumer]: the close code says
	// so, what is queued is dropped, and whoever comes back knows that it has
	// missed something. That is the default, and right where every message
	// matters and can be fetched again: a chat with a history.
	Disconnect SlowPolicy = iota + 1
	// DropNewest drops the message, and keeps what is queued: for what is worth
	// nothing without what came before.
	DropNewest
	// DropOldest drops from the front of the queue until the message fits: for
	// what is worth less the older it is, as positions and log lines on a
	// screen. What is being written cannot be dropped and does not count, which
	// is one message or 16 KiB at most.
	DropOldest
	// Conflate replaces the message with the same key ([Message.Keyed]) that
	// still waits, at its place in the queue, whether or not the queue is full:
	// whoever is slow skips states but never ends up with an old one. For
	// dashboards and prices. What finds no place, because it has no key or the
	// queue is full of other keys, ends the connection as under Disconnect:
	// dropping it could leave an old state on a screen for good. So Queue should
	// hold a message of each key. What is being written does not count.
	Conflate
	// Block has whoever sends to a room wait until there is room for the
	// message, for [Options.Patience] at most, and then disconnects: for a few
	// peers of one's own that must miss nothing, as an audit log. Others in the
	// room are served first, but what follows has to wait. [Conn.TrySend], which
	// cannot, disconnects at once.
	Block
)

var policyNames = [...]string{Disconnect: "disconnect", DropNewest: "drop newest",
	DropOldest: "drop oldest", Conflate: "conflate", Block: "block"}

// String returns the policy in words.
func (p SlowPolicy) String() string {
	if p.known() {
		return policyNames[p]
	}
	return fmt.Sprintf("SlowPolicy(%d)", int(p))
}

func (p SlowPolicy) known() bool { return Disconnect <= p && p <= Block }
