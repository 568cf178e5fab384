package adaptertest

import (
	"slices"
	"testing"
	"testing/synctest"
)

// Run runs the suite against a: every case over HTTP/1.1 and HTTP/2, each as a
// subtest in a bubble of its own. It returns when all have ended, after about a
// second, and some more under the race detector. Since it counts allocations,
// no parallel test may run at the same time. A nil t, and an Adapter without
// Build or Bare, panic. A case for which a lacks an optional function is shown
// as skipped, under its name, with what it lacks.
func Run(t *testing.T, a Adapter) {
	if t == nil {
		panic("adaptertest: Run: nil t")
	}
	t.Helper()
	if a.Build == nil || a.Bare == nil {
		panic("adaptertest: Run: an Adapter needs Build and Bare")
	}
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			for _, c := range cases() {
				if c.only != 0 && c.only != p.major {
					continue
				}
				t.Run(c.title(), func(t *testing.T) {
					c.inBubble(t, a, p.major)
				})
			}
		})
	}
	for _, promise := range waiting {
		t.Run("waiting: "+promise, func(t *testing.T) { t.Skip("not checked yet") })
	}
}

// Waiting returns the promises about requests and background tasks that the
// suite does not check, each with its number and why. Run shows them as
// skipped.
func Waiting() []string {
	return slices.Clone(waiting)
}

var waiting = []string{
	"R7: a handler outside any middleware, which no adapter sees: see package creche",
	"E8: the cost of matching, which depends on no router: see the benchmarks of package errorhandlers",
}

// A check is one case of the suite.
type check struct {
	name  string
	keeps string // the promises: "R1, R2"
	only  int    // the one protocol that it is about, or both
	run   func(t *trial)
}

const both = 0

func (c check) title() string { return c.name + " (" + c.keeps + ")" }

// inBubble runs the case in a bubble of its own.
func (c check) inBubble(t *testing.T, a Adapter, protocol int) {
	t.Helper()
	var inside *testing.T
	stuck := bubble(t, func(t *testing.T) {
		t.Helper()
		inside = t
		c.against(t, a, protocol)
	})
	if stuck != nil {
		t.Errorf("%v: something waits for what never happens", stuck)
	}
	if inside.Skipped() {
		t.SkipNow() // which the bubble's test does not pass on
	}
}

// against runs the case in the bubble of t.
func (c check) against(t testing.TB, a Adapter, protocol int) {
	t.Helper()
	trial := begin(t, a, protocol)
	c.run(trial)
}

var protocols = []struct {
	name  string
	major int
}{{"HTTP1", 1}, {"HTTP2", 2}}

// cases returns all of them, in the order of a request's life.
func cases() []check {
	return slices.Concat(
		joining(), failing(), matching(), rulehandlers(), scoped(), nesting(), answers(), refusals(), foreign(),
		wire(), receiving(), committing(), leaving(), ending(), timeouts(), bodies(), hostile(), background(), adopting(), crowd(), costs(),
	)
}

// bubble runs f in a bubble and returns what package synctest panics with when
// nothing in it can go on, or at its end something is left.
func bubble(t *testing.T, f func(t *testing.T)) (stuck any) {
	t.Helper()
	defer func() { stuck = recover() }()
	synctest.Test(t, f)
	return nil
}
