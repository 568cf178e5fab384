package nursery

import (
	"errors"
	"log/slog"
	"reflect"
)

// PanicError is a panic that a nursery caught: it is what the join raises in
// its caller's goroutine or, under [ReturnPanics], returns.
//
// Raising a child's panic again in the parent was built into errgroup and
// taken back (golang/go#53757, #74275, #74304) for three reasons. It delayed
// the crash until Wait: here a panic cancels the siblings and is reported the
// moment it happens. It lost the stack of the goroutine that panicked: it is
// kept here and printed by Error. And a deadlock in Wait could hide it: the
// siblings are told to end, and the report does not wait for them.
type PanicError struct {
	Value  any    // what panic was called with
	Task   string // the task's name, if it has one
	Others error  // what else failed in the same nursery, or nil
	stack  stack
	alone  *PanicError // this one without Others
}

// panicked makes a failure of what recover returned. It must be called by the
// deferred function itself, whose stack still has the panic's below it.
func (n *Nursery) panicked(index uint32, task string, v any) *failure {
	f := &failure{Failure: Failure{Task: task, Index: int(index)}, panicked: true}
	switch v := v.(type) {
	case *PanicError: // raised by a nursery further down, which reported it
		if v.caught() {
			f.Err = v
			return f
		}
	case error:
		if isAbort(v) {
			f.Err = v
			return f
		}
	}
	f.Err = &PanicError{Value: v, Task: task, stack: callers()}
	f.fresh = true
	return f
}

// caught reports whether p comes from a nursery, which reported it, and is not
// of a user's own making.
func (p *PanicError) caught() bool { return p != nil && p.stack != nil }

// isAbort recognises net/http's ErrAbortHandler without importing net/http.
// It is the one panic value that means something to others (abort this
// response and say nothing), and they compare it with ==, so it must arrive
// as it was raised.
func isAbort(err error) bool {
	return reflect.TypeOf(err) == reflect.TypeOf(ErrClosed) && err.Error() == "net/http: abort Handler"
}

// isCaught reports whether err is a panic that a nursery caught.
func isCaught(err error) bool {
	p, ok := err.(*PanicError)
	return ok && p.caught()
}

// holds reports whether a link in the chain of a leaf is one of those.
func holds(leaf error, those func(link error) bool) bool {
	for range maxChain {
		if leaf == nil {
			return false
		}
		if those(leaf) {
			return true
		}
		leaf, _ = below(leaf)
	}
	return false
}

// raise panics with the failure at place i. The others travel in it.
func (n *Nursery) raise(i int) {
	fs, omitted := n.failures(), n.rare.Load().omitted
	p, ok := fs[i].Err.(*PanicError)
	if !ok { // ErrAbortHandler carries nothing
		for j, f := range fs {
			if j != i {
				n.reportNews(f)
			}
		}
		panic(fs[i].Err)
	}
	switch {
	case len(fs) == 1 && omitted == 0:
		panic(p)
	case len(fs) == 2 && omitted == 0:
		panic(p.with(fs[1-i].Err))
	}
	panic(p.with(n.multi(i)))
}

// with returns p with others in it. p itself has been reported and may be
// read by anybody, so it is copied.
func (p *PanicError) with(others error) *PanicError {
	if p.Others != nil {
		others = errors.Join(p.Others, others)
	}
	return &PanicError{Value: p.Value, Task: p.Task, Others: others, stack: p.stack, alone: p.withoutOthers()}
}

func (p *PanicError) withoutOthers() *PanicError {
	switch {
	case p.Others == nil:
		return p
	case p.alone == nil: // of a user's own making
		return &PanicError{Value: p.Value, Task: p.Task}
	}
	return p.alone
}

// keeping returns what is left of p, which has Others, when prune kept these
// of its parts. Not both are nil.
func (p *PanicError) keeping(alone, others error) error {
	switch {
	case others == nil:
		return alone
	case alone == nil:
		return others
	}
	return p.withoutOthers().with(others)
}

// Error returns the panic's value, the stack of the goroutine that panicked
// and whatever failed beside it.
func (p *PanicError) Error() string {
	s := p.headline() + "\n\n" + p.Stack()
	if p.Others != nil {
		s += "\nbeside it: " + Text(p.Others)
	}
	return s
}

func (p *PanicError) headline() string {
	in := ""
	if p.Task != "" {
		in = " in task " + p.Task
	}
	return "nursery: panic" + in + ": " + PanicText(p.Value)
}

// Unwrap returns the panic's value if it is an error, and the Others.
func (p *PanicError) Unwrap() []error {
	if p.Others != nil {
		return []error{p.withoutOthers(), p.Others}
	}
	if err, ok := p.Value.(error); ok && !isNil(err) {
		return []error{err}
	}
	return nil
}

// Stack returns the stack of the goroutine that panicked, from where it did,
// in the format of [runtime/debug.Stack]. It is made when asked for, which
// takes some ten microseconds.
func (p *PanicError) Stack() string { return p.stack.below("runtime.gopanic") }

// LogValue implements [slog.LogValuer]: value, task and stack.
func (p *PanicError) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("panic", PanicText(p.Value))}
	if p.Task != "" {
		attrs = append(attrs, slog.String("task", p.Task))
	}
	attrs = append(attrs, slog.String("stack", p.Stack()))
	if p.Others != nil {
		attrs = append(attrs, slog.Any("others", p.Others))
	}
	return slog.GroupValue(attrs...)
}
