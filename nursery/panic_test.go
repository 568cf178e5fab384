package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

//go:noinline
func theGuilty(v any) { panic(v) }

// Each row panics with errA somewhere.
func TestAPanicIsRaisedInTheCallerAfterTheJoin(t *testing.T) {
	guilty := func(context.Context) error { theGuilty(errA); return nil }
	tests := []struct {
		name string
		body func(ctx context.Context, n *nursery.Nursery) error
		task string
	}{
		{"in the body", func(context.Context, *nursery.Nursery) error { theGuilty(errA); return nil }, ""}, // N9
		{"in a task", starts(guilty), ""}, // N9
		{"in a named task", func(_ context.Context, n *nursery.Nursery) error { n.Go(guilty, nursery.Name("price")); return nil }, "price"}, // N9
		{"in a task of a task", starts(func(ctx context.Context) error { nursery.From(ctx).Go(guilty); return nil }), ""},                   // N9
		{
			"during the join", // N9
			starts(func(ctx context.Context) error {
				time.Sleep(time.Second)
				theGuilty(errA)
				return nil
			}), "",
		},
		{"in a task of a cancelled nursery", starts(func(ctx context.Context) error { nursery.From(ctx).Cancel(errB); theGuilty(errA); return nil }), ""}, // N9
		{"in a nested nursery", starts(func(ctx context.Context) error { return nursery.All(ctx, guilty, waits) }), ""},                                   // N9
		{"in the last function of All", func(ctx context.Context, _ *nursery.Nursery) error { return nursery.All(ctx, waits, guilty) }, ""},               // N9
		{
			"in a deferred function of a task", // N9
			starts(func(context.Context) error { defer theGuilty(errA); return errB }), "",
		},
		{
			"in a deferred function, in place of another", // N9
			starts(func(context.Context) error { defer theGuilty(errA); panic("first") }), "",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen reports
				ended := false
				p := raisedPanic(t, func() {
					nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
						n.Go(func(ctx context.Context) error {
							<-ctx.Done() // not for ever: the panic cancels
							time.Sleep(time.Minute)
							if got := len(seen.list()); got != 1 {
								t.Errorf("got %d reports before the join, want 1", got)
							}
							ended = true
							return nil
						})
						return tt.body(ctx, n)
					}, seen.observe())
				})
				if !ended {
					t.Error("raised before the sibling ended")
				}
				if p.Value != errA || p.Task != tt.task || p.Others != nil || !errors.Is(p, errA) {
					t.Errorf("got value %v of task %q beside %v, want %v of %q", p.Value, p.Task, p.Others, errA, tt.task)
				}
				if got := p.Stack(); !strings.HasPrefix(got, "github.com/creche-go/creche/nursery_test.theGuilty(...)\n\t") {
					t.Errorf("got stack %s, want the guilty's first", got)
				}
				if got := p.Error(); !strings.Contains(got, "a failed") || !strings.Contains(got, p.Stack()) {
					t.Errorf("got text %q, want value and stack", got)
				}
				if got := seen.list(); len(got) != 1 || got[0].Kind() != "panic" || got[0].Err.(*nursery.PanicError).Value != errA {
					t.Errorf("got reports %v, want the panic once", got)
				}
			})
		})
	}
}

// N9
func TestPanicValuesOfAllKinds(t *testing.T) {
	var nilError *codeError
	var nilPanic *nursery.PanicError
	tests := []struct {
		name  string
		panic func()
		text  string
	}{
		{"a text", func() { panic("boom") }, "nursery: panic: boom\n\n"},
		{"an error", func() { panic(errA) }, "nursery: panic: a failed\n\n"},
		{"nil", func() { panic(nil) }, "nursery: panic: " + new(runtime.PanicNilError).Error()},
		{"a runtime error", func() { _ = nilError.code }, "nursery: panic: runtime error: invalid memory address"},
		{"a typed nil", func() { panic(nilError) }, "nursery: panic: a nil *nursery_test.codeError\n\n"},
		{"a nil PanicError", func() { panic(nilPanic) }, "nursery: panic: a nil *nursery.PanicError\n\n"},
		{"a PanicError of one's own", func() { panic(&nursery.PanicError{Value: "mine"}) }, "nursery: panic: nursery: panic: mine"},
		{"a value that panics when printed", func() { panic(badError{}) }, "nursery: panic: %!v(PANIC=Error method: bad)"},
		{"a function", func() { panic(func() {}) }, "nursery: panic: 0x"},
		{"an uncomparable error", func() { panic(uncomparable{}) }, "nursery: panic: uncomparable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var seen reports
			p := raisedPanic(t, func() {
				nursery.Run(t.Context(), starts(func(ctx context.Context) error {
					return nursery.Run(ctx, starts(func(context.Context) error { tt.panic(); return nil }))
				}), seen.observe())
			})
			if got := p.Error(); !strings.HasPrefix(got, tt.text) {
				t.Errorf("got %q, want %q", got, tt.text)
			}
			if got := seen.list(); len(got) != 1 || got[0].Err != p {
				t.Errorf("got reports %v, want this one", got)
			}
			if p.Stack() == "" {
				t.Error("got no stack")
			}
			p.LogValue()
			if _, bad := p.Value.(badError); !bad && errors.Is(p, errB) {
				t.Error("errors.Is finds what is not in it")
			}
		})
	}
	t.Attr("did", fmt.Sprintf("%d kinds of values", len(tests)))
}

// badError panics when it is asked anything.
type badError struct{}

func (badError) Error() string { panic("bad") }

func (badError) Unwrap() error { panic("bad") }

// N9
func TestAPanicThroughNestedNurseriesKeepsItsFirstStackAndIsReportedOnce(t *testing.T) {
	var seen reports
	var nest func(depth int) func(context.Context) error
	nest = func(depth int) func(context.Context) error {
		return func(ctx context.Context) error {
			if depth == 0 {
				theGuilty("boom")
			}
			return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
				n.Go(nest(depth-1), nursery.Name(fmt.Sprint("level ", depth)))
				return nil
			})
		}
	}
	p := raisedPanic(t, func() { nursery.Run(t.Context(), starts(nest(5)), seen.observe()) })
	if p.Task != "level 1" || strings.Count(p.Stack(), "theGuilty") != 1 || strings.Contains(p.Stack(), "outcome") {
		t.Errorf("got task %q, stack %s, want those of the innermost", p.Task, p.Stack())
	}
	if got := seen.list(); len(got) != 1 || got[0].Err != p {
		t.Errorf("got %d reports, want one", len(got))
	}
}

// N9
func TestOfSeveralPanicsTheFirstIsRaisedAndCarriesTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen reports
		after := func(d time.Duration, task func(context.Context) error) func(context.Context) error {
			return func(ctx context.Context) error { time.Sleep(d); return task(ctx) }
		}
		p := raisedPanic(t, func() {
			nursery.Run(t.Context(), starts(
				after(3, panicking("third")), after(2, panicking("second")), after(1, failing(errA)), after(4, failing(errB)),
			), seen.observe())
		})
		if p.Value != "second" || !errors.Is(p, errA) || !errors.Is(p, errB) {
			t.Errorf("got %v, want the first panic with the errors", p)
		}
		var others []string
		for _, f := range multi(t, p.Others).Failures {
			text, _, _ := strings.Cut(f.Err.Error(), "\n")
			others = append(others, fmt.Sprint(f.Index, " ", text))
		}
		if got, want := strings.Join(others, ", "), "3 a failed, 1 nursery: panic: third, 4 b failed"; got != want {
			t.Errorf("got others %q, want %q", got, want)
		}
		if got := seen.list(); len(got) != 2 {
			t.Errorf("got %d reports, want the two panics", len(got))
		}
		if got := p.Error(); !strings.Contains(got, "\nbeside it: nursery: 3 failures\n") {
			t.Errorf("got text %q", got)
		}
	})
}

// N3, N9: what travels in a panic is not lost on the way up.
func TestAPanicGathersWhatFailsOnItsWay(t *testing.T) {
	level := func(err error, deeper func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			return nursery.All(ctx, func(ctx context.Context) error { waits(ctx); return err }, deeper)
		}
	}
	tasks := level(errA, level(errB, level(errC, panicking("boom"))))
	p := raisedPanic(t, func() { nursery.Run(t.Context(), starts(tasks), quiet()) })
	var leaves []string
	for leaf := range nursery.Leaves(p) {
		text, _, _ := strings.Cut(leaf.Error(), "\n")
		leaves = append(leaves, text)
	}
	if got, want := strings.Join(leaves, ", "), "nursery: panic: boom, c failed, b failed, a failed"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// N9
func TestErrAbortHandlerArrivesBare(t *testing.T) {
	abort := panicking(http.ErrAbortHandler)
	tests := []struct {
		name string
		body func(context.Context, *nursery.Nursery) error
	}{
		{"from the body", func(context.Context, *nursery.Nursery) error { panic(http.ErrAbortHandler) }},
		{"from a task", starts(abort, waits)},
		{"through nested nurseries", starts(func(ctx context.Context) error { return nursery.All(ctx, waits, abort) })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var seen reports
			v := raised(func() { nursery.Run(t.Context(), tt.body, seen.observe()) })
			if v != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
				t.Errorf("got panic %v, want http.ErrAbortHandler itself", v)
			}
			if got := seen.list(); len(got) != 0 {
				t.Errorf("got reports %v, want none", got)
			}
			err := nursery.Run(t.Context(), tt.body, nursery.OnPanic(nursery.ReturnPanics))
			if tt.name != "through nested nurseries" && err != http.ErrAbortHandler {
				t.Errorf("got %v returned, want http.ErrAbortHandler itself", err)
			}
		})
	}
	t.Run("beside a failure, which is reported", func(t *testing.T) {
		var seen reports
		v := raised(func() {
			nursery.Run(t.Context(), starts(abort, func(ctx context.Context) error { waits(ctx); return errA }), seen.observe())
		})
		if got := seen.errors(); v != http.ErrAbortHandler || len(got) != 1 || got[0] != errA {
			t.Errorf("got panic %v, reports %v", v, got)
		}
	})
	t.Run("but not an error that looks like it", func(t *testing.T) {
		fake := fmt.Errorf("%w", http.ErrAbortHandler)
		p := raisedPanic(t, func() { nursery.Run(t.Context(), starts(panicking(fake)), quiet()) })
		if p.Value != fake {
			t.Errorf("got %v, want it in a PanicError", p.Value)
		}
	})
}

// N9
func TestReturnPanicsMakesThemFailures(t *testing.T) {
	var seen reports
	err := nursery.Run(t.Context(), starts(panicking(errA), waits),
		nursery.OnPanic(nursery.ReturnPanics), seen.observe())
	p, ok := err.(*nursery.PanicError)
	if !ok || p.Value != errA || !errors.Is(err, errA) {
		t.Errorf("got %v, want the panic", err)
	}
	if got := seen.list(); len(got) != 1 || got[0].Err != err {
		t.Errorf("got reports %v, want the panic once", got)
	}
	t.Run("which are not reported again where they are returned to", func(t *testing.T) {
		var seen reports
		nursery.Run(t.Context(), starts(func(ctx context.Context) error {
			return nursery.Run(ctx, starts(panicking("boom")), nursery.OnPanic(nursery.ReturnPanics))
		}), nursery.Isolate(), seen.observe())
		if got := seen.list(); len(got) != 1 {
			t.Errorf("got %d reports, want 1", len(got))
		}
	})
}

const crashing = "NURSERY_TEST_CRASH"

// N9
func TestCrashOnPanicEndsTheProcess(t *testing.T) {
	if os.Getenv(crashing) != "" {
		nursery.Run(t.Context(), starts(
			func(context.Context) error { theGuilty("boom"); return nil },
			func(context.Context) error { select {} }, // the crash does not wait for the join
		), nursery.OnPanic(nursery.CrashOnPanic))
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), crashing+"=1")
	out, err := cmd.CombinedOutput()
	if got := string(out); err == nil || !strings.Contains(got, "panic: boom") || !strings.Contains(got, "theGuilty") {
		t.Errorf("got %v, output %s, want a crash", err, got)
	}
}

// N9
func TestFailPanicKeepsTheStackOfThePanic(t *testing.T) {
	var n nursery.Nursery
	n.Open(t.Context(), quiet())
	func() {
		defer func() { n.FailPanic(recover()) }()
		theGuilty("boom")
	}()
	p := raisedPanic(t, func() { n.Join() })
	if got := p.Stack(); !strings.HasPrefix(got, "github.com/creche-go/creche/nursery_test.theGuilty(") {
		t.Errorf("got stack %s", got)
	}
}

// N3, N9: a panic is one failure, whatever its value wraps, and never an echo.
func TestAPanicWithSeveralErrorsIsOneFailure(t *testing.T) {
	real := errors.New("real")
	values := map[string]func(ctx context.Context) error{
		"two errors":           func(context.Context) error { return errors.Join(real, io.EOF) },
		"echoes":               func(ctx context.Context) error { return errors.Join(context.Cause(ctx), ctx.Err()) },
		"an echo and an error": func(ctx context.Context) error { return errors.Join(context.Cause(ctx), real) },
		"a multi-error of ours": func(context.Context) error {
			return &nursery.MultiError{Failures: []nursery.Failure{{Err: real}, {Err: io.EOF}}}
		},
	}
	for name, value := range values {
		t.Run(name, func(t *testing.T) {
			var panicked error
			reports := 0
			err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
				n.Cancel(nil)
				panicked = value(ctx)
				panic(panicked)
			}, nursery.OnPanic(nursery.ReturnPanics), nursery.Observe(func(context.Context, nursery.Report) { reports++ }))
			p, ok := err.(*nursery.PanicError)
			if !ok || p.Value != panicked || reports != 1 {
				t.Errorf("got %T %v and %d reports, want the panic and one", err, err, reports)
			}
			for leaf := range nursery.Leaves(err) {
				if leaf != error(p) {
					t.Errorf("got leaf %v, want the panic alone", leaf)
				}
			}
		})
	}
}

// N9: the panic that is to be raised is kept however many failures came before.
func TestAPanicBeyondSixtyFourFailuresIsRaised(t *testing.T) {
	for _, value := range []any{"boom", http.ErrAbortHandler} {
		synctest.Test(t, func(t *testing.T) {
			defer func() {
				v := recover()
				if p, ok := v.(*nursery.PanicError); v != value && (!ok || p.Value != value) {
					t.Errorf("got %v raised, want %v", v, value)
				}
			}()
			nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
				for i := range 64 {
					n.Go(func(context.Context) error { return fmt.Errorf("failure %d", i) })
				}
				synctest.Wait()
				n.Go(func(context.Context) error { panic(value) })
				return nil
			}, nursery.Observe(func(context.Context, nursery.Report) {}))
		})
	}
}

// M3: an error whose Unwrap says something else each time ends the walk.
func TestFilterOfAnErrorThatChangesItsMind(t *testing.T) {
	e := &fickle{errs: []error{io.EOF, io.ErrUnexpectedEOF}}
	_ = nursery.Filter(fmt.Errorf("reading: %w", e), func(leaf error) bool { return leaf == io.EOF })
}

type fickle struct{ errs []error }

func (*fickle) Error() string { return "fickle" }

func (e *fickle) Unwrap() (errs []error) {
	errs, e.errs = e.errs, nil
	return errs
}

// N9: not even a logger that panics ends the process.
func TestALoggerMayPanic(t *testing.T) {
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(slog.New(broken{slog.DiscardHandler}))
	err := nursery.Run(t.Context(), starts(func(context.Context) error { panic("boom") }),
		nursery.OnPanic(nursery.ReturnPanics))
	if p, ok := err.(*nursery.PanicError); !ok || p.Value != "boom" {
		t.Errorf("got %v, want the task's panic", err)
	}
}

type broken struct{ slog.Handler }

func (broken) Enabled(context.Context, slog.Level) bool { return true }

func (broken) Handle(context.Context, slog.Record) error { panic("the log is broken") }
