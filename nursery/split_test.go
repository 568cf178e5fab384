package nursery_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/creche-go/creche/nursery"
)

// coded is a link with an Is and an As of its own.
type coded struct{ err error }

func (c coded) Error() string        { return "coded: " + c.err.Error() }
func (c coded) Unwrap() error        { return c.err }
func (c coded) Is(target error) bool { return target == errC }
func (c coded) As(target any) bool {
	if p, ok := target.(**codeError); ok {
		*p = &codeError{9}
		return true
	}
	return false
}

// M3
func TestSplitKeepsTheStructure(t *testing.T) {
	var typedNil *link
	whole := failures(errA, errA)
	tests := []struct {
		name        string
		err         error
		match, rest string // printed with %+v; "": nil
	}{
		{"nil", nil, "", ""},
		{"a leaf that matches", errA, "a failed", ""},
		{"a leaf that does not", errB, "", "b failed"},
		{"a chain that matches", fmt.Errorf("x: %w", errA), "x: a failed", ""},
		{"a typed nil", typedNil, "", "link"},
		{"an empty multi-error, which is no leaf", failures(), "nursery: 0 failures\n", ""},
		{"an empty multi-error beside a leaf that does not match", errors.Join(failures(), errB), "", "nursery: 0 failures\nb failed"},
		{"all of several", errors.Join(errA, errA), "a failed\na failed", ""},
		{"none of several", errors.Join(errB, errC), "", "b failed\nc failed"},
		{"joined ones", errors.Join(errA, errB, errA, errC), "a failed\na failed", "b failed\nc failed"},
		{"ones that cannot be compared", errors.Join(uncomparable{}, errA, selfish{uncomparable{}, errB}), "a failed", "uncomparable\nselfish"},
		{
			"multi-errors with their tasks",
			&nursery.MultiError{Nursery: "shop", Failures: []nursery.Failure{{Err: errA, Task: "a", Index: 1}, {Err: errB, Task: "b", Index: 2}}},
			"nursery shop: 1 failure\n\ta: a failed\n", "nursery shop: 1 failure\n\tb: b failed\n",
		},
		{
			"nested multi-errors, none of them empty", failures(failures(errA, errA), failures(errB, errC), errA),
			"nursery: 2 failures\n\t#1:\n\t\tnursery: 2 failures\n\t\t\t#1: a failed\n\t\t\t#2: a failed\n\t#3: a failed\n",
			"nursery: 1 failure\n\t#2:\n\t\tnursery: 2 failures\n\t\t\t#1: b failed\n\t\t\t#2: c failed\n",
		},
		{
			"wrappers above a branch", fmt.Errorf("outer: %w", &clientError{errors.Join(errA, fmt.Errorf("inner: %w", errB))}),
			"outer: Get: a failed", "outer: Get: inner: b failed",
		},
		{
			"a wrapper by value", coded{errors.Join(errA, errB)},
			"coded: a failed", "coded: b failed",
		},
		{
			"branches below branches", errors.Join(errA, fmt.Errorf("deep: %w", errors.Join(errB, errA)), errC),
			"a failed\ndeep: a failed", "deep: b failed\nc failed",
		},
		{"what fails beside a panic", &nursery.PanicError{Value: "boom", Others: errors.Join(errA, errB)}, "a failed", "nursery: panic: boom\n\n\nbeside it: b failed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			isA := func(leaf error) bool {
				_, panicked := leaf.(*nursery.PanicError)
				return leaf != error(typedNil) && !panicked && errors.Is(leaf, errA)
			}
			match, rest := nursery.Split(tt.err, isA)
			check := func(what string, got error, want string) {
				text := ""
				if got != nil {
					text = fmt.Sprintf("%+v", got)
				}
				if text != want {
					t.Errorf("got %s %q, want %q", what, text, want)
				}
			}
			check("match", match, tt.match)
			check("rest", rest, tt.rest)
			check("filtered", nursery.Filter(tt.err, isA), tt.match)
			if n := len(slices.Collect(nursery.Leaves(tt.err))); n != len(slices.Collect(nursery.Leaves(match)))+len(slices.Collect(nursery.Leaves(rest))) {
				t.Errorf("Split of %d leaves lost some or made some up", n)
			}
		})
	}
	if match, rest := nursery.Split(whole, func(error) bool { return true }); match != error(whole) || rest != nil {
		t.Error("a whole side is not the error itself")
	}
}

// M3
func TestWhatIsLeftOfAWrapperStillAnswersAsIt(t *testing.T) {
	sentinel := &link{errors.Join(errA, errB)}
	err := fmt.Errorf("outer: %w", coded{sentinel})
	rest := nursery.Filter(err, func(leaf error) bool { return leaf != errA })
	if !errors.Is(rest, sentinel) || !errors.Is(rest, errC) || !errors.Is(rest, errB) {
		t.Error("errors.Is does not find a link, what a link's Is answers for, or the leaf")
	}
	if errors.Is(rest, errA) {
		t.Error("errors.Is finds the lost leaf")
	}
	if got, ok := errors.AsType[*codeError](rest); !ok || got.code != 9 {
		t.Errorf("got %v, want what the link's As gives", got)
	}
	if _, ok := errors.AsType[coded](rest); !ok {
		t.Error("errors.As does not find a link")
	}
	if _, ok := errors.AsType[statusError](rest); ok {
		t.Error("errors.As finds what is not there")
	}
	if outer := nursery.Link(rest); outer != err {
		t.Errorf("got link %v, want what it was", outer)
	}
	for _, err := range []error{nil, errA, coded{errA}, errors.Join(errA, errB)} {
		if got := nursery.Link(err); got != err {
			t.Errorf("got link %v of %v, want itself", got, err)
		}
	}
	three := fmt.Errorf("three: %w", errors.Join(errA, errB, errC))
	without := func(err, leaf error) error {
		return nursery.Filter(err, func(l error) bool { return l != leaf })
	}
	if once, twice := without(three, errA), without(without(three, errA), errB); nursery.Link(once) != three || nursery.Link(twice) != three {
		t.Errorf("got links %v and %v, want what they were", nursery.Link(once), nursery.Link(twice))
	}
	again := nursery.Filter(errors.Join(errA, rest), func(leaf error) bool { return leaf != errA })
	if got, want := again.Error(), "outer: coded: link"; got != want || !errors.Is(again, sentinel) || errors.Is(again, errA) {
		t.Errorf("got %q filtered twice, want %q", got, want)
	}
	errors.Is(nursery.Filter(errors.Join(selfish{errA, errB}, errC), func(leaf error) bool { return leaf != errA }), uncomparable{})
}

// M3
func TestSplitAsksForEachLeafOnceInOrder(t *testing.T) {
	var asked []error
	match, rest := nursery.Split(failures(errors.Join(errA, errB), errA, errC), func(leaf error) bool {
		asked = append(asked, leaf)
		return len(asked)%2 == 1
	})
	if want := []error{errA, errB, errA, errC}; !slices.Equal(asked, want) {
		t.Errorf("got asked for %v, want %v", asked, want)
	}
	if got := slices.Collect(nursery.Leaves(match)); !slices.Equal(got, []error{errA, errA}) {
		t.Errorf("got match %v", got)
	}
	if got := slices.Collect(nursery.Leaves(rest)); !slices.Equal(got, []error{errB, errC}) {
		t.Errorf("got rest %v", got)
	}
}
