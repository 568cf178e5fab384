package errorhandlers_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/creche-go/creche/errorhandlers"
)

func toStatus[E error](code int) rule {
	return errorhandlers.Translate(func(err E) error { return &errorhandlers.Problem{Status: code, Err: err} })
}

func to[E error](result error) rule {
	return errorhandlers.Translate(func(E) error { return result })
}

func TestTranslations(t *testing.T) { // E1, E2
	for _, tc := range []struct {
		name  string
		err   error
		inner []rule
		outer []rule
		want  string
	}{
		{name: "the result's own status answers", err: &soldOut{}, outer: []rule{toStatus[*soldOut](409)}, want: "own 409"},
		{name: "a sentinel is translated", err: fmt.Errorf("wrap: %w", errSentinel), outer: []rule{errorhandlers.TranslateIs(errSentinel, func(error) error { return status(404) })}, want: "own 404"},
		{name: "an interface is translated", err: slow{}, outer: []rule{toStatus[timeouter](408)}, want: "own 408"},
		{name: "a rule for the result answers", err: &soldOut{}, outer: []rule{toStatus[*soldOut](409), errorhandlers.OnStatus(409, say("409"))}, want: "409"},
		{
			name: "the result is matched from the innermost frame again",
			err:  &soldOut{}, inner: []rule{errorhandlers.OnStatus(409, say("inner"))},
			outer: []rule{toStatus[*soldOut](409), errorhandlers.OnStatus(409, say("outer"))}, want: "inner",
		},
		{
			name: "the result is not translated again",
			err:  &soldOut{}, outer: []rule{to[*soldOut](teapot{}), toStatus[teapot](500)}, want: "own 418",
		},
		{
			name: "a result of the same type is not translated for ever",
			err:  &soldOut{}, outer: []rule{errorhandlers.Translate(func(e *soldOut) error { return fmt.Errorf("again: %w", e) })}, want: "plain 500",
		},
		{name: "nil has not matched", err: status(404), outer: []rule{to[*errorhandlers.Problem](nil)}, want: "own 404"},
		{name: "a typed nil has not matched", err: &errorhandlers.Problem{Status: 404}, outer: []rule{to[*errorhandlers.Problem]((*errorhandlers.Problem)(nil))}, want: "own 404"},
		{
			name: "nil leaves the leaf to the next rule",
			err:  &soldOut{}, inner: []rule{to[*soldOut](nil)}, outer: []rule{sayOn[*soldOut]("outer")}, want: "outer",
		},
		{name: "a multi-error is searched leaf by leaf", err: &soldOut{}, outer: []rule{to[*soldOut](errors.Join(errUnhandled, status(410)))}, want: "own 410"},
		{name: "a multi-error as a result is not asked as a group", err: &soldOut{}, outer: []rule{to[*soldOut](errors.Join(errUnhandled, status(410))), errorhandlers.OnGroup(say("group"))}, want: "own 410"},
		{name: "a result that nobody answers leaves the leaf unanswered", err: errors.Join(&errorhandlers.Problem{Status: 404, Err: &soldOut{}}, status(410)), outer: []rule{to[*errorhandlers.Problem](errOther)}, want: "plain 500"},
		{name: "and the next leaf has its turn", err: errors.Join(&soldOut{}, status(410)), outer: []rule{to[*soldOut](errOther)}, want: "own 410"},
		{name: "a leaf of a multi-error is translated", err: errors.Join(errUnhandled, &soldOut{}), outer: []rule{toStatus[*soldOut](409)}, want: "own 409"},
		{name: "the last resort is not for the result alone", err: &soldOut{}, outer: []rule{to[*soldOut](errOther), errorhandlers.OnAny(say("any"))}, want: "any"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, faults := run(errorhandlers.Search{}, tc.err, frames(t, tc.inner, tc.outer))
			if got != tc.want || faults != nil {
				t.Errorf("got %v, %v, want %v", got, faults, tc.want)
			}
		})
	}
}

func TestTranslationsAreForThoseWhoRunNoHandlers(t *testing.T) { // E1
	none := errorhandlers.Search{Accept: func(any) bool { return false }}
	f := frames(t, []rule{toStatus[*soldOut](409), errorhandlers.OnStatus(409, say("409"))})
	a, err := none.First(errors.Join(errUnhandled, &soldOut{}), f)
	if a.Rule != nil || a.Status != http.StatusConflict || err != nil {
		t.Errorf("got %v %v, %v, want the Problem's own 409", a.Rule, a.Status, err)
	}
	if problem := a.Problem(); problem.Status != http.StatusConflict || !errors.Is(problem, a.Leaf) {
		t.Errorf("got %v, want the translation's Problem", problem)
	}
}

func TestLeafOfATranslationIsTheOriginal(t *testing.T) { // E4
	leaf := &soldOut{}
	whole := errors.Join(errUnhandled, leaf)
	a, _ := errorhandlers.Search{}.First(whole, frames(t, []rule{to[*soldOut](errors.Join(errOther, status(409)))}))
	if a.Leaf != error(leaf) {
		t.Errorf("got Leaf %v, want %v", a.Leaf, leaf)
	}
	if rest := texts(a.Rest(whole)); rest != "unhandled" {
		t.Errorf("got rest %v, want unhandled", rest)
	}
}

func TestPanickingTranslationIsReported(t *testing.T) { // E4
	f := frames(t, []rule{errorhandlers.Translate(func(*errorhandlers.Problem) error { panic(errBroken) })})
	for _, order := range []errorhandlers.Order{errorhandlers.ByFailure, errorhandlers.BySeverity} {
		got, err := run(errorhandlers.Search{Order: order}, errors.Join(status(404), errSentinel), f)
		if order == errorhandlers.ByFailure && got != "own 404" {
			t.Errorf("got %v, want own 404", got)
		}
		if !errors.Is(err, errBroken) || strings.Count(err.Error(), "Translate[*errorhandlers.Problem]") != 1 {
			t.Errorf("%v: got %v, want one report of the panic", order, err)
		}
	}
}
