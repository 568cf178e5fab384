package nursery

import (
	"context"
	"log/slog"
	"strings"
)

// Report tells an observer of an error that nobody will be handed, or that
// must not wait until somebody is: see [Observe].
type Report struct {
	Nursery string // the nursery's name, or that of the nearest around it that has one
	Failure
}

// String returns the report as a text, for tests and messages: nursery, task or,
// without a name, its place, and the error, of a panic without the stack. It is a line
// where the error says no more: what wraps several, or a panic, says what its own
// Error does.
func (r Report) String() string {
	where := strings.TrimSpace("nursery " + r.Nursery)
	switch who := r.who(); {
	case who != "":
		where += ": task " + who
	case r.Index < 0:
		where += ": parent"
	}
	if r.Err == nil {
		return where
	}
	return where + ": " + headline(r.Err)
}

// LogAttrs returns the report as attributes for [log/slog]: the nursery, the
// task, the error and, of a panic or a Goexit, the stack.
func (r Report) LogAttrs() []slog.Attr {
	attrs := make([]slog.Attr, 0, 4)
	if r.Nursery != "" {
		attrs = append(attrs, slog.String("nursery", r.Nursery))
	}
	if r.Task != "" {
		attrs = append(attrs, slog.String("task", r.Task))
	}
	attrs = append(attrs, slog.String("error", headline(r.Err)))
	if p, ok := r.Err.(*PanicError); ok && p != nil {
		attrs = append(attrs, slog.String("stack", p.Stack()))
	} else if r.exit != nil {
		attrs = append(attrs, slog.String("stack", r.exit.below("runtime.Goexit")))
	}
	return attrs
}

// ReportOf returns the report of err, which is a leaf (see [Leaves]) of the error of
// one of among, or all of it: with the name and place of the task that failed with
// it, also where that is a task of a nursery further down, which has returned a
// [*MultiError], and with that nursery's name, if it has one. A failure that comes
// bare from further down is that of the task it came through. Of a tree that is
// deeper the innermost 32 nurseries are asked.
//
// The first of among that has err counts, and false is returned if none does.
// Errors that cannot be compared are told apart by what is in them. It takes a
// walk over all leaves up to err.
func ReportOf(err error, among ...Report) (Report, bool) {
	for _, r := range among {
		if found, ok := r.of(err); ok {
			return found, true
		}
	}
	return Report{}, false
}

// of returns what r tells of err, if it does.
func (r Report) of(err error) (found Report, ok bool) {
	switch {
	case err == nil || r.Err == nil:
		return Report{}, false
	case equal(r.Err, err): // several in one, or what has no leaves
		return r, true
	}
	walk(r.Err, func(leaf error, way []step) bool {
		if ok = equal(leaf, err); ok {
			found = r.along(way, leaf)
		}
		return !ok
	})
	return found, ok
}

// along returns r for a leaf of its error, at the end of way.
func (r Report) along(way []step, leaf error) Report {
	for _, s := range way[max(0, len(way)-maxPrinted):] {
		m, ok := s.node.(*MultiError)
		if !ok {
			continue
		}
		f := m.Failures[s.next-1]
		if f.Task == "" && (f.Index <= 0 || r.Task != "") { // tells less
			continue
		}
		r.Failure = f
		if m.Nursery != "" {
			r.Nursery = m.Nursery
		}
	}
	r.Err = leaf
	return r
}

// reportNews reports what of f has not been: a panic that a nursery further
// down caught was reported there, but what travels in it was not. What the
// handle of a task told, the parent's end and net/http's abort are no news.
func (n *Nursery) reportNews(f *failure) { n.reportAs(f, f.fresh) }

func (n *Nursery) hasReported(link error) bool { return isCaught(link) || n.hasTold(link) }

func (n *Nursery) reportAs(f *failure, fresh bool) {
	news := f.Failure
	if !fresh {
		_, isPanic := f.Err.(*PanicError)
		if f.Index < 0 || f.panicked && !isPanic {
			return
		}
		p := pruner{known: n.hasTold, keep: func(leaf error) bool { return !holds(leaf, n.hasReported) }}
		if news.Err = p.prune(f.Err); news.Err == nil {
			if !n.gaveUp(f.Err) {
				return
			}
			news.Err = f.Err
		}
	}
	n.report(f.ctx, news)
}

// gaveUp reports whether err says that a task has had enough, which nobody has been
// told of, though perhaps of all that it gave up over.
func (n *Nursery) gaveUp(err error) bool {
	_, gaveUp := AsType[*GaveUp](err)
	return gaveUp && !reaches(err, n.hasTold)
}

// reportFailures reports what failed where there is nobody to return it to.
func (n *Nursery) reportFailures() {
	for _, f := range n.failures() {
		n.reportNews(f)
	}
}

// report hands f to the nearest observer, or logs it, with ctx or, if that is nil,
// the context of n.
func (n *Nursery) report(ctx context.Context, f Failure) {
	if ctx == nil {
		ctx = (*scope)(n)
	}
	r := Report{Nursery: n.title(), Failure: f}
	observe := n.observer()
	if observe != nil && n.guard("Observe", func() { observe(ctx, r) }) {
		return
	}
	log := func(ctx context.Context) func() {
		return func() { slog.LogAttrs(ctx, slog.LevelError, "nursery: "+r.Kind(), r.LogAttrs()...) }
	}
	if !logged(log(ctx)) { // its handler may have asked ctx for values, and that have panicked
		logged(log(context.Background()))
	}
}

// logged calls log, which calls the default logger's handler, and returns false
// if that panics: there is nobody left to tell, and the process must not end for
// it.
func logged(log func()) (done bool) {
	defer func() { _ = recover() }()
	log()
	return true
}

// Kind says what is reported in a word: panic or failure.
func (r Report) Kind() string {
	if _, ok := r.Err.(*PanicError); ok {
		return "panic"
	}
	return "failure"
}

// guard calls a function that was given to an option. It runs in the goroutine
// of a task that has ended, where nothing would catch its panic: guard logs
// it and returns false.
func (n *Nursery) guard(option string, f func()) (ok bool) {
	return guarded("the function of "+option, f)
}

func guarded(what string, f func()) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			logged(func() { slog.Error("nursery: panic in "+what, "panic", PanicText(v)) })
		}
	}()
	f()
	return true
}

// title returns the name of n or, as many have none, of the nearest above that
// has one: what All runs in a request is reported as the request's.
func (n *Nursery) title() string {
	for ; n != nil; n = n.above() {
		if n.cfg.name != "" {
			return n.cfg.name
		}
	}
	return ""
}

func (n *Nursery) observer() func(context.Context, Report) {
	for ; n != nil; n = n.above() {
		if n.cfg.observe != nil {
			return n.cfg.observe
		}
	}
	return nil
}
