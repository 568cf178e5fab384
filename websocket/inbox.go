package websocket

import "sync"

// inbox holds what was received until the application asks for it. It has one
// writer, the connection's reader, and one reader at a time.
type inbox struct {
	max     Bounds
	arrived chan struct{} // of capacity 1: there may be something new
	room    chan struct{} // of capacity 1: there may be room again; nil until there was none

	mu    sync.Mutex // never held across a wait
	queue fifo[Message]
	bytes int
	total Count
}

func (b *inbox) open(max Bounds) {
	b.max, b.arrived = max, make(chan struct{}, 1)
}

// tryPut stores m if there is room for it.
func (b *inbox) tryPut(m Message) bool {
	b.mu.Lock()
	size := len(m.Bytes())
	n := b.queue.len()
	fits := n == 0 || n < b.max.Messages && b.bytes+size <= b.max.Bytes
	if fits {
		b.queue.push(m)
		b.bytes += size
		b.total.add(1, size)
	} else if b.room == nil {
		b.room = make(chan struct{}, 1)
	}
	b.mu.Unlock()
	if fits {
		signal(b.arrived)
	}
	return fits
}

// take returns the oldest message, if there is one.
func (b *inbox) take() (m Message, ok bool) {
	b.mu.Lock()
	if ok = b.queue.len() > 0; ok {
		m = b.queue.pop()
		b.bytes -= len(m.Bytes())
	}
	room := b.room
	b.mu.Unlock()
	if ok {
		signal(room)
	}
	return m, ok
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
