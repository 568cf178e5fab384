package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// N3, N9, N23: nobody is handed what comes out of an isolated task.
func TestUnderIsolateWhatTravelsInAPanicIsReported(t *testing.T) {
	var seen reports
	err := nursery.Run(t.Context(), starts(func(ctx context.Context) error {
		return nursery.All(ctx, func(ctx context.Context) error { waits(ctx); return errA }, panicking("boom"))
	}), nursery.Isolate(), seen.observe())
	got := seen.errors()
	if err != nil || len(got) != 2 || got[1] != errA {
		t.Errorf("got %v, reports %v, want nil, the panic and %v", err, got, errA)
	}
}

// N1, N9, N10
func TestAnObserverMayPanicOrExit(t *testing.T) {
	observers := []struct {
		name    string
		observe func(context.Context, nursery.Report)
	}{
		{"panics", func(context.Context, nursery.Report) { panic("observer") }},
		{"exits", func(context.Context, nursery.Report) { runtime.Goexit() }},
	}
	ends := []struct {
		name string
		task func(context.Context) error
	}{
		{"an error", failing(errA)}, {"a panic", panicking(errA)}, {"a Goexit", exiting},
	}
	for _, o := range observers {
		for _, e := range ends {
			t.Run("an observer "+o.name+" when told of "+e.name, func(t *testing.T) {
				captureLogs(t)
				synctest.Test(t, func(t *testing.T) {
					ran := 0
					err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
						for range 3 { // on one worker: it has to go on
							n.Go(e.task)
							n.Go(func(context.Context) error { ran++; return nil })
						}
						return nil
					}, nursery.Isolate(), nursery.Limit(1), nursery.Observe(o.observe))
					if err != nil || ran != 3 {
						t.Errorf("got %v, %d siblings ran, want nil, 3", err, ran)
					}
				})
			})
		}
		t.Run("an observer "+o.name+" when told of the body's panic", func(t *testing.T) {
			captureLogs(t)
			ended := false
			exits(func() {
				raised(func() {
					nursery.Run(context.Background(), func(_ context.Context, n *nursery.Nursery) error {
						n.Go(func(ctx context.Context) error {
							<-ctx.Done()
							time.Sleep(time.Millisecond)
							ended = true
							return nil
						})
						panic(errA)
					}, nursery.Observe(o.observe))
				})
			})
			if !ended {
				t.Error("Run ended before its task")
			}
		})
	}
}

// N9
func TestWithoutAnObserverReportsAreLogged(t *testing.T) {
	logs := captureLogs(t)
	raised(func() {
		nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(panicking("boom"), nursery.Name("price"))
			return nil
		}, nursery.Title("shop"))
	})
	logs.want(t, `level=ERROR msg="nursery: panic" nursery=shop task=price error="nursery: panic in task price: boom" stack="github.com/creche-go/`)
	if got := strings.Count(logs.String(), "\n"); got != 1 {
		t.Errorf("got %d lines, want 1", got)
	}
}

// N9
func TestReportsGoToTheNearestObserver(t *testing.T) {
	var near, far reports
	nursery.Run(t.Context(), starts(
		func(ctx context.Context) error {
			return nursery.Run(ctx, starts(failing(errA)), nursery.Isolate(), nursery.Title("inherits"))
		},
		func(ctx context.Context) error {
			ctx = context.WithValue(ctx, errB, errB)
			return nursery.Run(ctx, starts(failing(errB)), nursery.Isolate(), near.observe(), nursery.Title("has its own"))
		},
	), far.observe())
	if got := far.list(); len(got) != 1 || got[0].Err != errA || got[0].Nursery != "inherits" || got[0].Kind() != "failure" {
		t.Errorf("got %v far, want %v", got, errA)
	}
	if got := near.list(); len(got) != 1 || got[0].Err != errB || got[0].Nursery != "has its own" {
		t.Errorf("got %v near, want %v", got, errB)
	}
}

// N9: a nursery without a name is no place; the nearest around it is.
func TestReportsNameTheNearestNurseryWithAName(t *testing.T) {
	for _, want := range []string{"request", ""} {
		var seen reports
		err := nursery.Run(t.Context(), func(ctx context.Context, _ *nursery.Nursery) error {
			return nursery.All(context.WithValue(ctx, errA, errA), panicking("boom"), succeeds)
		}, nursery.Title(want), nursery.OnPanic(nursery.ReturnPanics), seen.observe())
		if got := seen.list(); err == nil || len(got) != 1 || got[0].Nursery != want {
			t.Errorf("got reports %v and %v, want one of nursery %q", got, err, want)
		}
	}
}

// N3: a failure that comes while the nursery closes is returned or reported.
func TestFailLosesNothingWhileTheNurseryCloses(t *testing.T) {
	for range 500 {
		var seen reports
		var n nursery.Nursery
		n.Open(t.Context(), seen.observe())
		failed := make(chan struct{})
		go func() {
			n.Fail(errA)
			n.Fail(nil)
			close(failed)
		}()
		err := n.Join()
		<-failed
		told := len(seen.list())
		if err == errA {
			told++
		}
		if told != 1 {
			t.Fatalf("got %v and %d reports, want the failure once", err, len(seen.list()))
		}
	}
}

// N3
func TestTheReportOfALeafHasTheInnermostNames(t *testing.T) {
	inner := &nursery.MultiError{Nursery: "prices", Failures: []nursery.Failure{
		{Err: errA, Task: "one", Index: 1}, {Err: errB, Index: 2}, {Err: errC},
	}}
	of := func(err error, task string, index int) nursery.Report {
		return nursery.Report{Nursery: "request", Failure: nursery.Failure{Err: err, Task: task, Index: index}}
	}
	slice, wrapped := uncomparable{"x"}, fmt.Errorf("wrapped: %w", errA)
	barren := &fork{kids: make([]error, 1)}
	barren.kids[0] = barren
	tests := []struct {
		name  string
		among []nursery.Report
		err   error
		want  string
	}{
		{"one error", []nursery.Report{of(errA, "outer", 3)}, errA, "request/outer/3"},
		{"one that is wrapped, and so is another", []nursery.Report{of(wrapped, "outer", 3)}, errA, ""},
		{"which it is itself", []nursery.Report{of(wrapped, "outer", 3)}, wrapped, "request/outer/3"},
		{"the first of several, of a task with a name", []nursery.Report{of(inner, "outer", 3)}, errA, "prices/one/1"},
		{"the second, which has none", []nursery.Report{of(inner, "outer", 3)}, errB, "request/outer/3"},
		{"the body's", []nursery.Report{of(inner, "outer", 3)}, errC, "request/outer/3"},
		{"the second of several, of the body", []nursery.Report{of(inner, "", 0)}, errB, "prices//2"},
		{"the body's of the body", []nursery.Report{of(inner, "", 0)}, errC, "request//0"},
		{"several as a whole", []nursery.Report{of(inner, "outer", 3)}, inner, "request/outer/3"},
		{"joined", []nursery.Report{of(errors.Join(inner, errC), "outer", 3)}, errC, "request/outer/3"},
		{"that of another report", []nursery.Report{of(errB, "b", 1), {}, of(errA, "a", 2)}, errA, "request/a/2"},
		{"that of two reports", []nursery.Report{of(errA, "a", 1), of(errA, "b", 2)}, errA, "request/a/1"},
		{"that of none", []nursery.Report{of(errA, "a", 1), of(inner, "b", 2)}, errors.New("another"), ""},
		{"nothing to look in", nil, errA, ""},
		{"no error", []nursery.Report{{}, of(errA, "a", 1)}, nil, ""},
		{"one that cannot be compared", []nursery.Report{of(uncomparable{"y"}, "y", 1), of(errors.Join(errA, uncomparable{"x"}), "x", 2)}, slice, "request/x/2"},
		{"one without leaves", []nursery.Report{of(barren, "outer", 3)}, barren, "request/outer/3"},
		{"one in what holds itself", []nursery.Report{of(&fork{[]error{barren, errB, errA}}, "outer", 3)}, errA, "request/outer/3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, ok := nursery.ReportOf(tt.err, tt.among...)
			got := ""
			if ok {
				got = fmt.Sprintf("%s/%s/%d", r.Nursery, r.Task, r.Index)
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if ok && !reflect.DeepEqual(r.Err, tt.err) {
				t.Errorf("got a report of %v, want one of %v", r.Err, tt.err)
			}
		})
	}
}

// M1
func TestTheTextOfAReport(t *testing.T) {
	tests := []struct {
		r    nursery.Report
		want string
	}{
		{nursery.Report{Nursery: "request", Failure: nursery.Failure{Err: errA, Task: "price", Index: 2}}, "nursery request: task price: " + errA.Error()},
		{nursery.Report{Nursery: "request", Failure: nursery.Failure{Err: errA, Index: 2}}, "nursery request: task #2: " + errA.Error()},
		{nursery.Report{Nursery: "request", Failure: nursery.Failure{Err: errA}}, "nursery request: " + errA.Error()},
		{nursery.Report{Failure: nursery.Failure{Err: errA, Index: -1}}, "nursery: parent: " + errA.Error()},
		{nursery.Report{}, "nursery"},
	}
	for _, tt := range tests {
		if got := fmt.Sprintf("%v", tt.r); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
