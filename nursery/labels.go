package nursery

import (
	"context"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
)

// The labels of a named task's goroutine, by which a profile shows it.
const (
	nurseryLabel = "nursery"
	taskLabel    = "task"
)

// label labels the goroutine that is about to run t with t's name, or takes
// the labels of the task before it away, and reports whether it has some now. The
// task does not run yet, and nothing catches a panic of its context. Its frame is
// no part of that of run, which is under every task.
//
//go:noinline
func (t *task) label() (has bool) {
	guarded(valueOf, func() { has = t.relabel() })
	return has
}

func (t *task) relabel() bool {
	ctx := context.Context((*scope)(t.n))
	name := t.name()
	if name != "" {
		ctx = labelled(ctx, t.n.cfg.name, name)
	}
	pprof.SetGoroutineLabels(ctx)
	return name != ""
}

// labelSets pools the contexts that labels are set from, for they take four
// times as long to make as to set. Names need not be few, nor short, nor ever
// come again: so it keeps the first thousand that are not long, which is less
// than half a megabyte, and those that come later are made each time.
var labelSets struct {
	sync.Map // from labelKey to context.Context
	size     atomic.Int64
}

const (
	maxLabelSets  = 1000
	maxPooledName = 128 // bytes, of nursery and task together
)

type labelKey struct{ nursery, task string }

// labelled returns a context with the labels of a task beside those of ctx.
func labelled(ctx context.Context, nursery, task string) context.Context {
	own := true
	pprof.ForLabels(ctx, func(string, string) bool { own = false; return false })
	if !own {
		return withLabels(ctx, nursery, task)
	}
	if len(nursery)+len(task) > maxPooledName {
		return withLabels(context.Background(), nursery, task)
	}
	key := labelKey{nursery, task}
	if kept, ok := labelSets.Load(key); ok {
		return kept.(context.Context)
	}
	if labelSets.size.Load() >= maxLabelSets {
		return withLabels(context.Background(), nursery, task)
	}
	// A name may be a piece of something large, which must not be kept with it.
	key = labelKey{strings.Clone(nursery), strings.Clone(task)}
	made, known := labelSets.LoadOrStore(key, withLabels(context.Background(), key.nursery, key.task))
	if !known {
		labelSets.size.Add(1)
	}
	return made.(context.Context)
}

func withLabels(ctx context.Context, nursery, task string) context.Context {
	if nursery == "" {
		return pprof.WithLabels(ctx, pprof.Labels(taskLabel, task))
	}
	return pprof.WithLabels(ctx, pprof.Labels(nurseryLabel, nursery, taskLabel, task))
}
