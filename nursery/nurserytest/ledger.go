package nurserytest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/creche-go/creche/nursery"
)

// ledger is what went wrong in a run, and what became known of it.
type ledger struct {
	books     sync.Mutex // guards what follows
	failures  []failure
	timeouts  map[*nursery.TimeoutError]int // places in failures
	exits     int                           // tasks of programs that ended in a Goexit
	stepExits int
	exitsSeen int
	gone      int     // how often the end of the context came back
	strangers []error // what else came to light
	opened    []*nursery.Nursery
	running   int // steps
	events    []event
}

// failure is one that was injected.
type failure struct {
	err      error
	panics   bool
	forgiven bool // it need not come to light
	returned int  // how often it did
	reported int
}

// event is a line of the history.
type event struct {
	at        time.Duration
	who, what string
}

func (x *Explorer) note(who, what string) {
	at := time.Since(x.began)
	x.books.Lock()
	defer x.books.Unlock()
	x.events = append(x.events, event{at, who, what})
}

// history returns what happened, a line for each event. What happened at the
// same instant is sorted, for it has no order.
func (x *Explorer) history() string {
	x.books.Lock()
	defer x.books.Unlock()
	slices.SortStableFunc(x.events, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.who, b.who), cmp.Compare(a.what, b.what))
	})
	var b strings.Builder
	for _, e := range x.events {
		fmt.Fprintf(&b, "%14v  %s %s\n", e.at, e.who, e.what)
	}
	return b.String()
}

// injects makes a failure.
func (x *Explorer) injects(who string, panics bool) error {
	x.books.Lock()
	err := &Injected{Step: who, Number: len(x.failures) + 1}
	x.failures = append(x.failures, failure{err: err, panics: panics})
	x.books.Unlock()
	how := "fails: "
	if panics {
		how = "panics: "
	}
	x.note(who, how+err.Error())
	return err
}

// timedOut makes a failure of the time-out of a call that has just returned
// err, if it is in there: it has to come to light like any.
func (x *Explorer) timedOut(late *nursery.TimeoutError, err error) {
	if !holds(err, late) {
		return
	}
	x.books.Lock()
	defer x.books.Unlock()
	if x.timeouts == nil {
		x.timeouts = make(map[*nursery.TimeoutError]int)
	}
	x.failures = append(x.failures, failure{err: late})
	x.timeouts[late] = len(x.failures)
}

// holds tells whether a time-out is among the leaves of err.
func holds(err error, late *nursery.TimeoutError) bool {
	for leaf := range nursery.Leaves(err) {
		if late != nil && leaf == error(late) {
			return true
		}
	}
	return false
}

// find returns the failure that a leaf is about, or nil.
func (x *Explorer) find(leaf error) *failure {
	if i, ok := errors.AsType[*Injected](leaf); ok {
		if n := i.Number; n > 0 && n <= len(x.failures) && x.failures[n-1].err == error(i) {
			return &x.failures[n-1]
		}
	}
	if late, ok := errors.AsType[*nursery.TimeoutError](leaf); ok {
		if n := x.timeouts[late]; n > 0 {
			return &x.failures[n-1]
		}
	}
	return nil
}

// sees has what is in err come to light.
func (x *Explorer) sees(err error, reported bool) {
	x.books.Lock()
	defer x.books.Unlock()
	for leaf := range nursery.Leaves(err) {
		switch f := x.find(leaf); {
		case f != nil && reported:
			f.reported++
		case f != nil:
			f.returned++
		case isExit(leaf):
			x.exitsSeen++
		case leaf == ErrGone:
			x.gone++
		case isTimeout(leaf): // in a panic, which passes by the call that ran out of time
		default:
			x.strangers = append(x.strangers, leaf)
		}
	}
}

// isExit tells whether a leaf is the failure of a task that exited, and not the
// cancellation for that reason.
func isExit(leaf error) bool {
	_, cancelled := errors.AsType[*nursery.Cancelled](leaf)
	return !cancelled && errors.Is(leaf, nursery.ErrGoexit)
}

func isTimeout(leaf error) bool {
	_, ok := leaf.(*nursery.TimeoutError)
	return ok
}

// forgives lets the failures in err be dropped.
func (x *Explorer) forgives(err error) {
	x.books.Lock()
	defer x.books.Unlock()
	for leaf := range nursery.Leaves(err) {
		if f := x.find(leaf); f != nil {
			f.forgiven = true
		} else if isExit(leaf) {
			x.exitsSeen++
		}
	}
}

// counted calls f, and counts it if it exits.
func (x *Explorer) counted(exits *int, f func() error) error {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			panic(v)
		}
		x.books.Lock()
		*exits++
		x.books.Unlock()
	}()
	err := f()
	returned = true
	return err
}

// enters is told of a step that begins in the nursery of ctx.
func (x *Explorer) enters(ctx context.Context) {
	n := nursery.From(ctx)
	x.books.Lock()
	defer x.books.Unlock()
	x.running++
	if n != nil && !slices.Contains(x.opened, n) {
		x.opened = append(x.opened, n)
	}
}

// leaves is told of a step that ends.
func (x *Explorer) leaves(ctx context.Context, name string) {
	n := nursery.From(ctx)
	x.books.Lock()
	x.running--
	x.books.Unlock()
	if n != nil && ctx.Err() != nil && n.Tree().State == "closed" {
		x.Errorf("nurserytest: %s ran on in a nursery that had closed", name)
	}
}

// check compares what happened with what became known. gone says that the
// context of the explored function ended.
func (x *Explorer) check(gone bool) {
	x.checkClosed()
	x.books.Lock()
	defer x.books.Unlock()
	for _, f := range x.failures {
		if !f.accounted(x.lossy) {
			x.Errorf("nurserytest: %q was returned %d times and reported %d times", f.err, f.returned, f.reported)
		}
	}
	// An exit may be the failure of a task, and in Attach that of another too.
	if exits := x.exits + x.stepExits; exits > x.exitsSeen && !x.lossy || exits < x.exitsSeen && x.stepExits == 0 {
		x.Errorf("nurserytest: %d goroutines exited, and %d failures say so", exits, x.exitsSeen)
	}
	if x.gone > 1 || x.gone > 0 && !gone {
		x.Errorf("nurserytest: %q came back %d times", ErrGone, x.gone)
	}
	for _, leaf := range x.strangers {
		_, panicked := leaf.(*nursery.PanicError)
		if panicked || x.strict || errors.Is(leaf, context.Canceled) {
			x.Errorf("nurserytest: got %v, with which no step failed", leaf)
		}
	}
	if x.running > 0 {
		x.Errorf("nurserytest: %d steps outlived the explored function", x.running)
	}
}

// accounted tells whether f came to light as often as it should have. A panic is
// always reported, and handed on unless it was kept apart or the goroutine
// that would raise it exited.
func (f *failure) accounted(lossy bool) bool {
	switch {
	case f.panics:
		return f.returned <= 1 && (f.reported == 1 || lossy && f.reported == 0)
	case f.forgiven || lossy:
		return f.returned+f.reported <= 1
	}
	return f.returned+f.reported == 1
}

// checkClosed looks whether the nurseries that there were have ended.
func (x *Explorer) checkClosed() {
	for _, n := range slices.Concat(x.opened, x.done) {
		err := n.TryGo(func(context.Context) error { return nil })
		if tree := n.Tree(); err != nursery.ErrClosed || n.Len() != 0 || tree.State != "closed" || len(tree.Tasks) != 0 {
			x.Errorf("nurserytest: a nursery is still open: TryGo returned %v, %d tasks:\n%v", err, n.Len(), tree)
		}
	}
}
