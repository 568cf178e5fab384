package nursery_test

import (
	"context"
	"fmt"
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
		{"From without a context", func() { nursery.From(nobody) }, "nursery: From: nil context"},
		{"Draining without a context", func() { nursery.Draining(nobody) }, "nursery: Draining: nil context"},
		{"Go without a task", func() { open().Go(nil) }, "nursery: Go: nil task"},
		{"TryGo without a task", func() { open().TryGo(nil) }, "nursery: TryGo: nil task"},
		{"Go on a nursery never opened", func() { new(nursery.Nursery).Go(task) }, "nursery: Go after the nursery closed"},
		{"Open without a context", func() { new(nursery.Nursery).Open(nobody) }, "nursery: Open: nil context"},
		{"Open twice", func() { open().Open(t.Context()) }, "nursery: Open of a nursery that was opened before"},
		{"Open after the end", func() { n := open(); n.Join(); n.Open(t.Context()) }, "nursery: Open of a nursery that was opened before"},
		{"Join of a nursery never opened", func() { new(nursery.Nursery).Join() }, "nursery: Join on a nursery that was never opened"},
		{"Join twice", func() { n := open(); n.Join(); n.Join() }, "nursery: Join of a nursery that was joined before"},
		{"Cancel on a nursery never opened", func() { new(nursery.Nursery).Cancel(nil) }, "nursery: Cancel on a nursery that was never opened"},
		{"Drain on a nursery never opened", func() { new(nursery.Nursery).Drain(0) }, "nursery: Drain on a nursery that was never opened"},
		{"Fail on a nursery never opened", func() { new(nursery.Nursery).Fail(errA) }, "nursery: Fail on a nursery that was never opened"},
		{"FailPanic on a nursery never opened", func() { new(nursery.Nursery).FailPanic(errA) }, "nursery: FailPanic on a nursery that was never opened"},
		{"FailPanic without a value", func() { open().FailPanic(nil) }, "nursery: FailPanic: nil value"},
		{"Go on nil", func() { none.Go(task) }, "nursery: Go on a nil nursery"},
		{"TryGo on nil", func() { none.TryGo(task) }, "nursery: TryGo on a nil nursery"},
		{"Cancel on nil", func() { none.Cancel(nil) }, "nursery: Cancel on a nil nursery"},
		{"Drain on nil", func() { none.Drain(time.Second) }, "nursery: Drain on a nil nursery"},
		{"Fail on nil", func() { none.Fail(errA) }, "nursery: Fail on a nil nursery"},
		{"Len on nil", func() { none.Len() }, "nursery: Len on a nil nursery"},
		{"Tasks on nil", func() { none.Tasks() }, "nursery: Tasks on a nil nursery"},
		{"Join on nil", func() { none.Join() }, "nursery: Join on a nil nursery"},
		{"Limit of zero", func() { nursery.Limit(0) }, "nursery: Limit(0): want at least 1"},
		{"Limit below zero", func() { nursery.Limit(-3) }, "nursery: Limit(-3): want at least 1"},
		{"Queue below zero", func() { nursery.Queue(-1) }, "nursery: Queue(-1): want 0 or more"},
		{"Observe without a function", func() { nursery.Observe(nil) }, "nursery: Observe: nil function"},
		{"Echoes without a function", func() { nursery.Echoes(nil) }, "nursery: Echoes: nil function"},
		{"ParentCause without a function", func() { nursery.ParentCause(nil) }, "nursery: ParentCause: nil function"},
		{"OnCritical without a function", func() { nursery.OnCritical(nil) }, "nursery: OnCritical: nil function"},
		{"OnPanic with a policy that is none", func() { nursery.OnPanic(3) }, "nursery: OnPanic(3): unknown policy"},
		{"OnPanic below the policies", func() { nursery.OnPanic(-1) }, "nursery: OnPanic(-1): unknown policy"},
		{"Bundle with a zero option", func() { nursery.Bundle(nursery.Isolate(), nursery.Option{}) }, "nursery: zero Option"},
		{"Split without a predicate", func() { nursery.Split(errA, nil) }, "nursery: Split: nil predicate"},
		{"Filter without a predicate", func() { nursery.Filter(nil, nil) }, "nursery: Filter: nil predicate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := fmt.Sprint(raised(tt.call)); !strings.HasPrefix(got, tt.want) {
				t.Errorf("got panic %q, want %q", got, tt.want)
			}
		})
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
