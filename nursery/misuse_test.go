package nursery_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// N19
func TestMisusePanicsAndNamesTheCall(t *testing.T) {
	var none *nursery.Nursery
	var nobody context.Context
	open := func() *nursery.Nursery {
		n := new(nursery.Nursery)
		n.Open(t.Context())
		t.Cleanup(func() {
			if n.TryGo(succeeds) == nil {
				n.Join()
			}
		})
		return n
	}
	body := func(context.Context, *nursery.Nursery) error { t.Error("the body ran"); return nil }
	task := func(context.Context) error { t.Error("a task ran"); return nil }
	value := func(context.Context) (int, error) { return 1, nil }
	var noTask func(context.Context) error
	begins := func(context.Context, func(int)) error { t.Error("a task ran"); return nil }
	number := func(context.Context) (int, error) { return 1, nil }
	item := func(_ context.Context, i int) (int, error) { t.Error("an item was worked on"); return i, nil }
	noBackOff := func() nursery.BackOff { return nil }
	var dst int
	tests := []struct {
		name string
		call func()
		want string
	}{
		{"Run without a context", func() { nursery.Run(nobody, body) }, "nursery: Run: nil context"},
		{"Run without a body", func() { nursery.Run(t.Context(), nil) }, "nursery: Run: nil body"},
		{"Run with a zero option", func() { nursery.Run(t.Context(), body, nursery.Option{}) }, "nursery: zero Option"},
		{"All without a context", func() { nursery.All(nobody, task) }, "nursery: All: nil context"},
		{"All with a nil task", func() { nursery.All(t.Context(), task, nil) }, "nursery: All: task 2 is nil"},
		{"Into without a destination", func() { nursery.Into(nil, value) }, "nursery: Into: nil destination"},
		{"Into without a function", func() { nursery.Into(&dst, nil) }, "nursery: Into: nil function"},
		{"MoveOnAfter without a context", func() { nursery.MoveOnAfter(nobody, time.Second, task) }, "nursery: MoveOnAfter: nil context"},
		{"MoveOnAfter without a function", func() { nursery.MoveOnAfter(t.Context(), time.Second, nil) }, "nursery: MoveOnAfter: nil function"},
		{"FailAfter without a context", func() { nursery.FailAfter(nobody, time.Second, task) }, "nursery: FailAfter: nil context"},
		{"FailAfter without a function", func() { nursery.FailAfter(t.Context(), time.Second, nil) }, "nursery: FailAfter: nil function"},
		{"Shield without a context", func() { nursery.Shield(nobody, time.Second, task) }, "nursery: Shield: nil context"},
		{"Shield without a function", func() { nursery.Shield(t.Context(), time.Second, nil) }, "nursery: Shield: nil function"},
		{"Shield without a limit", func() { nursery.Shield(t.Context(), 0, task) }, "nursery: Shield: limit of 0s: want more than 0"},
		{"Shield with a limit below zero", func() { nursery.Shield(t.Context(), -time.Second, task) }, "nursery: Shield: limit of -1s: want more than 0"},
		{"MoveDeadline without a context", func() { nursery.MoveDeadline(nobody, time.Now()) }, "nursery: MoveDeadline: nil context"},
		{"From without a context", func() { nursery.From(nobody) }, "nursery: From: nil context"},
		{"Draining without a context", func() { nursery.Draining(nobody) }, "nursery: Draining: nil context"},
		{"Go without a task", func() { open().Go(nil) }, "nursery: Go: nil task"},
		{"TryGo without a task", func() { open().TryGo(nil) }, "nursery: TryGo: nil task"},
		{"Go on a nursery never opened", func() { new(nursery.Nursery).Go(task) }, "nursery: Go on a nursery that was never opened"},
		{"Go of a helper on a nursery never opened", func() { new(nursery.Nursery).Go(task, nursery.Helper()) }, "nursery: Go on a nursery that was never opened"},
		{"Go after the end", func() { n := open(); n.Join(); n.Go(task) }, "nursery: Go after the nursery closed: tasks may be started until the join has ended, and late ones with TryGo"},
		{"Go after the end of a nursery that others own", func() { closedOwned(t).Go(task) },
			"nursery: Go after the nursery closed, which belongs to the request and is joined with it: start what is to live longer with creche.Go"},
		{"Async after the end of a nursery that others own", func() { nursery.Async(closedOwned(t), value) },
			"nursery: Async after the nursery closed, which belongs to the request and is joined with it: start what is to live longer with creche.Go"},
		{"JoinOwned of a nursery never opened", func() { _ = new(nursery.Nursery).JoinOwned() }, "nursery: JoinOwned on a nursery that was never opened"},
		{"Open without a context", func() { new(nursery.Nursery).Open(nobody) }, "nursery: Open: nil context"},
		{"Open twice", func() { open().Open(t.Context()) }, "nursery: Open of a nursery that was opened before"},
		{"Open after the end", func() { n := open(); n.Join(); n.Open(t.Context()) }, "nursery: Open of a nursery that was opened before"},
		{"Join of a nursery never opened", func() { new(nursery.Nursery).Join() }, "nursery: Join on a nursery that was never opened"},
		{"Join twice", func() { n := open(); n.Join(); n.Join() }, "nursery: Join of a nursery that was joined before"},
		{"Cancel on a nursery never opened", func() { new(nursery.Nursery).Cancel(nil) }, "nursery: Cancel on a nursery that was never opened"},
		{"Drain on a nursery never opened", func() { new(nursery.Nursery).Drain(0) }, "nursery: Drain on a nursery that was never opened"},
		{"Context on a nursery never opened", func() { new(nursery.Nursery).Context() }, "nursery: Context on a nursery that was never opened"},
		{"Fail on a nursery never opened", func() { new(nursery.Nursery).Fail(errA) }, "nursery: Fail on a nursery that was never opened"},
		{"FailPanic on a nursery never opened", func() { new(nursery.Nursery).FailPanic(errA) }, "nursery: FailPanic on a nursery that was never opened"},
		{"FailPanic without a value", func() { open().FailPanic(nil) }, "nursery: FailPanic: nil value"},
		{"Go on nil", func() { none.Go(task) }, "nursery: Go on a nil nursery"},
		{"TryGo on nil", func() { none.TryGo(task) }, "nursery: TryGo on a nil nursery"},
		{"Cancel on nil", func() { none.Cancel(nil) }, "nursery: Cancel on a nil nursery"},
		{"Context on nil", func() { none.Context() }, "nursery: Context on a nil nursery"},
		{"Drain on nil", func() { none.Drain(time.Second) }, "nursery: Drain on a nil nursery"},
		{"Fail on nil", func() { none.Fail(errA) }, "nursery: Fail on a nil nursery"},
		{"Async on nil", func() { nursery.Async(none, value) }, "nursery: Async on a nil nursery"},
		{"Async without a function", func() { nursery.Async[int](open(), nil) }, "nursery: Async: nil function"},
		{"Async on a nursery never opened", func() { nursery.Async(new(nursery.Nursery), value) }, "nursery: Async on a nursery that was never opened"},
		{"Wait without a context", func() { nursery.Async(open(), number).Wait(nobody) }, "nursery: Task.Wait: nil context"},
		{"Wait of a task that is none", func() { new(nursery.Task[int]).Wait(t.Context()) }, "nursery: Task.Wait of a task that Async did not start"},
		{"Wait on nil", func() { (*nursery.Task[int])(nil).Wait(t.Context()) }, "nursery: Task.Wait of a task that Async did not start"},
		{"Cancel of a task that is none", func() { new(nursery.Task[int]).Cancel(errA) }, "nursery: Task.Cancel of a task that Async did not start"},
		{"Start without a context", func() { nursery.Start(nobody, open(), begins) }, "nursery: Start: nil context"},
		{"Start without a function", func() { nursery.Start[int](t.Context(), open(), nil) }, "nursery: Start: nil function"},
		{"Start on nil", func() { nursery.Start(t.Context(), none, begins) }, "nursery: Start on a nil nursery"},
		{"Start on a nursery never opened", func() { nursery.Start(t.Context(), new(nursery.Nursery), begins) }, "nursery: Start on a nursery that was never opened"},
		{"Attach on nil", func() { none.Attach("f", task) }, "nursery: Attach on a nil nursery"},
		{"Attach without a function", func() { open().Attach("f", nil) }, "nursery: Attach: nil function"},
		{"Attach on a nursery never opened", func() { new(nursery.Nursery).Attach("f", task) }, "nursery: Attach on a nursery that was never opened"},
		{"Len on nil", func() { none.Len() }, "nursery: Len on a nil nursery"},
		{"Tree on nil", func() { none.Tree() }, "nursery: Tree on a nil nursery"},
		{"Join in Run", func() {
			nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error { return n.Join() }, quiet())
		}, "nursery: panic: nursery: Join of a nursery that was not opened with Open"},
		{"Join in All", func() {
			nursery.All(t.Context(), func(ctx context.Context) error { return nursery.From(ctx).Join() }, succeeds)
		}, "nursery: panic: nursery: Join of a nursery that was not opened with Open"},
		{"Join of a nursery that others own", func() {
			n := new(nursery.Nursery)
			ctx := n.Open(t.Context(), nursery.Owned("the request"))
			t.Cleanup(func() { _ = n.JoinOwned() })
			_ = nursery.From(ctx).Join()
		}, "nursery: Join of a nursery that belongs to the request, which joins it: to wait for tasks of your own, start them with All"},
		{"JoinOwned of a nursery that nobody owns", func() { _ = open().JoinOwned() }, "nursery: JoinOwned of a nursery that was not opened with Owned"},
		{"JoinOwned twice", func() {
			n := new(nursery.Nursery)
			n.Open(t.Context(), nursery.Owned("x"))
			_, _ = n.JoinOwned(), n.JoinOwned()
		}, "nursery: JoinOwned of a nursery that was joined before"},
		{"JoinOwned on nil", func() { _ = none.JoinOwned() }, "nursery: JoinOwned on a nil nursery"},
		{"Owned by nobody", func() { nursery.Owned("") }, "nursery: Owned: no name"},
		{"Join on nil", func() { none.Join() }, "nursery: Join on a nil nursery"},
		{"Limit of zero", func() { nursery.Limit(0) }, "nursery: Limit(0): want at least 1"},
		{"Limit below zero", func() { nursery.Limit(-3) }, "nursery: Limit(-3): want at least 1"},
		{"Queue below zero", func() { nursery.Queue(-1) }, "nursery: Queue(-1): want 0 or more"},
		{"Runs of what is no function", func() { nursery.Runs(7) }, "nursery: Runs: want a function, got int"},
		{"Runs of a nil function", func() { nursery.Runs(noTask) }, "nursery: Runs: want a function"},
		{"Observe without a function", func() { nursery.Observe(nil) }, "nursery: Observe: nil function"},
		{"Echoes without a function", func() { nursery.Echoes(nil) }, "nursery: Echoes: nil function"},
		{"ParentCause without a function", func() { nursery.ParentCause(nil) }, "nursery: ParentCause: nil function"},
		{"OnCritical without a function", func() { nursery.OnCritical(nil) }, "nursery: OnCritical: nil function"},
		{"OnPanic with a policy that is none", func() { nursery.OnPanic(3) }, "nursery: OnPanic(3): unknown policy"},
		{"OnPanic below the policies", func() { nursery.OnPanic(-1) }, "nursery: OnPanic(-1): unknown policy"},
		{"Bundle with a zero option", func() { nursery.Bundle(nursery.Isolate(), nursery.Option{}) }, "nursery: zero Option"},
		{"Split without a predicate", func() { nursery.Split(errA, nil) }, "nursery: Split: nil predicate"},
		{"Filter without a predicate", func() { nursery.Filter(nil, nil) }, "nursery: Filter: nil predicate"},
		{"Map without a context", func() { nursery.Map(nobody, 1, []int{1}, item) }, "nursery: Map: nil context"},
		{"Map with a limit of zero", func() { nursery.Map(t.Context(), 0, []int{1}, item) }, "nursery: Map: limit 0: want at least 1"},
		{"Map without a function", func() { nursery.Map[int, int](t.Context(), 1, nil, nil) }, "nursery: Map: nil function"},
		{"MapSeq without a context", func() { nursery.MapSeq(nobody, 1, slices.Values([]int{1}), item) }, "nursery: MapSeq: nil context"},
		{"MapSeq with a limit below zero", func() { nursery.MapSeq(t.Context(), -1, slices.Values([]int{1}), item) }, "nursery: MapSeq: limit -1: want at least 1"},
		{"MapSeq without a sequence", func() { nursery.MapSeq(t.Context(), 1, nil, item) }, "nursery: MapSeq: nil sequence"},
		{"MapSeq without a function", func() { nursery.MapSeq[int, int](t.Context(), 1, slices.Values([]int{1}), nil) }, "nursery: MapSeq: nil function"},
		{"Race without a context", func() { nursery.Race(nobody, value) }, "nursery: Race: nil context"},
		{"Race without tasks", func() { nursery.Race[int](t.Context()) }, "nursery: Race: no tasks"},
		{"Race with a nil task", func() { nursery.Race(t.Context(), value, nil) }, "nursery: Race: task 2 is nil"},
		{"Exponential from zero", func() { nursery.Exponential(0, 1) }, "nursery: Exponential(0s, 1ns): want"},
		{"Exponential downwards", func() { nursery.Exponential(2, 1) }, "nursery: Exponential(2ns, 1ns): want"},
		{"Retry without a task", func() { nursery.Retry(nil, nursery.RetryOptions{}) }, "nursery: Retry: nil task"},
		{"Retry with less than no attempts", func() { nursery.Retry(task, nursery.RetryOptions{Attempts: -1}) }, "nursery: Retry: Attempts of -1: want 0 or more"},
		{"Retry with a function that makes no back-off", func() { nursery.Retry(task, nursery.RetryOptions{BackOff: noBackOff})(t.Context()) }, "nursery: Retry: BackOff returned nil"},
		{"Restart without a task", func() { nursery.Restart(nil, nursery.RestartOptions{}) }, "nursery: Restart: nil task"},
		{"Restart within less than no time", func() { nursery.Restart(task, nursery.RestartOptions{Within: -1}) }, "nursery: Restart: Within of -1ns: want 0 or more"},
		{"Restart with a function that makes no back-off", func() { nursery.Restart(task, nursery.RestartOptions{BackOff: noBackOff})(t.Context()) }, "nursery: Restart: BackOff returned nil"},
		{"BestEffort without a task", func() { nursery.BestEffort("", nil) }, "nursery: BestEffort: nil task"},
		{"Every zero", func() { nursery.Every(0, task) }, "nursery: Every: interval of 0s: want more than 0"},
		{"Every without a task", func() { nursery.Every(time.Second, nil) }, "nursery: Every: nil task"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := fmt.Sprint(raised(tt.call)); !strings.HasPrefix(got, tt.want) {
				t.Errorf("got panic %q, want %q", got, tt.want)
			}
		})
	}
}

// N19: those who may come too late may come too early, too, and who only looks
// finds nothing.
func TestANurseryNeverOpened(t *testing.T) {
	var n nursery.Nursery
	for name, opts := range map[string][]nursery.TaskOption{"a task": nil, "a helper": {nursery.Helper()}, "with a name": {nursery.Name("x")}} {
		if err := n.TryGo(func(context.Context) error { t.Error("it ran"); return nil }, opts...); err != nursery.ErrClosed {
			t.Errorf("TryGo, %s: got %v, want ErrClosed", name, err)
		}
	}
	if got := n.Tree(); n.Len() != 0 || len(n.Failures()) != 0 || got.State != "closed" || len(got.Tasks) != 0 {
		t.Errorf("got Len %d, failures %v and tree %v, want nothing", n.Len(), n.Failures(), got)
	}
	ran := false
	n.Open(t.Context())
	n.Go(func(context.Context) error { ran = true; return nil })
	if err := n.Join(); err != nil || !ran {
		t.Errorf("opened after that: got %v, and the task ran: %v", err, ran)
	}
}

// N19: a nil nursery is what From returns where there is none, so the message
// says what may be missing.
func TestGoOutsideAnyNurseryNamesWhatIsMissing(t *testing.T) {
	got := fmt.Sprint(raised(func() { nursery.From(t.Context()).Go(succeeds) }))
	if !strings.Contains(got, "is the middleware installed?") {
		t.Errorf("got %q", got)
	}
}

// N19, N20: a second join, while the first waits, corrupts nothing.
func TestJoinTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n nursery.Nursery
		ctx := n.Open(t.Context())
		n.Go(func(context.Context) error {
			synctest.Wait() // for the first
			const want = "nursery: Join of a nursery that was joined before"
			if got := raised(func() { n.Join() }); got != want {
				t.Errorf("got panic %v, want %q", got, want)
			}
			return nil
		})
		if err := n.Join(); err != nil || ctx.Err() == nil || n.Len() != 0 {
			t.Errorf("got %v, context %v, Len %d", err, ctx.Err(), n.Len())
		}
	})
}

// closedOwned returns a nursery that belonged to the request, and is over.
func closedOwned(t *testing.T) *nursery.Nursery {
	n := new(nursery.Nursery)
	n.Open(t.Context(), nursery.Owned("the request"))
	if err := n.JoinOwned(); err != nil {
		t.Error(err)
	}
	return n
}
