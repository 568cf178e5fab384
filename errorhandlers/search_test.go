package errorhandlers_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

func TestWhichLeafAnswers(t *testing.T) { // E2
	join := errors.Join
	rules := []rule{
		sayOn[*soldOut]("sold out"),
		errorhandlers.OnStatus(409, say("409")),
	}
	for _, tc := range []struct {
		name  string
		err   error
		inner []rule
		outer []rule
		want  string
	}{
		{name: "an error nobody knows is a plain 500", err: errUnhandled, outer: rules, want: "plain 500"},
		{name: "no rules at all are a plain 500", err: errUnhandled, want: "plain 500"},
		{name: "a single error with a rule", err: &soldOut{}, outer: rules, want: "sold out"},
		{name: "a single error with a status", err: status(404), outer: rules, want: "own 404"},
		{name: "unhandled before 403 is 403", err: join(errUnhandled, status(403)), want: "own 403"},
		{name: "403 before unhandled is 403", err: join(status(403), errUnhandled), want: "own 403"},
		{name: "404 before 409 and 503 is 404", err: join(status(404), status(409), status(503)), want: "own 404"},
		{name: "503 before 404 is 503", err: join(status(503), status(404)), want: "own 503"},
		{name: "404 by its own status before 409 by a rule", err: join(status(404), status(409)), outer: rules, want: "own 404"},
		{name: "409 by a rule before 404 by its own status", err: join(status(409), status(404)), outer: rules, want: "409"},
		{name: "unhandled before a type with a rule", err: multi(1, errUnhandled, 2, &soldOut{}), outer: rules, want: "sold out"},
		{name: "depth first", err: join(join(errUnhandled, status(410)), status(404)), want: "own 410"},
		{name: "several %w are a multi-error", err: fmt.Errorf("%w and %w", errUnhandled, status(404)), want: "own 404"},
		{
			name: "the inner frame before the outer one",
			err:  &soldOut{}, inner: []rule{sayOn[*soldOut]("inner")}, outer: rules, want: "inner",
		},
		{
			name: "an outer rule for the first leaf before an inner one for the second",
			err:  join(&soldOut{}, errSentinel), inner: []rule{errorhandlers.OnIs(errSentinel, say("inner"))}, outer: rules,
			want: "sold out",
		},
		{
			name: "an inner rule for what is wrapped before an outer one for what wraps it",
			err:  &upstream{errSentinel}, inner: []rule{errorhandlers.OnIs(errSentinel, say("inner"))},
			outer: []rule{sayOn[*upstream]("outer")}, want: "inner",
		},
		{
			name: "a rule outside before the leaf's own status",
			err:  status(409), inner: []rule{errorhandlers.OnStatus(404, say("404"))}, outer: rules, want: "409",
		},
		{
			name: "an explicit 503 meets the rule for its class as a leaf",
			err:  join(status(503), status(409)), outer: append([]rule{errorhandlers.OnStatusClass(5, say("5xx"))}, rules...), want: "5xx",
		},
		{
			name: "an implied 500 meets the rule for its class after all leaves only",
			err:  join(errUnhandled, status(409)), outer: append([]rule{errorhandlers.OnStatusClass(5, say("5xx"))}, rules...), want: "409",
		},
		{
			name: "an explicit 500 meets the rule for 500 as a leaf",
			err:  join(status(500), status(409)), outer: append([]rule{errorhandlers.OnStatus(500, say("500"))}, rules...), want: "500",
		},
		{
			name: "last resorts come after all leaves",
			err:  join(errUnhandled, status(404)), outer: []rule{errorhandlers.OnAny(say("any"))}, want: "own 404",
		},
		{
			name: "the last resort of the inner frame before all of the outer one",
			err:  errUnhandled, inner: []rule{errorhandlers.OnAny(say("inner any"))},
			outer: []rule{errorhandlers.OnStatus(500, say("outer 500"))}, want: "inner any",
		},
		{
			name:  "of the last resorts of a frame 500 before 5xx before any",
			err:   errUnhandled,
			outer: []rule{errorhandlers.OnAny(say("any")), errorhandlers.OnStatusClass(5, say("5xx")), errorhandlers.OnStatus(500, say("500"))},
			want:  "500",
		},
		{
			name:  "of the last resorts of a frame 5xx before any",
			err:   errUnhandled,
			outer: []rule{errorhandlers.OnAny(say("any")), errorhandlers.OnStatusClass(5, say("5xx"))},
			want:  "5xx",
		},
		{
			name: "a rule for the group before all leaves",
			err:  join(status(404), &soldOut{}), inner: rules, outer: []rule{errorhandlers.OnGroup(say("group"))}, want: "group",
		},
		{
			name: "a rule for the group of the inner frame first",
			err:  join(status(404), &soldOut{}), inner: []rule{errorhandlers.OnGroup(say("inner"))},
			outer: []rule{errorhandlers.OnGroup(say("outer"))}, want: "inner",
		},
		{
			name: "a rule for the group that declines leaves it to the next one",
			err:  join(status(404), &soldOut{}), inner: []rule{errorhandlers.OnGroup(fail(errorhandlers.ErrDecline))},
			outer: []rule{errorhandlers.OnGroup(say("outer"))}, want: "outer",
		},
		{
			name: "rules for the group that all decline leave it to the leaves",
			err:  join(status(404), &soldOut{}), outer: []rule{errorhandlers.OnGroup(fail(fmt.Errorf("no: %w", errorhandlers.ErrDecline)))},
			want: "own 404",
		},
		{
			name: "a wrapped multi-error is a group",
			err:  fmt.Errorf("quote: %w", multi(1, errUnhandled, 2, errOther)), outer: []rule{errorhandlers.OnGroup(say("group"))}, want: "group",
		},
		{
			name: "a single error is no group",
			err:  status(404), outer: []rule{errorhandlers.OnGroup(say("group"))}, want: "own 404",
		},
		{
			name: "one error joined with nil is no group",
			err:  join(status(404), nil), outer: []rule{errorhandlers.OnGroup(say("group"))}, want: "own 404",
		},
		{
			name: "a MultiError whose other failures were only counted is a group",
			err:  &nursery.MultiError{Failures: []nursery.Failure{{Err: status(404)}}, Omitted: 3}, outer: []rule{errorhandlers.OnGroup(say("group"))},
			want: "group",
		},
		{
			name: "a type rule for the multi-error is met above its leaves",
			err:  multi(1, status(404), 2, errOther), outer: []rule{sayOn[*nursery.MultiError]("multi")}, want: "multi",
		},
		{
			name: "a panic's value is a link of its own",
			err:  &nursery.PanicError{Value: &soldOut{}}, outer: rules, want: "sold out",
		},
		{
			name: "a rule for what wraps a multi-error is met from each leaf",
			err:  &upstream{join(errUnhandled, errOther)}, outer: []rule{sayOn[*upstream]("upstream")}, want: "upstream",
		},
		{
			name: "a status above a multi-error is each leaf's own",
			err:  &errorhandlers.Problem{Status: 409, Err: join(errUnhandled, errOther)}, want: "own 409",
		},
		{
			name: "an inner frame's rule for a leaf before an outer one's for what wraps the multi-error",
			err:  &upstream{join(errUnhandled, errSentinel)}, inner: []rule{errorhandlers.OnIs(errUnhandled, say("inner"))},
			outer: []rule{sayOn[*upstream]("outer")}, want: "inner",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, faults := run(errorhandlers.Search{}, tc.err, frames(t, tc.inner, tc.outer))
			if got != tc.want || faults != nil {
				t.Errorf("got %v, %v, want %v", got, faults, tc.want)
			}
		})
	}
}

func TestWhichRuleOfAFrameAnswers(t *testing.T) { // E1, E3
	wrap := func(err error) error { return fmt.Errorf("wrap: %w", err) }
	never := func(error) bool { return false }
	always := func(error) bool { return true }
	var (
		onIs        = errorhandlers.OnIs(errSentinel, say("sentinel"))
		onType      = sayOn[*soldOut]("type")
		onInterface = sayOn[timeouter]("interface")
		onMatch     = errorhandlers.OnMatch(always, say("predicate"))
		on418       = errorhandlers.OnStatus(418, say("418"))
		on4xx       = errorhandlers.OnStatusClass(4, say("4xx"))
	)
	for _, tc := range []struct {
		name  string
		err   error
		rules []rule
		want  string
	}{
		{"a sentinel by ==", errSentinel, []rule{onIs}, "sentinel"},
		{"a sentinel wrapped twice", wrap(wrap(errSentinel)), []rule{onIs}, "sentinel"},
		{"a sentinel that is a value", &upstream{slow{}}, []rule{errorhandlers.OnIs(slow{}, say("value"))}, "value"},
		{"a concrete type", &soldOut{}, []rule{onType}, "type"},
		{"a concrete type that is no pointer", wrap(teapot{}), []rule{sayOn[teapot]("teapot")}, "teapot"},
		{"an interface", wrap(slow{}), []rule{onInterface}, "interface"},
		{"a predicate", errOther, []rule{errorhandlers.OnMatch(never, say("never")), onMatch}, "predicate"},
		{"an exact status", wrap(teapot{}), []rule{on418}, "418"},
		{"a class of statuses", wrap(teapot{}), []rule{on4xx}, "4xx"},
		{"an exact status before its class", teapot{}, []rule{on4xx, on418}, "418"},
		{"a sentinel before its type", slow{}, []rule{sayOn[slow]("type"), errorhandlers.OnIs(slow{}, say("sentinel"))}, "sentinel"},
		{"a type before its status", teapot{}, []rule{on418, sayOn[teapot]("type")}, "type"},
		{"a status before an interface", teapot{}, []rule{sayOn[errorhandlers.StatusCarrier]("interface"), on4xx}, "4xx"},
		{"a type before an interface", slow{}, []rule{onInterface, sayOn[slow]("type")}, "type"},
		{"interfaces and predicates in the order given: the interface", slow{}, []rule{onInterface, onMatch}, "interface"},
		{"interfaces and predicates in the order given: the predicate", slow{}, []rule{onMatch, onInterface}, "predicate"},
		{"the outer link's interface before the inner link's sentinel", timeout{errSentinel}, []rule{onIs, onInterface}, "interface"},
		{"the outer link's type before the inner link's", &upstream{&soldOut{}}, []rule{onType, sayOn[*upstream]("outer")}, "outer"},
		{"an outer status before an inner type", &errorhandlers.Problem{Status: 418, Err: &soldOut{}}, []rule{onType, on418}, "418"},
		{"an inner type where the outer link has no rule", &errorhandlers.Problem{Status: 404, Err: &soldOut{}}, []rule{onType, on418}, "type"},
		{"a link's own Is", wrap(like{target: errSentinel}), []rule{onIs}, "sentinel"},
		{"a link's own As", wrap(like{as: &soldOut{}}), []rule{onType}, "type"},
		{"a link's own Is before its predicate", like{target: errSentinel}, []rule{onMatch, onIs}, "sentinel"},
		{"a link's type before its own Is", like{target: errSentinel}, []rule{onIs, sayOn[like]("like")}, "like"},
		{"a link's own Is and As in the order given: Is", like{errSentinel, &soldOut{}}, []rule{onIs, onType}, "sentinel"},
		{"a link's own Is and As in the order given: As", like{errSentinel, &soldOut{}}, []rule{onType, onIs}, "type"},
		{"errors.ErrUnsupported through Is", wrap(unsupported{}), []rule{errorhandlers.OnIs(errors.ErrUnsupported, say("unsupported"))}, "unsupported"},
		{"another sentinel of the same type", io.EOF, []rule{onIs}, "plain 500"},
		{"another type of the same shape", &upstream{errOther}, []rule{onType}, "plain 500"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, faults := run(errorhandlers.Search{}, tc.err, frames(t, tc.rules))
			if got != tc.want || faults != nil {
				t.Errorf("got %v, %v, want %v", got, faults, tc.want)
			}
		})
	}
}

// timeout is a timeouter that wraps.
type timeout struct{ error }

func (timeout) Timeout() bool   { return true }
func (e timeout) Unwrap() error { return e.error }

type unsupported struct{}

func (unsupported) Error() string        { return "unsupported" }
func (unsupported) Is(target error) bool { return target == errors.ErrUnsupported }

// The order of rules decides nothing but between interfaces and predicates.
func TestNothingElseDependsOnOrder(t *testing.T) { // E3
	rules := []rule{
		errorhandlers.OnIs(errSentinel, say("sentinel")),
		sayOn[*soldOut]("type"),
		sayOn[timeouter]("interface"),
		errorhandlers.OnStatus(418, say("418")),
		errorhandlers.OnStatusClass(4, say("4xx")),
		errorhandlers.OnGroup(fail(errorhandlers.ErrDecline)),
		errorhandlers.OnAny(say("any")),
	}
	backwards := slices.Clone(rules)
	slices.Reverse(backwards)
	for _, err := range []error{
		errSentinel, &soldOut{}, slow{}, teapot{}, status(404), errOther, timeout{&soldOut{}}, &upstream{errSentinel},
		errors.Join(errOther, slow{}), &errorhandlers.Problem{Status: 418, Err: errSentinel}, os.ErrDeadlineExceeded,
	} {
		forth, _ := run(errorhandlers.Search{}, err, frames(t, rules))
		back, _ := run(errorhandlers.Search{}, err, frames(t, backwards))
		if forth != back {
			t.Errorf("%v: got %v, and %v with the rules backwards", err, forth, back)
		}
	}
}

func TestOpenIsNotExist(t *testing.T) { // E3
	_, err := os.Open(filepath.Join(t.TempDir(), "nothing"))
	got, _ := run(errorhandlers.Search{}, fmt.Errorf("load: %w", err), frames(t, []rule{errorhandlers.OnIs(fs.ErrNotExist, say("not exist"))}))
	if got != "not exist" {
		t.Errorf("got %v, want not exist", got)
	}
}

func TestWhatTheHandlerReceives(t *testing.T) { // E1, E2
	leaf := &soldOut{SKU: "tea"}
	wrapped := &upstream{leaf}
	whole := errors.Join(errUnhandled, wrapped)
	decline := errorhandlers.OnAny(say("any"))
	for _, tc := range []struct {
		name  string
		err   error
		rules []rule
		want  error // what the handler gets
		leaf  error
	}{
		{"the link of the type", whole, []rule{sayOn[*soldOut]("")}, leaf, wrapped},
		{"the link that carries the status", errors.Join(errUnhandled, &upstream{status(409)}), []rule{errorhandlers.OnStatus(409, say(""))}, status(409), &upstream{status(409)}},
		{"what the link's As returns", &upstream{like{as: leaf}}, []rule{sayOn[*soldOut]("")}, leaf, &upstream{like{as: leaf}}},
		{"the link itself where Is says so", like{target: errSentinel}, []rule{errorhandlers.OnIs(errSentinel, say(""))}, like{target: errSentinel}, like{target: errSentinel}},
		{"the whole error for a group", whole, []rule{errorhandlers.OnGroup(say(""))}, whole, nil},
		{"the whole error for a last resort", errors.Join(errUnhandled, errOther), []rule{decline}, errors.Join(errUnhandled, errOther), nil},
		{"the whole error for the plain 500", errors.Join(errUnhandled, errOther), nil, errors.Join(errUnhandled, errOther), nil},
		{"the link that carries its own status", &upstream{teapot{}}, nil, teapot{}, &upstream{teapot{}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, faults := errorhandlers.Search{}.First(tc.err, frames(t, tc.rules))
			if !sameText(a.Err, tc.want) || faults != nil {
				t.Errorf("got Err %v, %v, want %v", a.Err, faults, tc.want)
			}
			if !sameText(a.Leaf, tc.leaf) {
				t.Errorf("got Leaf %v, want %v", a.Leaf, tc.leaf)
			}
		})
	}
}

// sameText compares errors of the same type by their text.
func sameText(a, b error) bool {
	return fmt.Sprintf("%T %v", a, a) == fmt.Sprintf("%T %v", b, b)
}

func TestNilNeedsNoAnswer(t *testing.T) {
	err := errorhandlers.Search{}.Each(nil, nil, func(errorhandlers.Answer) error {
		t.Error("try was called")
		return nil
	})
	if err != nil {
		t.Errorf("got %v, want nil", err)
	}
	a, err := errorhandlers.Search{}.First(nil, frames(t, []rule{errorhandlers.OnAny(say("any"))}))
	if a.Rule != nil || a.Err != nil || a.Status != 0 || err != nil {
		t.Errorf("got %+v, %v, want the zero Answer", a, err)
	}
}

func TestFramesWithoutRules(t *testing.T) {
	empty := compile(t)
	f := &frame{Outer: &frame{Set: empty, Outer: frames(t, []rule{sayOn[*soldOut]("sold out")})}}
	if got, _ := run(errorhandlers.Search{}, &soldOut{}, f); got != "sold out" {
		t.Errorf("got %v, want sold out", got)
	}
	if got, _ := run(errorhandlers.Search{}, errOther, f); got != "plain 500" {
		t.Errorf("got %v, want plain 500", got)
	}
}

// What an adapter can run is its own business: here, strings.
func TestAcceptDecidesWhichAnswersCount(t *testing.T) { // E1
	key := errorhandlers.TypeKey[*soldOut]()
	inner := errorhandlers.NewRule(key, "of another router", 0)
	outer := sayOn[*soldOut]("of net/http")
	f := frames(t, []rule{inner}, []rule{outer})
	if got, _ := run(errorhandlers.Search{}, &soldOut{}, f); got != "of net/http" {
		t.Errorf("nil Accept: got %v, want of net/http", got)
	}
	strings := errorhandlers.Search{Accept: func(answer any) bool { _, ok := answer.(string); return ok }}
	if a, _ := strings.First(&soldOut{}, f); a.Rule == nil || a.Rule.Answer() != "of another router" {
		t.Errorf("got %v, want the other router's", a.Rule)
	}
	none := errorhandlers.Search{Accept: func(any) bool { return false }}
	if a, _ := none.First(&soldOut{}, f); a.Rule != nil || a.Status != http.StatusInternalServerError {
		t.Errorf("got %v %v, want the plain 500", a.Rule, a.Status)
	}
}

// The handler of a rule that is not accepted hides no other rule.
func TestGroupAndLastResortAreSubjectToAccept(t *testing.T) {
	f := frames(t, []rule{errorhandlers.OnGroup(say("group")), errorhandlers.OnAny(say("any")), errorhandlers.OnStatus(500, say("500"))})
	none := errorhandlers.Search{Accept: func(any) bool { return false }}
	if got, _ := run(none, errors.Join(errUnhandled, errOther), f); got != "plain 500" {
		t.Errorf("got %v, want plain 500", got)
	}
}

// Sets and searches are shared by all requests.
func TestOneSetForManyGoroutines(t *testing.T) { // E8
	f := frames(t, []rule{sayOn[timeouter]("timeout"), sayOn[*soldOut]("sold out"), toStatus[teapot](409)})
	s := errorhandlers.Search{Order: errorhandlers.MostSpecific}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				for want, err := range map[string]error{
					"timeout": slow{}, "sold out": errors.Join(errOther, &soldOut{}), "own 409": &upstream{teapot{}}, "plain 500": errOther,
				} {
					if got, _ := run(s, err, f); got != want {
						t.Errorf("got %v, want %v", got, want)
					}
				}
			}
		})
	}
	wg.Wait()
}
