//go:build unix

package errorhandlers_test

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/creche-go/creche/errorhandlers"
)

// numbered makes many error types: numbered[*[3]byte], numbered[*[4]byte] …
// Its parameters are all pointers, so that the compiler makes one function for
// all of them.
type numbered[T any] struct{ _ [0]T }

func (*numbered[T]) Error() string { return "numbered" }

// typed is a type's rule and its step of a linear search, in two ways.
type typed struct {
	rule   rule
	asType func(error) bool
	as     func(error) bool
}

func of[E error]() typed {
	return typed{
		rule: sayOn[E]("numbered"),
		asType: func(err error) bool {
			_, ok := errors.AsType[E](err)
			return ok
		},
		as: func(err error) bool {
			var e E
			return errors.As(err, &e)
		},
	}
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

// BenchmarkSearch finds the rule for the last of many types, beside the loops
// over errors.AsType and errors.As that one would write by hand. On a machine
// that others use too, cpu-ns/op is the figure to look at.
func BenchmarkSearch(b *testing.B) {
	all := thousand()
	for _, count := range []int{10, 20, 100, 1000} {
		types := all[:count-1]
		rules := []rule{sayOn[*soldOut]("sold out")}
		for _, typ := range types {
			rules = append(rules, typ.rule)
		}
		f := &frame{Set: compile(b, rules...)}
		types = append(slices.Clone(types), of[*soldOut]())
		for _, tc := range []struct {
			name string
			err  error
		}{
			{"direct", &soldOut{}},
			{"wrapped twice", fmt.Errorf("a: %w", fmt.Errorf("b: %w", &soldOut{}))},
		} {
			name := fmt.Sprintf("%d types/%s/", count, tc.name)
			b.Run(name+"search", func(b *testing.B) {
				var s errorhandlers.Search
				inCPUTime(b, func() { _ = s.Each(tc.err, f, func(errorhandlers.Answer) error { return nil }) })
			})
			b.Run(name+"linear AsType", func(b *testing.B) {
				inCPUTime(b, func() { linear(types, tc.err, func(t typed) func(error) bool { return t.asType }) })
			})
			b.Run(name+"linear As", func(b *testing.B) {
				inCPUTime(b, func() { linear(types, tc.err, func(t typed) func(error) bool { return t.as }) })
			})
		}
	}
}

// linear asks for one type after the other. Only the last may be err's.
func linear(types []typed, err error, way func(typed) func(error) bool) {
	for i, typ := range types {
		if way(typ)(err) != (i == len(types)-1) {
			panic("the wrong type matched")
		}
	}
}

// inCPUTime measures f as often as b wants it, and tells what it takes of the
// CPU, which does not count the time when others had that.
func inCPUTime(b *testing.B, f func()) {
	b.Helper()
	b.ReportAllocs()
	began := cpuTime(b)
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(cpuTime(b)-began)/float64(b.N), "cpu-ns/op")
}

// BenchmarkSearchMulti answers the last of eight leaves.
func BenchmarkSearchMulti(b *testing.B) {
	f := &frame{Set: compile(b, sayOn[*soldOut]("sold out"))}
	err := multi(1, errOther, 2, errOther, 3, errOther, 4, errOther, 5, errOther, 6, errOther, 7, &upstream{&soldOut{}})
	var s errorhandlers.Search
	inCPUTime(b, func() { _ = s.Each(err, f, func(errorhandlers.Answer) error { return nil }) })
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
