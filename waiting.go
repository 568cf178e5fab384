package creche

import (
	"slices"
	"sync"
	"time"

	"github.com/creche-go/creche/nursery"
)

// waiting knows the background tasks that were accepted and have not begun, so
// that those can be named that never will.
type waiting struct {
	mu       sync.Mutex
	tasks    map[*backgroundTask]struct{}
	accepted int
}

// backgroundTask is what is known of a background task until it begins.
type backgroundTask struct {
	info  nursery.TaskInfo
	begun bool // under the mu of waiting
}

// accept notes that t was accepted. It may have begun already.
func (w *waiting) accept(t *backgroundTask) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.accepted++
	t.info.Index = w.accepted
	t.info.Began = time.Now()
	if !t.begun {
		w.add(t)
	}
}

// drop notes that t began only to wait for its turn, which did not come.
func (w *waiting) drop(t *backgroundTask) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.add(t)
}

func (w *waiting) add(t *backgroundTask) {
	if w.tasks == nil {
		w.tasks = make(map[*backgroundTask]struct{})
	}
	w.tasks[t] = struct{}{}
}

func (w *waiting) begin(t *backgroundTask) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t.begun = true
	delete(w.tasks, t)
}

func (w *waiting) len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.tasks)
}

// left returns those that wait, in the order they were accepted.
func (w *waiting) left() []nursery.TaskInfo {
	w.mu.Lock()
	defer w.mu.Unlock()
	var infos []nursery.TaskInfo
	for t := range w.tasks {
		infos = append(infos, t.info)
	}
	slices.SortFunc(infos, func(a, b nursery.TaskInfo) int { return a.Index - b.Index })
	return infos
}
