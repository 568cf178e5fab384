package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/creche-go/creche/errorhandlers"
)

// numbered makes many error types: numbered[*[3]byte], numbered[*[4]byte] …
type numbered[T any] struct{ _ [0]T }

func (*numbered[T]) Error() string { return "numbered" }

// soldOut is the error that is looked for, behind all others.
type soldOut struct{}

func (*soldOut) Error() string { return "sold out" }

// kind is a type's rule, and the step of a search by hand.
type kind struct {
	rule errorhandlers.Rule
	is   func(error) bool
}

func kindOf[E error]() kind {
	return kind{
		errorhandlers.On(func(http.ResponseWriter, *http.Request, E) error { return nil }),
		func(err error) bool {
			var target E
			return errors.As(err, &target)
		},
	}
}

func ten[T any]() []kind {
	return []kind{
		kindOf[*numbered[*[0]T]](), kindOf[*numbered[*[1]T]](), kindOf[*numbered[*[2]T]](), kindOf[*numbered[*[3]T]](), kindOf[*numbered[*[4]T]](),
		kindOf[*numbered[*[5]T]](), kindOf[*numbered[*[6]T]](), kindOf[*numbered[*[7]T]](), kindOf[*numbered[*[8]T]](), kindOf[*numbered[*[9]T]](),
	}
}

func hundred[T any]() []kind {
	return slices.Concat(ten[*[0]T](), ten[*[1]T](), ten[*[2]T](), ten[*[3]T](), ten[*[4]T](),
		ten[*[5]T](), ten[*[6]T](), ten[*[7]T](), ten[*[8]T](), ten[*[9]T]())
}

func thousand() []kind {
	return slices.Concat(hundred[int8](), hundred[int16](), hundred[int32](), hundred[int64](), hundred[string](),
		hundred[bool](), hundred[uint8](), hundred[uint16](), hundred[uint32](), hundred[uint64]())
}

// known returns as many kinds, of which that of soldOut is the last.
func known(count int) []kind { return append(thousand()[:count-1:count-1], kindOf[*soldOut]()) }

// byRules finds the rule for err among those of so many types.
func byRules(err error, types int) func() (sample, error) {
	var rules []errorhandlers.Rule
	for _, k := range known(types) {
		rules = append(rules, k.rule)
	}
	set, fault := errorhandlers.Compile(rules...)
	frame := &errorhandlers.Frame{Set: set}
	return func() (sample, error) {
		found := 0
		s := benchmark(func() {
			var search errorhandlers.Search
			_ = search.Each(err, frame, func(errorhandlers.Answer) error { found++; return nil })
		})
		if found == 0 && fault == nil {
			fault = errors.New("no rule was found")
		}
		return s, fault
	}
}

// byHand asks for one type after the other.
func byHand(err error, types int) func() (sample, error) {
	kinds := known(types)
	return func() (sample, error) {
		found := -1
		s := benchmark(func() { found = slices.IndexFunc(kinds, func(k kind) bool { return k.is(err) }) })
		if found != types-1 {
			return s, fmt.Errorf("found %d, want the last of %d", found, types)
		}
		return s, nil
	}
}

func benchmark(f func()) sample {
	r := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			f()
		}
	})
	return sample{float64(r.T.Nanoseconds()) / float64(r.N), float64(r.MemAllocs) / float64(r.N)}
}
