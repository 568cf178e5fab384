package errorhandlers_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/creche-go/creche/errorhandlers"
)

// sentinelRules returns count rules for as many sentinels.
func sentinelRules(count int) []rule {
	rules := make([]rule, count)
	for i := range rules {
		rules[i] = errorhandlers.OnIs(errors.New("sentinel "+strconv.Itoa(i)), say("sentinel"))
	}
	return rules
}

// numbered makes many error types: numbered[*[3]byte], numbered[*[4]byte] …
// Its parameters are all pointers, so that the compiler makes one function for
// all of them.
type numbered[T any] struct{ _ [0]T }

func (*numbered[T]) Error() string { return "numbered" }

// typed is a type's rule and its step of a linear search.
type typed struct {
	rule rule
	as   func(error) bool
}

func of[E error]() typed {
	return typed{sayOn[E]("numbered"), func(err error) bool {
		_, ok := errors.AsType[E](err)
		return ok
	}}
}

// ten returns ten types made of T, and hundred and thousand ten times as many.
func ten[T any]() []typed {
	return []typed{
		of[*numbered[*[0]T]](), of[*numbered[*[1]T]](), of[*numbered[*[2]T]](), of[*numbered[*[3]T]](), of[*numbered[*[4]T]](),
		of[*numbered[*[5]T]](), of[*numbered[*[6]T]](), of[*numbered[*[7]T]](), of[*numbered[*[8]T]](), of[*numbered[*[9]T]](),
	}
}

func hundred[T any]() []typed {
	return slices.Concat(ten[*[0]T](), ten[*[1]T](), ten[*[2]T](), ten[*[3]T](), ten[*[4]T](),
		ten[*[5]T](), ten[*[6]T](), ten[*[7]T](), ten[*[8]T](), ten[*[9]T]())
}

func thousand() []typed {
	return slices.Concat(hundred[*int8](), hundred[*int16](), hundred[*int32](), hundred[*int64](), hundred[*string](),
		hundred[*bool](), hundred[*uint8](), hundred[*uint16](), hundred[*uint32](), hundred[*uint64]())
}

// BenchmarkSearch finds the rule for the last of many types, beside the loop
// over errors.AsType that one would write by hand.
func BenchmarkSearch(b *testing.B) {
	all := thousand()
	for _, count := range []int{10, 20, 100, 1000} {
		types := all[:count-1]
		rules := []rule{sayOn[*soldOut]("sold out")}
		for _, typ := range types {
			rules = append(rules, typ.rule)
		}
		f := &frame{Set: compile(b, rules...)}
		for _, tc := range []struct {
			name string
			err  error
		}{
			{"direct", &soldOut{}},
			{"wrapped twice", fmt.Errorf("a: %w", fmt.Errorf("b: %w", &soldOut{}))},
		} {
			b.Run(fmt.Sprintf("%d types/%s/search", count, tc.name), func(b *testing.B) {
				b.ReportAllocs()
				var s errorhandlers.Search
				for b.Loop() {
					_ = s.Each(tc.err, f, func(errorhandlers.Answer) error { return nil })
				}
			})
			b.Run(fmt.Sprintf("%d types/%s/linear", count, tc.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					for _, typ := range types {
						if typ.as(tc.err) {
							b.Fatal("not this one")
						}
					}
					if _, ok := errors.AsType[*soldOut](tc.err); !ok {
						b.Fatal("this one")
					}
				}
			})
		}
	}
}

// BenchmarkSearchMulti answers the last of eight leaves.
func BenchmarkSearchMulti(b *testing.B) {
	f := &frame{Set: compile(b, sayOn[*soldOut]("sold out"))}
	err := multi(1, errOther, 2, errOther, 3, errOther, 4, errOther, 5, errOther, 6, errOther, 7, &upstream{&soldOut{}})
	b.ReportAllocs()
	var s errorhandlers.Search
	for b.Loop() {
		_ = s.Each(err, f, func(errorhandlers.Answer) error { return nil })
	}
}
