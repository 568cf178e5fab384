//go:build !race

package errorhandlers_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/creche-go/creche/errorhandlers"
)

const underRace = false

// sentinelRules returns count rules for as many sentinels.
func sentinelRules(count int) []rule {
	rules := make([]rule, count)
	for i := range rules {
		rules[i] = errorhandlers.OnIs(errors.New("sentinel "+strconv.Itoa(i)), say("sentinel"))
	}
	return rules
}

func TestAllocsOfASearch(t *testing.T) { // E8
	leaf := error(&soldOut{})
	wrapped := fmt.Errorf("a: %w", fmt.Errorf("b: %w", leaf))
	f := frames(t,
		[]rule{sayOn[timeouter]("timeout"), errorhandlers.OnStatus(404, say("404"))},
		append(sentinelRules(200), sayOn[*soldOut]("sold out"), errorhandlers.OnIs(errSentinel, say("sentinel")),
			to[teapot](status(409)), errorhandlers.OnGroup(fail(errorhandlers.ErrDecline))),
	)
	for _, tc := range []struct {
		name string
		err  error
	}{
		{"a direct match", leaf},
		{"wrapped twice", wrapped},
		{"a sentinel", errSentinel},
		{"a status", status(404)},
		{"an interface", slow{}},
		{"its own status", status(409)},
		{"nothing", errOther},
		{"a joined error", errors.Join(errOther, wrapped)},
		{"a nursery's failures", multi(1, errOther, 2, errUnhandled, 3, &upstream{wrapped})},
		{"a translation", teapot{}},
	} {
		var s errorhandlers.Search
		answers := 0
		allocs := testing.AllocsPerRun(100, func() {
			_ = s.Each(tc.err, f, func(a errorhandlers.Answer) error {
				if a.Rule != nil && a.Leaf == nil { // the group's
					return errorhandlers.ErrDecline
				}
				answers++
				return nil
			})
		})
		if allocs != 0 || answers == 0 {
			t.Errorf("%s: got %v allocations and %v answers, want none and some", tc.name, allocs, answers)
		}
	}
}
