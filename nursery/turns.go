package nursery

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"
)

// Timeout makes a task that runs task with [FailAfter]: it fails with a
// [*TimeoutError] when that takes longer than d, from when it runs, not from
// when it is queued. A nil task and a d of zero or less panic.
//
//	err := creche.Go(ctx, "send mail", nursery.Timeout(send, time.Minute))
func Timeout(task func(ctx context.Context) error, d time.Duration) func(ctx context.Context) error {
	if task == nil {
		panic("nursery: Timeout: nil task")
	}
	if d <= 0 {
		panic(fmt.Sprintf("nursery: Timeout: limit of %v: want more than 0", d))
	}
	return func(ctx context.Context) error { return FailAfter(ctx, d, task) }
}

// Turns has tasks that have something in common run one at a time: those of one
// customer, say, or all that write one file. The zero Turns is ready to use; it
// must not be copied. It may be shared by nurseries, forgets a key when nobody
// waits for it, and costs no goroutine.
//
//	var reindexing nursery.Turns // by tenant
//
//	err := creche.Go(ctx, "reindex", reindexing.Take(tenant, reindex))
type Turns struct {
	mu    sync.Mutex
	lines map[any]*list.List // who waits, for each key that is taken; nil while nobody has
}

// Take makes a task that waits until no other task of the same key runs, and
// then runs task. Turns come in the order in which the tasks began to wait, and
// pass on however a task ends, be it by a panic or a Goexit. If ctx ends before
// the turn comes, task does not run: then the error is an echo of that end, which
// reaches [ErrDropped]. To leave the line takes the same time however many wait.
//
// A task that waits is running for its nursery: under a [Limit] it holds a place.
// A task that takes the same key again, in itself, waits for ever. Keys are
// compared as those of a map are. One that cannot be, or that is not equal to
// itself, as a NaN is, panics, as does a nil task.
func (t *Turns) Take(key any, task func(ctx context.Context) error) func(ctx context.Context) error {
	if task == nil {
		panic("nursery: Take: nil task")
	}
	if own := (map[any]bool{key: true}); !own[key] { // one that cannot be compared panics here, and not in the task
		panic(fmt.Sprintf("nursery: Take: key %v, which is not equal to itself", key))
	}
	return func(ctx context.Context) error {
		if !t.wait(ctx, key) {
			return &droppedError{context.Cause(ctx)}
		}
		defer t.pass(key)
		return task(ctx)
	}
}

// wait returns true when it is the caller's turn, false if ctx ended first. Where
// both are there at once the end counts.
func (t *Turns) wait(ctx context.Context, key any) bool {
	if place := t.queue(key); place != nil {
		select {
		case <-turnOf(place):
		case <-ctx.Done():
			if t.leave(key, place) {
				return false
			}
		}
	}
	if ctx.Err() == nil {
		return true
	}
	t.pass(key)
	return false
}

// queue takes the key, or returns the caller's place in the line.
func (t *Turns) queue(key any) *list.Element {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines == nil {
		t.lines = make(map[any]*list.List)
	}
	line, taken := t.lines[key]
	if !taken {
		t.lines[key] = nil
		return nil
	}
	if line == nil {
		line = list.New()
		t.lines[key] = line
	}
	return line.PushBack(make(chan struct{}))
}

// turnOf returns what is closed when it is the turn of who has that place.
func turnOf(place *list.Element) chan struct{} { return place.Value.(chan struct{}) }

// leave gives a place in the line up, and returns false if its turn has come.
func (t *Turns) leave(key any, place *list.Element) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if isClosed(turnOf(place)) {
		return false
	}
	t.lines[key].Remove(place)
	return true
}

// pass gives the key to who is next.
func (t *Turns) pass(key any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := t.lines[key]
	if line == nil || line.Len() == 0 {
		delete(t.lines, key)
		return
	}
	next := line.Front()
	line.Remove(next)
	close(turnOf(next))
}

// droppedError is the echo of a cancellation that came before a task's turn.
type droppedError struct{ cause error }

func (e *droppedError) Error() string        { return ErrDropped.Error() + ": " + e.cause.Error() }
func (e *droppedError) Unwrap() error        { return e.cause }
func (e *droppedError) Is(target error) bool { return target == ErrDropped }
