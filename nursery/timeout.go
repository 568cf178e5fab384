package nursery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// TimeoutError says that the time of a [MoveOnAfter], [FailAfter] or [Shield]
// was up. Each of these calls that runs out of time makes one of its own, so
// that of two nested ones it is known which cut the work short. It is the
// cause that [context.Cause] finds on the call's context from then on, and
// what FailAfter and Shield return.
//
// It unwraps to [context.DeadlineExceeded]. All the same a nursery never takes
// it for an echo of its own cancellation: a task that returns one has failed.
type TimeoutError struct {
	Call  string        // "MoveOnAfter", "FailAfter" or "Shield"
	After time.Duration // from the call to its deadline
	words *atomic.Pointer[string]
}

// Error tells the call, how much time it had and, once the function that was cut
// short has returned, what that said of it beside the end of its context:
// "nursery: FailAfter: timed out after 2s: charge card 7".
func (e *TimeoutError) Error() string {
	s := fmt.Sprintf("nursery: %s: timed out after %v", e.Call, e.After)
	if e.words != nil {
		if said := e.words.Load(); said != nil {
			s += ": " + *said
		}
	}
	return s
}

// hear keeps what there is in err, an echo that will be dropped, beside that.
// Others may be asking for the text meanwhile, which is the cause of a context.
func (e *TimeoutError) hear(err error) {
	if _, plain := err.(*Cancelled); plain || saidOf(err, context.DeadlineExceeded) || err == error(e) {
		return
	}
	said := Text(err)
	for _, echo := range []string{e.Error(), context.DeadlineExceeded.Error()} {
		said = strings.TrimSuffix(strings.TrimSuffix(said, echo), ": ")
	}
	if said != "" && !strings.Contains(said, "\n") { // or it is several
		e.words.Store(&said)
	}
}

// Unwrap returns [context.DeadlineExceeded].
func (e *TimeoutError) Unwrap() error { return context.DeadlineExceeded }

// Timeout returns true, for those who ask for it as package net does.
func (e *TimeoutError) Timeout() bool { return true }

// MoveOnAfter calls f with a context that ends d after the call, and returns
// when f does. It is for work that is welcome if it is quick:
//
//	late, err := nursery.MoveOnAfter(ctx, 50*time.Millisecond, recommend)
//	if err != nil {
//		return err // recommend failed, or ctx ended
//	}
//	page.Complete = !late
//
// It is a scope in time and not a nursery: f runs in the caller's goroutine,
// [From] finds the nursery it found outside, which does the cancelling and
// joining of tasks, and a panic or Goexit of f passes untouched. An f that
// ignores the end of its context is waited for, like everything here.
//
// timedOut tells that the time was up and that this cut f short: f returned
// an echo of it, as [Run] knows them of a nursery's cancellation (the
// context's error or cause, or any other sign of an exceeded deadline,
// wrapped or not). The echo is dropped and err is nil, or what is left of an
// error that holds more than echoes. Work that is completed has not timed
// out, however late: where f returns nil both results are zero. So it is in
// Trio, whose move_on_after this is.
//
// If ctx ended before the time was up and that cut f short, err is
// [context.Cause] of ctx, joined with whatever else failed. Which of the two
// came first counts, even when both are over by the time f returns (Trio then
// only knows the outer one): a context stays ended, so moving on comes to its
// next stop without us. Of an end of both in the same instant, the outer's
// counts. Any other error of f is returned as it is.
//
// With a d of zero or less, and with a ctx that has ended, f runs and finds
// its context ended. [MoveDeadline] moves the end; the context's Deadline
// tells it, or ctx's if that is sooner, whatever has been moved. A nil ctx or
// f panics. The call costs 12 allocations and about twice the time of
// [context.WithTimeoutCause] (which makes 4), and no goroutine.
func MoveOnAfter(ctx context.Context, d time.Duration, f func(ctx context.Context) error) (timedOut bool, err error) {
	mustBeGiven(ctx, "MoveOnAfter", f)
	timeout, err := within(ctx, "MoveOnAfter", d, f)
	return timeout != nil, err
}

// FailAfter is [MoveOnAfter] for work that is needed in time: where that tells
// timedOut, FailAfter returns a [*TimeoutError], joined (see [errors.Join])
// with whatever else failed. It is Trio's fail_after.
//
//	err := nursery.FailAfter(ctx, 2*time.Second, charge)
//	if late := (*nursery.TimeoutError)(nil); errors.As(err, &late) { … }
//
// The difference to [context.WithTimeout]: who was late can be told, and by the
// time-out's text also with what, if f wraps the error of its context. The error
// of a FailAfter around this one, or the cause of ctx's end, is never taken for
// this one's.
func FailAfter(ctx context.Context, d time.Duration, f func(ctx context.Context) error) error {
	mustBeGiven(ctx, "FailAfter", f)
	return withTimeout(within(ctx, "FailAfter", d, f))
}

// Shield calls f with a context that keeps ctx's values and not its end, and
// returns when f does. It is for clean-up that has to be done all the more
// when ctx has ended: to release what was reserved, to say farewell. Because nobody else can cut it
// any more, the limit is mandatory and counts from the call: when it is over,
// f's context ends and, if that cut f short, Shield returns a [*TimeoutError],
// joined with whatever else failed. Otherwise it returns what f does.
//
//	defer func() {
//		err = errors.Join(err, nursery.Shield(ctx, time.Second, hold.Release))
//	}()
//
// f runs in the caller's goroutine as in [MoveOnAfter], and [Draining] still
// tells whoever wants to be brief. The shield covers f and the nurseries that
// f opens; tasks that f starts in the surrounding one, found with [From], have
// that nursery's context and end with it. A nil ctx or f, and a limit of zero
// or less, panic.
func Shield(ctx context.Context, limit time.Duration, f func(ctx context.Context) error) error {
	mustBeGiven(ctx, "Shield", f)
	if limit <= 0 {
		panic(fmt.Sprintf("nursery: Shield: limit of %v: want more than 0", limit))
	}
	return withTimeout(within(uncancelled{ctx}, "Shield", limit, f))
}

// MoveDeadline moves the deadline of the innermost [MoveOnAfter], [FailAfter]
// or [Shield] that ctx belongs to: sooner or later, as often as wanted and
// from any goroutine. A transfer that is slow but not stalled moves it with
// each piece. A t in the past ends the context before MoveDeadline returns.
//
// It returns false if there is nothing to move: ctx belongs to no such call,
// the call has returned, or its context has ended. A context of another nursery
// that was given no more than the values of the call's, as a background task's
// is, does not belong to it. An end cannot be taken back. Nor can a deadline of a
// call further out be passed by moving one inside: the sooner counts, and
// [context.Context.Deadline] tells which.
//
// Beware of [context.WithTimeout] on a context whose deadline is sooner: it
// relies on that one alone, and does not notice when it is moved. The calls
// here do. A nil ctx panics.
func MoveDeadline(ctx context.Context, t time.Time) bool {
	if ctx == nil {
		panic("nursery: MoveDeadline: nil context")
	}
	s, ok := ctx.Value(timeScopeKey).(*timeScope)
	return ok && s.isAround(ctx) && s.move(t)
}

func mustBeGiven(ctx context.Context, call string, f func(context.Context) error) {
	if ctx == nil {
		panic("nursery: " + call + ": nil context")
	}
	if f == nil {
		panic("nursery: " + call + ": nil function")
	}
}

// within calls f in a time scope of its own.
func within(ctx context.Context, call string, d time.Duration, f func(context.Context) error) (*TimeoutError, error) {
	s := openTimeScope(ctx, call, d)
	defer s.close()
	err := f(s)
	if err == nil {
		return nil, nil
	}
	return s.sift(err)
}

// withTimeout puts the time-out first: it came before what f did about it.
func withTimeout(timeout *TimeoutError, err error) error {
	switch {
	case timeout == nil:
		return err
	case err == nil:
		return timeout
	}
	return errors.Join(timeout, err)
}

// sift strips the echoes of the scope's end from what f returned. It returns
// the time-out, if it was that which cut f short, and what is left, which is
// err itself if there are no echoes.
func (s *timeScope) sift(err error) (timeout *TimeoutError, real error) {
	s.expire() // who reads the deadline off the context may be there before the timer
	e := s.ended()
	if e == nil {
		return nil, err
	}
	cause := context.Cause(s)
	cut := false
	real = prune(err, func(leaf error) bool {
		echo := e.echoedBy(leaf, cause)
		cut = cut || echo
		return !echo
	})
	switch {
	case !cut:
		return nil, err
	case e.timeout != nil:
		if real == nil {
			e.timeout.hear(err)
		}
		return e.timeout, bare(real, err)
	case real == nil:
		return nil, cause
	}
	return nil, errors.Join(cause, bare(real, err))
}

// echoedBy follows the chain of a leaf to the end of the scope.
func (e *ending) echoedBy(leaf, cause error) bool {
	err := leaf
	for range maxChain {
		switch other := err.(type) {
		case nil:
			return false
		case *PanicError:
			return false
		case *TimeoutError: // the scope's own, or that of one around it?
			return error(other) == cause
		case *Cancelled: // of a nursery in between
			if error(other) == cause {
				return true
			}
			if other == nil {
				return false
			}
			err = other.Unwrap()
			continue
		}
		if saidOf(err, e.err) || equal(err, cause) || e.timeout != nil && saysDeadline(err) {
			return true
		}
		err, _ = below(err)
	}
	return false
}

// saysDeadline reports whether err itself claims to be an exceeded deadline of
// a context, as package net's errors do.
func saysDeadline(err error) (yes bool) {
	defer func() {
		if recover() != nil { // a typed nil's method
			yes = false
		}
	}()
	is, ok := err.(interface{ Is(error) bool })
	return ok && is.Is(context.DeadlineExceeded)
}
