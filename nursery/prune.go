package nursery

import (
	"reflect"
	"slices"
	"strings"
)

// Split divides err in two: match holds the leaves for which pred is true,
// rest the others, each in the structure of err: the multi-errors and the
// wrappers above a leaf stay above it. It is PEP 654's split. Where all
// leaves fall on one side, that side is err itself and the other nil: no tree is
// returned that has lost all its leaves, and for an err of nil both are nil. An
// err that has none, such as one that wraps nothing but itself, is no less of an
// error, and a match, for pred has refused nothing of it. pred is called once for
// each leaf, in the order of [Leaves]. A nil pred panics.
func Split(err error, pred func(leaf error) bool) (match, rest error) {
	if pred == nil {
		panic("nursery: Split: nil predicate")
	}
	verdicts := make(map[int]bool)
	i := 0
	match = prune(err, func(leaf error) bool {
		verdicts[i] = pred(leaf)
		i++
		return verdicts[i-1]
	})
	if len(verdicts) == 0 {
		return match, nil
	}
	i = 0
	rest = prune(err, func(error) bool {
		i++
		return !verdicts[i-1]
	})
	return match, rest
}

// Filter returns err with only those leaves for which pred is true: the first
// half of [Split]. A nil pred panics.
func Filter(err error, pred func(leaf error) bool) error {
	if pred == nil {
		panic("nursery: Filter: nil predicate")
	}
	return prune(err, pred)
}

// prune returns err without the leaves that keep refuses: err itself if it
// refuses none, nil if it refuses all.
func prune(err error, keep func(leaf error) bool) error {
	p := pruner{keep: keep}
	return p.prune(err)
}

type pruner struct {
	keep    func(error) bool
	known   func(link error) bool // says of a link above a branch that all below it goes; or nil
	refused int                   // leaves, and what known said of
	walker  walker                // for its guard against trees that hold themselves
}

// prune returns what is left of err.
func (p *pruner) prune(err error) error {
	kept := p.below(err)
	if p.refused == 0 {
		return err // also if there is no leaf to keep
	}
	return kept
}

// below returns err without the leaves that keep refuses, and nil if that leaves
// none. It recurses once for each branch inside a branch; goroutine stacks grow,
// and the walker bounds the depth. Where a tree comes back to itself nothing is
// refused, so that alone changes nothing.
func (p *pruner) below(err error) error {
	if err == nil {
		return nil
	}
	node, kids := branch(err)
	if kids == nil {
		if p.keep(err) {
			return err
		}
		p.refused++
		return nil
	}
	if p.known != nil && p.knows(err) {
		p.refused++
		return nil
	}
	p.walker.walked++
	if p.walker.walked > maxWalked || len(p.walker.way) == maxDepth || p.walker.onTheWay(node) {
		return nil
	}
	p.walker.push(node, kids)
	defer p.walker.leave()

	kept, any, before := make([]error, len(kids)), false, p.refused
	for i, kid := range kids {
		if kid == nil {
			continue
		}
		kept[i] = p.below(kid)
		any = any || kept[i] != nil
	}
	switch {
	case !any:
		return nil
	case p.refused == before:
		return err
	}
	return rebuild(err, node, kept)
}

// knows asks about the links from err to the branch below it.
func (p *pruner) knows(err error) bool {
	for link := range links(err) {
		if p.known(link) {
			return true
		}
	}
	return false
}

// rebuild puts the kids that were kept (the others are nil) under a node of
// the same kind, and the links of the chain from err to node above it.
func rebuild(err, node error, kept []error) error {
	var inner error
	switch node := node.(type) {
	case *MultiError:
		inner = node.keeping(kept)
	case *PanicError: // and what failed beside it
		inner = node.keeping(kept[0], kept[1])
	default:
		inner = &pruned{link: node, kept: compact(kept)}
	}
	for _, link := range slices.Backward(slices.Collect(links(err))) {
		inner = &pruned{link: link, kept: []error{inner}, was: node}
		node = link
	}
	return inner
}

// Link returns what err itself is, which is nearly always err. But from the errors
// above a branch some leaves of which were taken out, be it by [Filter], by [Split]
// or as the echoes of a cancellation, something else has its place, which [errors.Is]
// and [errors.As] take for it: for code that looks at a chain link by link Link
// returns the error that it stands for, with all that was below. It may be called
// from any goroutine, and of nil it is nil.
func Link(err error) error {
	for {
		p, ok := err.(*pruned)
		if !ok {
			return err
		}
		err = p.link
	}
}

func compact(errs []error) []error {
	out := make([]error, 0, len(errs))
	for _, err := range errs {
		if err != nil {
			out = append(out, err)
		}
	}
	return out
}

// pruned stands for a link of a chain above, or at, a branch that lost some
// of its leaves. It answers errors.Is and errors.As as that link does, but
// for what it wraps.
type pruned struct {
	link error
	kept []error
	was  error // what a link that wraps one error wrapped
}

// Error returns the text of the kept errors, put into the link's own text in
// place of what it wrapped.
func (p *pruned) Error() string {
	texts := make([]string, len(p.kept))
	for i, err := range p.kept {
		texts[i] = Text(err)
	}
	kept := strings.Join(texts, "\n")
	if p.was == nil {
		return kept
	}
	return strings.Replace(Text(p.link), Text(p.was), kept, 1)
}

func (p *pruned) Unwrap() []error { return p.kept }

func (p *pruned) Is(target error) bool {
	if t := reflect.TypeOf(target); t != nil && t.Comparable() && reflect.TypeOf(p.link).Comparable() && p.link == target {
		return true
	}
	is, ok := p.link.(interface{ Is(error) bool })
	return ok && is.Is(target)
}

func (p *pruned) As(target any) bool {
	v := reflect.ValueOf(target).Elem()
	if reflect.TypeOf(p.link).AssignableTo(v.Type()) {
		v.Set(reflect.ValueOf(p.link))
		return true
	}
	as, ok := p.link.(interface{ As(any) bool })
	return ok && as.As(target)
}
