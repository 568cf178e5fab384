package errorhandlers

import (
	"errors"
	"net/http"

	"github.com/creche-go/creche/nursery"
)

// Search is the way in which one kind of caller (a router's adapter, say)
// looks for what answers an error. The zero Search takes rules whose answer is
// a [Handler], in the order of failure. A Search may be used concurrently.
type Search struct {
	// Order says which leaf of a multi-error is tried first.
	Order Order
	// Accept reports whether the caller can run a rule's answer; a rule whose
	// answer it refuses is as good as not there. Translations are not put to
	// it: they are for everybody, even for callers that run no handlers. Nil
	// accepts a [Handler]. It must be safe for concurrent use.
	Accept func(answer any) bool
	// Status is asked for the status of each link that carries none of those
	// this package knows (see [StatusCarrier]): of a router's own error type,
	// say, or [ForeignStatus]. Nil knows no others. It must look at err
	// alone, not at what it wraps, and be safe for concurrent use.
	Status func(err error) (status int, ok bool)
}

// Each calls try with what may answer err, best first, until try returns nil.
// The last, if nothing else did, is the plain 500.
//
// What try returns decides how it goes on. Nil: err is answered, Each returns.
// [ErrDecline]: as if the rule were not there; what is joined to it has failed.
// Anything else: the rule failed, which Each returns in the end, and another leaf
// is tried. Try must turn the panics it wants to survive into errors. It is called on this goroutine.
//
// The order is this. Rules for the group come first, if err is a multi-error,
// innermost frame first. Then leaf by leaf, in the Order of s; for each leaf
// from the innermost frame outwards; in a frame from the outermost link of the
// leaf's chain inwards, to which the links above a multi-error belong too; at
// a link the sentinel, the concrete type, what the link's own Is and As say,
// the exact status, its class, then interfaces and predicates in the order
// given. If no frame has a rule for the leaf, a status that one of its links
// carries answers. After all leaves the last resorts receive the whole err,
// innermost frame first, in a frame OnStatus(500), OnStatusClass(5), OnAny.
//
// A rule that failed on a link above a multi-error is done with all the leaves
// below: the next leaf is one that it was not handed.
//
// Each returns nil or a [*RuleError]; several are joined. An err of nil needs
// no answer: try is not called. Each allocates nothing for an error of up to 8
// links, or a multi-error of up to 8 chains, in the order of failure.
func (s Search) Each(err error, rules *Frame, try func(Answer) error) error {
	if err == nil {
		return nil
	}
	w := walk{query: query{search: s}, rules: rules}
	w.all(err, try)
	return w.allFaults()
}

// all is [Search.Each] but for what it returns.
func (w *walk) all(err error, try func(Answer) error) {
	if !w.group(err, try) && !w.leaves(err, &origin{}, try) {
		w.lastResorts(err, try)
	}
}

// allFaults returns what went wrong on the way.
func (w *walk) allFaults() error {
	if len(w.faults) < 2 {
		for _, fault := range w.faults {
			return fault
		}
		return nil
	}
	return errors.Join(w.faults...)
}

// First returns the first answer that [Search.Each] finds, for callers that
// run no handlers, and the faults met on the way to it. For an err of nil it is
// the zero Answer.
func (s Search) First(err error, rules *Frame) (Answer, error) {
	var first Answer
	faults := s.Each(err, rules, func(a Answer) error {
		first = a
		return nil
	})
	return first, faults
}

// walk is one search under way.
type walk struct {
	query
	rules *Frame
}

// origin is what a translated error was translated from.
type origin struct {
	leaf  error
	scope scope
	via   *Rule // the translation
}

// verdict is what became of an attempt.
type verdict uint8

const (
	answered verdict = iota
	declined
	failed
)

func (w *walk) attempt(a Answer, try func(Answer) error) verdict {
	return w.judge(try(a), a.Rule, a.Err)
}

// judge says what became of the attempt to answer handed with rule.
func (w *walk) judge(result error, rule *Rule, handed error) verdict {
	switch {
	case result == nil:
		return answered
	case declines(result):
		w.beside(result, rule, handed)
		return declined
	default:
		w.fault(result, rule, handed)
		return failed
	}
}

// beside files what failed beside a decline: what the handler had opened to find out
// does not close, say. What it was handed is told in any case.
func (w *walk) beside(result error, rule *Rule, handed error) {
	if result == ErrDecline { // nearly always
		return
	}
	failed := nursery.Filter(result, func(leaf error) bool {
		return !nursery.Is(leaf, ErrDecline) && !nursery.Is(handed, leaf)
	})
	if failed != nil {
		w.fault(failed, rule, handed)
	}
}

func (w *walk) fault(cause error, rule *Rule, handed error) {
	w.faults = append(w.faults, &RuleError{Rule: rule, Err: handed, Cause: cause})
}

// declines reports whether a handler returned ErrDecline. To panic with it is not
// that: panics are told, whatever their value.
func declines(result error) bool {
	if result == ErrDecline {
		return true
	}
	_, panicked := nursery.AsType[*nursery.PanicError](result)
	return !panicked && nursery.Is(result, ErrDecline)
}

// group asks the rules for the group, if err is one.
func (w *walk) group(err error, try func(Answer) error) bool {
	asked := false
	for frame, level := w.rules, 0; frame != nil; frame, level = frame.Outer, level+1 {
		if frame.Set == nil || frame.Set.group == nil || !w.accepts(frame.Set.group) && w.skipped == nil {
			continue
		}
		if !asked && !isGroup(err) {
			return false
		}
		asked = true
		if !w.accepts(frame.Set.group) {
			w.refuses(frame.Set.group, err)
			continue
		}
		a := Answer{Rule: frame.Set.group, Err: err, scope: everything, found: found{byGroup, int32(level)}}
		if v := w.attempt(a, try); v != declined {
			return v == answered
		}
	}
	return false
}

// isGroup reports whether err has several leaves, or is a MultiError, which
// may have had more than it holds.
func isGroup(err error) bool {
	var room [8]error
	var kids branch
	follow(room[:0], err, false, &kids)
	return kids.several
}

// leaves tries the leaves of err, one after the other. From is set if err was
// translated.
func (w *walk) leaves(err error, from *origin, try func(Answer) error) bool {
	var room [8]error
	var kids branch
	links := follow(room[:0], err, false, &kids)
	if kids.several {
		return w.several(err, from, try)
	}
	if from.leaf == nil {
		from = &origin{leaf: err, scope: scope{end: 1}}
	}
	for skip := 0; ; skip++ {
		w.skip = skip
		if !w.find(links, w.rules) {
			return false
		}
		if v := w.answer(&w.match, from, try); v != declined {
			return v == answered
		}
	}
}

// several is leaves for a multi-error.
func (w *walk) several(err error, from *origin, try func(Answer) error) bool {
	var links [32]error
	var segments [8]segment
	bySpawn := w.search.Order == BySpawn
	t := grow(tree{links[:0], segments[:0]}, err, -1, bySpawn)
	if w.search.Order == BySeverity || w.search.Order == MostSpecific {
		return w.ranked(t, from, try)
	}
	reached := 0
	for i := range t.segments {
		if t.segments[i].leaf && !t.segments[i].done {
			reached = w.reach(t, reached, i)
			if w.leaf(t, i, reached, from, try) {
				return true
			}
		}
	}
	return false
}

// reach finds the first matches of the segments before next and of i, and
// returns how many have theirs.
func (w *walk) reach(t tree, next, i int) int {
	for ; next <= i; next++ {
		w.look(t, next)
		w.choose(t, next)
	}
	return next
}

// look finds the first match in the segment's own links that has not declined.
func (w *walk) look(t tree, i int) {
	w.skip = t.segments[i].skip
	if t.segments[i].ok = w.find(t.chain(i), w.rules); t.segments[i].ok {
		t.segments[i].found = w.match
	}
}

// choose picks the match to try between the segment's own and that of the
// links above: the inner frame's, then the outer link's.
func (w *walk) choose(t tree, i int) {
	s := &t.segments[i]
	s.best = -1
	if s.parent >= 0 {
		s.best = t.segments[s.parent].best
	}
	if s.ok && (s.best < 0 || s.found.frame < t.segments[s.best].found.frame) {
		s.best = i
	}
}

// leaf tries what may answer one leaf of a multi-error.
func (w *walk) leaf(t tree, i, reached int, from *origin, try func(Answer) error) bool {
	for {
		j := t.segments[i].best
		if j < 0 {
			return false
		}
		o := from
		if o.leaf == nil {
			o = &origin{leaf: t.head(i), scope: t.scope(j, w.search.Order == BySpawn)}
		}
		switch w.answer(&t.segments[j].found, o, try) {
		case answered:
			return true
		case declined:
			w.passBy(t, j, reached)
		case failed:
			for k := j; k < t.segments[j].end; k++ {
				t.segments[k].done = true
			}
			return false
		}
	}
}

// passBy moves on to the next match of a segment whose match declined.
func (w *walk) passBy(t tree, j, reached int) {
	t.segments[j].skip++
	w.look(t, j)
	for k := j; k < min(reached, t.segments[j].end); k++ {
		w.choose(t, k)
	}
}

// answer hands a match to try or, if it is a translation, what may answer the
// result.
func (w *walk) answer(m *match, from *origin, try func(Answer) error) verdict {
	if m.rule == nil || !m.rule.translates {
		// Written where it is handed over, for it is too large to be copied twice.
		return w.judge(try(Answer{
			Rule: m.rule, Err: m.err, Leaf: from.leaf, Status: m.status,
			scope: from.scope, found: found{m.precision, int32(m.frame)}, via: from.via,
		}), m.rule, m.err)
	}
	result := w.translate(m)
	if result == nil {
		return declined
	}
	noted := w.noted()
	again := walk{query: query{search: w.search, translated: true, skipped: w.skipped}, rules: w.rules}
	ok := again.leaves(result, &origin{leaf: from.leaf, scope: from.scope, via: m.rule}, try)
	w.faults = append(w.faults, again.faults...)
	if ok {
		w.credit(m.rule, noted)
		return answered
	}
	if w.skipped != nil {
		w.skips(m.rule, m.err, reasonUnheeded+brief(result))
	}
	return failed
}

// lastResorts asks those, and then there is the plain 500.
func (w *walk) lastResorts(err error, try func(Answer) error) {
	for frame, level := w.rules, 0; frame != nil; frame, level = frame.Outer, level+1 {
		if frame.Set == nil {
			continue
		}
		for place := range 3 {
			rule := frame.Set.lastResort(place)
			if rule == nil {
				continue
			}
			if !w.accepts(rule) {
				w.refuses(rule, err)
				continue
			}
			a := Answer{Rule: rule, Err: err, scope: everything, found: found{byLastResort, int32(level)}}
			switch w.attempt(a, try) {
			case answered:
				return
			case failed:
				w.plain(err, try)
				return
			}
		}
	}
	w.plain(err, try)
}

// plain tries the plain 500.
func (w *walk) plain(err error, try func(Answer) error) {
	a := Answer{Err: err, Status: http.StatusInternalServerError, found: found{how: byNothing}}
	w.attempt(a, try)
}
