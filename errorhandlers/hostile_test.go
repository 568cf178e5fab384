package errorhandlers_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"testing"

	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// allKinds is a rule of each kind, none of which is for the errors below.
func allKinds() []rule {
	return []rule{
		errorhandlers.OnIs(errSentinel, say("sentinel")),
		errorhandlers.OnIs(hidden{1}, say("hidden")),
		errorhandlers.OnIs(slow{}, say("slow")),
		sayOn[*soldOut]("type"),
		sayOn[timeouter]("interface"),
		errorhandlers.OnStatus(418, say("418")),
		errorhandlers.OnStatusClass(4, say("4xx")),
		errorhandlers.OnMatch(func(error) bool { return false }, say("predicate")),
		errorhandlers.OnGroup(fail(errorhandlers.ErrDecline)),
		to[*fs.PathError](nil),
	}
}

// shy panics whatever is asked of it.
type shy struct{}

func (*shy) Error() string   { return "shy" }
func (*shy) Unwrap() error   { panic("Unwrap") }
func (*shy) Is(error) bool   { panic("Is") }
func (*shy) As(any) bool     { panic("As") }
func (*shy) HTTPStatus() int { panic("HTTPStatus") }

// pair is a multi-error that panics.
type pair struct{ shy }

func (*pair) Unwrap() []error { panic("Unwrap") }

// list is a multi-error that is uncomparable.
type list []error

func (list) Error() string     { return "list" }
func (l list) Unwrap() []error { return l }

// emptyAs says that it is a *soldOut and gives none.
type emptyAs struct{}

func (emptyAs) Error() string { return "empty As" }
func (emptyAs) As(any) bool   { return true }

func TestErrorsMadeInBadFaith(t *testing.T) { // E8
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"an uncomparable error", uncomparable{1}, "plain 500"},
		{"a wrapped uncomparable error", fmt.Errorf("wrap: %w", uncomparable{1}), "plain 500"},
		{"an error that holds something uncomparable, of the type of a sentinel", hidden{[]int{1}}, "plain 500"},
		{"its comparable sister", hidden{1}, "hidden"},
		{"a typed nil", (*soldOut)(nil), "plain 500"},
		{"a wrapped typed nil", fmt.Errorf("wrap: %w", (*fs.PathError)(nil)), "plain 500"},
		{"a joined typed nil", errors.Join((*upstream)(nil), status(404)), "4xx"},
		{"a nil Problem", (*errorhandlers.Problem)(nil), "plain 500"},
		{"a nil MaxBytesError", (*http.MaxBytesError)(nil), "plain 500"},
		{"a nil BodyTimeoutError", (*errorhandlers.BodyTimeoutError)(nil), "plain 500"},
		{"a nil MultiError", (*nursery.MultiError)(nil), "plain 500"},
		{"a nil PanicError", (*nursery.PanicError)(nil), "plain 500"},
		{"a nil link that has a value's method", (*teapot)(nil), "plain 500"},
		{"methods that panic", &shy{}, "plain 500"},
		{"methods that panic, beside another leaf", errors.Join(&shy{}, status(404)), "4xx"},
		{"a multi-error whose Unwrap panics", &pair{}, "plain 500"},
		{"an uncomparable multi-error", list{errOther, list{uncomparable{}, nil, status(404)}}, "4xx"},
		{"an empty multi-error", list{}, "plain 500"},
		{"a multi-error of nils", list{nil, nil}, "plain 500"},
		{"an empty MultiError", &nursery.MultiError{}, "plain 500"},
		{"a nil failure", multi(1, errOther, 2, list{nil}), "plain 500"},
		{"an As that gives nothing", emptyAs{}, "plain 500"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, order := range []errorhandlers.Order{errorhandlers.ByFailure, errorhandlers.BySpawn, errorhandlers.MostSpecific} {
				s := errorhandlers.Search{Order: order, Status: errorhandlers.ForeignStatus}
				if got, _ := run(s, tc.err, frames(t, allKinds())); got != tc.want {
					t.Errorf("%v: got %v, want %v", order, got, tc.want)
				}
				a, _ := s.First(tc.err, nil)
				for range a.Rest(tc.err) {
				}
				_ = a.Problem()
			}
		})
	}
}

// loop wraps whatever it is told to, itself for instance.
type loop struct{ next error }

func (*loop) Error() string   { return "loop" }
func (l *loop) Unwrap() error { return l.next }

// tree wraps several.
type tree struct{ kids []error }

func (*tree) Error() string     { return "tree" }
func (t *tree) Unwrap() []error { return t.kids }

func TestErrorsThatNeverEnd(t *testing.T) { // E8
	self := &loop{}
	self.next = self
	far := &loop{}
	last := far
	for range 1000 {
		next := &loop{}
		last.next, last = next, next
	}
	last.next = far
	both := &tree{}
	both.kids = []error{both, both, status(404)}
	wrapped := &tree{}
	wrapped.kids = []error{&loop{wrapped}, errOther, &loop{status(404)}}
	value := make(list, 2)
	value[0], value[1] = value, value
	m := &nursery.MultiError{Failures: make([]nursery.Failure, 3)}
	m.Failures[0].Err, m.Failures[1].Err, m.Failures[2].Err = m, &loop{m}, status(404)
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"a link that wraps itself", self, "plain 500"},
		{"a long ring", far, "plain 500"},
		{"a multi-error that holds itself", both, "4xx"},
		{"a multi-error that holds what wraps it", wrapped, "4xx"},
		{"a MultiError that holds itself", m, "4xx"},
		{"a slice that holds itself", value, "plain 500"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, slow := tc.err.(list); slow && underRace {
				t.Skip("ends only at the bound")
			}
			for range (errorhandlers.Answer{}).Rest(tc.err) {
			}
			if got, _ := run(errorhandlers.Search{}, tc.err, frames(t, allKinds())); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestErrorsThatGoVeryDeep(t *testing.T) { // E8
	depth := 100_000
	if underRace {
		depth /= 10
	}
	chain, comb, narrow := error(&soldOut{}), error(&soldOut{}), error(&soldOut{})
	wide := make([]error, 0, depth+1)
	for range depth {
		chain = &loop{chain}
		comb = &tree{[]error{errOther, comb}}
		narrow = &tree{[]error{narrow}}
		wide = append(wide, errOther)
	}
	for name, err := range map[string]error{
		"a chain": chain, "multi-errors in multi-errors": comb, "multi-errors with one error": narrow,
		"many leaves": &tree{append(wide, &soldOut{})},
	} {
		t.Run(name, func(t *testing.T) {
			for _, order := range []errorhandlers.Order{errorhandlers.ByFailure, errorhandlers.BySeverity} {
				want := "sold out"
				if order == errorhandlers.BySeverity && (name == "many leaves" || name == "multi-errors in multi-errors") {
					want = "plain 500"
				}
				f := frames(t, []rule{sayOn[timeouter]("timeout")}, []rule{sayOn[*soldOut]("sold out")})
				if got, _ := run(errorhandlers.Search{Order: order}, err, f); got != want {
					t.Errorf("%v: got %v, want %v", order, got, want)
				}
			}
		})
	}
}

// circle wraps itself.
type circle struct{}

func (*circle) Error() string   { return "circle" }
func (c *circle) Unwrap() error { return c }

// A rule's handler may fail with anything, too. E4, E8
func TestARuleThatFailsWithARing(t *testing.T) {
	ring := new(circle)
	for name, tt := range map[string]struct {
		err  error
		want bool // it declines, and that is all
	}{
		"a ring":                        {ring, false},
		"a ring beside a decline":       {errors.Join(ring, errorhandlers.ErrDecline), false},
		"a decline that is wrapped":     {fmt.Errorf("x: %w", errorhandlers.ErrDecline), true},
		"an error that is uncomparable": {figures{1}, false},
		"a panic with a decline":        {panicOf(errorhandlers.ErrDecline), false},
		"a panic with a decline beside": {panicOf(errors.Join(errorhandlers.ErrDecline, errOther)), false},
		"a panic that is wrapped":       {fmt.Errorf("x: %w", panicOf(errorhandlers.ErrDecline)), false},
	} {
		t.Run(name, func(t *testing.T) {
			f := &frame{Set: compile(t, errorhandlers.OnIs(errSentinel, fail(tt.err)))}
			var s errorhandlers.Search
			fault := s.Each(errSentinel, f, func(a errorhandlers.Answer) error {
				if a.Rule == nil {
					return nil
				}
				return tt.err
			})
			if got := fault == nil; got != tt.want {
				t.Errorf("declined: got %v (%T), want %v", got, fault, tt.want)
			}
		})
	}
}

// panicOf returns a panic with v, as a nursery returns it.
func panicOf(v any) error {
	return nursery.Run(context.Background(), func(context.Context, *nursery.Nursery) error { panic(v) },
		nursery.OnPanic(nursery.ReturnPanics), nursery.Observe(func(context.Context, nursery.Report) {}))
}

// figures cannot be compared.
type figures []int

func (figures) Error() string { return "figures" }
