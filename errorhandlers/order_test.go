package errorhandlers_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

func TestOrders(t *testing.T) { // E2
	var (
		join    = errors.Join
		handled = sayOn[*soldOut]("sold out")
	)
	for _, tc := range []struct {
		name  string
		order errorhandlers.Order
		err   error
		rules []rule
		want  string
	}{
		{"by failure: 409 failed before 404", errorhandlers.ByFailure, multi(2, status(409), 1, status(404)), nil, "own 409"},
		{"by spawn: 404 started before 409", errorhandlers.BySpawn, multi(2, status(409), 1, status(404)), nil, "own 404"},
		{"by spawn: nested multi-errors likewise", errorhandlers.BySpawn, multi(2, status(409), 1, &upstream{multi(5, status(410), 4, errOther, 3, status(404))}), nil, "own 404"},
		{"by spawn: joined errors keep their order", errorhandlers.BySpawn, join(status(409), status(404)), nil, "own 409"},
		{"by spawn: the body comes before its tasks", errorhandlers.BySpawn, multi(1, status(409), 0, status(404)), nil, "own 404"},
		{"by severity: 404, 409 and 503 is 503", errorhandlers.BySeverity, join(status(404), status(409), status(503)), nil, "own 503"},
		{"by severity: of two server errors the first", errorhandlers.BySeverity, join(status(404), status(502), status(503)), nil, "own 502"},
		{"by severity: an error nobody answers keeps a 403 from answering", errorhandlers.BySeverity, join(errUnhandled, status(403)), nil, "plain 500"},
		{"by severity: and the last resort is asked", errorhandlers.BySeverity, join(status(403), errUnhandled), []rule{errorhandlers.OnAny(say("any"))}, "any"},
		{"by severity: a 503 answers beside an error nobody answers", errorhandlers.BySeverity, join(errUnhandled, status(403), status(503)), nil, "own 503"},
		{"by severity: without server errors the first leaf", errorhandlers.BySeverity, join(status(409), status(404)), nil, "own 409"},
		{"by severity: a leaf with a rule and no status ranks with 4xx", errorhandlers.BySeverity, join(&soldOut{}, status(503)), []rule{handled}, "own 503"},
		{"by severity: in the order of failure with 4xx", errorhandlers.BySeverity, join(&soldOut{}, status(404)), []rule{handled}, "sold out"},
		{"by severity: a leaf with a rule and a status of 5xx ranks with 5xx", errorhandlers.BySeverity, join(&soldOut{}, status(503)), []rule{handled, errorhandlers.OnStatus(503, say("503"))}, "503"},
		{"by severity: a status above a multi-error is its leaves'", errorhandlers.BySeverity, join(&soldOut{}, &errorhandlers.Problem{Status: 503, Err: join(errOther, &upstream{errSentinel})}), []rule{handled, errorhandlers.OnIs(errSentinel, say("sentinel"))}, "own 503"},
		{"by severity: a leaf counts as what it is translated to", errorhandlers.BySeverity, join(status(404), &soldOut{}), []rule{toStatus[*soldOut](503)}, "own 503"},
		{"by severity: translated to something with a rule", errorhandlers.BySeverity, join(status(404), &soldOut{}), []rule{toStatus[*soldOut](503), errorhandlers.OnStatusClass(5, say("5xx"))}, "5xx"},
		{"by severity: translated to something that nobody answers", errorhandlers.BySeverity, join(status(404), &soldOut{}), []rule{to[*soldOut](errOther)}, "plain 500"},
		{"by severity: a translation that returns nil does not count", errorhandlers.BySeverity, join(status(404), &errorhandlers.Problem{Status: 503, Err: &soldOut{}}), []rule{to[*soldOut](nil)}, "own 503"},
		{"most specific: a sentinel before a type", errorhandlers.MostSpecific, join(&soldOut{}, errSentinel), []rule{handled, errorhandlers.OnIs(errSentinel, say("sentinel"))}, "sentinel"},
		{"most specific: a type before an Is method", errorhandlers.MostSpecific, join(like{target: errSentinel}, &soldOut{}), []rule{handled, errorhandlers.OnIs(errSentinel, say("sentinel"))}, "sold out"},
		{"most specific: an Is method before a status", errorhandlers.MostSpecific, join(teapot{}, like{target: errSentinel}), []rule{errorhandlers.OnStatus(418, say("418")), errorhandlers.OnIs(errSentinel, say("sentinel"))}, "sentinel"},
		{"most specific: a status before a class", errorhandlers.MostSpecific, join(status(404), teapot{}), []rule{errorhandlers.OnStatus(418, say("418")), errorhandlers.OnStatusClass(4, say("4xx"))}, "418"},
		{"most specific: a class before an interface", errorhandlers.MostSpecific, join(slow{}, status(404)), []rule{sayOn[timeouter]("interface"), errorhandlers.OnStatusClass(4, say("4xx"))}, "4xx"},
		{"most specific: an interface before a predicate", errorhandlers.MostSpecific, join(errOther, slow{}), []rule{sayOn[timeouter]("interface"), errorhandlers.OnMatch(func(err error) bool { return err == errOther }, say("predicate"))}, "interface"},
		{"most specific: a predicate before an own status", errorhandlers.MostSpecific, join(status(404), errOther), []rule{errorhandlers.OnMatch(func(err error) bool { return err == errOther }, say("predicate"))}, "predicate"},
		{"most specific: an own status before nothing", errorhandlers.MostSpecific, join(errUnhandled, status(404)), nil, "own 404"},
		{"most specific: of equals the first to fail", errorhandlers.MostSpecific, join(errUnhandled, status(404), status(503)), nil, "own 404"},
		{"most specific: nothing matches", errorhandlers.MostSpecific, join(errUnhandled, errOther), nil, "plain 500"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, faults := run(errorhandlers.Search{Order: tc.order}, tc.err, frames(t, tc.rules))
			if got != tc.want || faults != nil {
				t.Errorf("got %v, %v, want %v", got, faults, tc.want)
			}
		})
	}
}

// Whatever the order of failure, these orders give the same answer.
func TestOrdersAreDeterministic(t *testing.T) { // E2
	failures := [][2]any{{1, status(404)}, {2, errUnhandled}, {3, status(503)}, {4, &soldOut{}}}
	rules := []rule{sayOn[*soldOut]("sold out")}
	for _, tc := range []struct {
		order errorhandlers.Order
		want  string
	}{{errorhandlers.BySpawn, "own 404"}, {errorhandlers.BySeverity, "own 503"}, {errorhandlers.MostSpecific, "sold out"}} {
		permute(failures, func(order [][2]any) {
			var args []any
			for _, f := range order {
				args = append(args, f[0], f[1])
			}
			if got, _ := run(errorhandlers.Search{Order: tc.order}, multi(args...), frames(t, rules)); got != tc.want {
				t.Errorf("%v of %v: got %v, want %v", tc.order, args, got, tc.want)
			}
		})
	}
}

func permute[T any](items []T, visit func([]T)) {
	var from func(int)
	from = func(i int) {
		if i == len(items) {
			visit(items)
		}
		for j := i; j < len(items); j++ {
			items[i], items[j] = items[j], items[i]
			from(i + 1)
			items[i], items[j] = items[j], items[i]
		}
	}
	from(0)
}

func TestOrdersGoOnAfterAFailedHandler(t *testing.T) { // E4
	broken := errorhandlers.OnStatus(503, fail(errBroken))
	for order, want := range map[errorhandlers.Order]string{
		errorhandlers.BySeverity:   "own 404",
		errorhandlers.MostSpecific: "own 404",
		errorhandlers.BySpawn:      "own 404",
	} {
		got, err := run(errorhandlers.Search{Order: order}, errors.Join(status(503), status(404)), frames(t, []rule{broken}))
		if got != want || !errors.Is(err, errBroken) {
			t.Errorf("%v: got %v, %v, want %v", order, got, err, want)
		}
	}
}

func TestOrderString(t *testing.T) {
	for order, want := range map[errorhandlers.Order]string{
		errorhandlers.ByFailure: "ByFailure", errorhandlers.BySpawn: "BySpawn", errorhandlers.BySeverity: "BySeverity",
		errorhandlers.MostSpecific: "MostSpecific", 9: "Order(9)",
	} {
		if got := order.String(); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func texts(errs iter.Seq[error]) string {
	var all []string
	for err := range errs {
		all = append(all, strings.ReplaceAll(err.Error(), "\n", "+"))
	}
	return strings.Join(all, ", ")
}

func TestRestIsWhatTheAnswerDoesNotDealWith(t *testing.T) { // E4
	join := errors.Join
	isSentinel := func(err error) bool { return errors.Is(err, errSentinel) }
	isUpstream := func(err error) bool { _, ok := err.(*upstream); return ok }
	for _, tc := range []struct {
		name  string
		order errorhandlers.Order
		err   error
		rules []rule
		want  string
	}{
		{"nothing of a single error with a rule", 0, &soldOut{}, []rule{sayOn[*soldOut]("")}, ""},
		{"nothing of a single error with its own status", 0, status(404), nil, ""},
		{"all of a single error that is a plain 500", 0, errOther, nil, "other"},
		{"all leaves of a plain 500", 0, join(errOther, errUnhandled), nil, "other, unhandled"},
		{"the other leaves", 0, join(errOther, status(404), errUnhandled), nil, "other, unhandled"},
		{"also those that could have been answered", 0, join(status(404), status(409)), nil, "409 Conflict"},
		{"equal leaves too", 0, join(errSentinel, errSentinel), []rule{errorhandlers.OnIs(errSentinel, say(""))}, "sentinel"},
		{"nothing where the group has a rule", 0, join(errOther, errUnhandled), []rule{errorhandlers.OnGroup(say(""))}, ""},
		{"nothing where a last resort answers", 0, join(errOther, errUnhandled), []rule{errorhandlers.OnAny(say(""))}, ""},
		{"the leaves that are not below the link with the rule", 0, join(errUnhandled, &upstream{join(errOther, errSentinel)}, status(404)), []rule{sayOn[*upstream]("")}, "unhandled, 404 Not Found"},
		{"by spawn", errorhandlers.BySpawn, multi(2, status(409), 3, errOther, 1, status(404)), nil, "409 Conflict, other"},
		{"by severity", errorhandlers.BySeverity, join(status(404), errOther, status(503)), nil, "404 Not Found, other"},
		{"of a predicate that the whole group satisfies, the leaves that do not", 0, join(errUnhandled, &upstream{errSentinel}, errOther), []rule{errorhandlers.OnMatch(isSentinel, say(""))}, "unhandled, other"},
		{"of a predicate that only the link above satisfies, none below it", 0, join(errUnhandled, &upstream{join(errOther, errSentinel)}), []rule{errorhandlers.OnMatch(isUpstream, say(""))}, "unhandled"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, _ := errorhandlers.Search{Order: tc.order}.First(tc.err, frames(t, tc.rules))
			if got := texts(a.Rest(tc.err)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestRestOfNothing(t *testing.T) {
	var zero errorhandlers.Answer
	if got := texts(zero.Rest(nil)); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
	if got := texts(zero.Rest(fmt.Errorf("a: %w", errors.Join(errOther, errSentinel)))); got != "other, sentinel" {
		t.Errorf("got %q, want other, sentinel", got)
	}
	barren := &tree{}
	barren.kids = []error{barren, &loop{barren}}
	for _, err := range []error{barren, &nursery.MultiError{}, fmt.Errorf("a: %w", barren)} {
		if got := slices.Collect(zero.Rest(err)); len(got) != 1 || got[0] != err {
			t.Errorf("got %v left of an error without leaves, want the error itself", got)
		}
	}
	for range zero.Rest(errors.Join(errOther, errSentinel)) {
		break // must not go on
	}
}
