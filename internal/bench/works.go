package main

import "context"

// A kind is a kind of work.
type kind int

const (
	scope   kind = iota // open a scope, start n tasks that do nothing, join
	looking             // the tasks look whether their context is done
	limited             // at most bound of the tasks run at once
	failing             // one in the middle fails, the others wait for the cancellation
	panics              // one in the middle panics, the join raises or returns it
	many                // n tasks of a scope each open a scope with one task
	nested              // n scopes one in the other, each opened by the task of the one above
	all                 // run n functions: a short form of scope, where there is one
	each                // call a function for each item of a slice of n, bound at once
)

// A work is a row of the table.
type work struct {
	name     string
	kind     kind
	n, bound int
	units    int  // what an operation is divided by
	endless  bool // the parent cannot end
	reach    reach
}

// fails tells whether the operation returns an error.
func (w work) fails() bool { return w.kind == failing || w.kind == panics }

// A reach is what creche set out to do.
type reach struct {
	against string // the peer
	ratio   float64
	allocs  float64 // at most; negative: not promised
	bytes   float64 // at most; 0: not promised
}

// An operation does a piece of work once, under ctx, and returns when all its
// goroutines have ended.
type operation func(ctx context.Context) error

// A maker prepares an operation, and what lets go of what its calls share, or
// nil.
type maker func(w work) (op operation, stop func())

// A library does each kind of work in the way that its documentation shows.
type library struct {
	name string
	does map[kind]maker // without those that it cannot do
}

// by returns how l does w, or nil.
func (w work) by(l library) maker {
	m := l.does[w.kind]
	if m == nil && w.kind == all && l.name != crecheName {
		return l.does[scope]
	}
	return m
}

const crecheName, errgroupName, concName = "creche", "errgroup", "conc"

// libraries are the columns of the table, in its order.
func libraries() []library {
	return []library{crecheLibrary, errgroupLibrary, concLibrary, pondLibrary, arunsworldLibrary, tombLibrary, taskgroupLibrary}
}

// works are the rows of "Speed of the core" of the scoreboard, in its order.
func works() []work {
	than := func(ratio, allocs float64) reach { return reach{errgroupName, ratio, allocs, 0} }
	return []work{
		{name: "scope, 1 task", kind: scope, n: 1, units: 1, reach: reach{errgroupName, 0.80, 1, 112}},
		{name: "scope, 10 tasks", kind: scope, n: 10, units: 1, reach: than(0.97, 1)},
		{name: "scope, 10 tasks that read `Done()`, parent never ends", kind: looking, n: 10, units: 1, endless: true, reach: than(1, 4)},
		{name: "scope, 10 tasks that read `Done()`, parent can end", kind: looking, n: 10, units: 1, reach: than(1, 4)},
		{name: "each of 1 000 tasks", kind: scope, n: 1000, units: 1000, reach: than(1, 0)},
		{name: "limit 8, each of 1 000", kind: limited, n: 1000, bound: 8, units: 1000, reach: than(0.30, 0)},
		{name: "1 of 10 fails", kind: failing, n: 10, units: 1, reach: than(1.10, 20)},
		{name: "1 of 10 panics", kind: panics, n: 10, units: 1, reach: reach{concName, 0.85, -1, 0}},
		{name: "10 000 goroutines open scopes, each", kind: many, n: 10_000, units: 10_000, reach: than(0.80, 1)},
		{name: "nested 1 000 deep, per level", kind: nested, n: 1000, units: 1000, reach: than(0.60, 2)},
		{name: "all of 1 function", kind: all, n: 1, units: 1, reach: than(0.10, -1)},
		{name: "all of 2 functions", kind: all, n: 2, units: 1, reach: than(0.55, -1)},
		{name: "all of 3 functions", kind: all, n: 3, units: 1, reach: than(0.75, -1)},
		{name: "for each of 1 000, 8 workers", kind: each, n: 1000, bound: 8, units: 1, reach: than(0.03, 4)},
		{name: "– beside conc's iter", kind: each, n: 1000, bound: 8, units: 1, reach: reach{concName, 1.10, 4, 0}},
	}
}
