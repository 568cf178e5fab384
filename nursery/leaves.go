package nursery

import (
	"iter"
	"reflect"
)

// Bounds that end walks over error trees made in bad faith. A tree that
// holds itself through pointers is found out at once; these are for what is
// left, such as a slice type that holds itself.
const (
	maxChain  = 1 << 20 // links followed from one branch to the next
	maxDepth  = 1 << 17 // branches inside branches
	maxWalked = 1 << 20 // branches in all
)

// Leaves iterates over the leaves of err depth first, from left to right: for a
// [*MultiError] that is the order of failing. It sees through whatever wraps
// several errors ([*MultiError], [errors.Join], fmt.Errorf with several %w). A
// leaf is the outermost error of a chain that wraps no several errors any more;
// what wraps exactly one belongs to the chain. An err of nil has no leaves, and
// a MultiError is never one, however few failures it holds; a [*Cancelled]
// always is, whatever its reason. Trees that hold themselves, or are 100 000
// deep, are walked safely.
func Leaves(err error) iter.Seq[error] {
	return func(yield func(error) bool) {
		walk(err, func(leaf error, _ []step) bool { return yield(leaf) })
	}
}

// step is one branch on the way from the root of a tree to a leaf: node wraps
// kids, and the way leads through the kid before next.
type step struct {
	node error
	kids []error
	next int
}

// walk calls visit for each leaf with the way to it, until visit returns
// false. It keeps its own stack: how deep a tree goes is not ours to choose.
func walk(err error, visit func(leaf error, way []step) bool) {
	var w walker
	if !w.enter(err, visit) {
		return
	}
	for len(w.way) > 0 {
		top := &w.way[len(w.way)-1]
		if top.next == len(top.kids) {
			w.leave()
			continue
		}
		kid := top.kids[top.next]
		top.next++
		if kid != nil && !w.enter(kid, visit) {
			return
		}
	}
}

type walker struct {
	way    []step
	seen   map[error]bool // the pointers on a long way
	walked int
}

// enter visits err if it is a leaf and otherwise goes one branch deeper. It
// returns false when the walk is over.
func (w *walker) enter(err error, visit func(error, []step) bool) bool {
	if err == nil {
		return true
	}
	node, kids := branch(err)
	if kids == nil {
		return visit(err, w.way)
	}
	if w.walked++; w.walked > maxWalked {
		return false
	}
	if len(w.way) == maxDepth || w.onTheWay(node) {
		return true
	}
	w.push(node, kids)
	return true
}

func (w *walker) push(node error, kids []error) {
	w.way = append(w.way, step{node: node, kids: kids})
	if w.seen != nil && isPointer(node) {
		w.seen[node] = true
	}
}

func (w *walker) leave() {
	last := len(w.way) - 1
	if node := w.way[last].node; w.seen != nil && isPointer(node) {
		delete(w.seen, node)
	}
	w.way[last] = step{}
	w.way = w.way[:last]
}

// onTheWay reports whether the way already leads through node. Only pointers
// are compared: values may be uncomparable.
func (w *walker) onTheWay(node error) bool {
	if !isPointer(node) {
		return false
	}
	if w.seen != nil {
		return w.seen[node]
	}
	for i := range w.way {
		if n := w.way[i].node; isPointer(n) && n == node {
			return true
		}
	}
	if len(w.way) > 16 {
		w.seen = make(map[error]bool)
		for i := range w.way {
			if n := w.way[i].node; isPointer(n) {
				w.seen[n] = true
			}
		}
	}
	return false
}

func isPointer(err error) bool { return reflect.TypeOf(err).Kind() == reflect.Pointer }

// isNil reports whether err is a typed nil, whose methods may panic.
func isNil(err error) bool { return isPointer(err) && reflect.ValueOf(err).IsNil() }

// branch follows the chain of err to the link that wraps several errors. It
// returns nil kids when there is none: then err is a leaf.
func branch(err error) (node error, kids []error) {
	for range maxChain {
		next, kids := below(err)
		if kids != nil {
			return err, kids
		}
		if next == nil {
			return nil, nil
		}
		err = next
	}
	return nil, nil
}

// links iterates over the links of err that wrap exactly one error each, down to
// where its chain branches or ends.
func links(err error) iter.Seq[error] {
	return func(yield func(error) bool) {
		for range maxChain {
			next, kids := below(err)
			if kids != nil || next == nil || !yield(err) { // its Unwrap may say one thing now and another then
				return
			}
			err = next
		}
	}
}

// below returns what err wraps: one error, or several, or none. An Unwrap
// that panics, as on a typed nil it may, wraps nothing.
func below(err error) (next error, kids []error) {
	defer func() {
		if recover() != nil {
			next, kids = nil, nil
		}
	}()
	switch u := err.(type) {
	case *Cancelled: // told as one thing, though its reason be several
		return nil, nil
	case *PanicError: // and so is a panic, whatever its value wraps
		if u.Others == nil {
			return nil, nil
		}
		return nil, u.Unwrap()
	case *MultiError: // a branch however many it holds
		return nil, u.Unwrap()
	case *pruned: // and so is what was one
		if u.was == nil {
			return nil, u.kept
		}
		return u.kept[0], nil
	case interface{ Unwrap() error }:
		return u.Unwrap(), nil
	case interface{ Unwrap() []error }:
		kids = u.Unwrap()
		count := 0
		for _, kid := range kids {
			if kid != nil {
				next = kid
				count++
			}
		}
		if count > 1 {
			return nil, kids
		}
		return next, nil
	}
	return nil, nil
}
