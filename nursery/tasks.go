package nursery

import "time"

// TaskInfo describes a live task.
type TaskInfo struct {
	Name  string // as given with the option Name
	Index int    // the task's place in the order of starting, from 1
	// Began is when the task was started, or queued.
	Began time.Time
}

// Tasks lists the live tasks of n that have a name, in the order of starting.
// It stops nobody for longer than the copying takes. Without such tasks, and
// after n closed, it returns nil; on a nil nursery it panics.
func (n *Nursery) Tasks() []TaskInfo {
	if n == nil {
		panic("nursery: Tasks" + onNil)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.rare.Load()
	if r == nil {
		return nil
	}
	var infos []TaskInfo
	for t := r.named.next; t != &r.named && t != nil; t = t.next {
		infos = append(infos, TaskInfo{Name: t.name, Index: int(t.index), Began: t.began})
	}
	return infos
}

// list puts t at the end of the list of named tasks.
func (n *Nursery) list(t *task) {
	t.began = time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	root := &n.rarely().named
	if root.next == nil {
		root.next, root.prev = root, root
	}
	t.prev, t.next = root.prev, root
	t.prev.next, t.next.prev = t, t
}

// unlist takes t off the list again.
func (n *Nursery) unlist(t *task) {
	n.mu.Lock()
	defer n.mu.Unlock()
	t.prev.next, t.next.prev = t.next, t.prev
}
