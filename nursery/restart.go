package nursery

import (
	"context"
	"fmt"
	"time"
)

// RestartOptions say when [Restart] restarts a task, and when it has had
// enough. The zero value restarts after errors, and gives up at the sixth
// within a minute.
type RestartOptions struct {
	// Name says in reports and in [GaveUp] what is restarted.
	Name string
	// BackOff makes the waits before the restarts, as in [RetryOptions]. A run
	// that lasted for Within begins a new series.
	BackOff func() BackOff
	// Failures is the budget: how many runs may end within Within before the
	// next end is too many. 0 means 5; a negative number sets no bound.
	Failures int
	// Within is the time over which Failures are counted. 0 means a minute;
	// less panics.
	Within time.Duration
	// Always restarts the task also when it returns nil, which counts
	// against the budget as a failure does.
	Always bool
	// Panics restarts the task also when it panics. The panic is reported,
	// with its stack, and is then an error like any other: a [*PanicError]. (So is
	// net/http's ErrAbortHandler, as it is: whoever restarts it is told of it.)
	Panics bool
}

const (
	defaultFailures = 5
	defaultWithin   = time.Minute
)

// Restart makes a task that keeps task running, for services that are meant
// to live as long as their nursery: when a run ends with an error that is
// reported at once (see [Observe]), and after a wait task is run again. When
// the budget of opts is spent the failure escalates: Restart returns a
// [*GaveUp] with the last error, which is a failure of the task like any.
//
//	n.Go(nursery.Restart(consume, nursery.RestartOptions{Name: "consumer"}))
//
// It returns nil when task does, unless opts say Always. What a run returns
// after the context has ended, or after a drain began (see [Nursery.Drain]),
// it returns as it is, and likewise what is [Permanent]. If the drain begins
// during a wait it returns nil, for there is nothing to finish, and if the
// context ends, a *GaveUp that unwraps to [context.Cause].
//
// A panic ends it unless opts say Panics; a Goexit always does, for it takes
// the goroutine away.
//
// A task that is due again in any case, such as a run of [Every], has no need of
// a budget: see [BestEffort].
//
// The decorated task may be run by several goroutines at once if task may;
// each has a budget of its own. A nil task and a negative Within panic.
func Restart(task func(ctx context.Context) error, opts RestartOptions) func(ctx context.Context) error {
	if task == nil {
		panic("nursery: Restart: nil task")
	}
	if opts.Within < 0 {
		panic(fmt.Sprintf("nursery: Restart: Within of %v: want 0 or more", opts.Within))
	}
	if opts.Within == 0 {
		opts.Within = defaultWithin
	}
	if opts.Failures == 0 {
		opts.Failures = defaultFailures
	}
	return func(ctx context.Context) error {
		s := &service{RestartOptions: opts, task: task, began: time.Now()}
		return s.keepRunning(ctx)
	}
}

// service is one life of a task under Restart.
type service struct {
	RestartOptions
	task  func(context.Context) error
	began time.Time
	runs  int
	waits BackOff
	ends  []time.Time // those that count against the budget
}

func (s *service) keepRunning(ctx context.Context) error {
	drain := Draining(ctx)
	s.waits = newBackOff("Restart", s.BackOff)
	for {
		start := time.Now()
		s.runs++
		err, permanent := isPermanent(s.run(ctx))
		if err == nil && !s.Always || permanent || ctx.Err() != nil || isClosed(drain) {
			return err
		}
		wait, ok := s.nextWait(time.Since(start))
		if !ok {
			return s.gaveUp(err, nil)
		}
		if err != nil {
			reportRun(ctx, s.Name, err)
		}
		switch {
		case pause(ctx, wait, drain):
		case ctx.Err() != nil:
			return s.gaveUp(err, context.Cause(ctx))
		default:
			return nil
		}
	}
}

// run runs the task once.
func (s *service) run(ctx context.Context) (err error) {
	if !s.Panics {
		return s.task(ctx)
	}
	defer func() {
		if v := recover(); v != nil {
			n := nurseryFor(ctx)
			f := n.panicked(0, s.Name, v)
			if f.ctx = ctx; f.fresh { // what travels in another is told with the end of the run
				n.reportNews(f)
			}
			err = f.Err
		}
	}()
	return s.task(ctx)
}

// nextWait returns how long to wait after a run that lasted for so long, or
// false if that was the last.
func (s *service) nextWait(lasted time.Duration) (d time.Duration, ok bool) {
	if lasted >= s.Within {
		s.waits = newBackOff("Restart", s.BackOff)
	}
	if s.spent() {
		return 0, false
	}
	return next(s.waits)
}

// spent counts one more end, and reports whether it is one too many.
func (s *service) spent() bool {
	if s.Failures < 0 {
		return false
	}
	now := time.Now()
	old := 0
	for old < len(s.ends) && now.Sub(s.ends[old]) >= s.Within {
		old++
	}
	s.ends = append(s.ends[:0], s.ends[old:]...)
	s.ends = append(s.ends, now)
	return len(s.ends) > s.Failures
}

func (s *service) gaveUp(last, cut error) error {
	over := time.Since(s.began)
	return &GaveUp{Name: s.Name, Runs: s.runs, Over: over, Last: last, cut: cut, part: s.part(over)}
}

// part tells how many ends spent the budget, and in what time. It is empty if
// none did, and if they are all there were and took half of the time or more.
func (s *service) part(over time.Duration) string {
	n := len(s.ends)
	if s.Failures < 0 || n <= s.Failures {
		return ""
	}
	took := s.ends[n-1].Sub(s.ends[0])
	if n == s.runs && over <= 2*took {
		return ""
	}
	what := "failure"
	if s.Always { // then some may have ended well
		what = "end"
	}
	return fmt.Sprintf("%s in %v", plural(n, what), took)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
