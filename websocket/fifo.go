package websocket

// fifo is a queue that keeps its memory: for twice as many items as it has held, for
// what is moved to its beginning is no more than what has been taken since.
type fifo[T any] struct {
	items []T
	head  int
}

func (q *fifo[T]) len() int { return len(q.items) - q.head }

func (q *fifo[T]) push(item T) {
	if len(q.items) == cap(q.items) && 2*q.head >= max(1, len(q.items)) {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, item)
}

// at returns the item that has i before it.
func (q *fifo[T]) at(i int) *T { return &q.items[q.head+i] }

// front returns the oldest item. There must be one.
func (q *fifo[T]) front() T { return q.items[q.head] }

// pop returns the oldest item and forgets it. There must be one.
func (q *fifo[T]) pop() T {
	var zero T
	item := q.items[q.head]
	q.items[q.head] = zero
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return item
}
