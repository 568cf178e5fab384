package errorhandlers

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"sync"
)

// Set is a compiled list of rules. It is immutable and safe for concurrent
// use. A nil *Set is valid and empty.
type Set struct {
	rules         []Rule
	types         typeTable
	statuses      map[int]*Rule
	classes       [6]*Rule
	interfaces    map[reflect.Type]*Rule
	named         []*Rule // sentinels and types, in the order given: for links with an Is or As of their own
	scanned       []*Rule // interfaces and predicates, in the order given
	looksAtStatus bool
	scannedFor    sync.Map // reflect.Type of a link → the part of scanned that can match it, a []*Rule
	group         *Rule
	last          *Rule
}

// Frame is the rules in force at some place: the set of the innermost group of
// routes and, outwards, those of the groups around it. A sub-router pushes its
// rules with &Frame{Set: set, Outer: outer}; the frames below are shared and
// must not be changed. A nil *Frame is valid and has no rules.
type Frame struct {
	// Set has the rules of the innermost group. Nil has none.
	Set *Set
	// Outer is the frame of the group around it, or nil.
	Outer *Frame
}

// Compile checks the rules and makes a [Set] of them. Nothing depends on their
// order but which of several interfaces and predicates is asked first.
//
// The error joins all faults, each with the place where the rule was made: two
// rules for the same key, whatever their answers; nil handlers, targets and
// predicates; statuses and classes out of range; zero rules. The set is then
// nil. Two predicates are never the same key. Without rules the set is empty.
func Compile(rules ...Rule) (*Set, error) {
	s := &Set{
		rules:      slices.Clone(rules), // the answers point into it
		statuses:   make(map[int]*Rule),
		interfaces: make(map[reflect.Type]*Rule),
	}
	var faults []error
	for i := range s.rules {
		rule := &s.rules[i]
		if err := rule.check(); err != nil {
			faults = append(faults, fault(i, rule, err)...)
			continue
		}
		if before := s.add(rule); before != nil {
			faults = append(faults, fmt.Errorf("errorhandlers: %v and %v are two rules for the same errors", before, rule))
		}
	}
	if faults != nil {
		return nil, errors.Join(faults...)
	}
	return s, nil
}

// fault says of each thing that is wrong with the rule which rule it is.
func fault(index int, rule *Rule, err error) []error {
	if rule.key.kind == noKey {
		return []error{fmt.Errorf("errorhandlers: rule %d %w", index+1, err)}
	}
	parts := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		parts = joined.Unwrap()
	}
	for i, part := range parts {
		parts[i] = fmt.Errorf("errorhandlers: %v %w", rule, part)
	}
	return parts
}

// add files the rule under its key and returns the one that is there already.
func (s *Set) add(rule *Rule) (before *Rule) {
	switch k := rule.key; k.kind {
	case sentinelKey:
		before = put(s.types.add(reflect.TypeOf(k.target)).sentinels, k.target, rule)
		s.named = append(s.named, rule)
	case typeKey:
		of := s.types.add(k.typ)
		before, of.rule = of.rule, rule
		s.named = append(s.named, rule)
	case interfaceKey:
		before = put(s.interfaces, k.typ, rule)
		s.named = append(s.named, rule)
		s.scanned = append(s.scanned, rule)
	case statusKey:
		before = put(s.statuses, k.code, rule)
		s.looksAtStatus = true
	case classKey:
		s.looksAtStatus = true
		before, s.classes[k.code] = s.classes[k.code], rule
	case predicateKey:
		s.scanned = append(s.scanned, rule)
	case groupKey:
		before, s.group = s.group, rule
	case anyKey:
		before, s.last = s.last, rule
	}
	return before
}

func put[K comparable](m map[K]*Rule, key K, rule *Rule) (before *Rule) {
	if before = m[key]; before == nil {
		m[key] = rule
	}
	return before
}

// scannedOf returns the interface rules that links of type t satisfy, and the
// predicates, in the order given. What a type satisfies is found out once.
func (s *Set) scannedOf(t reflect.Type) []*Rule {
	if len(s.interfaces) == 0 {
		return s.scanned
	}
	if part, ok := s.scannedFor.Load(t); ok {
		return part.([]*Rule)
	}
	part := slices.DeleteFunc(slices.Clone(s.scanned), func(rule *Rule) bool {
		return rule.key.kind == interfaceKey && !t.Implements(rule.key.typ)
	})
	s.scannedFor.Store(t, part)
	return part
}

// lastResort returns the rule of the set that is asked in the given place when
// nothing answered. Then the status, 500, is implied.
func (s *Set) lastResort(place int) *Rule {
	switch place {
	case 0:
		return s.statuses[http.StatusInternalServerError]
	case 1:
		return s.classes[http.StatusInternalServerError/100]
	}
	return s.last
}
