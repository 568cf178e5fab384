package errorhandlers

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"runtime"
)

// Handler writes the response to a request that failed with err. It returns
// nil once it did; [ErrDecline], without having written, to let the search go
// on as if its rule were not there; and any other error if it failed, which is
// reported together with err before the search goes on to the next leaf.
type Handler = func(w http.ResponseWriter, r *http.Request, err error) error

// ErrDecline is what a handler returns, bare or wrapped, to say that the error
// is not for it after all. It must not have written to the response. What it is
// joined to, other than the error that the handler was given, failed beside, and is
// reported. A panic with it is a panic like any other.
var ErrDecline = errors.New("errorhandlers: declined")

// Rule is an immutable value: a key, which says what errors it is for, and an
// answer, which is a handler or a translation. It remembers where it was made,
// so that faults and reports can say which rule they mean.
//
// The zero Rule is a fault in [Compile], and so are a nil handler, a status
// out of range and the like: the functions that make rules never panic, so that
// all faults can be told together before the server listens.
type Rule struct {
	key        Key
	answer     any
	isHandler  bool // answer is a Handler
	translate  func(error) error
	translates bool // says so even if translate is nil
	pc         uintptr
}

// On makes a rule for errors of type E, a concrete type or an interface: h
// receives the link of the chain that is an E, or what a link's own As method
// makes of it.
//
// Concrete types are found by a map look-up, interfaces (and predicates) are
// asked after them in the order in which the rules are given. Unlike
// [errors.As], On looks at one link in full (sentinel, type, status,
// interface) before it looks at what the link wraps. A typed nil pointer is
// no E: only a last resort sees it.
func On[E error](h func(w http.ResponseWriter, r *http.Request, err E) error) Rule {
	var answer Handler
	if h != nil {
		answer = func(w http.ResponseWriter, r *http.Request, err error) error { return h(w, r, err.(E)) }
	}
	return NewRule(TypeKey[E](), answer, 1)
}

// OnIs makes a rule for the sentinel target: for links that are == target or
// whose own Is method says so, as that of what [os.Open] returns does for
// [io/fs.ErrNotExist].
func OnIs(target error, h Handler) Rule { return NewRule(IsKey(target), h, 1) }

// OnStatus makes a rule for errors that carry the given HTTP status, from 400
// to 599; see [StatusCarrier] for which do. OnStatus(500) is also asked, with
// the whole error, when nothing answered: then the status is implied.
func OnStatus(status int, h Handler) Rule { return NewRule(StatusKey(status), h, 1) }

// OnStatusClass makes a rule for errors that carry an HTTP status of the given
// class, 4 or 5. A rule for the exact status is asked before it.
// OnStatusClass(5) is also asked, with the whole error, when nothing answered.
func OnStatusClass(class int, h Handler) Rule { return NewRule(ClassKey(class), h, 1) }

// OnMatch makes a rule for links for which predicate returns true. It is
// called concurrently, with one link after the other beginning with the
// outermost, which may be a multi-error. A predicate that panics has not
// matched, and the panic is reported.
//
// Prefer [On] and [OnIs], which cost the same however many there are.
func OnMatch(predicate func(err error) bool, h Handler) Rule {
	return NewRule(MatchKey(predicate), h, 1)
}

// OnGroup makes a rule for multi-errors: h is asked before anything else and
// receives the whole error, from which [nursery.Leaves] takes the leaves. It
// returns [ErrDecline] for groups that are better searched leaf by leaf.
//
// [nursery.Leaves]: https://pkg.go.dev/github.com/creche-go/creche/nursery#Leaves
func OnGroup(h Handler) Rule { return NewRule(GroupKey(), h, 1) }

// OnAny makes the last resort: h receives the whole error when neither a rule,
// of any frame, nor an error's own status answered it.
func OnAny(h Handler) Rule { return NewRule(AnyKey(), h, 1) }

// Translate makes a rule that turns errors of type E into another error, most
// often a [*Problem], which is then matched in E's place: against the rules of
// all frames, innermost first, and by its own status, but against no
// translation again. It works alike wherever errors are answered, be it HTTP
// on any router or a websocket's close code.
//
// A translation that returns nil has not matched. One that panics has not
// either, and the panic is reported. It may be called more than once for an
// error, concurrently, and should do nothing but translate. If nobody answers
// what it returned, the leaf counts as unanswered.
func Translate[E error](f func(err E) error) Rule {
	var translate func(error) error
	if f != nil {
		translate = func(err error) error { return f(err.(E)) }
	}
	return newTranslation(TypeKey[E](), translate)
}

// TranslateIs is [Translate] for the sentinel target, matched as [OnIs] does.
func TranslateIs(target error, f func(err error) error) Rule {
	return newTranslation(IsKey(target), f)
}

// NewRule makes a rule of key and an answer of any type; it is for adapters
// whose router has a handler shape of its own. The search hands the answer
// back through [Rule.Answer] and knows of it only whether [Search.Accept]
// takes it. A nil answer, a nil func among them, is a fault in [Compile].
//
// Skip says whose line the rule was made on: 0 for the caller of NewRule, 1
// for the caller of that function, which an adapter's own On passes.
func NewRule(key Key, answer any, skip int) Rule {
	rule := Rule{key: key, answer: answer, pc: callerPC(skip + 1)}
	if isNil(answer) {
		rule.answer = nil
	}
	_, rule.isHandler = rule.answer.(Handler)
	return rule
}

func newTranslation(key Key, f func(error) error) Rule {
	return Rule{key: key, translate: f, translates: true, pc: callerPC(2)}
}

// Answer returns the answer the rule was made with: a [Handler], an adapter's
// own handler, or nil for a translation.
func (r *Rule) Answer() any { return r.answer }

// Name returns what the rule is for, as in "On[*shop.SoldOut]". That of nil is
// "the default answer".
func (r *Rule) Name() string {
	if r == nil {
		return "the default answer"
	}
	name := r.key.String()
	if r.translates {
		name = "Translate" + name[len("On"):]
	}
	return name
}

// String returns the rule's name and where it was made, as in
// "On[*shop.SoldOut] (/src/shop/main.go:17)". That of nil is its name.
func (r *Rule) String() string {
	if r == nil {
		return r.Name()
	}
	return fmt.Sprintf("%s (%s)", r.Name(), r.where())
}

func (r *Rule) where() string {
	if r.pc == 0 {
		return "place unknown"
	}
	frame, _ := runtime.CallersFrames([]uintptr{r.pc}).Next()
	return fmt.Sprintf("%s:%d", frame.File, frame.Line)
}

// check returns what is wrong with the rule, or nil.
func (r *Rule) check() error {
	err := r.key.check()
	if r.key.kind == noKey {
		return err
	}
	switch {
	case r.translates && r.translate == nil:
		err = errors.Join(err, errors.New("has a nil translation"))
	case !r.translates && r.answer == nil:
		err = errors.Join(err, errors.New("has a nil handler"))
	}
	return err
}

// callerPC returns the return address that tells the caller of the function
// skip levels above the one that calls callerPC.
func callerPC(skip int) uintptr {
	var pcs [1]uintptr
	runtime.Callers(skip+2, pcs[:])
	return pcs[0]
}

func isNil(answer any) bool {
	switch v := reflect.ValueOf(answer); v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Func, reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice, reflect.Chan:
		return v.IsNil()
	}
	return false
}
