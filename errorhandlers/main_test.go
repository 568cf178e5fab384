package errorhandlers_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

type (
	handler = errorhandlers.Handler
	rule    = errorhandlers.Rule
	frame   = errorhandlers.Frame
)

// said is what the handlers of these tests return, to tell which one ran.
type said string

func (s said) Error() string { return string(s) }

// say returns a handler called name.
func say(name string) handler {
	return func(http.ResponseWriter, *http.Request, error) error { return said(name) }
}

// sayOn returns a rule for E whose handler is called name.
func sayOn[E error](name string) rule {
	return errorhandlers.On(func(http.ResponseWriter, *http.Request, E) error { return said(name) })
}

// fail returns a handler that returns err.
func fail(err error) handler {
	return func(http.ResponseWriter, *http.Request, error) error { return err }
}

func compile(t testing.TB, rules ...rule) *errorhandlers.Set {
	t.Helper()
	set, err := errorhandlers.Compile(rules...)
	if err != nil {
		t.Fatalf("Compile: %v", err)
	}
	return set
}

// frames makes frames of lists of rules, the innermost first.
func frames(t testing.TB, lists ...[]rule) *frame {
	t.Helper()
	var f *frame
	for i := len(lists) - 1; i >= 0; i-- {
		f = &frame{Set: compile(t, lists[i]...), Outer: f}
	}
	return f
}

// run answers err and returns the names of the handlers that said something,
// the status of a default answer, and what was wrong.
func run(s errorhandlers.Search, err error, f *frame) (string, error) {
	var log []string
	faults := s.Each(err, f, func(a errorhandlers.Answer) error {
		if a.Rule == nil {
			kind := "own"
			if a.Leaf == nil {
				kind = "plain"
			}
			log = append(log, fmt.Sprintf("%s %d", kind, a.Status))
			return nil
		}
		err := a.Rule.Answer().(handler)(nil, nil, a.Err)
		if name, ok := err.(said); ok {
			log = append(log, string(name))
			return nil
		}
		return err
	})
	return strings.Join(log, ", "), faults
}

// multi makes what a nursery returns: errors in the order of failure, each
// with the spawn index given before it.
func multi(failures ...any) *nursery.MultiError {
	m := new(nursery.MultiError)
	for i := 0; i < len(failures); i += 2 {
		m.Failures = append(m.Failures, nursery.Failure{Index: failures[i].(int), Err: failures[i+1].(error)})
	}
	return m
}

func status(code int) *errorhandlers.Problem { return &errorhandlers.Problem{Status: code} }

var (
	errUnhandled = errors.New("unhandled")
	errSentinel  = errors.New("sentinel")
	errOther     = errors.New("other")
)

// soldOut is a concrete error type with a status of its own.
type soldOut struct{ SKU string }

func (e *soldOut) Error() string { return "sold out: " + e.SKU }

// upstream is a concrete error type that wraps another error.
type upstream struct{ Err error }

func (e *upstream) Error() string { return "upstream: " + e.Err.Error() }
func (e *upstream) Unwrap() error { return e.Err }

// timeouter is an interface that some errors implement.
type timeouter interface {
	error
	Timeout() bool
}

// slow implements timeouter.
type slow struct{}

func (slow) Error() string { return "slow" }
func (slow) Timeout() bool { return true }

// teapot carries a status in our way, foreign in that of others.
type teapot struct{}

func (teapot) Error() string   { return "teapot" }
func (teapot) HTTPStatus() int { return http.StatusTeapot }

type foreign struct{ code int }

func (foreign) Error() string     { return "foreign" }
func (e foreign) StatusCode() int { return e.code }

// like has an Is method and an As method of its own.
type like struct {
	target error
	as     *soldOut
}

func (like) Error() string          { return "like" }
func (e like) Is(target error) bool { return e.target != nil && target == e.target }
func (e like) As(target any) bool {
	p, ok := target.(**soldOut)
	if ok && e.as != nil {
		*p = e.as
		return true
	}
	return false
}
