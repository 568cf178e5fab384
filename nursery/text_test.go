package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/creche-go/creche/nursery"
)

// list is an error that is no pointer and may be nil all the same.
type list []string

func (l list) Error() string {
	text := ""
	for _, s := range l {
		text += s
	}
	return text
}

// calls panics when it is asked, because what it calls is not there.
type calls struct{ inner *codeError }

func (c calls) Error() string { return fmt.Sprint("code ", c.inner.code) }
func (c calls) Unwrap() error { return c.inner }

// M1
func TestTextNeverPanicsAndSaysWhatWasNil(t *testing.T) {
	var nilError *codeError
	const was = "a nil *nursery_test.codeError was returned as an error"
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"an error", errA, "a failed"},
		{"no error", nil, "<nil>"},
		{"a typed nil whose Error panics", nilError, was},
		{"a typed nil that prints <nil>", (*nursery.MultiError)(nil), "a nil *nursery.MultiError was returned as an error"},
		{"a typed nil that says nothing", list(nil), "a nil nursery_test.list was returned as an error"},
		{"a typed nil that has something to say", (*link)(nil), "link"},
		{"an empty error", list{}, ""},
		{"an error that speaks of nil", errors.New("got <nil>"), "got <nil>"},
		{"a wrapped typed nil", fmt.Errorf("price: %w", nilError), "price: <nil> (" + was + ")"},
		{"a joined typed nil", errors.Join(nilError, errA), was + "\na failed"},
		{"an error that panics", badError{}, "nursery_test.badError, whose Error panics: bad"},
		{"an error that a typed nil makes panic", calls{}, "nursery_test.calls, whose Error panics: runtime error: invalid memory address or nil pointer dereference (" + was + ")"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := nursery.Text(tt.err); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// M1: of what several wrap that hold themselves, what there is to say is said.
func TestTextOfAJoinThatHoldsItselfEnds(t *testing.T) {
	k := &knot{}
	k.kids = []error{errA, k}
	if got := nursery.Text(k); got != "a failed" {
		t.Errorf("got %q, want the only leaf", got)
	}
}

// knot wraps several, itself for instance, and has no text.
type knot struct{ kids []error }

func (*knot) Error() string     { panic("knot") }
func (k *knot) Unwrap() []error { return k.kids }

// ringed prints itself, though printing its parts would have no end.
type ringed map[string]any

func (ringed) String() string { return "ringed" }

// listed is a list by pointers, behind which nothing is printed.
type listed struct{ next *listed }

// N9: a panic ends no process, whatever was panicked with and how often it is told.
func TestTheTextOfAPanicEnds(t *testing.T) {
	ring := map[string]any{}
	ring["self"] = ring
	slice := make([]any, 1)
	slice[0] = slice
	deep := any("end")
	for range 200 {
		deep = []any{deep}
	}
	list := &listed{}
	list.next = list
	self := ringed{}
	self["self"] = self
	var nilError *codeError
	const cut = " that holds itself, or too much to print"
	tests := []struct {
		name  string
		value any
		want  string
	}{
		{"a text", "boom", "boom"},
		{"an error", errA, "a failed"},
		{"nothing", nil, "<nil>"},
		{"a nil pointer", nilError, "a nil *nursery_test.codeError"},
		{"a struct", struct {
			A int
			B []string
		}{1, []string{"b"}}, "{1 [b]}"},
		{"a map that holds itself", ring, "a map[string]interface {}" + cut},
		{"a slice that holds itself", slice, "a []interface {}" + cut},
		{"a pointer to what does", &struct{ m map[string]any }{ring}, "a *struct { m map[string]interface {} }" + cut},
		{"an array and a map key that do not", map[any][1]any{"k": {7}}, "map[k:[7]]"},
		{"what is nested deep", deep, "a []interface {}" + cut},
		{"what is large", make([]struct{}, 20_000), "a []struct {}" + cut},
		{"what holds itself and prints itself", self, "ringed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := nursery.PanicText(tt.value); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			p := raisedPanic(t, func() {
				_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
					n.Go(func(context.Context) error { panic(tt.value) })
					return nil
				}, quiet())
			})
			if tt.value != nil && !strings.HasPrefix(p.Error(), "nursery: panic: "+tt.want+"\n") {
				t.Errorf("got %.200q, want %q in it", p.Error(), tt.want)
			}
		})
	}
	if got := nursery.PanicText(list); !strings.HasPrefix(got, "&{0x") {
		t.Errorf("got %q for a list that leads back to itself, want what package fmt prints", got)
	}
}
