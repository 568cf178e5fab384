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
	return fmt.Sprintf("%T, whose Error panics: %s%s", err, PanicText(v), wrappedNil(err))
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

// PanicText returns what is said of v, the value of a panic, in a log or an error: what
// [fmt.Sprint] makes of it. But of a nil pointer it says that it is one, and of a value
// that holds itself, as a map may, or whose parts are more than 10 000 or nested
// deeper than 100, only the type: printing it could end the process.
func PanicText(v any) string {
	if v == nil {
		return "<nil>"
	}
	if e := (extent{left: maxParts}); !e.holds(reflect.ValueOf(v), 0) {
		return fmt.Sprintf("a %T that holds itself, or too much to print", v)
	}
	if s := fmt.Sprint(v); s != "<nil>" {
		return s
	}
	return fmt.Sprintf("a nil %T", v)
}

// extent bounds what is printed of a value: so many parts are left.
type extent struct{ left int }

const (
	maxParts  = 10_000
	maxNested = 100
)

// holds reports whether v, which is nested so deep in what is printed, is within the
// bounds. It goes where package fmt does: not into what has methods to print itself,
// and not behind pointers, save the outermost.
func (e *extent) holds(v reflect.Value, depth int) bool {
	if e.left--; e.left < 0 || depth > maxNested {
		return false
	}
	switch {
	case !v.IsValid(), v.CanInterface() && printsItself(v.Type()):
		return true
	}
	switch v.Kind() {
	case reflect.Pointer:
		return depth > 0 || e.holds(v.Elem(), depth+1)
	case reflect.Interface:
		return e.holds(v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			if !e.holds(v.Field(i), depth+1) {
				return false
			}
		}
	case reflect.Map:
		for parts := v.MapRange(); parts.Next(); {
			if !e.holds(parts.Key(), depth+1) || !e.holds(parts.Value(), depth+1) {
				return false
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if !e.holds(v.Index(i), depth+1) {
				return false
			}
		}
	}
	return true
}

func printsItself(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[error]()) || t.Implements(reflect.TypeFor[fmt.Stringer]()) || t.Implements(reflect.TypeFor[fmt.Formatter]())
}
