package errorhandlers

import (
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"

	"github.com/creche-go/creche/nursery"
)

// Explanation says what answers an error and why, as a value for tests and
// logs. It says what [Search.Each] tries first; handlers were not run, so one
// that would decline or fail counts as the answer.
//
// Its String has a line for the answer and one for each leaf and each rule that
// was passed over, and for each fault; as a [slog.LogValuer] it is a group.
type Explanation struct {
	Answer
	// Carried is the status that Err itself carries, or 0. With a Rule the
	// client is sent what the rule's handler says, which need not be this.
	Carried int
	// Passed are the leaves that do not make the answer, in the order in which
	// they are tried.
	Passed []Passed
	// Skipped are the rules that are for one of the errors and do not answer it
	// all the same, as far as the search came, 64 at most. A rule for a type is among
	// them where the error is a pointer to that, or what that points to. That a
	// translation is not for what it returned itself is no reason where that makes
	// the answer.
	Skipped []Skipped
	// Faults are the panics of predicates and translations, as
	// [Search.Each] returns them. An application's are joined to them.
	Faults error
}

// Passed is a leaf that does not make the answer.
type Passed struct {
	// Leaf is the leaf.
	Leaf error
	// Reason says why, in words that may change.
	Reason string
	// Would is what would have answered the leaf if it had been tried, and the
	// zero Answer if nothing would or the answer deals with it already.
	Would Answer
}

// Skipped is a rule that is for an error and does not answer it.
type Skipped struct {
	// Rule is the rule. It must not be changed.
	Rule *Rule
	// Err is the link that it is for.
	Err error
	// Reason says why, in words that may change.
	Reason string
}

// Why a leaf does not make the answer.
const (
	reasonCovered    = "the same answer deals with it"
	reasonGroupOnly  = "the predicate holds for its group, but not for it"
	reasonLater      = "another leaf comes before it"
	reasonKept       = "a server error that nobody answers comes before it"
	reasonUnanswered = "no rule answers it, and it carries no status"
	reasonNil        = "it is a nil pointer, which only a last resort is for"
	reasonTranslated = "nobody answers what it is translated to"
)

// Why a rule that is for an error does not answer it.
const (
	reasonNothing  = "it returned nil"
	reasonTypedNil = "it returned a nil "
	reasonPanicked = "it panicked"
	reasonUnheeded = "nobody answers what it returned, "
	reasonAgain    = "what is translated already is not translated again"
	reasonShape    = "its handler is in the shape of another router, "
	reasonNoHTTP   = "handlers of HTTP are not run here"
	reasonType     = "it is for type "
)

// maxSkipped is how many rules that were skipped are told. There may be one for
// each leaf, and each is compared with those before.
const maxSkipped = 64

// skips notes for an Explanation that the rule does not answer err, of which it
// may learn several times.
func (q *query) skips(rule *Rule, err error, reason string) {
	if q.skipped == nil || len(*q.skipped) == maxSkipped {
		return
	}
	text := brief(err)
	known := func(s Skipped) bool { return s.Rule == rule && s.Reason == reason && brief(s.Err) == text }
	if !slices.ContainsFunc(*q.skipped, known) {
		*q.skipped = append(*q.skipped, Skipped{rule, err, reason})
	}
}

// noted returns how many rules are noted so far.
func (q *query) noted() int {
	if q.skipped == nil {
		return 0
	}
	return len(*q.skipped)
}

// credit takes back, of what was noted since, that the translation is not for its
// own result: a Problem most often wraps what it was made of.
func (q *query) credit(rule *Rule, since int) {
	if q.noted() == since {
		return
	}
	left := slices.DeleteFunc((*q.skipped)[since:], func(s Skipped) bool { return s.Rule == rule && s.Reason == reasonAgain })
	if *q.skipped = (*q.skipped)[:since+len(left)]; q.noted() == 0 {
		*q.skipped = nil
	}
}

// refuses notes that the search's caller can do nothing with the rule.
func (q *query) refuses(rule *Rule, err error) {
	switch {
	case q.skipped == nil:
	case rule.translates:
		q.skips(rule, err, reasonAgain)
	case rule.isHandler:
		q.skips(rule, err, reasonNoHTTP)
	default:
		q.skips(rule, err, reasonShape+fmt.Sprintf("%T", rule.answer))
	}
}

// nearly notes for an Explanation the rule for *T of an error that is a T, and the
// other way round: the methods of a T are those of a *T as well, and so either
// can be returned by mistake.
func (q *query) nearly(set *Set, link error, typ reflect.Type) {
	other := reflect.PointerTo(typ)
	if typ.Kind() == reflect.Pointer {
		other = typ.Elem()
	}
	if near := set.types.find(addressOf(other)); near != nil && near.rule != nil {
		q.skips(near.rule, link, fmt.Sprintf("%s%v, not for %v", reasonType, other, typ))
	}
}

// Explain says what answers err, and why. It calls predicates and translations
// but no handlers. For an err of nil it is the zero Explanation. It is not
// for each request: it allocates, and costs some microseconds.
func (s Search) Explain(err error, rules *Frame) Explanation {
	var e Explanation
	if err == nil {
		return e
	}
	first := walk{query: query{search: s, skipped: &e.Skipped}, rules: rules}
	first.all(err, func(a Answer) error {
		e.Answer = a
		return nil
	})
	e.Faults = first.allFaults()
	e.Carried = s.carried(e.Err)
	w := walk{query: query{search: s}, rules: rules}
	t := grow(tree{}, err, -1, s.Order == BySpawn)
	selective := e.selective(t)
	answers := e.Leaf != nil
	r := w.rank(t)
	for _, i := range r.order {
		p := w.passed(t, r, i)
		switch handed := e.found.how != byLastResort && e.scope.has(i); {
		case handed && selective && !e.holds(p.Leaf):
			p = Passed{Leaf: p.Leaf, Reason: reasonGroupOnly}
		case handed && answers && p.Would.Rule == e.Rule:
			answers = false // it is this leaf: the first that it can be
			continue
		case handed:
			p = Passed{Leaf: p.Leaf, Reason: reasonCovered}
		}
		e.Passed = append(e.Passed, p)
	}
	return e
}

// carried returns the status that err itself carries, if it is one for which it
// is answered.
func (s Search) carried(err error) int {
	if isPanic(err) {
		return 0
	}
	return statusOf(err, s.Status)
}

// passed tells what would answer a leaf, and why it does not.
func (w *walk) passed(t tree, r ranking, i int) Passed {
	p := Passed{Leaf: t.head(i), Reason: reasonUnanswered}
	if isNilPointer(p.Leaf) {
		p.Reason = reasonNil
	}
	if !t.segments[i].done && w.leaf(t, i, len(t.segments), &origin{}, func(a Answer) error {
		p.Would = a
		return nil
	}) {
		p.Reason = reasonLater
		if r.keeps(i) {
			p.Reason = reasonKept
		}
	} else if t.segments[i].done {
		p.Reason = reasonTranslated
	}
	return p
}

// String tells the answer, the leaves and rules that were passed over, and the
// first line of each fault, a line each, without a final line break.
func (e Explanation) String() string {
	var b strings.Builder
	if e.Err == nil {
		return "there is nothing to answer"
	}
	_, _ = fmt.Fprintf(&b, "%s, by %s", e.Answer.describe(), e.How())
	if e.Level() >= 0 {
		_, _ = fmt.Fprintf(&b, " at level %d", e.Level())
	}
	_, _ = fmt.Fprintf(&b, ": %s", brief(e.Err))
	for _, p := range e.Passed {
		_, _ = fmt.Fprintf(&b, "\n\tpassed over: %s: %s", brief(p.Leaf), p.Reason)
		if p.Would.Err != nil {
			b.WriteString(" (" + p.Would.describe() + ")")
		}
	}
	for _, s := range e.Skipped {
		b.WriteString("\n\tpassed over: " + s.String())
	}
	for _, line := range faultLines(e.Faults) {
		b.WriteString("\n\tfault: " + line)
	}
	return b.String()
}

// faultLines returns the first line of each of the faults that were joined.
func faultLines(faults error) (lines []string) {
	switch f := faults.(type) {
	case nil:
		return nil
	case *RuleError: // it wraps two errors, and is one fault
	case interface{ Unwrap() []error }:
		for _, fault := range f.Unwrap() {
			lines = append(lines, faultLines(fault)...)
		}
		return lines
	}
	line, _, _ := strings.Cut(nursery.Text(faults), "\n")
	return []string{line}
}

// maker returns the rule that makes the answer: a translation where what that
// returned has a status and no rule. It is nil for the default answer.
func (a Answer) maker() *Rule {
	if a.Rule == nil {
		return a.via
	}
	return a.Rule
}

// describe names what answers.
func (a Answer) describe() string {
	name := a.maker().String()
	switch {
	case a.Rule != nil && a.via != nil:
		return name + " via " + a.via.String()
	case a.via != nil:
		return fmt.Sprintf("%s to %d", name, a.Status)
	case a.Rule == nil:
		return fmt.Sprintf("%s %d", name, a.Status)
	}
	return name
}

// String names the rule, what it is for, and why it does not answer that.
func (s Skipped) String() string {
	return s.Rule.String() + " for " + brief(s.Err) + ": " + s.Reason
}

// brief is the type and the first line of the text of err.
func brief(err error) string {
	text, _, _ := strings.Cut(nursery.Text(err), "\n")
	return fmt.Sprintf("%T %q", err, text)
}

// LogValue returns a group with rule, how, error and, where there are any,
// level, status, via, passed, skipped and faults. Rule is via where the status
// of what that returned answers.
func (e Explanation) LogValue() slog.Value {
	if e.Err == nil {
		return slog.GroupValue()
	}
	attrs := []slog.Attr{slog.String("rule", e.maker().String()), slog.String("how", e.How()), slog.String("error", brief(e.Err))}
	if e.Rule != nil {
		attrs = append(attrs, slog.Int("level", e.Level()))
	}
	if status := max(e.Status, e.Carried); status != 0 {
		attrs = append(attrs, slog.Int("status", status))
	}
	if e.via != nil {
		attrs = append(attrs, slog.String("via", e.via.String()))
	}
	if len(e.Passed) > 0 {
		passed := make([]string, len(e.Passed))
		for i, p := range e.Passed {
			passed[i] = brief(p.Leaf) + ": " + p.Reason
		}
		attrs = append(attrs, slog.Any("passed", passed))
	}
	if len(e.Skipped) > 0 {
		skipped := make([]string, len(e.Skipped))
		for i, s := range e.Skipped {
			skipped[i] = s.String()
		}
		attrs = append(attrs, slog.Any("skipped", skipped))
	}
	if e.Faults != nil {
		attrs = append(attrs, slog.String("faults", nursery.Text(e.Faults)))
	}
	return slog.GroupValue(attrs...)
}
