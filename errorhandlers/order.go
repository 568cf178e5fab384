package errorhandlers

import (
	"net/http"
	"slices"
	"strconv"
)

// Order says which leaf of a multi-error is tried first. It matters when
// several of them could be answered: the first that is makes the response.
type Order int

const (
	// ByFailure tries the leaves in the order in which they failed, depth
	// first. What fails first may differ from run to run.
	ByFailure Order = iota
	// BySpawn tries them in the order in which their tasks were started,
	// depth first, which is the same in every run that has the same failures.
	// Errors that were joined by other means than a nursery keep their order.
	BySpawn
	// BySeverity tries the leaves that stand for a server error first, then
	// the others, both in the order of failure. A leaf stands for the status
	// it carries or is translated to; one that is answered by a rule and
	// carries no status counts as 4xx, and one that nobody answers is a 500:
	// if no other server error can be answered, it keeps the 4xx from being,
	// and the last resorts are asked.
	BySeverity
	// MostSpecific tries the leaf first that is matched most precisely: by a
	// sentinel, then a concrete type, an Is or As method, an exact status, a
	// class, an interface, a predicate, and last by its own status. Of equals
	// the first to fail comes first.
	MostSpecific
)

// String returns the name of the constant.
func (o Order) String() string {
	switch o {
	case ByFailure:
		return "ByFailure"
	case BySpawn:
		return "BySpawn"
	case BySeverity:
		return "BySeverity"
	case MostSpecific:
		return "MostSpecific"
	}
	return "Order(" + strconv.Itoa(int(o)) + ")"
}

// Ranks of [BySeverity].
const (
	serverError = iota
	unanswered
	clientError
)

// ranked is several for the orders that have to know all leaves first.
func (w *walk) ranked(t tree, from *origin, try func(Answer) error) bool {
	r := w.rank(t)
	for _, i := range r.order {
		if r.keeps(i) {
			return false
		}
		if !t.segments[i].done && w.leaf(t, i, len(t.segments), from, try) {
			return true
		}
	}
	return false
}

// ranking is the order in which the leaves of a tree are tried.
type ranking struct {
	order    []int // indices of their segments
	ranks    []int // by segment, of the orders that have any
	hopeless bool  // nobody answers one of them, which is a server error therefore
}

// rank finds the first matches of all segments, and the order of the leaves.
func (w *walk) rank(t tree) ranking {
	w.reach(t, 0, len(t.segments)-1)
	r := ranking{ranks: make([]int, len(t.segments))}
	for i := range t.segments {
		if !t.segments[i].leaf {
			continue
		}
		switch w.search.Order {
		case BySeverity:
			r.ranks[i] = w.severity(t, i, len(t.segments))
			r.hopeless = r.hopeless || r.ranks[i] == unanswered
		case MostSpecific:
			r.ranks[i] = w.precision(t, i)
		}
		r.order = append(r.order, i)
	}
	slices.SortStableFunc(r.order, func(a, b int) int { return r.ranks[a] - r.ranks[b] })
	return r
}

// keeps reports whether a server error that nobody answers keeps the leaf, and
// all behind it, from answering.
func (r ranking) keeps(i int) bool { return r.hopeless && r.ranks[i] == clientError }

func (w *walk) precision(t tree, i int) int {
	if j := t.segments[i].best; j >= 0 {
		return int(t.segments[j].found.precision)
	}
	return int(byNothing)
}

// severity ranks a leaf. It passes by translations that do not translate.
func (w *walk) severity(t tree, i, reached int) int {
	for {
		j := t.segments[i].best
		if j < 0 {
			return unanswered
		}
		m := &t.segments[j].found
		switch {
		case m.rule == nil:
			return severityOf(m.status)
		case !m.rule.translates:
			return severityOf(w.carried(t, i))
		}
		if result := w.translate(m); result != nil {
			return w.severityOfTranslated(result)
		}
		w.passBy(t, j, reached)
	}
}

func (w *walk) severityOfTranslated(result error) int {
	rank := unanswered
	again := walk{query: query{search: w.search, translated: true}, rules: w.rules}
	again.leaves(result, &origin{}, func(a Answer) error {
		status := a.Status
		if a.Rule != nil {
			status = statusOf(a.Err, w.search.Status)
		}
		rank = severityOf(status)
		return nil
	})
	return rank
}

// carried returns the status that the leaf or a link above it carries, or 0.
func (w *walk) carried(t tree, i int) int {
	status := 0
	for ; i >= 0; i = t.segments[i].parent {
		for _, link := range t.chain(i) {
			if isPanic(link) {
				break
			}
			if s := statusOf(link, w.search.Status); s != 0 {
				status = s
				break
			}
		}
	}
	return status
}

func severityOf(status int) int {
	if status >= http.StatusInternalServerError {
		return serverError
	}
	return clientError
}
