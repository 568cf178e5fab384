package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/creche-go/creche/nursery"
)

// selfish is a slice that may hold itself, which no pointer gives away.
type selfish []error

func (selfish) Error() string     { return "selfish" }
func (s selfish) Unwrap() []error { return s }

// link is a pointer that may hold itself.
type link struct{ next error }

func (l *link) Error() string { return "link" }
func (l *link) Unwrap() error { return l.next }

// fork is a pointer that may hold itself in several places.
type fork struct{ kids []error }

func (f *fork) Error() string   { return "fork" }
func (f *fork) Unwrap() []error { return f.kids }

// cycles are trees made in bad faith, with what errA's place among them lets
// be found: they end, and that is all.
func cycles() map[string]error {
	chain := &link{}
	chain.next = &link{chain}
	lone := &fork{kids: make([]error, 1)}
	lone.kids[0] = lone
	branches := &fork{}
	branches.kids = []error{branches, errA, &link{branches}}
	slice := selfish{nil, errA}
	slice[0] = slice
	twice := selfish{nil, nil}
	twice[0], twice[1] = twice, twice
	single := selfish{nil}
	single[0] = single
	m := failures(nil)
	m.Failures[0].Err = m
	far := failures(errA, nil)
	far.Failures[1].Err = fmt.Errorf("%w, %w", errA, &link{errors.Join(errA, far)})
	return map[string]error{
		"a chain that bites its tail": chain, "a branch of one that holds itself": lone, "branches": branches,
		"a slice that holds itself": slice, "twice": twice, "alone": single, "a multi-error": m, "a longer way round": far,
	}
}

// M2
func TestLeavesComeDepthFirstFromLeftToRight(t *testing.T) {
	wrapped := fmt.Errorf("wrapped: %w", errB)
	var typedNil *link
	var nilMulti *nursery.MultiError
	tests := []struct {
		name string
		err  error
		want []error
	}{
		{"nil", nil, nil},
		{"a single error", errA, []error{errA}},
		{"a chain, whose outermost link is the leaf", wrapped, []error{wrapped}},
		{"joined", errors.Join(errA, errB, errC), []error{errA, errB, errC}},
		{"a chain to a branch", fmt.Errorf("x: %w", errors.Join(errA, wrapped)), []error{errA, wrapped}},
		{"several %w", fmt.Errorf("%w, %w", errA, errB), []error{errA, errB}},
		{"nested", failures(errors.Join(errA, failures(errB)), failures(wrapped, errA)), []error{errA, errB, wrapped, errA}},
		{"nil among the branches", &fork{[]error{nil, errA, nil, errB, nil}}, []error{errA, errB}},
		{"a multi-error of one", failures(errA), []error{errA}},
		{"an empty multi-error", failures(), nil},
		{"a multi-error of nil", failures(nil), nil},
		{"a typed nil that would panic", typedNil, []error{typedNil}},
		{"a nil multi-error", nilMulti, []error{nilMulti}},
		{"an error that panics", errors.Join(badError{}, errA), []error{badError{}, errA}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := slices.Collect(nursery.Leaves(tt.err)); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// M2
func TestLeavesCanBeLeftEarly(t *testing.T) {
	for leaf := range nursery.Leaves(failures(failures(errA, errB), errC)) {
		if leaf == errB {
			return
		}
		if leaf != errA {
			t.Errorf("got %v, want %v first", leaf, errA)
		}
	}
	t.Error("did not get to the second")
}

// M2, M3
func TestTreesThatHoldThemselvesAreWalkedToAnEnd(t *testing.T) {
	for name, err := range cycles() {
		t.Run(name, func(t *testing.T) {
			count := 0
			for range nursery.Leaves(err) {
				count++
			}
			match, rest := nursery.Split(err, func(leaf error) bool { return leaf == errA })
			for _, part := range []error{match, rest} {
				for range nursery.Leaves(part) {
					count--
				}
			}
			if count > 0 {
				t.Errorf("Split lost %d leaves", count)
			}
			all := func(error) bool { return true }
			if !reflect.TypeOf(err).Comparable() {
				return
			}
			match, rest = nursery.Split(err, all)
			if match != err || rest != nil || nursery.Filter(err, all) != err {
				t.Error("got something else where nothing was refused, want the error itself")
			}
		})
	}
}

// M2, M3: these trees would overflow a stack that does not grow, and take for
// ever with a step that costs as much as the way to it.
func TestTreesOfAHundredThousandLevels(t *testing.T) {
	const depth = 100_000
	chain := errA
	branches, nested, bushy := errors.Join(errA, errB), error(failures(errA, errB)), errA
	for range depth {
		chain = &link{chain}
		branches = fmt.Errorf("%w", &fork{[]error{errC, branches}})
		nested = &nursery.MultiError{Failures: []nursery.Failure{{Err: nested}}}
		bushy = failures(bushy, errB)
	}
	if got := len(bushy.Error()); got > depth*200 {
		t.Errorf("got a text of %d bytes", got)
	}
	tests := []struct {
		name   string
		err    error
		leaves int
	}{
		{"a chain", chain, 1}, {"branches inside branches", branches, depth + 2}, {"multi-errors inside multi-errors", nested, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			count := func(err error) (leaves int) {
				for range nursery.Leaves(err) {
					leaves++
				}
				return leaves
			}
			if got := count(tt.err); got != tt.leaves {
				t.Errorf("got %d leaves, want %d", got, tt.leaves)
			}
			match, rest := nursery.Split(tt.err, func(leaf error) bool { return leaf != errA })
			if got := count(match) + count(rest); got != tt.leaves {
				t.Errorf("got %d leaves after Split, want %d", got, tt.leaves)
			}
		})
	}
}

// M2, N3: what a task returns in bad faith ends the task and not the process.
func TestATaskMayReturnATreeThatHoldsItself(t *testing.T) {
	trees := cycles()
	for _, name := range []string{"a chain that bites its tail", "branches", "a multi-error", "a longer way round"} { // the others take seconds
		bad := trees[name]
		t.Run(name, func(t *testing.T) {
			for _, opts := range [][]nursery.Option{{quiet()}, {nursery.Isolate(), quiet()}} {
				_ = nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
					n.Go(failing(bad))
					if _, err := nursery.Async(n, func(context.Context) (int, error) { return 0, bad }).Wait(context.Background()); err == nil {
						t.Error("got nil from Wait")
					}
					n.Cancel(errB)
					n.Go(failing(bad))
					return nil
				}, opts...)
			}
		})
	}
}
