package errorhandlers_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// plant makes an error tree of a recipe, one byte a node.
func plant(recipe *[]byte, depth int) error {
	if len(*recipe) == 0 || depth > 12 {
		return errOther
	}
	op := (*recipe)[0]
	*recipe = (*recipe)[1:]
	kids := make([]error, op/16%4)
	for i := range kids {
		kids[i] = plant(recipe, depth+1)
	}
	if len(kids) == 0 {
		return []error{errSentinel, &soldOut{}, slow{}, teapot{}, status(404), status(503), uncomparable{1}, (*soldOut)(nil), like{target: errSentinel},
			like{as: &soldOut{}}, foreign{410}, &shy{}, hidden{[]int{1}}, nursery.ErrFull, errUnhandled, errOther}[op%16]
	}
	switch op % 8 {
	case 0:
		return &upstream{kids[0]}
	case 1:
		return fmt.Errorf("wrap: %w", kids[0])
	case 2:
		return &errorhandlers.Problem{Status: 400 + int(op), Err: kids[0]}
	case 3:
		return &nursery.PanicError{Value: kids[0], Others: kids[len(kids)-1]}
	case 4:
		return list(kids)
	case 5, 6:
		m := new(nursery.MultiError)
		for i, kid := range kids {
			m.Failures = append(m.Failures, nursery.Failure{Err: kid, Index: (i * int(op)) % 5})
		}
		return m
	}
	return errors.Join(kids...)
}

// FuzzSearch looks for what must hold for every tree: nothing panics, there is
// always an answer, its leaf is one of the tree's, and no leaf is lost between
// the answer and the rest.
func FuzzSearch(f *testing.F) { // E2, E4, E8
	for _, seed := range []string{"", "\x00", "7\x04\x0e", "7\x04\x05\x01", "\x10\x11\x12\x01", "55\x01\x02\x03\x04", "\x33\x02\x04\x05", "4\x06\x07", "7\x22\x00\x25\x08\x09"} {
		f.Add([]byte(seed), byte(0))
		f.Add([]byte(seed), byte(7))
		f.Add([]byte(seed), byte(10))
	}
	set := compile(f, append(allKinds(), errorhandlers.OnStatus(503, fail(errBroken)))...)
	f.Fuzz(func(t *testing.T, recipe []byte, mode byte) {
		err := plant(&recipe, 0)
		s := errorhandlers.Search{Order: errorhandlers.Order(mode % 4)}
		if mode&4 != 0 {
			s.Status = errorhandlers.ForeignStatus
		}
		rules := &frame{Set: set}
		if mode&8 != 0 {
			rules = &frame{Outer: rules}
		}
		leaves := slices.Collect(nursery.Leaves(err))
		checkExplanation(t, s, err, rules, leaves)
		answers := 0
		faults := s.Each(err, rules, func(a errorhandlers.Answer) error {
			answers++
			check(t, s, err, a, leaves)
			if a.Rule == nil {
				return nil
			}
			if err := a.Rule.Answer().(handler)(nil, nil, a.Err); !errors.As(err, new(said)) {
				return err
			}
			return nil
		})
		if answers == 0 {
			t.Errorf("no answer to %#v", err)
		}
		if faults != nil && !errors.Is(faults, errBroken) {
			t.Errorf("got %v, want no faults but that of the broken handler", faults)
		}
	})
}

func check(t *testing.T, s errorhandlers.Search, err error, a errorhandlers.Answer, leaves []error) {
	rest := slices.Collect(a.Rest(err))
	switch {
	case a.Leaf == nil && a.Rule == nil && len(rest) != len(leaves):
		t.Errorf("plain 500: got rest %v, want all of %v", rest, leaves)
	case a.Leaf == nil && a.Rule != nil && len(rest) != 0:
		t.Errorf("%v: got rest %v, want none", a.Rule, rest)
	case a.Leaf != nil && len(rest) >= len(leaves):
		t.Errorf("%v of %v: got rest %v, want fewer than all leaves", a.Err, leaves, rest)
	}
	if a.Leaf != nil && !slices.ContainsFunc(leaves, func(leaf error) bool { return same(leaf, a.Leaf) }) {
		t.Errorf("got leaf %#v, want one of %v", a.Leaf, leaves)
	}
	if status := a.Problem().HTTPStatus(); a.Rule == nil && status != a.Status {
		t.Errorf("got status %v, want the Problem's %v", a.Status, status)
	}
	if s.Order == errorhandlers.ByFailure && a.Leaf == nil {
		for i, leaf := range rest {
			if !same(leaf, leaves[i]) {
				t.Errorf("got rest %v, want the order of %v", rest, leaves)
			}
		}
	}
}

// checkExplanation has an explanation agree with the search, and account for
// every leaf.
func checkExplanation(t *testing.T, s errorhandlers.Search, err error, rules *frame, leaves []error) {
	e, first := s.Explain(err, rules), answerOf(s, err, rules)
	if e.Rule != first.Rule || !same(e.Leaf, first.Leaf) || e.Status != first.Status {
		t.Errorf("got explanation %v, want one of %v", e, first.Rule)
	}
	told := len(e.Passed)
	if e.Leaf != nil {
		told++
	}
	if told != len(leaves) {
		t.Errorf("got %d leaves in the explanation, want %d:\n%v\n%v", told, len(leaves), e, leaves)
	}
	if strings.Contains(e.String(), "\n\n") || e.LogValue().Kind() != slog.KindGroup {
		t.Errorf("got %q and %v, want lines and a group", e, e.LogValue())
	}
}

func answerOf(s errorhandlers.Search, err error, rules *frame) errorhandlers.Answer {
	a, _ := s.First(err, rules)
	return a
}

// same is == for errors that may be uncomparable, or made anew by each Unwrap.
func same(a, b error) bool { return fmt.Sprintf("%#v", a) == fmt.Sprintf("%#v", b) }
