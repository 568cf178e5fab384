package errorhandlers_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// badCarrier says something that is no error's status.
type badCarrier struct{ code int }

func (badCarrier) Error() string     { return "bad carrier" }
func (c badCarrier) HTTPStatus() int { return c.code }

func TestDefaultAnswers(t *testing.T) { // E6
	expired, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for _, tc := range []struct {
		name       string
		err        error
		want       int
		connection string
		retry      bool
	}{
		{name: "a Problem", err: status(409), want: 409},
		{name: "a Problem with an invalid status", err: status(200), want: 500},
		{name: "a Problem without a status", err: &errorhandlers.Problem{}, want: 500},
		{name: "a carrier of ours", err: teapot{}, want: 418},
		{name: "a carrier with a status that is no error's", err: badCarrier{302}, want: 500},
		{name: "a carrier without a status that wraps one with", err: timeoutOf{badCarrier{0}, status(404)}, want: 404},
		{name: "a body that is too large", err: &http.MaxBytesError{Limit: 1024}, want: 413, connection: "close"},
		{name: "a wrapped one", err: fmt.Errorf("decode: %w", &http.MaxBytesError{Limit: 1024}), want: 413, connection: "close"},
		{name: "a body that is too slow", err: &errorhandlers.BodyTimeoutError{Err: os.ErrDeadlineExceeded}, want: 408, connection: "close"},
		{name: "a deadline on some other connection", err: os.ErrDeadlineExceeded, want: 500},
		{name: "a context's deadline", err: context.DeadlineExceeded, want: 503},
		{name: "a context's deadline as its Err", err: fmt.Errorf("query: %w", expired.Err()), want: 503},
		{name: "an error that says it is one", err: like{target: context.DeadlineExceeded}, want: 503},
		{name: "a context's cancellation", err: context.Canceled, want: 500},
		{name: "draining", err: errorhandlers.ErrDraining, want: 503, retry: true},
		{name: "draining, wrapped", err: fmt.Errorf("shutdown: %w", errorhandlers.ErrDraining), want: 503, retry: true},
		{name: "an error that says it is draining", err: like{target: errorhandlers.ErrDraining}, want: 503, retry: true},
		{name: "a closed nursery", err: nursery.ErrClosed, want: 503, retry: true},
		{name: "a full nursery", err: nursery.ErrFull, want: 503, retry: true},
		{name: "a carrier with 503 of its own", err: badCarrier{503}, want: 503},
		{name: "a foreign carrier", err: foreign{404}, want: 500},
		{name: "anything else", err: io.ErrUnexpectedEOF, want: 500},
		{name: "a panic with an error that has a status", err: &nursery.PanicError{Value: status(404)}, want: 500},
		{name: "a status that wraps a panic", err: &errorhandlers.Problem{Status: 502, Err: &nursery.PanicError{Value: status(404)}}, want: 502},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, faults := errorhandlers.Search{}.First(tc.err, nil)
			if a.Status != tc.want || a.Rule != nil || faults != nil {
				t.Errorf("got %v %v, %v, want %v", a.Status, a.Rule, faults, tc.want)
			}
			problem := a.Problem()
			if got := problem.HTTPStatus(); got != tc.want {
				t.Errorf("Problem: got %v, want %v", got, tc.want)
			}
			if got := problem.Header.Get("Connection"); got != tc.connection {
				t.Errorf("Connection: got %q, want %q", got, tc.connection)
			}
			if got := problem.Header.Get("Retry-After") != ""; got != tc.retry {
				t.Errorf("Retry-After: got %v, want %v", got, tc.retry)
			}
			if !errors.Is(problem, a.Err) {
				t.Errorf("got %v, want it to wrap %v", problem, a.Err)
			}
		})
	}
}

// timeoutOf is a carrier that wraps.
type timeoutOf struct {
	badCarrier
	err error
}

func (e timeoutOf) Unwrap() error { return e.err }

// A link is what it is also when some of what it wraps was taken out, as the echoes
// of a cancellation are.
func TestALinkThatHasLostSomeOfWhatItWraps(t *testing.T) { // E3, E6
	problem := &errorhandlers.Problem{Status: 409, CloseCode: 4007, Err: fmt.Errorf("x: %w", errors.Join(errOther, context.Canceled))}
	others := func(leaf error) bool { return leaf != context.Canceled }
	pruned := nursery.Filter(fmt.Errorf("y: %w", problem), others)
	again := nursery.Filter(errors.Join(context.Canceled, nursery.Filter(problem, func(error) bool { return true }), pruned), others)
	for _, err := range []error{pruned, errors.Join(pruned, errSentinel), again} {
		for name, rules := range map[string]*errorhandlers.Frame{
			"own 409": nil, "409": frames(t, []rule{errorhandlers.OnStatus(409, say("409"))}), "interface": frames(t, []rule{sayOn[errorhandlers.StatusCarrier]("interface")}),
			"type": frames(t, []rule{sayOn[*errorhandlers.Problem]("type")}),
		} {
			if got, faults := run(errorhandlers.Search{}, err, rules); got != name || faults != nil {
				t.Errorf("got %v and %v, want %s", got, faults, name)
			}
		}
		a, _ := errorhandlers.Search{}.First(err, nil)
		if a.Problem() != problem {
			t.Errorf("got %v, want the problem", a.Problem())
		}
	}
}

func TestForeignStatusIsOptIn(t *testing.T) { // E6, E8
	f := frames(t, []rule{errorhandlers.OnStatus(409, say("409"))})
	trusting := errorhandlers.Search{Status: errorhandlers.ForeignStatus}
	self, branches := &loop{}, &tree{}
	self.next, branches.kids = self, []error{branches, errOther, &loop{branches}}
	for _, tc := range []struct {
		name   string
		search errorhandlers.Search
		err    error
		want   string
	}{
		{"not asked", errorhandlers.Search{}, foreign{404}, "plain 500"},
		{"not asked by rules either", errorhandlers.Search{}, foreign{409}, "plain 500"},
		{"asked", trusting, foreign{404}, "own 404"},
		{"asked by rules", trusting, foreign{409}, "409"},
		{"of a wrapped link", trusting, &upstream{foreign{404}}, "own 404"},
		{"a status that is no error's", trusting, foreign{200}, "plain 500"},
		{"ours comes first", trusting, both{}, "own 418"},
		{"a panic is no status", errorhandlers.Search{Status: func(error) (int, bool) { panic("no") }}, foreign{404}, "plain 500"},
		{"a binder's 400 gives way to the body's size", trusting, bound{foreign{400}, &http.MaxBytesError{Limit: 1}}, "own 413"},
		{"and to its being slow", trusting, bound{foreign{400}, &errorhandlers.BodyTimeoutError{}}, "own 408"},
		{"but to nothing else", trusting, bound{foreign{400}, errOther}, "own 400"},
		{"and no other status does", trusting, bound{foreign{422}, &http.MaxBytesError{Limit: 1}}, "own 422"},
		{"a 400 around a ring", trusting, bound{foreign{400}, self}, "own 400"},
		{"around branches that are a ring", trusting, bound{foreign{400}, branches}, "own 400"},
		{"around branches, one of which is the body's size", trusting, bound{foreign{400}, errors.Join(errOther, &http.MaxBytesError{Limit: 1})}, "own 413"},
		{"around a hundred thousand links", trusting, bound{foreign{400}, chainOf(100_000, errOther)}, "own 400"},
		{"a hundred thousand of them", trusting, manyBound(100_000, &http.MaxBytesError{Limit: 1}), "own 400"},
		{"a router's own", errorhandlers.Search{Status: func(err error) (int, bool) { return 410, err == errOther }}, &upstream{errOther}, "own 410"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, _ := run(tc.search, tc.err, f); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// chainOf wraps err many times.
func chainOf(links int, err error) error {
	for range links {
		err = &loop{err}
	}
	return err
}

// manyBound wraps err in many errors of binders.
func manyBound(links int, err error) error {
	for range links {
		err = bound{foreign{400}, err}
	}
	return err
}

// bound is the error of a binder.
type bound struct {
	foreign
	err error
}

func (e bound) Unwrap() error { return e.err }

// both carries a status in our way and in that of others.
type both struct{ teapot }

func (both) StatusCode() int { return 404 }

func TestProblemOfAnAnswerWithoutError(t *testing.T) {
	var zero errorhandlers.Answer
	if got := zero.Problem().HTTPStatus(); got != 500 {
		t.Errorf("got %v, want 500", got)
	}
}

func TestBodyTimeoutError(t *testing.T) {
	err := &errorhandlers.BodyTimeoutError{Err: os.ErrDeadlineExceeded}
	if !errors.Is(err, os.ErrDeadlineExceeded) || !err.Timeout() {
		t.Errorf("got %v, want a timeout that wraps the read's error", err)
	}
	for err, want := range map[*errorhandlers.BodyTimeoutError]string{
		{}:  "errorhandlers: timeout while reading the request's body",
		err: "errorhandlers: timeout while reading the request's body: i/o timeout",
	} {
		if got := err.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
