package errorhandlers_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/creche-go/creche/errorhandlers"
)

var errBroken = errors.New("handler broken")

func TestHandlersThatFailOrDecline(t *testing.T) { // E4
	var (
		join        = errors.Join
		broken      = errorhandlers.OnIs(errSentinel, fail(errBroken))
		declining   = errorhandlers.OnIs(errSentinel, fail(errorhandlers.ErrDecline))
		handlesSold = sayOn[*soldOut]("sold out")
	)
	for _, tc := range []struct {
		name   string
		err    error
		inner  []rule
		outer  []rule
		want   string
		faults int
	}{
		{"a failed handler is followed by the next leaf", join(errSentinel, &soldOut{}), nil, []rule{broken, handlesSold}, "sold out", 1},
		{"a failed handler of the only leaf is followed by the plain 500", errSentinel, nil, []rule{broken}, "plain 500", 1},
		{"a failed handler of the only leaf is followed by the last resort", errSentinel, nil, []rule{broken, errorhandlers.OnAny(say("any"))}, "any", 1},
		{"a failed handler is not followed by another rule for its leaf", errSentinel, []rule{broken}, []rule{errorhandlers.OnIs(errSentinel, say("outer"))}, "plain 500", 1},
		{"a failed handler is not followed by its leaf's own status", &errorhandlers.Problem{Status: 404, Err: errSentinel}, nil, []rule{broken}, "plain 500", 1},
		{"a failed last resort is followed by the plain 500", errOther, []rule{errorhandlers.OnAny(fail(errBroken))}, []rule{errorhandlers.OnAny(say("outer"))}, "plain 500", 1},
		{"a failed rule for the group is followed by the leaves", join(errOther, &soldOut{}), []rule{errorhandlers.OnGroup(fail(errBroken))}, []rule{errorhandlers.OnGroup(say("outer")), handlesSold}, "sold out", 1},
		{"all that fail are told", join(errSentinel, &soldOut{}), nil, []rule{broken, errorhandlers.OnStatus(500, fail(errBroken)), errorhandlers.On(func(_ http.ResponseWriter, _ *http.Request, _ *soldOut) error { return errBroken })}, "plain 500", 3},
		{"one that declines is followed by another rule for its leaf", errSentinel, []rule{declining}, []rule{errorhandlers.OnIs(errSentinel, say("outer"))}, "outer", 0},
		{"one that declines is followed by its leaf's own status", &errorhandlers.Problem{Status: 404, Err: errSentinel}, nil, []rule{declining}, "own 404", 0},
		{"one that declines is followed by the next leaf", join(errSentinel, &soldOut{}), nil, []rule{declining, handlesSold}, "sold out", 0},
		{"a last resort that declines is followed by the next", errOther, []rule{errorhandlers.OnAny(fail(errorhandlers.ErrDecline))}, []rule{errorhandlers.OnAny(say("outer"))}, "outer", 0},
		{"what fails beside a decline is told", errSentinel, []rule{errorhandlers.OnIs(errSentinel, fail(fmt.Errorf("x: %w", join(errorhandlers.ErrDecline, errBroken))))}, []rule{errorhandlers.OnIs(errSentinel, say("outer"))}, "outer", 1},
		{"a decline that says what the handler was given is one", errSentinel, []rule{errorhandlers.OnIs(errSentinel, fail(fmt.Errorf("%w: not mine: %w", errorhandlers.ErrDecline, errSentinel)))}, []rule{errorhandlers.OnIs(errSentinel, say("outer"))}, "outer", 0},
		{"one that declines a link above a multi-error is followed by the leaves' rules", &upstream{join(errOther, &soldOut{})}, nil, []rule{handlesSold, errorhandlers.On(func(_ http.ResponseWriter, _ *http.Request, _ *upstream) error { return errorhandlers.ErrDecline })}, "sold out", 0},
		{"one that fails on a link above a multi-error is done with all leaves below", join(&upstream{join(errOther, &soldOut{})}, status(404)), nil, []rule{handlesSold, errorhandlers.On(func(_ http.ResponseWriter, _ *http.Request, _ *upstream) error { return errBroken })}, "own 404", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := run(errorhandlers.Search{}, tc.err, frames(t, tc.inner, tc.outer))
			if got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			count := 0
			if _, one := err.(*errorhandlers.RuleError); one {
				count = 1
			} else if err != nil {
				count = len(err.(interface{ Unwrap() []error }).Unwrap())
			}
			if count != tc.faults || (tc.faults > 0) != errors.Is(err, errBroken) {
				t.Errorf("got faults %v, want %v", err, tc.faults)
			}
		})
	}
}

func TestEachLinkAboveIsDeclinedOnce(t *testing.T) { // E4
	asked := 0
	f := frames(t, []rule{errorhandlers.On(func(_ http.ResponseWriter, _ *http.Request, _ *upstream) error {
		asked++
		return errorhandlers.ErrDecline
	})})
	got, _ := run(errorhandlers.Search{}, &upstream{errors.Join(errOther, errUnhandled, errSentinel)}, f)
	if asked != 1 || got != "plain 500" {
		t.Errorf("got %v times, %v, want 1 time, plain 500", asked, got)
	}
}

func TestRuleErrorTellsWhatItWasHandling(t *testing.T) { // E4
	leaf := &soldOut{SKU: "tea"}
	_, err := run(errorhandlers.Search{}, fmt.Errorf("wrap: %w", leaf), frames(t, []rule{
		errorhandlers.On(func(_ http.ResponseWriter, _ *http.Request, _ *soldOut) error { return errBroken }),
	}))
	ruleErr, ok := errors.AsType[*errorhandlers.RuleError](err)
	if !ok {
		t.Fatalf("got %v, want a *RuleError", err)
	}
	if ruleErr.Err != error(leaf) || ruleErr.Cause != errBroken || !errors.Is(err, errBroken) || !errors.Is(err, leaf) {
		t.Errorf("got %+v, want Err %v and Cause %v", ruleErr, leaf, errBroken)
	}
	for _, want := range []string{"errorhandlers: On[*errorhandlers_test.soldOut] (", "failing_test.go:", "handler broken", "sold out: tea"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to contain %q", err, want)
		}
	}
}

// The plain 500 is plain, whatever the error that it answers could have said.
func TestPlainAnswerAfterAFailure(t *testing.T) { // E4, E6
	var last errorhandlers.Answer
	err := &errorhandlers.Problem{Status: 409, Detail: "no tea"}
	_ = errorhandlers.Search{}.Each(err, frames(t, []rule{errorhandlers.OnStatus(409, say(""))}), func(a errorhandlers.Answer) error {
		last = a
		if a.Rule != nil {
			return errBroken
		}
		return nil
	})
	if p := last.Problem(); last.Status != 500 || p.Status != 500 || p.Detail != "" {
		t.Errorf("got %v, %+v, want a plain 500", last.Status, p)
	}
}

func TestPanickingPredicateIsReported(t *testing.T) { // E4
	ring := map[string]any{}
	ring["self"] = ring // which cannot be printed
	f := frames(t, []rule{
		errorhandlers.OnMatch(func(error) bool { panic(errBroken) }, say("never")),
		errorhandlers.OnMatch(func(error) bool { panic("at the disco") }, say("never")),
		errorhandlers.OnMatch(func(error) bool { panic(ring) }, say("never")),
		sayOn[slow]("slow"),
	})
	got, err := run(errorhandlers.Search{}, errOther, f)
	if got != "plain 500" || !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "at the disco") || !strings.Contains(err.Error(), "a map[string]interface {} that holds itself") {
		t.Errorf("got %v, %v, want plain 500 and the panics", got, err)
	}
	if !strings.Contains(err.Error(), "failing_test.go") {
		t.Errorf("got %v, want the stack of the panic", err)
	}
}
