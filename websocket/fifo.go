package websocket

// fifo is a queue that keeps its memory.
type fifo[T any] struct {
	items  []T
	head   int
	popped int // so far; what is pushed has this plus the length then as its number
}

func (q *fifo[T]) len() int { return len(q.items) - q.head }

func (q *fifo[T]) push(item T) {
	if q.head > 0 && len(q.items) == cap(q.items) {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, item)
}

// at returns the item of a number, which must be there still.
func (q *fifo[T]) at(number int) *T { return &q.items[q.head+number-q.popped] }

// front returns the oldest item. There must be one.
func (q *fifo[T]) front() T { return q.items[q.head] }

// pop returns the oldest item and forgets it. There must be one.
func (q *fifo[T]) pop() T {
	var zero T
	item := q.items[q.head]
	q.items[q.head] = zero
	q.popped++
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return item
}
