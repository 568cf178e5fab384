package creche

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

var errNoAnswer = errors.New("creche: the rule's handler returned nil without writing a response")

// answer has the rules answer err in place of the response that was held, and
// reports what they leave over.
func (x *Exchange) answer(err error) {
	s := &answering{x: x, err: err, completing: completing(x.header())}
	s.finish(x.search().Each(err, x.rules(), s.try))
}

// answering is the search for an answer to err.
type answering struct {
	x      *Exchange
	err    error
	chosen errorhandlers.Answer
	given  bool // chosen was the last word
	// completing are the headers, of those set when the request failed, without
	// which answers of some statuses would be incomplete.
	completing http.Header
	failed     error // what chosen failed with when it was too late for another
}

// try runs a. What it returns is for [errorhandlers.Search.Each]: nil ends the
// search.
func (s *answering) try(a errorhandlers.Answer) error {
	returned := false
	defer func() {
		if !returned {
			s.exited(a)
		}
	}()
	s.x.discard()
	s.complete(a)
	failed := s.x.try(a)
	returned = true
	if failed != nil && failed != http.ErrAbortHandler && s.x.state() == open && !s.x.clientGone() {
		return failed
	}
	if sent := s.x.sent(); sent != 0 && a.Rule == nil { // a router's own error handler may choose
		a.Status = sent
	}
	s.chosen, s.given, s.failed = a, true, failed
	return nil
}

// complete puts back the header that the answer to a failure would be
// incomplete without.
func (s *answering) complete(a errorhandlers.Answer) {
	if len(s.completing) == 0 {
		return
	}
	if a.Rule != nil { // the status is that of what the rule was handed
		a = s.x.ruleless(a.Err)
	}
	if key := completes(a.Status); s.completing[key] != nil {
		s.x.header()[key] = slices.Clone(s.completing[key])
	}
}

// finish reports what is left over and sends the answer or, if there is none,
// sees to it that nobody takes what was sent for one.
func (s *answering) finish(faults error) {
	x := s.x
	told := ruleErrors(faults)
	gone := s.failed != nil && x.clientGone()
	cause := s.failed
	if gone {
		cause = x.besides(cause)
	}
	if cause != nil && cause != http.ErrAbortHandler {
		told = append(told, &errorhandlers.RuleError{Rule: s.chosen.Rule, Err: s.chosen.Err, Cause: cause})
	}
	x.reportAll(told)
	if gone {
		x.reportGone(nursery.Filter(s.err, func(leaf error) bool { return !tell(told, leaf) }))
		x.abort()
		return
	}
	x.reportRest(x.search(), s.chosen, s.err, told)
	s.logTimeout()
	switch {
	case s.failed == http.ErrAbortHandler:
		panic(s.failed)
	case s.failed != nil:
		x.abort()
	default:
		if x.state() == open && !s.given { // not even the plain 500: its answer failed
			x.discard()
			x.plainError()
		}
		x.commit()
	}
}

// logTimeout logs that the request timed out, where no rule deals with that: a 503
// is no failure to be reported, but which route is too slow should be known.
func (s *answering) logTimeout() {
	a := s.chosen
	if a.Rule != nil || a.Leaf == nil || a.Status != http.StatusServiceUnavailable || !nursery.Is(a.Leaf, ErrRequestTimeout) {
		return
	}
	attrs := whence(s.x.scope())
	if limit, known := nursery.AsType[timeLimit](a.Leaf); known {
		attrs = append(attrs, slog.Duration("limit", time.Duration(limit)))
	}
	s.x.App().logWarning(s.x.scope(), "creche: request timed out", attrs...)
}

// exited ends the search when an error handler called Goexit, which takes its
// caller away: see [Exchange.exited].
func (s *answering) exited(a errorhandlers.Answer) {
	x := s.x
	told := []error{&errorhandlers.RuleError{Rule: a.Rule, Err: a.Err, Cause: nursery.ErrGoexit}}
	x.reportAll(told)
	x.reportRest(x.search(), errorhandlers.Answer{}, s.err, told)
	if x.state() != open {
		x.abort()
		return
	}
	x.discard()
	x.plainError()
	x.commit()
	x.passExit()
}

func (x *Exchange) plainError() {
	(&errorhandlers.Problem{Status: http.StatusInternalServerError}).ServeHTTP(x.Writer(), &x.request)
}

// search looks for what this exchange can answer with.
func (x *Exchange) search() errorhandlers.Search { return x.App().search(x.Router()) }

func (a *App) search(router Router) errorhandlers.Search {
	s := errorhandlers.Search{Order: a.options.Order, Status: a.options.StatusOf}
	if router == nil {
		return s
	}
	s.Accept = func(answer any) bool {
		_, ok := answer.(errorhandlers.Handler)
		return ok || router.Accept(answer)
	}
	s.Status = func(err error) (int, bool) {
		switch p := router.ProblemOf(err); {
		case p != nil:
			return p.Status, true
		case a.options.StatusOf != nil:
			return a.options.StatusOf(err)
		}
		return 0, false
	}
	return s
}

// try runs one answer in a nursery of its own: the request's has ended, and
// with it the context of the handler's request. What an error handler needs
// is cancelled when the client leaves, not because something failed.
func (x *Exchange) try(a errorhandlers.Answer) error {
	from, returned := x.beginTry(), false
	var r *http.Request // nil until the nursery is open
	defer func() {
		x.takeForms(r)
		if !returned { // for a Goexit
			x.reportLeaves(x.endTry(from, nil))
		}
	}()
	err := nursery.Run((*outerContext)(x), func(ctx context.Context, _ *nursery.Nursery) error {
		r = x.request.WithContext(ctx)
		return x.run(a, r)
	}, x.App().answering)
	returned = true
	err = x.endTry(from, err)
	if err == nil && x.state() == open && !x.written() {
		return errNoAnswer
	}
	return err
}

// takeForms has the request keep what an error handler has parsed of r, a copy of
// it: the body cannot be read again by the next one, and temporary files are
// removed with the request. A nil r has nothing.
func (x *Exchange) takeForms(r *http.Request) {
	if r != nil {
		x.request.Form, x.request.PostForm, x.request.MultipartForm = r.Form, r.PostForm, r.MultipartForm
	}
}

func (x *Exchange) run(a errorhandlers.Answer, r *http.Request) error {
	if router := x.Router(); router != nil {
		if handled, err := router.Answer(x, r, a); handled {
			return err
		}
	}
	if a.Rule == nil {
		x.Problem(a).ServeHTTP(x.Writer(), r)
		return nil
	}
	return a.Rule.Answer().(errorhandlers.Handler)(x.Writer(), r, a.Err)
}

// Problem returns the default answer that a stands for: what the router says
// of an error of its own or [errorhandlers.Answer.Problem], which closes no
// connection of HTTP/2. It must not be changed. It is part of the kit for authors
// of adapters.
func (x *Exchange) Problem(a errorhandlers.Answer) *errorhandlers.Problem {
	if router := x.Router(); a.Leaf != nil && router != nil {
		if p := router.ProblemOf(a.Err); p != nil && p.Status == a.Status {
			return p
		}
	}
	p := a.Problem()
	if error(p) != a.Err && x.request.ProtoMajor > 1 {
		// What is left of a body is in nobody's way there, and to close means to tell
		// all streams to go.
		p.Header.Del("Connection")
	}
	return p
}

// Default returns the answer to err where there are no rules. It is part of
// the kit for authors of adapters.
func (x *Exchange) Default(err error) *errorhandlers.Problem { return x.Problem(x.ruleless(err)) }

func (x *Exchange) ruleless(err error) errorhandlers.Answer {
	a, _ := x.search().First(err, nil)
	return a
}

// Resolve returns what err comes to where no handler can run, as on a
// websocket: the [errorhandlers.Problem] that a translation makes of it, or
// that its own status stands for, by the rules in force and in the same order
// as for an HTTP answer; nil if there is neither. What the result does not
// deal with, which is everything if it is nil, has been reported on return. It
// is part of the kit for authors of connection packages, and may be called
// from any goroutine until the exchange ends. Below is as for [Exchange.Report].
func (x *Exchange) Resolve(err error, below ...nursery.Report) *errorhandlers.Problem {
	if err == nil {
		return nil
	}
	x.App().tellFaults(x.scope())
	search := x.search()
	search.Accept = func(any) bool { return false }
	chosen, faults := search.First(err, x.rules())
	told := ruleErrors(faults)
	x.reportAll(told)
	x.reportRest(search, chosen, err, told, below...)
	if chosen.Leaf == nil {
		return nil
	}
	return x.Problem(chosen)
}
