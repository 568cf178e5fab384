package errorhandlers

import (
	"errors"
	"fmt"
	"reflect"
)

// kind says what a key looks at.
type kind uint8

const (
	noKey kind = iota
	sentinelKey
	typeKey
	interfaceKey
	statusKey
	classKey
	predicateKey
	groupKey
	anyKey
)

// Key says which errors a [Rule] is for. Applications use the functions that
// make key and rule in one go ([On], [OnIs] and so on); Key and [NewRule] are
// for adapters whose router has a handler shape of its own.
//
// A Key is immutable. The zero Key matches nothing and is a fault in [Compile],
// as is a key made from arguments that make no sense: the functions below
// accept them, so that all faults can be told together.
type Key struct {
	kind      kind
	target    error
	typ       reflect.Type
	code      int
	predicate func(error) bool
	as        func(link asker) (error, bool)
}

// asker is an error that has its own idea of [errors.As].
type asker interface{ As(target any) bool }

// matcher is an error that has its own idea of [errors.Is].
type matcher interface{ Is(target error) bool }

// TypeKey matches errors of type E, which may be a concrete type or an
// interface. The error handed to the answer can be asserted to E. An E of
// error itself would match everything and is a fault; [AnyKey] says that.
func TypeKey[E error]() Key {
	k := Key{kind: typeKey, typ: reflect.TypeFor[E]()}
	if k.typ.Kind() == reflect.Interface {
		k.kind = interfaceKey
	}
	k.as = func(link asker) (error, bool) {
		var e E
		if !link.As(&e) {
			return nil, false
		}
		err := error(e)
		return err, err != nil && !isNilPointer(err)
	}
	return k
}

// IsKey matches target by ==, and errors whose own Is method says that they
// are target. Target must be comparable and not nil.
func IsKey(target error) Key { return Key{kind: sentinelKey, target: target} }

// StatusKey matches errors that carry the given status, from 400 to 599.
func StatusKey(status int) Key { return Key{kind: statusKey, code: status} }

// ClassKey matches errors that carry a status of the given class, 4 or 5.
func ClassKey(class int) Key { return Key{kind: classKey, code: class} }

// MatchKey matches errors for which predicate returns true. It is called with
// one link of a chain after the other, concurrently, and must not keep state.
func MatchKey(predicate func(error) bool) Key {
	return Key{kind: predicateKey, predicate: predicate}
}

// GroupKey matches multi-errors as a whole.
func GroupKey() Key { return Key{kind: groupKey} }

// AnyKey matches, as a last resort, what nothing else answered.
func AnyKey() Key { return Key{kind: anyKey} }

// String returns the key as the function that makes a rule of it would be
// written: "On[*fs.PathError]", "OnIs(EOF)", "OnStatus(404)".
func (k Key) String() string {
	switch k.kind {
	case sentinelKey:
		if k.target == nil || isNilPointer(k.target) {
			return "OnIs(nil)"
		}
		return fmt.Sprintf("OnIs(%v)", k.target)
	case typeKey, interfaceKey:
		return "On[" + k.typ.String() + "]"
	case statusKey:
		return fmt.Sprintf("OnStatus(%d)", k.code)
	case classKey:
		return fmt.Sprintf("OnStatusClass(%d)", k.code)
	case predicateKey:
		return "OnMatch"
	case groupKey:
		return "OnGroup"
	case anyKey:
		return "OnAny"
	}
	return "no key"
}

// check returns what is wrong with the key, or nil.
func (k Key) check() error {
	switch k.kind {
	case noKey:
		return errors.New("is zero, not made by On or one of its sisters")
	case sentinelKey:
		switch {
		case k.target == nil || isNilPointer(k.target):
			return errors.New("has a nil target")
		case !isComparable(k.target):
			return fmt.Errorf("has a target of type %T, which cannot be compared: use On or OnMatch", k.target)
		}
	case interfaceKey:
		if k.typ == reflect.TypeFor[error]() {
			return errors.New("matches every error: use OnAny for a last resort")
		}
	case statusKey:
		if !isErrorStatus(k.code) {
			return errors.New("is not for a status from 400 to 599")
		}
	case classKey:
		if k.code != 4 && k.code != 5 {
			return errors.New("is not for class 4 or 5")
		}
	case predicateKey:
		if k.predicate == nil {
			return errors.New("has a nil predicate")
		}
	}
	return nil
}

// isComparable reports whether err can be compared with == without panicking,
// which depends on the value where a struct holds interfaces.
func isComparable(err error) bool {
	if reflect.TypeOf(err).Kind() == reflect.Pointer {
		return true
	}
	return reflect.ValueOf(err).Comparable()
}

// isNilPointer reports whether err is a typed nil: an error that is not nil
// and whose methods can be expected to panic.
func isNilPointer(err error) bool {
	v := reflect.ValueOf(err)
	return v.Kind() == reflect.Pointer && v.IsNil()
}
