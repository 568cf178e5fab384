package nursery

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"
)

// BackOff says how long [Retry] and [Restart] wait between runs. Those of
// github.com/cenkalti/backoff, among others, are BackOffs.
type BackOff interface {
	// NextBackOff returns how long to wait before the next run. A negative
	// duration says to give up; one below a millisecond counts as a
	// millisecond, so that nothing spins. One goroutine calls it.
	NextBackOff() time.Duration
}

// Exponential makes back-offs that begin with first and double up to longest,
// each of them shortened at random by up to half: tasks that failed together
// shall not come back together. It is meant for the options of [Retry] and
// [Restart]. A first that is not positive or longer than longest panics.
func Exponential(first, longest time.Duration) func() BackOff {
	if first <= 0 || longest < first {
		panic(fmt.Sprintf("nursery: Exponential(%v, %v): want 0 < first <= longest", first, longest))
	}
	return func() BackOff { return &exponential{next: first, longest: longest} }
}

var defaultBackOff = Exponential(100*time.Millisecond, 30*time.Second)

type exponential struct{ next, longest time.Duration }

func (e *exponential) NextBackOff() time.Duration {
	d := e.next
	if e.next = 2 * d; d > e.longest/2 {
		e.next = e.longest
	}
	return d - rand.N(d/2+1)
}

// next asks b. Less than a millisecond is one; negative is an end.
func next(b BackOff) (d time.Duration, ok bool) {
	d = b.NextBackOff()
	return max(d, time.Millisecond), d >= 0
}

// newBackOff makes the back-off of one series of runs.
func newBackOff(call string, factory func() BackOff) BackOff {
	if factory == nil {
		factory = defaultBackOff
	}
	b := factory()
	if b == nil {
		panic("nursery: " + call + ": BackOff returned nil")
	}
	return b
}

// pause waits for d, or until ctx ends or stop is closed. It reports whether
// all of d has passed.
func pause(ctx context.Context, d time.Duration, stop <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
	case <-stop:
	}
	return false
}

// GaveUp is what [Retry] and [Restart] return when they stop without a
// success: because their task's chances are spent, or because the context
// ended while they waited for the next run.
//
// It unwraps to Last in the first case and to the context's cause in the
// second, so that a nursery knows it for the echo of a cancellation; what was
// last is then in the text, and in Last.
type GaveUp struct {
	Name string        // as given in the options
	Runs int           // how often the task ran, in all
	Over time.Duration // from the first of these starts to the giving up
	Last error         // what the last run ended with; nil only if it succeeded, under Always
	cut  error         // why the context ended
	part string        // which of the runs, and in what time, spent a budget, if not all in all of it
}

// Error tells who gave up after how many runs, the last error and, if the
// context ended, why. Where Restart's budget is spent, and most runs or most of
// the time went well before, it says first what spent it: "gave up after 6
// failures in 1.9s (7 runs in 10m1.9s)".
func (g *GaveUp) Error() string {
	s := "nursery: "
	if g.Name != "" {
		s += g.Name + ": "
	}
	after := fmt.Sprintf("%s in %v", plural(g.Runs, "run"), g.Over)
	if g.part != "" {
		after = g.part + " (" + after + ")"
	}
	s += "gave up after " + after + ": "
	if g.Last == nil {
		s += "the last ended without an error"
	} else {
		s += Text(g.Last)
	}
	if g.cut != nil {
		s += " (and then: " + headline(g.cut) + ")"
	}
	return s
}

// Unwrap returns the cause of the context's end if that is why, else Last.
func (g *GaveUp) Unwrap() error {
	if g.cut != nil {
		return g.cut
	}
	return g.Last
}

// LogValue implements [slog.LogValuer]: name, runs, time and error.
func (g *GaveUp) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Int("runs", g.Runs), slog.Duration("over", g.Over), slog.String("error", g.Error())}
	if g.Name != "" {
		attrs = append(attrs, slog.String("name", g.Name))
	}
	return slog.GroupValue(attrs...)
}

// Permanent marks err as one that another run would not mend: [Retry] and
// [Restart] return it at once. If what the task returned is the marked error
// itself they return err; if that is somewhere in its tree, the whole. The
// mark is transparent for [errors.Is] and [errors.As]. Of nil it is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanent{err}
}

type permanent struct{ error }

func (p *permanent) Unwrap() error { return p.error }

// isPermanent tells whether err is marked, and returns it without the mark.
func isPermanent(err error) (bare error, is bool) {
	if p, ok := err.(*permanent); ok {
		return p.error, true
	}
	_, is = AsType[*permanent](err)
	return err, is
}
