package websocket

// put queues m as the policy has it. If there is no room, and the policy makes
// none, it returns errFull and, if wait is set, a channel that is closed when
// asking again makes sense; if it is not, m is dropped. All that was dropped
// has been counted, and is to be told. Whoever is to write is woken by w, or at
// once.
func (o *outbox) put(m Message, policy SlowPolicy, wait bool, w *waker) (room <-chan struct{}, dropped []Message, err error) {
	m = o.prepared(m)
	o.mu.Lock()
	before := o.held
	dropped, err = o.place(m, policy)
	if o.held.Messages < before.Messages || o.held.Bytes < before.Bytes {
		o.makeRoom() // for somebody with another policy
	}
	if err == errFull {
		if wait {
			room = o.roomLater()
		} else {
			dropped = append(dropped, o.drop(m))
		}
	}
	o.toTell(dropped)
	o.mu.Unlock()
	if err == nil {
		o.wake(w)
	}
	return room, dropped, err
}

// place is put without waiting. The caller holds o.mu, as do those of what
// follows.
func (o *outbox) place(m Message, policy SlowPolicy) (dropped []Message, err error) {
	if o.ended {
		return nil, errEnded
	}
	if policy == Conflate && m.key != "" {
		if old, done := o.replace(m); done {
			return append(dropped, old), nil
		}
	}
	size := len(m.wire())
	for !o.fits(size, policy) {
		switch policy {
		case DropNewest:
			return append(dropped, o.drop(m)), nil
		case DropOldest:
			dropped = append(dropped, o.dropOldest())
		default:
			return nil, errFull
		}
	}
	o.push(m)
	return dropped, nil
}

// fits reports whether there is room for a frame. Where the newest matters most
// it need not wait for what is being written, which cannot be recalled.
func (o *outbox) fits(size int, policy SlowPolicy) bool {
	held := o.held
	if policy == DropOldest || policy == Conflate {
		held = o.waiting()
	}
	return held.Messages == 0 || held.Messages < o.c.opts.queue.Messages && held.Bytes+size <= o.c.opts.queue.Bytes
}

// waiting is what is in the queue.
func (o *outbox) waiting() Bounds {
	return Bounds{o.held.Messages - o.flying.Messages, o.held.Bytes - o.flying.Bytes}
}

// replace puts m into the place of the message with its key, if there is one
// and the queue can hold the larger.
func (o *outbox) replace(m Message) (old Message, done bool) {
	number, waits := o.keys[m.key]
	if !waits {
		return old, false
	}
	place := o.queue.at(number - o.popped)
	grows := len(m.wire()) - len(place.wire())
	if held := o.waiting(); held.Messages > 1 && grows > 0 && held.Bytes+grows > o.c.opts.queue.Bytes {
		return old, false
	}
	old, *place = o.drop(*place), m
	o.held.Bytes += grows
	return old, true
}

func (o *outbox) push(m Message) {
	if m.key != "" {
		if o.keys == nil {
			o.keys = make(map[string]int)
		}
		o.keys[m.key] = o.popped + o.queue.len()
	}
	o.queue.push(m)
	o.held.add(1, len(m.wire()))
}

// pop takes the oldest message, which is held still.
func (o *outbox) pop() Message {
	m := o.queue.pop()
	if newest, ok := o.keys[m.key]; ok && newest == o.popped {
		delete(o.keys, m.key)
	}
	o.popped++
	return m
}

func (o *outbox) dropOldest() Message {
	m := o.drop(o.pop())
	o.held.add(-1, -len(m.wire()))
	return m
}

// drop counts a message that is not sent.
func (o *outbox) drop(m Message) Message {
	o.dropped.add(1, len(m.wire()))
	return m
}

// giveUp drops m, for which there is no room. When nothing is taken any more,
// nothing is dropped either.
func (o *outbox) giveUp(m Message) (dropped []Message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return nil
	}
	dropped = append(dropped, o.drop(m))
	o.toTell(dropped)
	return dropped
}

// toTell has the end of the connection wait until dropped has been told, by
// whoever gets it.
func (o *outbox) toTell(dropped []Message) {
	if len(dropped) > 0 && o.c.opts.onDrop != nil {
		o.telling.Add(1)
	}
}

// roomLater returns a channel that is closed when there may be room.
func (o *outbox) roomLater() <-chan struct{} {
	if o.room == nil {
		o.room = make(chan struct{})
	}
	return o.room
}
