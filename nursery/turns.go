package nursery

import (
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
	lines map[any][]chan struct{} // who waits, for each key that is taken
}

// Take makes a task that waits until no other task of the same key runs, and
// then runs task. Turns come in the order in which the tasks began to wait, and
// pass on however a task ends, be it by a panic or a Goexit. If ctx ends first,
// task does not run: then the error is an echo of that end, which reaches
// [ErrDropped].
//
// A task that waits is running for its nursery: under a [Limit] it holds a place.
// A task that takes the same key again, in itself, waits for ever. Keys are
// compared as those of a map are, and one that cannot be panics, as does a nil
// task.
func (t *Turns) Take(key any, task func(ctx context.Context) error) func(ctx context.Context) error {
	if task == nil {
		panic("nursery: Take: nil task")
	}
	_ = map[any]bool{key: true} // panics here, and not in the task
	return func(ctx context.Context) error {
		if !t.wait(ctx, key) {
			return &droppedError{context.Cause(ctx)}
		}
		defer t.pass(key)
		return task(ctx)
	}
}

// wait returns true when it is the caller's turn, false if ctx ended first.
func (t *Turns) wait(ctx context.Context, key any) bool {
	turn := t.queue(key)
	if turn == nil {
		return true
	}
	select {
	case <-turn:
		return true
	case <-ctx.Done():
	}
	if !t.leave(key, turn) { // it came at the same moment
		t.pass(key)
	}
	return false
}

// queue takes the key, or returns what is closed when it is the caller's turn.
func (t *Turns) queue(key any) chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines == nil {
		t.lines = make(map[any][]chan struct{})
	}
	line, taken := t.lines[key]
	if !taken {
		t.lines[key] = nil
		return nil
	}
	turn := make(chan struct{})
	t.lines[key] = append(line, turn)
	return turn
}

// leave takes turn out of the line, and returns false if it is in none.
func (t *Turns) leave(key any, turn chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, other := range t.lines[key] {
		if other == turn {
			t.lines[key] = append(t.lines[key][:i:i], t.lines[key][i+1:]...)
			return true
		}
	}
	return false
}

// pass gives the key to who is next.
func (t *Turns) pass(key any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := t.lines[key]
	if len(line) == 0 {
		delete(t.lines, key)
		return
	}
	close(line[0])
	t.lines[key] = line[1:]
}

// droppedError is the echo of a cancellation that came before a task's turn.
type droppedError struct{ cause error }

func (e *droppedError) Error() string        { return ErrDropped.Error() + ": " + e.cause.Error() }
func (e *droppedError) Unwrap() error        { return e.cause }
func (e *droppedError) Is(target error) bool { return target == ErrDropped }
