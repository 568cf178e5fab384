package errorhandlers_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/creche-go/creche/errorhandlers"
)

// uncomparable is an error that must not be a key of a map.
type uncomparable []int

func (uncomparable) Error() string { return "uncomparable" }

// hidden looks comparable until it holds something that is not.
type hidden struct{ any }

func (hidden) Error() string { return "hidden" }

func TestFaultsOfRules(t *testing.T) { // E1
	h := say("")
	var nilProblem *errorhandlers.Problem
	for _, tc := range []struct {
		name  string
		rules []rule
		want  string // a regular expression for each line
	}{
		{"a nil handler for a type", []rule{errorhandlers.On[*soldOut](nil)}, `On\[\*errorhandlers_test.soldOut\] \(.*compile_test.go:\d+\) has a nil handler`},
		{"a nil handler for a sentinel", []rule{errorhandlers.OnIs(errSentinel, nil)}, `OnIs\(sentinel\) \(.*\) has a nil handler`},
		{"a nil handler for a status", []rule{errorhandlers.OnStatus(404, nil)}, `OnStatus\(404\) \(.*\) has a nil handler`},
		{"a nil handler for a class", []rule{errorhandlers.OnStatusClass(4, nil)}, `OnStatusClass\(4\) \(.*\) has a nil handler`},
		{"a nil handler for a predicate", []rule{errorhandlers.OnMatch(func(error) bool { return true }, nil)}, `OnMatch \(.*\) has a nil handler`},
		{"a nil handler for a group", []rule{errorhandlers.OnGroup(nil)}, `OnGroup \(.*\) has a nil handler`},
		{"a nil handler for a last resort", []rule{errorhandlers.OnAny(nil)}, `OnAny \(.*\) has a nil handler`},
		{"a nil translation", []rule{errorhandlers.Translate[*soldOut](nil)}, `Translate\[\*errorhandlers_test.soldOut\] \(.*\) has a nil translation`},
		{"a nil translation of a sentinel", []rule{errorhandlers.TranslateIs(errSentinel, nil)}, `TranslateIs\(sentinel\) \(.*\) has a nil translation`},
		{"a nil answer", []rule{errorhandlers.NewRule(errorhandlers.AnyKey(), nil, 0)}, `OnAny \(.*\) has a nil handler`},
		{"a nil func of an adapter", []rule{errorhandlers.NewRule(errorhandlers.AnyKey(), (func())(nil), 0)}, `OnAny \(.*\) has a nil handler`},
		{"a nil target", []rule{errorhandlers.OnIs(nil, h)}, `OnIs\(nil\) \(.*\) has a nil target`},
		{"a typed nil as a target", []rule{errorhandlers.OnIs(nilProblem, h)}, `OnIs\(nil\) \(.*\) has a nil target`},
		{"a target that is uncomparable", []rule{errorhandlers.OnIs(uncomparable{1}, h)}, `OnIs\(uncomparable\) \(.*\) has a target of type errorhandlers_test.uncomparable, which cannot be compared: use On or OnMatch`},
		{"a target that holds what is uncomparable", []rule{errorhandlers.OnIs(hidden{[]int{1}}, h)}, `OnIs\(hidden\) \(.*\) has a target of type errorhandlers_test.hidden, .*`},
		{"a status that is no error's", []rule{errorhandlers.OnStatus(399, h)}, `OnStatus\(399\) \(.*\) is not for a status from 400 to 599`},
		{"a status beyond", []rule{errorhandlers.OnStatus(600, h)}, `OnStatus\(600\) \(.*\) is not for a status from 400 to 599`},
		{"a class that is no error's", []rule{errorhandlers.OnStatusClass(3, h)}, `OnStatusClass\(3\) \(.*\) is not for class 4 or 5`},
		{"a nil predicate", []rule{errorhandlers.OnMatch(nil, h)}, `OnMatch \(.*\) has a nil predicate`},
		{"a type that everything is", []rule{errorhandlers.On(func(http.ResponseWriter, *http.Request, error) error { return nil })}, `On\[error\] \(.*\) matches every error: use OnAny for a last resort`},
		{"the zero Rule", []rule{errorhandlers.OnAny(h), {}}, `rule 2 is zero, not made by On or one of its sisters`},
		{"the zero Key", []rule{errorhandlers.NewRule(errorhandlers.Key{}, h, 0)}, `rule 1 is zero, .*`},
		{"two faults of one rule", []rule{errorhandlers.OnStatus(1, nil)}, "OnStatus\\(1\\) \\(.*\\) is not for a status from 400 to 599\nOnStatus\\(1\\) \\(.*\\) has a nil handler"},
		{"two rules for a type", []rule{sayOn[*soldOut](""), sayOn[*soldOut]("")}, twice(`On\[\*errorhandlers_test.soldOut\]`)},
		{"a rule and a translation for a type", []rule{sayOn[*soldOut](""), to[*soldOut](errOther)}, `On\[\*errorhandlers_test.soldOut\] \(.*\) and Translate\[\*errorhandlers_test.soldOut\] \(.*\) are two rules for the same errors`},
		{"two rules for an interface", []rule{sayOn[timeouter](""), sayOn[timeouter]("")}, twice(`On\[errorhandlers_test.timeouter\]`)},
		{"two rules for a sentinel", []rule{errorhandlers.OnIs(errSentinel, h), errorhandlers.OnIs(errSentinel, h)}, twice(`OnIs\(sentinel\)`)},
		{"two rules for a status", []rule{errorhandlers.OnStatus(404, h), errorhandlers.OnStatus(404, h)}, twice(`OnStatus\(404\)`)},
		{"two rules for a class", []rule{errorhandlers.OnStatusClass(4, h), errorhandlers.OnStatusClass(4, h)}, twice(`OnStatusClass\(4\)`)},
		{"two rules for groups", []rule{errorhandlers.OnGroup(h), errorhandlers.OnGroup(h)}, twice(`OnGroup`)},
		{"two last resorts", []rule{errorhandlers.OnAny(h), errorhandlers.OnAny(h)}, twice(`OnAny`)},
		{"all faults together", []rule{errorhandlers.OnAny(h), errorhandlers.OnStatus(1, h), errorhandlers.OnAny(h), errorhandlers.OnIs(nil, h)},
			"OnStatus.*\nOnAny .* and OnAny .*\nOnIs.*"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set, err := errorhandlers.Compile(tc.rules...)
			if set != nil || err == nil {
				t.Fatalf("got %v, %v, want no set and an error", set, err)
			}
			got := strings.Split(err.Error(), "\n")
			want := strings.Split(tc.want, "\n")
			if len(got) != len(want) {
				t.Fatalf("got %q, want %q", got, want)
			}
			for i := range got {
				if !regexp.MustCompile("^errorhandlers: " + want[i] + "$").MatchString(got[i]) {
					t.Errorf("got %q, want %q", got[i], want[i])
				}
			}
		})
	}
}

func twice(key string) string {
	return key + ` \(.*\.go:\d+\) and ` + key + ` \(.*\.go:\d+\) are two rules for the same errors`
}

func TestWhatIsNoFault(t *testing.T) { // E1
	h, yes := say(""), func(error) bool { return true }
	var nilSet *errorhandlers.Set
	for name, rules := range map[string][]rule{
		"no rules":                           nil,
		"two predicates":                     {errorhandlers.OnMatch(yes, h), errorhandlers.OnMatch(yes, h)},
		"a type and an interface it has":     {sayOn[slow](""), sayOn[timeouter]("")},
		"a type and a pointer to it":         {sayOn[slow](""), sayOn[*slow]("")},
		"a status and its class":             {errorhandlers.OnStatus(404, h), errorhandlers.OnStatusClass(4, h)},
		"sentinels with the same text":       {errorhandlers.OnIs(errors.New("a"), h), errorhandlers.OnIs(errors.New("a"), h)},
		"the bounds of statuses and classes": {errorhandlers.OnStatus(400, h), errorhandlers.OnStatus(599, h), errorhandlers.OnStatusClass(5, h)},
	} {
		if set, err := errorhandlers.Compile(rules...); set == nil || err != nil {
			t.Errorf("%s: got %v, %v, want a set", name, set, err)
		}
	}
	if got, _ := run(errorhandlers.Search{}, status(404), &frame{Set: nilSet}); got != "own 404" {
		t.Errorf("a nil set: got %v, want own 404", got)
	}
}

// Every function that makes rules remembers its caller.
func TestRulesRememberWhereTheyWereMade(t *testing.T) { // E1
	h := say("")
	_, _, line, _ := runtime.Caller(0)
	rules := []rule{
		errorhandlers.On(func(http.ResponseWriter, *http.Request, *soldOut) error { return nil }),
		errorhandlers.OnIs(errSentinel, h),
		errorhandlers.OnStatus(404, h),
		errorhandlers.OnStatusClass(4, h),
		errorhandlers.OnMatch(func(error) bool { return true }, h),
		errorhandlers.OnGroup(h),
		errorhandlers.OnAny(h),
		errorhandlers.Translate(func(*soldOut) error { return nil }),
		errorhandlers.TranslateIs(errSentinel, func(error) error { return nil }),
		errorhandlers.NewRule(errorhandlers.AnyKey(), h, 0),
		func() rule { return errorhandlers.NewRule(errorhandlers.AnyKey(), h, 1) }(),
	}
	for i, r := range rules {
		if want := fmt.Sprintf("/compile_test.go:%d)", line+2+i); !strings.HasSuffix(r.String(), want) {
			t.Errorf("got %v, want %v", r.String(), want)
		}
	}
	var zero rule
	if got, want := zero.String(), "no key (place unknown)"; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What the caller does with its slice afterwards is nothing to the set.
func TestCompileCopies(t *testing.T) {
	rules := []rule{sayOn[*soldOut]("first")}
	set := compile(t, rules...)
	rules[0] = sayOn[*soldOut]("second")
	if got, _ := run(errorhandlers.Search{}, &soldOut{}, &frame{Set: set}); got != "first" {
		t.Errorf("got %v, want first", got)
	}
}
