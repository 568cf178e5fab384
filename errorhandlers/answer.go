package errorhandlers

import (
	"iter"
	"math"
	"net/http"
)

// Answer is what may answer an error. A zero Answer answers nothing.
type Answer struct {
	// Rule is the rule whose answer is to be run with Err. Nil means the
	// default answer, which [Answer.Problem] returns. The search runs
	// translations itself: they are never here. It must not be changed.
	Rule *Rule
	// Err is what the rule receives: the link of the chain that matched or,
	// for a rule whose type matched by an As method, what that made of it; for
	// a group, a last resort and the plain 500 the whole error. After a
	// translation it is a link of the translated error.
	Err error
	// Leaf is the leaf that is answered, before any translation. It is nil for
	// a group, a last resort and the plain 500.
	Leaf error
	// Status is the status of a default answer, from 400 to 599, and 0 where
	// there is a Rule.
	Status int

	scope scope
	found found
	via   *Rule
}

// found says by what an answer was found, and in which frame.
type found struct {
	how   precision
	frame int32
}

// How says by what the answer was found. For a rule it is "sentinel", "type",
// "Is or As method", "status", "status class", "interface", "predicate",
// "group" or "last resort"; without one it is "translation" for the status of
// what [Answer.Via] returned, "own status" for one of the error itself or, for
// the plain 500, "nothing".
func (a Answer) How() string {
	switch {
	case a.Err == nil:
		return byNothing.String()
	case a.Rule == nil && a.via != nil:
		return "translation"
	}
	return a.found.how.String()
}

// Level returns how many frames outside the innermost the rule was found: 0 is
// the innermost group of routes. Without a rule it is -1.
func (a Answer) Level() int {
	if a.Rule == nil {
		return -1
	}
	return int(a.found.frame)
}

// Via returns the rule that translated the leaf into what is answered, or nil.
// It must not be changed.
func (a Answer) Via() *Rule { return a.via }

// scope is the part of a tree that an answer deals with: segments from first
// to end.
type scope struct {
	first, end int32
	bySpawn    bool // the order in which the segments were counted
}

var everything = scope{end: math.MaxInt32}

func (t tree) scope(i int, bySpawn bool) scope {
	return scope{first: int32(i), end: int32(t.segments[i].end), bySpawn: bySpawn}
}

func (s scope) has(i int) bool { return int(s.first) <= i && i < int(s.end) }

// Rest returns the leaves of err that the answer does not deal with and that
// are still to be reported, in the search's order. Err must be the error that
// was searched, unchanged.
//
// An answer to a leaf leaves the others. One to a link above a multi-error was
// handed all that is below; but of a predicate, which [errors.Is] makes true of
// whole groups, only the leaves count for which it holds as well, if there are
// such. A group's rule and a last resort leave nothing, and the plain 500, as the
// zero Answer, leaves everything: an err without leaves, which wraps nothing but
// itself, as it is.
func (a Answer) Rest(err error) iter.Seq[error] {
	return func(yield func(error) bool) {
		if err == nil || a.scope == everything {
			return
		}
		t := grow(tree{}, err, -1, a.scope.bySpawn)
		selective, leafless := a.selective(t), true
		for i, s := range t.segments {
			leafless = leafless && !s.leaf
			dealtWith := a.scope.has(i) && (!selective || a.holds(t.head(i)))
			if s.leaf && !dealtWith && !yield(t.head(i)) {
				return
			}
		}
		if leafless {
			yield(err)
		}
	}
}

// selective reports whether the rule is a predicate that holds for some of the
// leaves it was handed.
func (a Answer) selective(t tree) bool {
	if a.Rule == nil || a.Rule.key.kind != predicateKey {
		return false
	}
	for i, s := range t.segments {
		if s.leaf && a.scope.has(i) && a.holds(t.head(i)) {
			return true
		}
	}
	return false
}

func (a Answer) holds(leaf error) bool {
	var q query
	return q.holds(a.Rule, leaf)
}

// Problem returns the default answer to Err, for when there is no Rule:
//
//   - a [*Problem] is returned as it is, and must not be changed;
//   - a [*net/http.MaxBytesError] is a 413, and a [*BodyTimeoutError] a 408, and
//     both close the connection, on which the rest of the body may still come;
//   - [context.DeadlineExceeded] is a 503;
//   - [ErrDraining], [nursery.ErrClosed] and [nursery.ErrFull] are 503 too, with
//     Retry-After;
//   - other carriers of a status have just that;
//   - everything else is a plain 500, and so is a panic, whatever its value.
//
// It is a plain 500 too where there is no Leaf, as when the rule for a Problem
// failed. Nothing of an error's text is in it, but what the author of a Problem wrote.
//
// [nursery.ErrClosed]: https://pkg.go.dev/github.com/creche-go/creche/nursery#ErrClosed
// [nursery.ErrFull]: https://pkg.go.dev/github.com/creche-go/creche/nursery#ErrFull
func (a Answer) Problem() *Problem {
	if a.Leaf == nil {
		return &Problem{Status: http.StatusInternalServerError, Err: a.Err}
	}
	if p, ok := a.Err.(*Problem); ok {
		return p
	}
	p := &Problem{Status: a.Status, Err: a.Err}
	switch {
	case closesConnection(a.Err):
		p.Header = http.Header{"Connection": {"close"}}
	case a.Status == http.StatusServiceUnavailable && refused(a.Err):
		p.Header = http.Header{"Retry-After": {retryAfter}}
	}
	return p
}

// retryAfter, in seconds, is long enough for a balancer to have noticed that
// the server is going, and short enough for a full one to have room again.
const retryAfter = "2"

func closesConnection(err error) bool {
	switch err.(type) {
	case *http.MaxBytesError, *BodyTimeoutError:
		return true
	}
	return false
}
