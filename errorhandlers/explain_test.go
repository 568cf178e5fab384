package errorhandlers_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// explained is an explanation in short: what answers, by what, at which level
// and via which translation, and then the leaves that were passed over.
func explained(e errorhandlers.Explanation) string {
	parts := []string{e.Rule.Name() + " by " + e.How()}
	if e.Rule == nil {
		parts[0] = fmt.Sprintf("%d by %s", e.Status, e.How())
	}
	if e.Level() >= 0 {
		parts[0] += fmt.Sprintf(" at %d", e.Level())
	}
	if e.Via() != nil {
		parts[0] += " via " + e.Via().Name()
	}
	for _, p := range e.Passed {
		text := nursery.Text(p.Leaf) + ": " + p.Reason
		if p.Would.Err != nil {
			text += " (" + p.Would.How() + ")"
		}
		parts = append(parts, text)
	}
	for _, s := range e.Skipped {
		parts = append(parts, s.Rule.Name()+": "+s.Reason)
	}
	return strings.Join(parts, "; ")
}

func TestExplain(t *testing.T) { // E1, E2, E3
	join := errors.Join
	const (
		covered = "the same answer deals with it"
		group   = "the predicate holds for its group, but not for it"
		later   = "another leaf comes before it"
		kept    = "a server error that nobody answers comes before it"
		nobody  = "no rule answers it, and it carries no status"
		no      = "nobody answers what it is translated to"
	)
	outer := []rule{
		sayOn[*soldOut]("sold out"), errorhandlers.OnIs(errSentinel, say("sentinel")), errorhandlers.OnStatus(418, say("418")),
		errorhandlers.OnStatusClass(4, say("4xx")), sayOn[timeouter]("timeout"), to[teapot](nil),
		errorhandlers.OnMatch(func(err error) bool { return err == errOther }, say("other")),
	}
	for _, tc := range []struct {
		name  string
		order errorhandlers.Order
		err   error
		inner []rule
		outer []rule
		want  string
	}{
		{"nothing", 0, nil, nil, nil, "0 by nothing"},
		{"a type", 0, &soldOut{}, nil, outer, "On[*errorhandlers_test.soldOut] by type at 1"},
		{"a type, of the innermost frame", 0, &soldOut{}, []rule{sayOn[*soldOut]("")}, outer, "On[*errorhandlers_test.soldOut] by type at 0"},
		{"a sentinel, wrapped", 0, &upstream{errSentinel}, nil, outer, "OnIs(sentinel) by sentinel at 1"},
		{"a link's own Is", 0, like{target: errSentinel}, nil, outer, "OnIs(sentinel) by Is or As method at 1"},
		{"a status", 0, status(418), nil, outer, "OnStatus(418) by status at 1"},
		{"a class", 0, status(404), nil, outer, "OnStatusClass(4) by status class at 1"},
		{"an interface", 0, slow{}, nil, outer, "On[errorhandlers_test.timeouter] by interface at 1"},
		{"a predicate", 0, errOther, nil, outer, "OnMatch by predicate at 1"},
		{"its own status", 0, status(503), nil, outer, "503 by own status"},
		{"nobody", 0, errUnhandled, nil, outer, "500 by nothing; unhandled: " + nobody},
		{"the pointer's type has the rule", 0, said("hello"), []rule{sayOn[*said]("")}, nil,
			"500 by nothing; hello: " + nobody + "; On[*errorhandlers_test.said]: it is for type *errorhandlers_test.said, not for errorhandlers_test.said"},
		{"what it points to has the rule", 0, new(said), []rule{sayOn[said]("")}, nil,
			"500 by nothing; : " + nobody + "; On[errorhandlers_test.said]: it is for type errorhandlers_test.said, not for *errorhandlers_test.said"},
		{"both have one", 0, said("hello"), []rule{sayOn[*said](""), sayOn[said]("")}, nil, "On[errorhandlers_test.said] by type at 0"},
		{"a last resort", 0, errUnhandled, []rule{errorhandlers.OnAny(say(""))}, outer, "OnAny by last resort at 0; unhandled: " + nobody},
		{"a translation", 0, &upstream{errOther}, []rule{to[*upstream](&soldOut{})}, outer,
			"On[*errorhandlers_test.soldOut] by type at 1 via Translate[*errorhandlers_test.upstream]"},
		{"a translation to what nobody answers", 0, &upstream{errOther}, []rule{to[*upstream](errUnhandled)}, nil,
			"500 by nothing; upstream: other: " + no + `; Translate[*errorhandlers_test.upstream]: nobody answers what it returned, *errors.errorString "unhandled"`},
		{"a group's rule", 0, join(errOther, status(404)), []rule{errorhandlers.OnGroup(say(""))}, outer,
			"OnGroup by group at 0; other: " + covered + "; 404 Not Found: " + covered},
		{"the first leaf that can be answered", 0, join(errUnhandled, status(403), &soldOut{}), nil, outer[:1],
			"403 by own status; unhandled: " + nobody + "; sold out: : " + later + " (type)"},
		{"a link above others", 0, join(errUnhandled, &upstream{join(errOther, errSentinel)}), []rule{sayOn[*upstream]("")}, nil,
			"On[*errorhandlers_test.upstream] by type at 0; unhandled: " + nobody + "; sentinel: " + covered},
		{"equal leaves", 0, join(errSentinel, errSentinel), nil, outer, "OnIs(sentinel) by sentinel at 1; sentinel: " + later + " (sentinel)"},
		{"a predicate that the whole group satisfies", 0, join(errUnhandled, &upstream{errSentinel}, errOther),
			[]rule{errorhandlers.OnMatch(func(err error) bool { return errors.Is(err, errSentinel) }, say(""))}, nil,
			"OnMatch by predicate at 0; unhandled: " + group + "; other: " + group},
		{"by spawn", errorhandlers.BySpawn, multi(2, status(409), 1, status(404)), nil, nil, "404 by own status; 409 Conflict: " + later + " (own status)"},
		{"by severity", errorhandlers.BySeverity, join(status(404), errUnhandled, status(503)), nil, nil,
			"503 by own status; unhandled: " + nobody + "; 404 Not Found: " + kept + " (own status)"},
		{"by severity, hopeless", errorhandlers.BySeverity, join(status(404), errUnhandled), nil, nil,
			"500 by nothing; unhandled: " + nobody + "; 404 Not Found: " + kept + " (own status)"},
		{"the most specific", errorhandlers.MostSpecific, join(status(404), &soldOut{}), nil, outer,
			"On[*errorhandlers_test.soldOut] by type at 1; 404 Not Found: " + later + " (status class)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := explained(errorhandlers.Search{Order: tc.order}.Explain(tc.err, frames(t, tc.inner, tc.outer))); got != tc.want {
				t.Errorf("\n got %s\nwant %s", got, tc.want)
			}
		})
	}
}

// Rules that are for an error, and do not answer it, are named.
//
// E1, E2
func TestExplainNamesTheRulesThatGaveNothing(t *testing.T) {
	type theirs func(any, error) error // a handler of some other router
	other := func(key errorhandlers.Key) rule {
		return errorhandlers.NewRule(key, theirs(func(any, error) error { return nil }), 0)
	}
	const (
		nobody = "no rule answers it, and it carries no status"
		shape  = "its handler is in the shape of another router, errorhandlers_test.theirs"
		again  = "what is translated already is not translated again"
	)
	sold := &soldOut{"tea"}
	toNil := errorhandlers.Translate(func(*soldOut) error { return nil })
	for _, tc := range []struct {
		name  string
		order errorhandlers.Order
		err   error
		rules []rule
		want  string
	}{
		{"a translation to nil", 0, sold, []rule{toNil},
			"500 by nothing; sold out: tea: " + nobody + "; Translate[*errorhandlers_test.soldOut]: it returned nil"},
		{"a translation to nil, by severity", errorhandlers.BySeverity, errors.Join(sold, status(503)), []rule{toNil},
			"503 by own status; sold out: tea: " + nobody + "; Translate[*errorhandlers_test.soldOut]: it returned nil"},
		{"a translation to nil of what answers for itself", 0, &upstream{sold}, []rule{to[*upstream](nil), sayOn[*soldOut]("")},
			"On[*errorhandlers_test.soldOut] by type at 0; Translate[*errorhandlers_test.upstream]: it returned nil"},
		{"a translation to a typed nil", 0, sold, []rule{to[*soldOut]((*errorhandlers.Problem)(nil))},
			"500 by nothing; sold out: tea: " + nobody + "; Translate[*errorhandlers_test.soldOut]: it returned a nil *errorhandlers.Problem"},
		{"a translation that panics", 0, sold, []rule{errorhandlers.Translate(func(*soldOut) error { panic("ouch") })},
			"500 by nothing; sold out: tea: " + nobody + "; Translate[*errorhandlers_test.soldOut]: it panicked"},
		{"a translation to itself", 0, sold, []rule{to[*soldOut](sold)},
			"500 by nothing; sold out: tea: nobody answers what it is translated to; Translate[*errorhandlers_test.soldOut]: " + again +
				`; Translate[*errorhandlers_test.soldOut]: nobody answers what it returned, *errorhandlers_test.soldOut "sold out: tea"`},
		{"a chain of translations", 0, sold, []rule{to[*soldOut](&upstream{errOther}), to[*upstream](status(404))},
			"500 by nothing; sold out: tea: nobody answers what it is translated to; Translate[*errorhandlers_test.upstream]: " + again +
				`; Translate[*errorhandlers_test.soldOut]: nobody answers what it returned, *errorhandlers_test.upstream "upstream: other"`},
		{"a translation that wraps what it was made of", 0, sold, []rule{toStatus[*soldOut](409)},
			"409 by translation via Translate[*errorhandlers_test.soldOut]"},
		{"a translation that wraps what another one is for", 0, &upstream{sold}, []rule{toStatus[*upstream](502), toStatus[*soldOut](409)},
			"502 by translation via Translate[*errorhandlers_test.upstream]; Translate[*errorhandlers_test.soldOut]: " + again},
		{"a translation that wraps what it was made of, in a group", errorhandlers.BySeverity, errors.Join(sold, &soldOut{"milk"}), []rule{toStatus[*soldOut](500)},
			"500 by translation via Translate[*errorhandlers_test.soldOut]; sold out: milk: another leaf comes before it (translation)"},
		{"one that does so beside one that nobody answers", 0, errors.Join(&upstream{errOther}, sold), []rule{
			errorhandlers.Translate(func(e *upstream) error { return e }), toStatus[*soldOut](409),
		}, "409 by translation via Translate[*errorhandlers_test.soldOut]; upstream: other: nobody answers what it is translated to; " +
			"Translate[*errorhandlers_test.upstream]: " + again + `; Translate[*errorhandlers_test.upstream]: nobody answers what it returned, *errorhandlers_test.upstream "upstream: other"`},
		{"a translation that answers one of its type, but not the first", 0, errors.Join(&soldOut{"milk"}, sold), []rule{errorhandlers.Translate(func(e *soldOut) error {
			if e == sold {
				return &errorhandlers.Problem{Status: 409, Err: e}
			}
			return e
		})}, "409 by translation via Translate[*errorhandlers_test.soldOut]; sold out: milk: nobody answers what it is translated to; " +
			"Translate[*errorhandlers_test.soldOut]: " + again + `; Translate[*errorhandlers_test.soldOut]: nobody answers what it returned, *errorhandlers_test.soldOut "sold out: milk"`},
		{"several that are translated together", 0, &upstream{errors.Join(errOther, errSentinel)}, []rule{to[*upstream](errUnhandled)},
			"500 by nothing; other: nobody answers what it is translated to; sentinel: nobody answers what it is translated to; " +
				`Translate[*errorhandlers_test.upstream]: nobody answers what it returned, *errors.errorString "unhandled"`},
		{"a type in another shape", 0, sold, []rule{other(errorhandlers.TypeKey[*soldOut]())},
			"500 by nothing; sold out: tea: " + nobody + "; On[*errorhandlers_test.soldOut]: " + shape},
		{"all there are in another shape", 0, errors.Join(sold, errSentinel, status(404)), []rule{
			other(errorhandlers.IsKey(errSentinel)), other(errorhandlers.StatusKey(404)), other(errorhandlers.ClassKey(4)),
			other(errorhandlers.MatchKey(func(err error) bool { return err == errSentinel })), other(errorhandlers.GroupKey()),
		}, "404 by own status; sold out: tea: " + nobody + "; sentinel: " + nobody + "; OnGroup: " + shape + "; OnIs(sentinel): " + shape +
			"; OnMatch: " + shape + "; OnStatus(404): " + shape + "; OnStatusClass(4): " + shape},
		{"a last resort in another shape", 0, sold, []rule{other(errorhandlers.AnyKey())}, "500 by nothing; sold out: tea: " + nobody + "; OnAny: " + shape},
		{"a predicate in another shape that panics", 0, sold, []rule{other(errorhandlers.MatchKey(func(error) bool { panic("ouch") }))},
			"500 by nothing; sold out: tea: " + nobody},
		{"a nil pointer", 0, (*upstream)(nil), []rule{sayOn[*upstream]("")}, "500 by nothing; a nil *errorhandlers_test.upstream was returned as an error: it is a nil pointer, which only a last resort is for"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := explained(errorhandlers.Search{Order: tc.order}.Explain(tc.err, frames(t, tc.rules))); got != tc.want {
				t.Errorf("\n got %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestExplanationAsText(t *testing.T) {
	f := frames(t, []rule{to[*upstream](&soldOut{"7"})}, []rule{sayOn[*soldOut]("")})
	e := errorhandlers.Search{}.Explain(errors.Join(errUnhandled, &upstream{errOther}, status(404)), f)
	lines := strings.Split(e.String(), "\n")
	want := []string{
		`On[*errorhandlers_test.soldOut] (`, "\tpassed over: *errors.errorString \"unhandled\": no rule answers it, and it carries no status",
		"\tpassed over: *errorhandlers.Problem \"404 Not Found\": another leaf comes before it (the default answer 404)",
	}
	if len(lines) != 3 || !strings.HasPrefix(lines[0], want[0]) || lines[1] != want[1] || lines[2] != want[2] {
		t.Errorf("got %q, want %q", lines, want)
	}
	if tail := `, by type at level 1: *errorhandlers_test.soldOut "sold out: 7"`; !strings.HasSuffix(lines[0], tail) || !strings.Contains(lines[0], ") via Translate[") {
		t.Errorf("got %q, want via a translation, and %q", lines[0], tail)
	}
	e = errorhandlers.Search{}.Explain(&upstream{errOther}, frames(t, []rule{to[*upstream](nil)}))
	lines = strings.Split(e.String(), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "\tpassed over: Translate[*errorhandlers_test.upstream] (") ||
		!strings.HasSuffix(last, `_test.go:18) for *errorhandlers_test.upstream "upstream: other": it returned nil`) {
		t.Errorf("got %q, want the translation, its place, and that it returned nil", last)
	}
	e = errorhandlers.Search{}.Explain(&soldOut{"7"}, frames(t, []rule{toStatus[*soldOut](409)}))
	if got := e.String(); e.Skipped != nil || !strings.HasPrefix(got, "Translate[*errorhandlers_test.soldOut] (") ||
		!strings.HasSuffix(got, `_test.go:14) to 409, by translation: *errorhandlers.Problem "409 Conflict: sold out: 7"`) {
		t.Errorf("got %q, want the translation, its place, what it returned, and nothing passed over", got)
	}
	e = errorhandlers.Search{}.Explain(status(404), frames(t, []rule{errorhandlers.OnMatch(func(error) bool { panic("in a predicate") }, say(""))}))
	lines = strings.Split(e.String(), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[1], "\tfault: errorhandlers: OnMatch (") || !strings.HasSuffix(lines[1], " failed: panic: in a predicate") {
		t.Errorf("got %q, want a line for the panic", lines)
	}
	e.Faults = errors.Join(e.Faults, errors.Join(errOther, errSentinel))
	if got := e.String(); !strings.HasSuffix(got, "\n\tfault: other\n\tfault: sentinel") || strings.Count(got, "\n") != 3 {
		t.Errorf("got %q, want a line for each of several faults", got)
	}
	if got := (errorhandlers.Explanation{}).String(); got != "there is nothing to answer" {
		t.Errorf("got %q for no error", got)
	}
}

func TestExplanationInLogs(t *testing.T) {
	log := func(e errorhandlers.Explanation) string {
		var b bytes.Buffer
		slog.New(slog.NewTextHandler(&b, nil)).Info("m", "why", e)
		return b.String()
	}
	f := frames(t, []rule{
		to[*upstream](status(418)),
		errorhandlers.OnStatus(418, say("")),
		errorhandlers.OnMatch(func(error) bool { panic("in a predicate") }, say("")),
	})
	got := log(errorhandlers.Search{}.Explain(errors.Join(errUnhandled, &upstream{errOther}), f))
	for _, want := range []string{
		`why.rule="OnStatus(418) (`, `why.how=status `, `why.error="*errorhandlers.Problem \"418 I'm a teapot\""`, "why.level=0", "why.status=418",
		`why.via="Translate[`, `why.passed="[*errors.errorString \"unhandled\": no rule`, "why.faults=", "in a predicate",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s in it", got, want)
		}
	}
	got = log(errorhandlers.Search{}.Explain(status(404), f))
	if !strings.Contains(got, `why.rule="the default answer" why.how="own status" why.error="*errorhandlers.Problem \"404 Not Found\"" why.status=404`) {
		t.Errorf("got %s for a default answer", got)
	}
	got = log(errorhandlers.Search{}.Explain(&soldOut{"7"}, frames(t, []rule{toStatus[*soldOut](409)})))
	if !strings.Contains(got, `why.rule="Translate[*errorhandlers_test.soldOut] (`) || !strings.Contains(got, " why.how=translation ") || strings.Contains(got, "skipped") {
		t.Errorf("got %s, want the translation, and no rule skipped", got)
	}
	got = log(errorhandlers.Search{}.Explain(errUnhandled, frames(t, []rule{errorhandlers.TranslateIs(errUnhandled, func(error) error { return nil })})))
	if !strings.Contains(got, `why.skipped="[TranslateIs(unhandled) (`) || !strings.Contains(got, "it returned nil") {
		t.Errorf("got %s, want the translation that returned nil", got)
	}
	if got := log(errorhandlers.Explanation{}); strings.Contains(got, "why") {
		t.Errorf("got %s for no error, want nothing", got)
	}
}

// A Search explains what its caller can answer, not what others could.
func TestExplainForCallersThatRunNoHandlers(t *testing.T) {
	f := frames(t, []rule{sayOn[*upstream](""), to[*soldOut](status(409))})
	s := errorhandlers.Search{Accept: func(any) bool { return false }}
	if got := explained(s.Explain(&upstream{&soldOut{}}, f)); got != "409 by translation via Translate[*errorhandlers_test.soldOut]; On[*errorhandlers_test.upstream]: handlers of HTTP are not run here" {
		t.Errorf("got %s", got)
	}
	s.Status = errorhandlers.ForeignStatus
	if e := s.Explain(foreign{410}, f); e.Status != 410 || e.Carried != 410 {
		t.Errorf("got %d and %d, want 410 twice", e.Status, e.Carried)
	}
}

// Of many failures the explanation is no longer than somebody would read.
//
// E8
func TestExplainManyRulesThatGaveNothing(t *testing.T) {
	leaves := make([]error, 20_000)
	for i := range leaves {
		leaves[i] = &soldOut{fmt.Sprint(i)}
	}
	e := errorhandlers.Search{}.Explain(errors.Join(leaves...), frames(t, []rule{to[*soldOut](nil)}))
	if len(e.Passed) != len(leaves) || len(e.Skipped) != 64 {
		t.Errorf("got %d leaves and %d rules, want %d and 64", len(e.Passed), len(e.Skipped), len(leaves))
	}
}

// Errors made in bad faith are explained like others.
func TestExplainErrorsMadeInBadFaith(t *testing.T) { // E8
	ring := new(link)
	ring.err = ring
	deep := error(&soldOut{})
	for range 100_000 {
		deep = &link{deep}
	}
	f := frames(t, []rule{errorhandlers.OnStatusClass(5, say("5xx"))})
	for _, err := range []error{ring, deep, (*soldOut)(nil), hidden{[]int{1}}, list{}, list{nil, (*upstream)(nil)}, &shy{}} {
		e := errorhandlers.Search{}.Explain(err, f)
		if e.Err == nil {
			t.Errorf("%T: got no answer", err)
		}
		_, _ = e.String(), e.LogValue()
	}
}

// link wraps an error without a text of its own.
type link struct{ err error }

func (*link) Error() string   { return "link" }
func (l *link) Unwrap() error { return l.err }
