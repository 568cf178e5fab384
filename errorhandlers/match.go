package errorhandlers

import (
	"reflect"

	"github.com/creche-go/creche/nursery"
)

// precision ranks the ways of matching, the most precise first.
type precision uint8

const (
	bySentinel precision = iota
	byType
	byMethod
	byStatus
	byClass
	byInterface
	byPredicate
	byOwnStatus
	byNothing
	byGroup
	byLastResort
)

// String says by what a rule matched; see [Answer.How].
func (p precision) String() string {
	return [...]string{
		"sentinel", "type", "Is or As method", "status", "status class", "interface", "predicate", "own status",
		"nothing", "group", "last resort",
	}[p]
}

// match is a rule that is for an error, or an error's own status.
type match struct {
	rule      *Rule // nil: the error's own status
	err       error // what is handed to the rule
	frame     int   // how far out the rule was found; own status is outside of all frames
	status    int   // the own status
	precision precision
}

// query is the search for one match in a chain of links.
type query struct {
	search     Search
	translated bool  // translations have had their turn
	skip       int   // matches to pass over, which have declined
	match      match // what find found
	faults     []error
	skipped    *[]Skipped // for an Explanation, or nil
}

// find looks for the first match: from the innermost frame outwards, in a
// frame from the outermost link inwards; after all frames the first link that
// carries a status.
func (q *query) find(links []error, rules *Frame) bool {
	frame := 0
	for ; rules != nil; rules = rules.Outer {
		if rules.Set != nil && len(rules.Set.rules) > 0 {
			for _, link := range links {
				if q.at(rules.Set, nursery.Link(link)) {
					q.match.frame = frame
					return true
				}
			}
		}
		frame++
	}
	for _, link := range links {
		if isPanic(link) {
			break
		}
		link = nursery.Link(link)
		if status := statusOf(link, q.search.Status); status != 0 && !q.passOver() {
			q.match = match{err: link, frame: frame, status: status, precision: byOwnStatus}
			return true
		}
	}
	return false
}

// isPanic reports whether link is a caught panic. What that carries is no
// answer: its value, if it is an error with a status, was not returned to be
// one. (A rule can say otherwise.)
func isPanic(link error) bool {
	_, ok := link.(*nursery.PanicError)
	return ok
}

// at asks the rules of one set about one link.
func (q *query) at(set *Set, link error) bool {
	typ := reflect.TypeOf(link)
	if typ.Kind() == reflect.Pointer && isNilPointer(link) {
		return false
	}
	var sentinel, typed *Rule
	if of := set.types.find(addressOf(typ)); of != nil {
		if len(of.sentinels) > 0 && isComparable(link) {
			if sentinel = of.sentinels[link]; sentinel != nil && q.take(sentinel, link, bySentinel) {
				return true
			}
		}
		if typed = of.rule; typed != nil && q.take(typed, link, byType) {
			return true
		}
	}
	if q.skipped != nil {
		q.nearly(set, link, typ)
	}
	if len(set.named) > 0 && q.ownMethods(set, link, sentinel, typed) {
		return true
	}
	if set.looksAtStatus && q.byStatus(set, link) {
		return true
	}
	return len(set.scanned) > 0 && q.scan(set, link, typ)
}

// ownMethods asks a link that has an Is or As of its own, if it does.
func (q *query) ownMethods(set *Set, link error, sentinel, typed *Rule) bool {
	is, _ := link.(matcher)
	as, _ := link.(asker)
	return (is != nil || as != nil) && q.askIt(set, link, is, as, sentinel, typed)
}

// askIt asks the link about the key of each rule but those that matched
// already. A method that panics says no.
func (q *query) askIt(set *Set, link error, is matcher, as asker, sentinel, typed *Rule) (found bool) {
	defer func() {
		if recover() != nil {
			found = false
		}
	}()
	for _, rule := range set.named {
		err, says := link, false
		switch {
		case rule == sentinel || rule == typed:
			continue
		case rule.key.kind == sentinelKey:
			says = is != nil && is.Is(rule.key.target)
		case as != nil:
			err, says = rule.key.as(as)
		}
		if says && q.take(rule, err, byMethod) {
			return true
		}
	}
	return false
}

func (q *query) byStatus(set *Set, link error) bool {
	status := statusOf(link, q.search.Status)
	if status == 0 {
		return false
	}
	if rule := set.statuses[status]; rule != nil && q.take(rule, link, byStatus) {
		return true
	}
	rule := set.classes[status/100]
	return rule != nil && q.take(rule, link, byClass)
}

// scan asks the interfaces and predicates.
func (q *query) scan(set *Set, link error, typ reflect.Type) bool {
	for _, rule := range set.scannedOf(typ) {
		if rule.key.kind == interfaceKey {
			if q.take(rule, link, byInterface) {
				return true
			}
			continue
		}
		if (q.accepts(rule) || q.skipped != nil) && q.holds(rule, link) && q.take(rule, link, byPredicate) {
			return true
		}
	}
	return false
}

// holds asks a predicate about link.
func (q *query) holds(rule *Rule, link error) (holds bool) {
	defer func() {
		if v := recover(); v != nil {
			holds = false
			if q.accepts(rule) { // or it is asked for an Explanation alone
				q.faults = append(q.faults, panicked(rule, link, v))
			}
		}
	}()
	return rule.key.predicate(link)
}

// take notes that the rule matched, unless it is not to be considered.
func (q *query) take(rule *Rule, err error, how precision) bool {
	if !q.accepts(rule) {
		q.refuses(rule, err)
		return false
	}
	if q.passOver() {
		return false
	}
	q.match = match{rule: rule, err: err, precision: how}
	return true
}

// accepts reports whether the caller can do something with the rule's answer.
func (q *query) accepts(rule *Rule) bool {
	switch {
	case rule.translates:
		return !q.translated
	case q.search.Accept == nil:
		return rule.isHandler
	}
	return q.search.Accept(rule.answer)
}

func (q *query) passOver() bool {
	if q.skip == 0 {
		return false
	}
	q.skip--
	return true
}

// translate calls the translation that matched. It returns nil if that did
// not translate after all.
func (q *query) translate(m *match) (result error) {
	defer func() {
		if v := recover(); v != nil {
			q.faults = append(q.faults, panicked(m.rule, m.err, v))
			q.skips(m.rule, m.err, reasonPanicked)
			result = nil
		}
	}()
	switch result = m.rule.translate(m.err); {
	case result == nil:
		q.skips(m.rule, m.err, reasonNothing)
	case isNilPointer(result):
		if q.skipped != nil {
			q.skips(m.rule, m.err, reasonTypedNil+reflect.TypeOf(result).String())
		}
		return nil
	}
	return result
}
