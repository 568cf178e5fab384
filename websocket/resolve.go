package websocket

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// rules are what a connection has of the application: those in force where it
// was upgraded.
type rules interface {
	Resolve(err error, below ...nursery.Report) *errorhandlers.Problem
	Report(err error, below ...nursery.Report)
}

// resolve returns the close code and reason that err comes to by the rules in
// force. What they do not tell the peer has been reported on return.
func (c *Conn) resolve(err error) (Code, string) {
	var p *errorhandlers.Problem
	if c.rules != nil {
		p = c.rules.Resolve(err, c.failures()...)
	} else {
		p = c.resolvePlainly(err)
	}
	if p == nil {
		return InternalError, ""
	}
	if p.CloseCode != 0 {
		return Code(p.CloseCode), firstOf(p.CloseReason, p.Detail, p.Title)
	}
	if e, ok := p.Err.(*CloseError); ok {
		return e.Code, e.Reason
	}
	if nursery.Is(p.Err, errorhandlers.ErrDraining) {
		return GoingAway, ""
	}
	if p.HTTPStatus() == http.StatusServiceUnavailable && c.rules != nil {
		c.warn(err) // of which nothing is reported, as of a 503 of HTTP
	}
	return ofStatus(p.HTTPStatus()), firstOf(p.CloseReason, p.Detail, p.Title)
}

// warn says in the log why a connection closes of which the peer learns no more
// than that something is wrong here.
func (c *Conn) warn(cause error) {
	msg := "websocket: closed with " + InternalError.String()
	if app := c.crowd.account.app; app != nil {
		app.Warn(c.ctx, msg, cause)
		return
	}
	slog.LogAttrs(c.ctx, slog.LevelWarn, msg, slog.Any("error", cause))
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

func ofStatus(status int) Code {
	switch {
	case status == http.StatusRequestEntityTooLarge:
		return MessageTooBig
	case status < http.StatusInternalServerError:
		return PolicyViolation
	}
	return InternalError
}

// resolvePlainly is Resolve outside any middleware: there are no rules, but
// errors that carry their own status.
func (c *Conn) resolvePlainly(err error) *errorhandlers.Problem {
	search := errorhandlers.Search{Accept: func(any) bool { return false }}
	chosen, _ := search.First(err, nil)
	for leaf := range chosen.Rest(err) {
		c.report(leaf)
	}
	if chosen.Leaf == nil {
		return nil
	}
	if chosen.Status >= http.StatusInternalServerError {
		c.report(chosen.Leaf)
	}
	return chosen.Problem()
}

// report reports what has no other way to be noticed. Panics have been
// reported when they happened.
func (c *Conn) report(err error) {
	if _, panicked := err.(*nursery.PanicError); panicked || err == http.ErrAbortHandler {
		return
	}
	if c.rules != nil {
		c.rules.Report(err, c.failures()...)
		return
	}
	slog.LogAttrs(c.ctx, slog.LevelError, "websocket: connection failed", c.reportOf(err).LogAttrs()...)
}

// reportOf returns err with the name of the task that failed with it, where
// there is no application to do so.
func (c *Conn) reportOf(err error) nursery.Report {
	if r, ok := nursery.ReportOf(err, c.failures()...); ok {
		return r
	}
	return nursery.Report{Nursery: title, Failure: nursery.Failure{Err: err}}
}

// failures returns what has failed in the connection's nursery, which says of
// which task it is.
func (c *Conn) failures() (rs []nursery.Report) {
	for _, f := range c.nursery.Failures() {
		rs = append(rs, nursery.Report{Nursery: title, Failure: f})
	}
	return rs
}

// reportLate reports what the join returned but for that which decided how the
// connection was closed, and but for the ends that are no failures.
func (c *Conn) reportLate(outer context.Context, err error) {
	decided := failed(context.Cause(c.ctx))
	m, several := err.(*nursery.MultiError)
	several = several && m.Nursery == title
	switch {
	case several:
		for i, f := range m.Failures {
			if f.Index >= 0 && !(decided && i == 0) {
				c.reportLeaves(f.Err)
			}
		}
	case !decided && !isCause(outer, err):
		c.reportLeaves(err)
	}
}

func (c *Conn) reportLeaves(err error) {
	for leaf := range nursery.Leaves(err) {
		if _, end := nursery.AsType[*CloseError](leaf); !end {
			c.report(leaf)
		}
	}
}

// isCause reports whether err is why ctx ended, if it did.
func isCause(ctx context.Context, err error) bool {
	cause := context.Cause(ctx)
	return cause != nil && nursery.Is(err, cause)
}
