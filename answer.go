package creche

import (
	"context"
	"errors"
	"net/http"

	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

var errNoAnswer = errors.New("creche: the rule's handler returned nil without writing a response")

// answer has the rules answer err in place of the response that was held, and
// reports what they leave over.
func (x *Exchange) answer(err error) {
	s := &answering{x: x, err: err}
	s.finish(x.search().Each(err, x.rules.Load(), s.try))
}

// answering is the search for an answer to err.
type answering struct {
	x      *Exchange
	err    error
	chosen errorhandlers.Answer
	given  bool  // chosen was the last word
	failed error // what chosen failed with when it was too late for another
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
	failed := s.x.try(a)
	returned = true
	if failed != nil && failed != http.ErrAbortHandler && s.x.state == open && !s.x.clientGone() {
		return failed
	}
	s.chosen, s.given, s.failed = a, true, failed
	return nil
}

// finish reports what is left over and sends the answer or, if there is none,
// sees to it that nobody takes what was sent for one.
func (s *answering) finish(faults error) {
	x := s.x
	told := ruleErrors(faults)
	gone := s.failed != nil && x.clientGone()
	if s.failed != nil && s.failed != http.ErrAbortHandler && !(gone && errors.Is(s.failed, ErrClientGone)) {
		told = append(told, &errorhandlers.RuleError{Rule: s.chosen.Rule, Err: s.chosen.Err, Cause: s.failed})
	}
	x.reportAll(told)
	if gone {
		x.reportGone(nursery.Filter(s.err, func(leaf error) bool { return !tell(told, leaf) }))
		x.abort()
		return
	}
	x.reportRest(s.chosen, s.err, told)
	switch {
	case s.failed == http.ErrAbortHandler:
		panic(s.failed)
	case s.failed != nil:
		x.abort()
	default:
		if x.state == open && !s.given { // not even the plain 500: its answer failed
			x.discard()
			x.plainError()
		}
		x.commit()
	}
}

// exited ends the search when an error handler called Goexit, which takes its
// caller away: see [Exchange.exited].
func (s *answering) exited(a errorhandlers.Answer) {
	x := s.x
	told := []error{&errorhandlers.RuleError{Rule: a.Rule, Err: a.Err, Cause: nursery.ErrGoexit}}
	x.reportAll(told)
	x.reportRest(errorhandlers.Answer{}, s.err, told)
	if x.state != open {
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
func (x *Exchange) search() errorhandlers.Search {
	s := errorhandlers.Search{Order: x.app.options.Order, Status: x.app.options.StatusOf}
	router := x.router
	if router == nil {
		return s
	}
	s.Accept = func(answer any) bool {
		_, ok := answer.(errorhandlers.Handler)
		return ok || router.Accept(answer)
	}
	s.Status = func(err error) (int, bool) {
		if status, ok := router.StatusOf(err); ok || x.app.options.StatusOf == nil {
			return status, ok
		}
		return x.app.options.StatusOf(err)
	}
	return s
}

// try runs one answer in a nursery of its own: the request's has ended, and
// with it the context of the handler's request. What an error handler needs
// is cancelled when the client leaves, not because something failed.
func (x *Exchange) try(a errorhandlers.Answer) error {
	return nursery.Run((*outerContext)(x), func(ctx context.Context, _ *nursery.Nursery) error {
		err := x.run(a, x.request.WithContext(ctx))
		if err == nil && x.state == open && !x.written() {
			return errNoAnswer
		}
		return err
	}, x.app.answering)
}

func (x *Exchange) run(a errorhandlers.Answer, r *http.Request) error {
	if x.router != nil {
		if handled, err := x.router.Answer(x, r, a); handled {
			return err
		}
	}
	if a.Rule == nil {
		a.Problem().ServeHTTP(x.Writer(), r)
		return nil
	}
	return a.Rule.Answer().(errorhandlers.Handler)(x.Writer(), r, a.Err)
}

// Resolve returns what err comes to where no handler can run, as on a
// websocket: the [errorhandlers.Problem] that a translation makes of it, or
// that its own status stands for, by the rules in force and in the same order
// as for an HTTP answer; nil if there is neither. What the result does not
// deal with, which is everything if it is nil, has been reported on return. It
// is part of the kit for authors of connection packages, and may be called
// from any goroutine until the exchange ends.
func (x *Exchange) Resolve(err error) *errorhandlers.Problem {
	if err == nil {
		return nil
	}
	search := x.search()
	search.Accept = func(any) bool { return false }
	chosen, faults := search.First(err, x.rules.Load())
	told := ruleErrors(faults)
	x.reportAll(told)
	x.reportRest(chosen, err, told)
	if chosen.Leaf == nil {
		return nil
	}
	return chosen.Problem()
}
