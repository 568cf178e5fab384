package nursery_test

import (
	"errors"
	"fmt"
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
