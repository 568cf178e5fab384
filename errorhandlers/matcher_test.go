package errorhandlers_test

import (
	"errors"
	"testing"

	"github.com/creche-go/creche/errorhandlers"
)

// shape is a handler shape that is not net/http's.
type shape func(err error) string

func shaped(name string) shape { return func(error) string { return name } }

func TestMatcher(t *testing.T) { // E1, E2
	var m errorhandlers.Matcher[shape]
	f := frames(t,
		[]rule{m.Rule(errorhandlers.TypeKey[*soldOut](), shaped("sold out")), sayOn[*upstream]("of net/http")},
		[]rule{to[teapot](&soldOut{}), m.Rule(errorhandlers.IsKey(errSentinel), shaped("sentinel"))},
	)
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"a rule of the shape", &soldOut{}, "sold out"},
		{"a rule of another shape is not there", &upstream{errSentinel}, "sentinel"},
		{"a translation is for everybody", teapot{}, "sold out"},
		{"the first leaf that is answered", errors.Join(errUnhandled, errSentinel, &soldOut{}), "sentinel"},
		{"a default answer", status(404), "default"},
		{"nothing to answer", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var each string
			faults := m.Each(tc.err, f, func(h shape, a errorhandlers.Answer) error {
				each = "default"
				if (h == nil) != (a.Rule == nil) {
					t.Errorf("got handler %v with rule %v", h != nil, a.Rule)
				}
				if h != nil {
					each = h(a.Err)
				}
				return nil
			})
			h, a, more := m.First(tc.err, f)
			first := map[bool]string{true: "default"}[a.Err != nil]
			if h != nil {
				first = h(a.Err)
			}
			if each != tc.want || first != tc.want || faults != nil || more != nil {
				t.Errorf("got %q and %q, %v, %v, want %q", each, first, faults, more, tc.want)
			}
			if e := m.Explain(tc.err, f); e.Rule != a.Rule || e.Status != a.Status {
				t.Errorf("got explanation %v, want %v", e, a.Rule)
			}
		})
	}
}

func TestMatcherSearchesAsToldTo(t *testing.T) {
	m := errorhandlers.Matcher[shape]{Order: errorhandlers.BySeverity, Status: errorhandlers.ForeignStatus}
	if _, a, _ := m.First(errors.Join(status(404), foreign{503}), nil); a.Status != 503 {
		t.Errorf("got %d, want 503", a.Status)
	}
	if _, err := errorhandlers.Compile(m.Rule(errorhandlers.AnyKey(), nil)); err == nil {
		t.Error("a nil handler: got no fault, want one")
	}
}
