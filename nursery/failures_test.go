package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// N3
func TestOneFailureComesBare(t *testing.T) {
	tests := []struct {
		name string
		body func(context.Context, *nursery.Nursery) error
	}{
		{"of the body", func(context.Context, *nursery.Nursery) error { return errA }},
		{"of a task", starts(failing(errA))},
		{"of a task beside one that succeeds", starts(succeeds, failing(errA), succeeds)},
		{"of a task beside echoes", starts(waits, failing(errA), waitsForCause)},
		{"of a nested nursery", starts(func(ctx context.Context) error {
			return nursery.Run(ctx, starts(failing(errA), waits))
		})},
		{"of the last function of All", func(ctx context.Context, _ *nursery.Nursery) error {
			return nursery.All(ctx, waits, failing(errA))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := nursery.Run(t.Context(), tt.body); got != errA {
				t.Errorf("got %v, want the error itself", got)
			}
		})
	}
}

// N3
func TestFailuresComeInTheOrderTheyHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failsAfter := func(d time.Duration, err error) func(context.Context) error {
			return func(context.Context) error { time.Sleep(d); return err }
		}
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(failsAfter(3*time.Second, errA), nursery.Name("slow"))
			n.Go(failsAfter(1*time.Second, errB))
			time.Sleep(2 * time.Second)
			return errC
		}, nursery.Title("shop"))
		m := multi(t, err)
		a, b, c := nursery.Failure{Err: errA, Task: "slow", Index: 1}, nursery.Failure{Err: errB, Index: 2}, nursery.Failure{Err: errC}
		if got, want := m.Failures, []nursery.Failure{b, c, a}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if got, want := m.BySpawn(), []nursery.Failure{c, a, b}; !slices.Equal(got, want) {
			t.Errorf("got by spawn %v, want %v", got, want)
		}
		if got, want := m.Failures[0], b; got != want {
			t.Errorf("got %v after BySpawn, want %v: it must not reorder what it is called on", got, want)
		}
		if m.Nursery != "shop" || m.Omitted != 0 {
			t.Errorf("got nursery %q, %d omitted, want shop, 0", m.Nursery, m.Omitted)
		}
		for _, leaf := range []error{errA, errB, errC} {
			if !errors.Is(err, leaf) {
				t.Errorf("errors.Is does not find %v", leaf)
			}
		}
	})
	t.Attr("did", "their order as they happened, and by start")
}

type codeError struct{ code int }

func (e *codeError) Error() string { return fmt.Sprint("code ", e.code) }

// N3
func TestNestedNurseriesNestTheirFailures(t *testing.T) {
	inner := func(ctx context.Context) error {
		return nursery.All(ctx, failing(errA), failing(&codeError{7}))
	}
	m := multi(t, nursery.Run(t.Context(), starts(inner, failing(errC))))
	if len(m.Failures) != 2 {
		t.Fatalf("got %v, want two failures", m)
	}
	if got := multi(t, m.BySpawn()[0].Err); len(got.Failures) != 2 {
		t.Errorf("got %v inside, want two failures", got)
	}
	if got, ok := errors.AsType[*codeError](m); !ok || got.code != 7 {
		t.Errorf("got %v, want code 7", got)
	}
}

// N3
func TestBeyondSixtyFourFailuresTheRestIsCountedAndReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen reports
		const failures = 200
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			for i := range failures {
				n.Go(func(context.Context) error {
					time.Sleep(time.Duration(i) * time.Second)
					return fmt.Errorf("failure %d", i)
				})
			}
			return nil
		}, seen.observe())
		m := multi(t, err)
		if len(m.Failures) != 64 || m.Omitted != failures-64 {
			t.Errorf("got %d kept and %d omitted, want 64 and %d", len(m.Failures), m.Omitted, failures-64)
		}
		if got := m.Failures[63].Err.Error(); got != "failure 63" {
			t.Errorf("got %q as last kept, want failure 63", got)
		}
		if got := seen.list(); len(got) != failures-64 || got[0].Err.Error() != "failure 64" || got[0].Index != 65 {
			t.Errorf("got %d reports, want those of %d failures from number 64", len(got), failures-64)
		}
		if got := m.Error(); !strings.HasPrefix(got, "nursery: 200 failures\n") || !strings.HasSuffix(got, "\n\tand 136 more") {
			t.Errorf("got %q", got)
		}
	})
}
