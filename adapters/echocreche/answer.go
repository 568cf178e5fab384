package echocreche

import (
	"errors"
	"net/http"
	"reflect"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/labstack/echo/v4"
)

// handler is the answer of the rules made here.
type handler func(c echo.Context, err error) error

// On is [errorhandlers.On] in echo's shape. The handler writes to a response
// that is as new, whatever was written before; the context of its request is
// not the one that the failure cancelled. What it returns, or gives to the
// HTTPErrorHandler, is a failure of the handler.
func On[E error](h func(c echo.Context, err E) error) errorhandlers.Rule {
	var answer handler
	if h != nil {
		answer = func(c echo.Context, err error) error { return h(c, err.(E)) }
	}
	return errorhandlers.NewRule(errorhandlers.TypeKey[E](), answer, 1)
}

// OnIs is [errorhandlers.OnIs] in echo's shape: see [On].
func OnIs(target error, h func(c echo.Context, err error) error) errorhandlers.Rule {
	return errorhandlers.NewRule(errorhandlers.IsKey(target), handler(h), 1)
}

// OnStatus is [errorhandlers.OnStatus] in echo's shape: see [On]. The Code of
// an [*echo.HTTPError] is such a status.
func OnStatus(status int, h func(c echo.Context, err error) error) errorhandlers.Rule {
	return errorhandlers.NewRule(errorhandlers.StatusKey(status), handler(h), 1)
}

// OnStatusClass is [errorhandlers.OnStatusClass] in echo's shape: see [On].
func OnStatusClass(class int, h func(c echo.Context, err error) error) errorhandlers.Rule {
	return errorhandlers.NewRule(errorhandlers.ClassKey(class), handler(h), 1)
}

// OnMatch is [errorhandlers.OnMatch] in echo's shape: see [On].
func OnMatch(predicate func(err error) bool, h func(c echo.Context, err error) error) errorhandlers.Rule {
	return errorhandlers.NewRule(errorhandlers.MatchKey(predicate), handler(h), 1)
}

// OnGroup is [errorhandlers.OnGroup] in echo's shape: see [On].
func OnGroup(h func(c echo.Context, err error) error) errorhandlers.Rule {
	return errorhandlers.NewRule(errorhandlers.GroupKey(), handler(h), 1)
}

// OnAny is [errorhandlers.OnAny] in echo's shape: see [On].
func OnAny(h func(c echo.Context, err error) error) errorhandlers.Rule {
	return errorhandlers.NewRule(errorhandlers.AnyKey(), handler(h), 1)
}

// Accept takes the rules made here.
func (*request) Accept(answer any) bool {
	_, ok := answer.(handler)
	return ok
}

// StatusOf finds the status of an HTTPError. The binder's 400 for a body that
// could not be read says less than the error of reading, which is left to
// speak for itself.
func (*request) StatusOf(err error) (status int, ok bool) {
	e := httpError(err)
	if e == nil || e.Code == http.StatusBadRequest && unread(e.Internal) {
		return 0, false
	}
	return e.Code, true
}

func unread(err error) bool {
	var tooLarge *http.MaxBytesError
	var slow *errorhandlers.BodyTimeoutError
	return errors.As(err, &tooLarge) || errors.As(err, &slow)
}

// httpError returns the HTTPError that err itself is, or nil. One that wraps
// another gives way to it, as in echo's own handler.
func httpError(err error) *echo.HTTPError {
	var e *echo.HTTPError
	switch err := err.(type) {
	case *echo.HTTPError:
		e = err
	case *echo.BindingError:
		e = err.HTTPError
	}
	if e == nil {
		return nil
	}
	if inner, ok := e.Internal.(*echo.HTTPError); ok && inner != nil {
		return inner
	}
	return e
}

// Answer gives all answers, through a Response that is as new: the Committed
// of one that was written to says nothing about what has left. The functions
// registered with Before run for this answer, as they would without us.
func (q *request) Answer(x *creche.Exchange, r *http.Request, a errorhandlers.Answer) (handled bool, err error) {
	request, response := q.c.Request(), q.c.Response()
	defer func() {
		q.c.SetRequest(request)
		q.c.SetResponse(response)
		q.answer = nil
	}()
	fresh := q.inner
	fresh.Writer, fresh.Status, fresh.Size, fresh.Committed = x.Writer(), http.StatusOK, 0, false
	q.c.SetRequest(r)
	q.c.SetResponse(&fresh)
	q.answer, q.failed = &a, nil
	if err = q.give(a); err == nil {
		err = q.failed
	}
	return true, err
}

func (q *request) give(a errorhandlers.Answer) error {
	if a.Rule == nil {
		q.giveDefault(a)
		return nil
	}
	switch answer := a.Rule.Answer().(type) {
	case handler:
		return answer(q.c, a.Err)
	default:
		return answer.(errorhandlers.Handler)(q.c.Response(), q.c.Request(), a.Err)
	}
}

// giveDefault leaves what was echo's to the application's HTTPErrorHandler, if
// it has one of its own. That is asked for here, not in Use, for it may have
// been set since.
func (q *request) giveDefault(a errorhandlers.Answer) {
	h := q.c.Echo().HTTPErrorHandler
	echos := a.Leaf == nil || httpError(a.Err) != nil
	if echos && isOwn(h, q.c.Echo()) {
		h(a.Err, q.c)
		return
	}
	problem(a).ServeHTTP(q.c.Response(), q.c.Request())
}

// isOurs reports whether h is what Use put in place.
func isOurs(h echo.HTTPErrorHandler) bool { return sameFunc(h, (*adapter)(nil).handleError) }

// isOwn reports whether h is neither nil nor echo's default.
func isOwn(h echo.HTTPErrorHandler, e *echo.Echo) bool {
	return h != nil && !sameFunc(h, e.DefaultHTTPErrorHandler)
}

// sameFunc reports whether two functions are the same code: for methods, of
// whatever receiver.
func sameFunc(f, g echo.HTTPErrorHandler) bool {
	return reflect.ValueOf(f).Pointer() == reflect.ValueOf(g).Pointer()
}

// problem is the default answer, with the message of an HTTPError as detail
// or, if it is no text, as an extension. That of a 5xx is for the log.
func problem(a errorhandlers.Answer) *errorhandlers.Problem {
	p := a.Problem()
	e := httpError(a.Err)
	if a.Leaf == nil || e == nil || p.Status >= http.StatusInternalServerError {
		return p
	}
	switch message := e.Message.(type) {
	case nil, error: // an error's text is for the log, too
	case string:
		if message != http.StatusText(p.Status) {
			p.Detail = message
		}
	default:
		p.Extensions = map[string]any{"message": message}
	}
	return p
}

// keptWith names the header without which an answer of err's status would be
// incomplete. Echo's middleware sets it before it returns the error.
func keptWith(err error) string {
	var e *echo.HTTPError
	if !errors.As(err, &e) || e == nil {
		return ""
	}
	switch e.Code {
	case http.StatusUnauthorized:
		return echo.HeaderWWWAuthenticate
	case http.StatusMethodNotAllowed:
		return echo.HeaderAllow
	case http.StatusProxyAuthRequired:
		return "Proxy-Authenticate"
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return echo.HeaderRetryAfter
	}
	return ""
}

const filedKey = "github.com/creche-go/creche/adapters/echocreche"

// filed reports whether err has failed the request before, and notes that it
// now has. Middleware that hands an error to the HTTPErrorHandler returns it
// as well, and some of it does both twice (labstack/echo#1948).
func filed(c echo.Context, err error) bool {
	errs, _ := c.Get(filedKey).([]error)
	for _, before := range errs {
		for link := err; link != nil; link = errors.Unwrap(link) {
			if same(link, before) {
				return true
			}
		}
	}
	c.Set(filedKey, append(errs, err))
	return false
}

// same is == also for errors that cannot be compared, such as slices.
func same(a, b error) bool {
	if v := reflect.ValueOf(a); v.Comparable() {
		return a == b
	}
	return reflect.DeepEqual(a, b)
}
