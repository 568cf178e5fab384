package errorhandlers_test

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/creche-go/creche/errorhandlers"
)

// NoStock is an error of the application.
type NoStock struct{ SKU string }

func (e *NoStock) Error() string { return "no stock of " + e.SKU }

// respond answers err as package creche does: it runs the handler of the rule
// that is chosen, or writes the default answer.
func respond(err error, rules ...errorhandlers.Rule) {
	set, faults := errorhandlers.Compile(rules...)
	if faults != nil {
		fmt.Println(faults)
		return
	}
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	var search errorhandlers.Search
	faults = search.Each(err, &errorhandlers.Frame{Set: set}, func(a errorhandlers.Answer) error {
		if a.Rule != nil {
			return a.Rule.Answer().(errorhandlers.Handler)(w, r, a.Err)
		}
		a.Problem().ServeHTTP(w, r)
		return nil
	})
	fmt.Println(w.Code, w.Body)
	if faults != nil {
		fmt.Println(faults)
	}
}

// A rule for a type receives the error itself, however it was wrapped, and
// also if it is one of several.
func ExampleOn() {
	rule := errorhandlers.On(func(w http.ResponseWriter, r *http.Request, e *NoStock) error {
		w.WriteHeader(http.StatusConflict)
		_, err := fmt.Fprintf(w, "out of %s", e.SKU)
		return err
	})
	respond(fmt.Errorf("order: %w", &NoStock{SKU: "tea"}), rule)
	respond(errors.Join(errors.New("disk on fire"), &NoStock{SKU: "tea"}), rule)
	// Output:
	// 409 out of tea
	// 409 out of tea
}

// As with [errors.As], a rule for a type is not one for pointers to it. Look at
// what the function that fails returns: most often that is a pointer.
func ExampleOn_incorrect() {
	respond(&Overdrawn{}, errorhandlers.On(func(w http.ResponseWriter, r *http.Request, e Overdrawn) error {
		w.WriteHeader(http.StatusPaymentRequired)
		return nil
	}))
	// Output: 500 {"title":"Internal Server Error","status":500}
}

// Overdrawn is an error as a value and as a pointer.
type Overdrawn struct{}

func (Overdrawn) Error() string { return "overdrawn" }

// A translation says once what an error means, for every transport.
func ExampleTranslate() {
	respond(&NoStock{SKU: "tea"}, errorhandlers.Translate(func(e *NoStock) error {
		return &errorhandlers.Problem{
			Status:     http.StatusConflict,
			Title:      "Out of stock",
			Extensions: map[string]any{"sku": e.SKU},
			Err:        e, // for the log, never for the client
		}
	}))
	// Output: 409 {"title":"Out of stock","status":409,"sku":"tea"}
}

func ExampleTranslateIs() {
	respond(fmt.Errorf("load user: %w", sql.ErrNoRows), errorhandlers.TranslateIs(sql.ErrNoRows, func(err error) error {
		return &errorhandlers.Problem{Status: http.StatusNotFound, Err: err}
	}))
	// Output: 404 {"title":"Not Found","status":404}
}

// A rule for the group may answer for all leaves, or decline and leave them
// to be looked at one by one.
func ExampleOnGroup() {
	rule := errorhandlers.OnGroup(func(w http.ResponseWriter, r *http.Request, err error) error {
		if _, ok := errors.AsType[*NoStock](err); ok {
			return errorhandlers.ErrDecline
		}
		w.WriteHeader(http.StatusBadGateway)
		_, err = fmt.Fprint(w, "everything is down")
		return err
	})
	down := errors.New("down")
	respond(errors.Join(down, down), rule)
	respond(errors.Join(down, &NoStock{}, &errorhandlers.Problem{Status: http.StatusNotFound}), rule)
	// Output:
	// 502 everything is down
	// 404 {"title":"Not Found","status":404}
}

// All that is wrong with the rules is told at once.
func ExampleCompile() {
	_, err := errorhandlers.Compile(errorhandlers.OnStatus(200, nil), errorhandlers.Rule{})
	faults := err.(interface{ Unwrap() []error }).Unwrap()
	fmt.Println(len(faults), "faults")
	fmt.Println(faults[2])
	// Output:
	// 3 faults
	// errorhandlers: rule 2 is zero, not made by On or one of its sisters
}

// An adapter makes rules of its router's own handler shape, and says in its
// search which shapes it can run.
func ExampleNewRule() {
	type ownHandler = func(path string, err error) string
	on := func(target error, h ownHandler) errorhandlers.Rule {
		return errorhandlers.NewRule(errorhandlers.IsKey(target), h, 1)
	}
	set, err := errorhandlers.Compile(on(sql.ErrNoRows, func(path string, err error) string { return "nothing at " + path }))
	if err != nil {
		fmt.Println(err)
		return
	}
	search := errorhandlers.Search{Accept: func(answer any) bool {
		_, ok := answer.(ownHandler)
		return ok
	}}
	answer, _ := search.First(sql.ErrNoRows, &errorhandlers.Frame{Set: set})
	fmt.Println(answer.Rule.Answer().(ownHandler)("/users/7", answer.Err))
	// Output: nothing at /users/7
}

// A consumer of messages decides what becomes of one that failed, by rules that
// share their translations with the HTTP side.
func ExampleMatcher() {
	type verdict func(err error) string
	var m errorhandlers.Matcher[verdict]
	set, err := errorhandlers.Compile(
		errorhandlers.Translate(func(e *NoStock) error { return &errorhandlers.Problem{Status: http.StatusConflict, Err: e} }),
		m.Rule(errorhandlers.ClassKey(4), func(error) string { return "drop it" }),
		m.Rule(errorhandlers.AnyKey(), func(error) string { return "again in a minute" }),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	rules := &errorhandlers.Frame{Set: set}
	for _, failure := range []error{fmt.Errorf("order: %w", &NoStock{SKU: "tea"}), errors.New("disk on fire")} {
		decide, answer, _ := m.First(failure, rules)
		fmt.Println(decide(answer.Err))
	}
	// Output:
	// drop it
	// again in a minute
}

// An explanation says which rule answers an error, for tests and logs.
func ExampleSearch_Explain() {
	set, err := errorhandlers.Compile(errorhandlers.Translate(func(e *NoStock) error {
		return &errorhandlers.Problem{Status: http.StatusConflict, Err: e}
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	failed := errors.Join(errors.New("disk on fire"), fmt.Errorf("order: %w", &NoStock{SKU: "tea"}))
	e := errorhandlers.Search{}.Explain(failed, &errorhandlers.Frame{Set: set})
	fmt.Println(e.Status, "by", e.How(), "via", e.Via().Name())
	for _, p := range e.Passed {
		fmt.Printf("%v: %s\n", p.Leaf, p.Reason)
	}
	// Output:
	// 409 by translation via Translate[*errorhandlers_test.NoStock]
	// disk on fire: no rule answers it, and it carries no status
}

// What the answer does not deal with is still to be reported.
func ExampleAnswer_Rest() {
	err := errors.Join(errors.New("cache is down"), &errorhandlers.Problem{Status: http.StatusNotFound})
	answer, _ := errorhandlers.Search{}.First(err, nil)
	fmt.Println(answer.Status)
	for leaf := range answer.Rest(err) {
		fmt.Println("also:", leaf)
	}
	// Output:
	// 404
	// also: cache is down
}
