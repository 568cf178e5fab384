package nursery

import (
	"fmt"
	"reflect"
	"strings"
)

// Text returns what err says, for a log or for a text that is to have it in it.
// It is err.Error() for errors of which nothing is known, and never panics: of a
// nil pointer that became an error, whose Error panics or has nothing to say,
// it says that, "a nil *shop.SoldOut was returned as an error", also where
// something wraps it; of another error whose Error panics the type, and of one
// that wraps several what each of them says, in a line. A nil err is "<nil>".
func Text(err error) (s string) {
	if err == nil {
		return "<nil>"
	}
	defer func() {
		if v := recover(); v != nil {
			s = textInstead(err, v)
		}
	}()
	s = err.Error()
	switch {
	case s != "" && !strings.Contains(s, "<nil>"):
		return s
	case isNothing(err):
		return returnedNil(err)
	}
	return s + wrappedNil(err)
}

// textInstead is the text of an err whose Error panicked with v.
func textInstead(err error, v any) string {
	if isNothing(err) {
		return returnedNil(err)
	}
	if _, kids := branch(err); kids != nil {
		var lines []string
		walk(err, func(leaf error, _ []step) bool {
			lines = append(lines, Text(leaf))
			return true
		})
		return strings.Join(lines, "\n")
	}
	return fmt.Sprintf("%T, whose Error panics: %v%s", err, v, wrappedNil(err))
}

// wrappedNil says that the chain of err ends in a nil, if it does.
func wrappedNil(err error) string {
	end := err
	for range maxChain {
		next, _ := below(end)
		if next == nil {
			break
		}
		end = next
	}
	if !isNothing(end) {
		return ""
	}
	return " (" + returnedNil(end) + ")"
}

func returnedNil(err error) string { return fmt.Sprintf("a nil %T was returned as an error", err) }

// isNothing reports whether v, which is not nil, holds one: the value of a
// pointer that nobody has set.
func isNothing(v any) bool {
	switch v := reflect.ValueOf(v); v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Func, reflect.Chan:
		return v.IsNil()
	}
	return false
}

// headline is the text of a leaf without the stack of a panic.
func headline(leaf error) string {
	if p, ok := leaf.(*PanicError); ok && p != nil {
		return p.headline()
	}
	return Text(leaf)
}

// valueText is what is said of the value of a panic.
func valueText(v any) string {
	if s := fmt.Sprint(v); s != "<nil>" || v == nil {
		return s
	}
	return fmt.Sprintf("a nil %T", v)
}
