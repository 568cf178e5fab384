package creche

import "github.com/creche-go/creche/errorhandlers"

// setting is what an exchange goes by: the application, the router and the
// rules in force, and what is true of few exchanges only. It is shared by all
// requests through a middleware, and so never changed: an exchange to which
// something special happens gets one of its own, see [Exchange.alter]. Never
// pooled, it may be asked by who was left behind.
type setting struct {
	app    *App
	router Router // nil: plain
	rules  errorhandlers.Frame
	filed  *filed
	marks  marks
}

// marks are what few exchanges are marked with.
type marks uint8

const (
	slowBody     marks = 1 << iota // the time to send the body is over
	exitAnswered                   // an exchange inside has answered the handler's Goexit
	trying                         // an answer is being tried
	answered                       // what is held may be the answer that an exchange inside has given
)

// settingOf returns what exchanges of a start with.
func (a *App) settingOf(router Router) *setting {
	return &setting{app: a, router: router, rules: *a.rules}
}

// routed returns an exchange, to be opened, and what it starts with. A router
// may be one for each request: its exchange then has room for its own setting,
// so that the two are one allocation.
func (a *App) routed(router Router) (*Exchange, *setting) {
	if router == nil {
		return new(Exchange), a.plain
	}
	both := &struct {
		Exchange
		setting setting
	}{setting: setting{app: a, router: router, rules: *a.rules}}
	return &both.Exchange, &both.setting
}

// within returns s for an exchange inside one that goes by outer: its rules are
// followed by outer's, and without a router it has that one. Where it can be,
// outer is shared.
func (s *setting) within(outer *setting) *setting {
	router := s.router
	if router == nil {
		router = outer.router
	}
	switch {
	case s.app != outer.app:
		return &setting{app: s.app, router: router, rules: errorhandlers.Frame{Set: s.rules.Set, Outer: outer.frame()}}
	case s.router == nil && outer.filed == nil && outer.marks == 0:
		return outer
	}
	return &setting{app: s.app, router: router, rules: outer.rules}
}

// frame returns the rules for what is kept with them around: where they are the
// application's those, for s itself may be part of an exchange.
func (s *setting) frame() *errorhandlers.Frame {
	if s.rules == *s.app.rules {
		return s.app.rules
	}
	return &s.rules
}

// alter has x go by an edited copy of its setting. Edit may be called several
// times.
func (x *Exchange) alter(edit func(*setting)) {
	for {
		before := x.setting.Load()
		after := *before
		edit(&after)
		if x.setting.CompareAndSwap(before, &after) {
			return
		}
	}
}

// rules returns those in force.
func (x *Exchange) rules() *errorhandlers.Frame { return x.setting.Load().frame() }

func (x *Exchange) is(m marks) bool { return x.setting.Load().marks&m != 0 }

func (x *Exchange) mark(m marks) { x.alter(func(s *setting) { s.marks |= m }) }
