package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/creche-go/creche/nursery"
)

// agrees says by its methods that it is errA, and a numbered 7.
type agrees struct{}

func (agrees) Error() string        { return "agrees" }
func (agrees) Is(target error) bool { return target == errA }
func (agrees) As(target any) bool {
	c, ok := target.(*numbered)
	if ok {
		c.code = 7
	}
	return ok
}

type numbered struct{ code int }

func (numbered) Error() string { return "numbered" }

// hostile panics whatever it is asked.
type hostile struct{ error }

func (hostile) Is(error) bool { panic("Is") }
func (hostile) As(any) bool   { panic("As") }
func (hostile) Unwrap() error { panic("Unwrap") }

// holding may be compared, or not.
type holding struct{ what any }

func (holding) Error() string { return "holding" }

// M2: they say what package errors does.
func TestIsAndAsTypeReachEveryLink(t *testing.T) {
	cancelled := errors.New("cancelled")
	var cause error
	_ = nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
		n.Cancel(errors.Join(cancelled, errB))
		cause = context.Cause(ctx)
		return nil
	})
	for name, err := range map[string]error{
		"nil": nil, "itself": errA, "wrapped": fmt.Errorf("x: %w", errA), "another": errB,
		"joined": errors.Join(errB, fmt.Errorf("x: %w", errors.Join(errC, errA))), "by its methods": errors.Join(errB, agrees{}),
		"of a type": fmt.Errorf("x: %w", numbered{3}), "a multi-error": failures(errB, failures(errC, errA)), "a multi-error of one": failures(errA),
		"a cancellation": cause, "wrapped twice": &link{&link{cause}},
		"a panic's value": &nursery.PanicError{Value: errA}, "beside a panic": &nursery.PanicError{Value: numbered{1}, Others: errA},
		"of a file": &fs.PathError{Op: "open", Err: errA}, "nil among others": &fork{[]error{nil, errA, nil}},
		"what is not comparable": holding{[]int{1}}, "what is": holding{1},
		"what is left of several": nursery.Filter(fmt.Errorf("%w %w", errA, errors.Join(errB, numbered{2})), func(leaf error) bool { return leaf != errB }),
	} {
		for _, target := range []error{nil, errA, cancelled, context.Canceled, numbered{3}, holding{1}} {
			if got, want := nursery.Is(err, target), errors.Is(err, target); got != want && !t.Failed() {
				t.Errorf("%s is %v: got %v, want %v", name, target, got, want)
			}
		}
		sameAs[numbered](t, name, err)
		sameAs[*nursery.Cancelled](t, name, err)
		sameAs[*fs.PathError](t, name, err)
		sameAs[interface {
			error
			Is(error) bool
		}](t, name, err)
	}
}

func sameAs[E error](t *testing.T, name string, err error) {
	t.Helper()
	got, ok := nursery.AsType[E](err)
	if want, is := errors.AsType[E](err); ok != is || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s as %T: got %v, %v, want %v, %v", name, want, got, ok, want, is)
	}
}

// M2: package errors would go round for ever, or panic.
func TestIsAndAsTypeEnd(t *testing.T) {
	trees := cycles()
	deep := error(numbered{3})
	for range 100_000 {
		deep = &link{deep}
	}
	trees["a hundred thousand links"] = deep
	doubled := error(&fork{[]error{errB}})
	for range 64 {
		doubled = errors.Join(doubled, doubled)
	}
	trees["more ways than there is time for"] = doubled
	trees["methods that panic"] = errors.Join(hostile{errA}, (*link)(nil), holding{[]int{1}})
	far := &link{}
	far.next = &link{errors.Join(&link{far}, numbered{3})}
	trees["a way round, and what is beside it"] = far
	for name, err := range trees {
		has := name == "a hundred thousand links" || name == "a way round, and what is beside it"
		if got := nursery.Is(err, numbered{3}); got != has {
			t.Errorf("%s: Is: got %v, want %v", name, got, has)
		}
		if got, ok := nursery.AsType[numbered](err); ok != has || ok != (got.code == 3) {
			t.Errorf("%s: AsType: got %v, %v, want %v", name, got, ok, has)
		}
		if nursery.Is(err, holding{[]int{1}}) {
			t.Errorf("%s: is what cannot be compared", name)
		}
	}
}

// N23: and so does a task that is run again.
func TestRetryOfAnErrorThatHoldsItself(t *testing.T) {
	for name, bad := range cycles() {
		runs := 0
		err := nursery.Retry(func(context.Context) error {
			if runs++; runs == 1 {
				return bad
			}
			return nil
		}, nursery.RetryOptions{BackOff: nursery.Exponential(1, 1)})(t.Context())
		if runs != 2 || err != nil {
			t.Errorf("%s: got %d runs and %v, want 2 and none", name, runs, err)
		}
	}
}
