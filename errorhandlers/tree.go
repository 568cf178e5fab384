package errorhandlers

import (
	"reflect"

	"github.com/creche-go/creche/nursery"
)

// Bounds for error trees made in bad faith, such as those that hold
// themselves. What lies beyond is not searched.
const (
	maxLinks     = 1 << 18 // links of a tree, in all
	maxAncestors = 64      // branches looked back at for one that returns
	longChain    = 32      // links after which a chain may be a ring
)

// tree is an error laid out flat, so that its Unwrap methods are called once
// and small trees need no memory of their own: the search provides room for
// them on its stack. (Hence trees are handed about by value, and grown by
// functions that return them: what is reached through a pointer would move to
// the heap.)
type tree struct {
	links    []error
	segments []segment // parents before children, a subtree in one piece
}

// segment is a chain of links: from the root, or from below a branch, to the
// next link that wraps several errors, or to the end.
type segment struct {
	parent   int // index of the segment whose last link wraps this one, or -1
	from, to int // its links
	end      int // index after the last segment of its subtree
	leaf     bool
	done     bool  // answered or failed, with all that is below
	skip     int   // matches in its own links that declined
	best     int   // index of the segment, this or above, that has the match to try, or -1
	found    match // the match in its own links
	ok       bool  // there is one
}

func (t tree) chain(i int) []error { return t.links[t.segments[i].from:t.segments[i].to] }

func (t tree) head(i int) error { return t.links[t.segments[i].from] }

// grow adds err, and all below it, to t. The order of a multi-error's children
// is that of failing or, if bySpawn, that of starting.
func grow(t tree, err error, parent int, bySpawn bool) tree {
	from := len(t.links)
	var kids branch
	links := follow(t.links, err, bySpawn, &kids)
	if len(links) == from || kids.several && t.returns(links[len(links)-1], parent) {
		return t
	}
	i := len(t.segments)
	t.links = links
	t.segments = append(t.segments, segment{parent: parent, from: from, to: len(links), leaf: !kids.several, best: -1})
	for k := range kids.count() {
		if kid := kids.at(k); kid != nil {
			t = grow(t, kid, i, bySpawn)
		}
	}
	t.segments[i].end = len(t.segments)
	return t
}

// returns reports whether branch is one of the branches above, of which only
// the nearest are looked at: maxLinks ends the rest.
func (t tree) returns(branch error, parent int) bool {
	for range maxAncestors {
		if parent < 0 {
			return false
		}
		above := t.segments[parent]
		if samePointer(branch, t.links[above.to-1]) {
			return true
		}
		parent = above.parent
	}
	return false
}

// samePointer is == for errors that are pointers. Others, which might be
// uncomparable, are never the same; a tree that holds itself without a pointer
// is a rarity.
func samePointer(a, b error) bool {
	t := reflect.TypeOf(a)
	return t == reflect.TypeOf(b) && t.Kind() == reflect.Pointer && a == b
}

// follow adds err, and what it wraps as long as that is one error, to links.
// It sets kids to the several errors that the last one wraps, if it does. An
// Unwrap that panics, as a typed nil's does, wraps nothing. What is a leaf must
// be agreed upon with nursery.Leaves.
func follow(links []error, err error, bySpawn bool, kids *branch) (chain []error) {
	if len(links) < maxLinks && isBare(err) {
		return append(links, err)
	}
	chain = links
	defer func() {
		if recover() != nil {
			*kids = branch{}
		}
	}()
	var mark error  // a link to look out for: for the ends of long chains that never end
	sealed := false // in a panic, which is one thing whatever its value wraps
	for n := 1; err != nil && len(chain) < maxLinks; n++ {
		chain = append(chain, err)
		if p, ok := err.(*nursery.PanicError); ok && p != nil && p.Others == nil {
			sealed = true
		}
		if n >= longChain {
			if samePointer(err, mark) {
				return chain
			}
			if n&(n-1) == 0 {
				mark = err
			}
		}
		if u, ok := err.(interface{ Unwrap() error }); ok {
			err = u.Unwrap()
			continue
		}
		if err = beneath(err, bySpawn, kids); kids.several {
			if sealed {
				*kids = branch{}
			}
			break
		}
	}
	return chain
}

// isBare reports whether err can wrap nothing. That spares most leaves the
// deferred function that what calls an Unwrap needs.
func isBare(err error) bool {
	switch err.(type) {
	case nil, interface{ Unwrap() error }, interface{ Unwrap() []error }:
		return false
	}
	return true
}

// beneath returns what an err without an Unwrap for one error wraps: one all the
// same, or several, which it sets kids to, or nothing.
func beneath(err error, bySpawn bool, kids *branch) (next error) {
	switch u := err.(type) {
	case *nursery.MultiError:
		kids.several = true
		if kids.failures = u.Failures; bySpawn {
			kids.failures = u.BySpawn()
		}
	case interface{ Unwrap() []error }:
		errs := u.Unwrap()
		next, several := only(errs)
		if several {
			kids.several, kids.errs = true, errs
		}
		return next
	}
	return nil
}

// branch is what an error wraps that wraps several, in either of the slices. A
// [nursery.MultiError] is one however few failures it holds, and is read
// without its Unwrap, which makes a slice.
type branch struct {
	several  bool
	errs     []error
	failures []nursery.Failure
}

func (b branch) count() int { return len(b.errs) + len(b.failures) }

func (b branch) at(i int) error {
	if b.failures != nil {
		return b.failures[i].Err
	}
	return b.errs[i]
}

// only returns the only error that is not nil, or that there are several.
func only(errs []error) (one error, several bool) {
	for _, err := range errs {
		if err != nil {
			if one != nil {
				return nil, true //nolint:nilerr // that there is an error is no failure here
			}
			one = err
		}
	}
	return one, false
}
