package creche

import (
	"errors"
	"slices"
)

// FailOnce is [Exchange.Fail] for routers whose middleware hands an error to
// the router's error handler and returns it as well, some of it twice: it does
// nothing if the failure is one that FailOnce was given before, also after the
// exchange has ended. It is the same failure if one of the errors is in the
// chain of the other, or if neither can be compared and they are deeply equal;
// one that is joined with others is not. While a rule's handler answers, err is
// a failure of that handler. A failure costs two allocations.
func (x *Exchange) FailOnce(err error) {
	for err != nil {
		before := x.setting.Load()
		inTry := before.marks&trying != 0
		if before.filed.has(err, inTry) {
			return
		}
		after := *before
		after.filed = &filed{err: err, before: before.filed}
		if x.setting.CompareAndSwap(before, &after) {
			if !inTry {
				x.Fail(err)
			}
			return
		}
	}
}

// beginTry has the errors given to FailOnce be those of an answer that is being
// tried, until endTry returns them together with what the answer returned.
func (x *Exchange) beginTry() *filed {
	from := new(filed)
	x.alter(func(s *setting) {
		from.before = s.filed
		s.filed = from
		s.marks |= trying
	})
	return from
}

func (x *Exchange) endTry(from *filed, err error) error {
	var last *filed
	x.alter(func(s *setting) {
		last = s.filed
		s.marks &^= trying
	})
	if last == from {
		return err
	}
	var errs []error
	if err != nil && !last.has(err, true) {
		errs = append(errs, err)
	}
	for ; last != from; last = last.before {
		errs = append(errs, last.err)
	}
	if len(errs) == 1 {
		return errs[0]
	}
	slices.Reverse(errs)
	return errors.Join(errs...)
}

// filed is a list of errors that never changes, but is added to. One that is
// nil marks the beginning of an answer.
type filed struct {
	err    error
	before *filed
}

// has reports whether err is in the list or, if only the answer is asked for,
// in what came after its beginning.
func (f *filed) has(err error, answer bool) bool {
	for ; f != nil && !(answer && f.err == nil); f = f.before {
		if f.err != nil && (inChain(err, f.err) || inChain(f.err, err)) {
			return true
		}
	}
	return false
}
