package nursery

import (
	"reflect"
	"slices"
)

// Is is [errors.Is] for errors of which nothing is known: it ends also where
// err holds itself, takes time in proportion to the links however many ways
// lead to them, and passes over methods that panic, as those of a typed nil
// may. Of a chain that costs no allocation.
func Is(err, target error) bool {
	if err == nil || target == nil {
		return err == target
	}
	comparable := reflect.TypeOf(target).Comparable()
	return reaches(err, func(link error) bool {
		if comparable && link == target {
			return true
		}
		m, ok := link.(interface{ Is(error) bool })
		return ok && m.Is(target)
	})
}

// AsType is [errors.AsType] in the same way.
func AsType[E error](err error) (found E, ok bool) {
	ok = reaches(err, func(link error) bool {
		if e, is := link.(E); is {
			found = e
			return true
		}
		a, asks := link.(interface{ As(any) bool })
		if !asks {
			return false
		}
		var e E
		if !a.As(&e) {
			return false
		}
		found = e
		return true
	})
	return found, ok
}

// reaches reports whether err is one of those, or wraps one: depth first, as
// package errors goes.
func reaches(err error, those func(link error) bool) bool {
	r := reach{left: maxReached}
	for {
		if r.along(err, those) {
			return true
		}
		last := len(r.pending) - 1
		if last < 0 {
			return false
		}
		err, r.pending = r.pending[last], r.pending[:last]
	}
}

// reach is a look at all that an error wraps.
type reach struct {
	left    int            // links that may still be looked at
	pending []error        // what branches wrap, the next one last
	seen    map[error]bool // branches
}

// maxReached is how many links are looked at. What is left for it to end are
// rings without a pointer, such as a slice that holds itself.
const maxReached = 1 << 18

// longChain is after how many links a chain is suspected of being a ring.
const longChain = 32

// along follows a chain down to where it branches.
func (r *reach) along(err error, those func(link error) bool) bool {
	var mark error // if it comes again, the chain is a ring
	for n := 1; err != nil && r.left > 0; n++ {
		if r.left--; isOne(err, those) {
			return true
		}
		if n >= longChain && isPointer(err) {
			if err == mark {
				return false
			}
			if n&(n-1) == 0 {
				mark = err
			}
		}
		next, kids := wrapped(err)
		if kids != nil {
			r.branch(err, kids)
		}
		err = next
	}
	return false
}

// isOne reports whether link is one of those. One whose methods panic is not.
func isOne(link error, those func(link error) bool) (is bool) {
	defer func() {
		if recover() != nil {
			is = false
		}
	}()
	return those(link)
}

// branch has kids looked at, but not those of one node twice.
func (r *reach) branch(node error, kids []error) {
	if isPointer(node) {
		if r.seen[node] {
			return
		}
		if r.seen == nil {
			r.seen = make(map[error]bool)
		}
		r.seen[node] = true
	}
	for _, kid := range slices.Backward(kids) {
		if kid != nil {
			r.pending = append(r.pending, kid)
		}
	}
}

// wrapped is [below] for those who look into what is told as one thing.
func wrapped(err error) (next error, kids []error) {
	switch e := err.(type) {
	case *Cancelled:
		if e != nil {
			next = e.Unwrap()
		}
		return next, nil
	case *PanicError:
		if e != nil {
			kids = e.Unwrap()
		}
		return nil, kids
	}
	return below(err)
}
