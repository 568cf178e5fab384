package main

// A mutant is package nursery with a mistake in it.
type mutant struct {
	breaks string // what it breaks, in a few words
	file   string
	old    string // the text to replace, which the file has exactly once
	new    string
}

// mutants are mistakes as people make them, at least one for each thing that
// the package promises of tasks, failures and cancellation.
var mutants = []mutant{
	// Failures.
	{"the third failure is dropped", "failure.go", "if kept {", "if kept && len(r.failures) < 2 {"},
	{"an error that holds itself is rebuilt", "prune.go", "case p.refused == before:", "case before < 0:"},
	{"an error without leaves is dropped", "prune.go", "if p.refused == 0 {", "if false {"},
	{"what was filtered is of no type", "prune.go", "\t\terr = p.link\n", "\t\treturn p\n"},
	{"a report has another task's name", "report.go", "found = r.along(way, leaf)", "found = r"},
	{"failures come in no order", "failure.go", "r.failures = append(r.failures, f)", "r.failures = append([]*failure{f}, r.failures...)"},
	{"failures beyond those kept are not reported", "failure.go", "if fresh || !kept {", "if fresh {"},
	{"a failure of the body is dropped", "body.go", "n.settle(&failure{Failure: Failure{Err: err, Index: int(index)}})", "_, _ = index, err"},
	{"a Goexit is no failure", "task.go", "t.end(exited(t.failure(ErrGoexit)), next)", "t.out(next)"},
	{"a failure is reported twice", "report.go", `n.guard("Observe", func() { observe(ctx, r) })`, `n.guard("Observe", func() { observe(ctx, r); observe(ctx, r) })`},
	{"Isolate does not isolate", "failure.go", "case n.cfg.isolate && f.Index > 0 && !f.critical:", "case false:"},
	{"a critical task is isolated too", "failure.go", "case n.cfg.isolate && f.Index > 0 && !f.critical:", "case n.cfg.isolate && f.Index > 0:"},
	// Panics.
	{"a panic is not raised", "failure.go", "n.raise(i)", "_ = i"},
	{"a panic is not reported", "panic.go", "f.fresh = true", "f.fresh = false"},
	{"what failed beside a panic is lost", "panic.go", "panic(p.with(fs[1-i].Err))", "panic(p)"},
	// Joins and the end.
	{"the join is forgotten", "nursery.go", "n.idle.Wait()", ""},
	{"a task runs after the close", "nursery.go", "if s&live == 0 {\n\t\t\treturn 0, false", "if s&live == live {\n\t\t\treturn 0, false"},
	{"the context of a closed nursery goes on", "nursery.go", "n.cancel(closedCause)", ""},
	// Cancellations and echoes.
	{"a failure cancels late, with the join", "failure.go", "if first {", "if first && n.state.Load()&bodyOut != 0 {"},
	{"the second cancellation wins", "cancel.go", "if !n.cancelled.CompareAndSwap(nil, c) {", "if n.cancelled.Swap(c) == c {"},
	{"the cause is not the failure", "cancel.go", "n.cancelledBy(f.whose(), f.Err)", "n.cancelledBy(f.whose(), context.Canceled)"},
	{"the parent's end is not told", "cancel.go", "c.parent = true", ""},
	{"the parent's end is not noticed", "scope.go", "func() { n.parentEnded() }", "func() {}"},
	{"a wrapped echo is returned", "echo.go", "case saidOf(err, c.err), saidOf(err, parentEnd), n.knowsEcho(err):", "case saidOf(nil, parentEnd), n.knowsEcho(err):"},
	{"a deadline of somebody else is an echo", "echo.go", "err == context.DeadlineExceeded && err == end", "err == context.DeadlineExceeded"},
	{"an error is taken for an echo before there is one", "echo.go", "\tif c == nil {\n\t\treturn err, false\n\t}", "\tif c == nil {\n\t\tc = closedCause\n\t}"},
	{"what a cancellation is for is not looked into", "reach.go", "next = e.reason", "_ = e"},
	// Limits.
	{"one task too many runs", "line.go", "case l.running < n.cfg.limit:", "case l.running <= n.cfg.limit:"},
	{"one task too many is queued", "line.go", "l.waiting.count < n.cfg.queue:", "l.waiting.count <= n.cfg.queue:"},
	{
		"the queue is a stack", "line.go",
		"\tt := r.buf[r.head]\n\tr.buf[r.head] = nil\n\tr.head = (r.head + 1) % len(r.buf)\n\tr.count--",
		"\tr.count--\n\tlast := (r.head + r.count) % len(r.buf)\n\tt := r.buf[last]\n\tr.buf[last] = nil",
	},
	{"queued tasks are not dropped", "cancel.go", "n.dropQueued()", ""},
	{"the handle of a dropped task never ends", "line.go", "t.solo.drop()", ""},
	// Helpers, handles, handshakes.
	{"helpers are not dismissed", "nursery.go", "n.dismissHelpers()", ""},
	{"helpers are cancelled with the others", "helper.go", "context.WithCancelCause(context.WithoutCancel((*scope)(n)))", "context.WithCancelCause((*scope)(n))"},
	{"what a handle told is a failure once more", "solo.go", "return ok && t != nil && t.n == n", "return ok && t != nil && t.n != n"},
	{"to cancel one task cancels all", "solo.go", "s.cancel(c)", "s.n.cancel(c)"},
	{"a failure before ready is the nursery's too", "solo.go", "return !pending && real != nil", "return real != nil"},
	{"ready may be called twice", "start.go", `panic("nursery: Start: ready called twice")`, ""},
	{"a pending start outlives its context", "start.go", "s.cancel(s.stopped)", ""},
	{"what is attached is not counted", "attach.go", "defer t.out(&none)", "_ = none"},
	// Drains and time.
	{"a drain has no end", "drain.go", "n.cancelAfter(grace)", "_ = grace"},
	{"a drain does not reach those below", "drain.go", "b.softly()", "_ = b"},
	{"a shield does not shield", "timeout.go", `within(context.WithoutCancel(ctx), "Shield", limit, f)`, `within(ctx, "Shield", limit, f)`},
	{"the time-out of another is taken for one's own", "timeout.go", "return error(other) == cause", "return true"},
	// Many items, lists.
	{"a map returns what is not complete", "map.go", "if err == nil && int(b.done.Load()) < count {", "if false {"},
	{"who loses a race goes on", "race.go", `r.n.cancelUnlessEnded(r.n.cancelledBy(fmt.Sprintf("task %d", index), errWon))`, ""},
	{"live tasks fall off the list", "records.go", "return r.Value() == nil", "return r.Value() != nil"},
	{"a queued task is listed as running", "line.go", "t.phase.Store(queued)", "t.phase.Store(running)"},
}
