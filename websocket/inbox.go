package websocket

import "sync"

// inbox holds what was received until the application asks for it. It has one
// writer, the connection's reader, and one reader at a time.
type inbox struct {
	max     Bounds
	arrived chan struct{} // of capacity 1, as room is: there may be something new
	room    chan struct{}

	mu    sync.Mutex // never held across a wait
	queue fifo[Message]
	bytes int
}

func newInbox(max Bounds) *inbox {
	return &inbox{max: max, arrived: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// put waits until there is room for m, or end is closed.
func (b *inbox) put(m Message, end <-chan struct{}) {
	for !b.tryPut(m) {
		select {
		case <-b.room:
		case <-end:
			return
		}
	}
}

func (b *inbox) tryPut(m Message) bool {
	b.mu.Lock()
	size := len(m.Bytes())
	n := b.queue.len()
	fits := n == 0 || n < b.max.Messages && b.bytes+size <= b.max.Bytes
	if fits {
		b.queue.push(m)
		b.bytes += size
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
	b.mu.Unlock()
	if ok {
		signal(b.room)
	}
	return m, ok
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
