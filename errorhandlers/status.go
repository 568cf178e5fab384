package errorhandlers

import (
	"context"
	"errors"
	"net/http"

	"github.com/creche-go/creche/nursery"
)

// StatusCarrier is an error that says with which HTTP status it is answered
// when no rule does. A status outside 400 to 599 says nothing. A [*Problem] is
// one that has headers and a body too.
//
// The method is deliberately not called StatusCode: that is what clients of
// other services call the status an upstream gave them, and an upstream's 404
// is not ours. [ForeignStatus] trusts those.
type StatusCarrier interface {
	error
	// HTTPStatus returns the status; it must not depend on anything but the
	// error.
	HTTPStatus() int
}

// ErrDraining is what work is refused or cancelled with because the server is
// shutting down. It is answered by 503 with a Retry-After header.
var ErrDraining = errors.New("errorhandlers: the server is shutting down")

// BodyTimeoutError is the error of reading a request's body whose client was
// too slow to send it. It is answered by 408, and the connection is closed. A
// bare [os.ErrDeadlineExceeded] is not enough to tell: it may come from a
// connection to somebody else.
type BodyTimeoutError struct {
	Err error // what the read returned, or nil
}

// Error returns a text for logs, with that of Err.
func (e *BodyTimeoutError) Error() string {
	if e.Err == nil {
		return "errorhandlers: timeout while reading the request's body"
	}
	return "errorhandlers: timeout while reading the request's body: " + e.Err.Error()
}

// Unwrap returns what the read returned.
func (e *BodyTimeoutError) Unwrap() error { return e.Err }

// Timeout returns true.
func (e *BodyTimeoutError) Timeout() bool { return true }

// ForeignStatus is a [Search.Status] that trusts errors with a method
// StatusCode() int, as those of echo v5 and of many an HTTP client. Opt in only
// where the errors of clients cannot get to the search unwrapped.
func ForeignStatus(err error) (status int, ok bool) {
	if carrier, is := err.(interface{ StatusCode() int }); is {
		return carrier.StatusCode(), true
	}
	return 0, false
}

func isErrorStatus(status int) bool { return 400 <= status && status <= 599 }

// statusOf returns the status that link itself carries, or 0. Foreign, which
// may be nil, is asked last.
func statusOf(link error, foreign func(error) (int, bool)) int {
	if isNilPointer(link) {
		return 0
	}
	switch e := link.(type) {
	case *Problem:
		return e.HTTPStatus()
	case *http.MaxBytesError:
		return http.StatusRequestEntityTooLarge
	case *BodyTimeoutError:
		return http.StatusRequestTimeout
	case StatusCarrier:
		if status := carriedStatus(e); status != 0 {
			return status
		}
	}
	if unavailable(link) {
		return http.StatusServiceUnavailable
	}
	if foreign != nil {
		return foreignStatus(link, foreign)
	}
	return 0
}

func carriedStatus(link StatusCarrier) (status int) {
	defer func() {
		if recover() != nil {
			status = 0
		}
	}()
	return validStatus(link.HTTPStatus())
}

func foreignStatus(link error, foreign func(error) (int, bool)) (status int) {
	defer func() {
		if recover() != nil {
			status = 0
		}
	}()
	code, ok := foreign(link)
	if !ok || code == http.StatusBadRequest && unread(errors.Unwrap(link), new(int)) {
		return 0
	}
	return validStatus(code)
}

// nearBelow is how many links below a binder's 400 are looked at. Every such
// link of a chain looks, so that all of it would cost the square of its length,
// and a ring has no end.
const nearBelow = 64

// unread reports whether err, or what it wraps, is of a body that could not be
// read to its end. A binder's 400 for that says less than the error of reading,
// which is left to speak for itself. It counts the links in seen.
func unread(err error, seen *int) bool {
	for ; err != nil && *seen < nearBelow; *seen++ {
		if closesConnection(err) {
			return true
		}
		switch u := err.(type) {
		case interface{ Unwrap() error }:
			err = u.Unwrap()
		case interface{ Unwrap() []error }:
			for _, kid := range u.Unwrap() {
				if *seen++; unread(kid, seen) {
					return true
				}
			}
			return false
		default:
			return false
		}
	}
	return false
}

func validStatus(status int) int {
	if isErrorStatus(status) {
		return status
	}
	return 0
}

// unavailable reports whether link says that there was no time or no room for
// the request: all of them 503.
func unavailable(link error) bool {
	return link == context.DeadlineExceeded || refused(link) || saysItIs(link, context.DeadlineExceeded)
}

// refused reports whether link says that the same request may well succeed
// elsewhere or a little later.
func refused(link error) bool {
	return link == ErrDraining || link == nursery.ErrClosed || link == nursery.ErrFull ||
		saysItIs(link, ErrDraining) || saysItIs(link, nursery.ErrClosed) || saysItIs(link, nursery.ErrFull)
}

// saysItIs asks link's own Is method, if it has one.
func saysItIs(link, target error) (is bool) {
	m, ok := link.(matcher)
	if !ok {
		return false
	}
	defer func() {
		if recover() != nil {
			is = false
		}
	}()
	return m.Is(target)
}
