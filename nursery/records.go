package nursery

import (
	"context"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"
)

// task is the record of one task. Records are pooled, and each carries its
// bound run method: starting a goroutine with it allocates nothing. They hold
// no channel and no WaitGroup, which must not cross from one synctest bubble
// to another.
//
// For [Nursery.Tree] all records there are can be found, and a record in use
// can be read: see phase. That costs a task two atomic steps on memory of its
// own. (A list in each nursery would cost as much on memory that all tasks
// share, and have to be kept short.)
type task struct {
	entry func()
	phase atomic.Uint32
	job
}

// job is what a record is used for. It may only be changed, but for what the
// running task alone looks at, while the record is idle.
type job struct {
	n         *Nursery
	fn        func(context.Context) error
	solo      *solo  // of a task with a handle
	notes     *notes // of few
	index     uint32
	critical  bool
	helper    bool
	unlimited bool // does not count against the limit
}

// notes are what there is to say of a task that most do not need.
type notes struct {
	name  string
	code  uintptr         // of the function that fn stands for, or 0: fn
	ctx   context.Context // what its failures are reported with, or nil: the nursery's
	began time.Time
	place [depth]uintptr // the stack of who started it
}

// note returns t's notes, made on first use.
func (t *task) note() *notes {
	if t.notes == nil {
		n, ok := allNotes.Get().(*notes)
		if !ok {
			n = new(notes)
		}
		t.notes = n
	}
	return t.notes
}

func (t *task) name() string {
	if t.notes == nil {
		return ""
	}
	return t.notes.name
}

// The phases of a record. Whoever reads it pins it meanwhile, in any phase but
// idle, and whoever wants to change the phase waits those nanoseconds.
const (
	idle uint32 = iota
	running
	queued
	starting // has not said yet that it is ready: see [Start]
	pinned   = 1 << 8
)

// become changes the phase.
func (t *task) become(phase uint32) {
	for {
		was := t.phase.Load()
		switch {
		case was&pinned != 0:
			runtime.Gosched()
		case t.phase.CompareAndSwap(was, phase):
			return
		}
	}
}

// pin returns the phase of t and keeps it as it is until unpin is called with
// it, or idle and does not.
func (t *task) pin() (phase uint32) {
	for {
		was := t.phase.Load()
		switch {
		case was == idle:
			return idle
		case was&pinned != 0: // by another reader
			runtime.Gosched()
		case t.phase.CompareAndSwap(was, was|pinned):
			return was
		}
	}
}

func (t *task) unpin(phase uint32) { t.phase.Store(phase) }

// depth is how much of the stack of who starts a task is kept: enough to see
// past our own calls.
const depth = 6

var (
	tasks    sync.Pool // of *task
	allNotes sync.Pool // of *notes
)

// records finds all records that exist, used or not. They belong to the pool,
// and so to the collector.
var records struct {
	mu  sync.Mutex
	all []weak.Pointer[task]
}

func newTask() *task {
	if t, ok := tasks.Get().(*task); ok {
		return t
	}
	t := new(task)
	t.entry = t.run
	r := weak.Make(t)
	records.mu.Lock()
	defer records.mu.Unlock()
	if len(records.all) == cap(records.all) {
		forgetCollected()
	}
	records.all = append(records.all, r)
	return t
}

// allRecords calls f for each record that exists.
func allRecords(f func(*task)) {
	records.mu.Lock()
	all := slices.Clone(records.all)
	records.mu.Unlock()
	gone := 0
	for _, r := range all {
		if t := r.Value(); t != nil {
			f(t)
		} else {
			gone++
		}
	}
	if gone > len(all)/2 { // as after a rush, which every listing would pay for
		records.mu.Lock()
		defer records.mu.Unlock()
		forgetCollected()
	}
}

// forgetCollected forgets the records that have been collected. It leaves room
// for as many as there are, for it is called when that is used up and may have
// found few to forget, but not for much more. The caller holds records.mu.
func forgetCollected() {
	all := slices.DeleteFunc(records.all, func(r weak.Pointer[task]) bool { return r.Value() == nil })
	if room := 2*len(all) + 64; cap(all) < room || cap(all) > 4*room {
		all = append(make([]weak.Pointer[task], 0, room), all...)
	}
	records.all = all
}

// stands notes that t runs f, in some wrapping, unless [Runs] has said otherwise.
func (t *task) stands(f any) {
	if about := t.note(); about.code == 0 {
		about.code = codeOf(f)
	}
}

// notice notes when and where t, which made the state s, was started, if it has
// a name or its nursery is traced.
func (t *task) notice(s uint64) {
	if s&traced != 0 || t.name() != "" {
		t.noticed()
	}
}

//go:noinline
func (t *task) noticed() {
	n := t.note()
	n.began = time.Now()
	runtime.Callers(3, n.place[:])
}

// release gives t, which is idle, back.
func (t *task) release() {
	if n := t.notes; n != nil {
		*n = notes{}
		allNotes.Put(n)
	}
	t.job = job{}
	tasks.Put(t)
}

// codeOf returns where the code of a function begins.
func codeOf(fn any) uintptr { return reflect.ValueOf(fn).Pointer() }
