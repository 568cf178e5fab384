package nurserytest

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/creche-go/creche/nursery"
)

// several returns so many new actors, if there is fuel for them, each of which
// lives in the nursery of the context that it is given.
func (a *actor) several(most int) []*actor {
	count := a.pick(most + 1)
	if !a.spend(count) {
		return nil
	}
	all := make([]*actor, count)
	for i := range all {
		all[i] = a.kid()
		all[i].outer = a
	}
	return all
}

// item is the life of an actor that is an item of a map, or a racer.
func (a *actor) item(ctx context.Context) (string, error) {
	a.n = nursery.From(ctx)
	err := a.x.counted(&a.x.exits, func() error { return a.live(ctx) })
	return a.name, err
}

func names(all []*actor) (names []string) {
	for _, k := range all {
		names = append(names, k.name)
	}
	return names
}

func (a *actor) mapItems(ctx context.Context) error {
	a.does("maps")
	kids := a.several(4)
	got, err := nursery.Map(ctx, 1+a.pick(3), kids, func(ctx context.Context, k *actor) (string, error) { return k.item(ctx) })
	if want := names(kids); err == nil && !slices.Equal(got, want) || err != nil && got != nil {
		a.broken("Map returned %q and %v of %q", got, err, want)
	}
	return unlessStopped(err)
}

// unlessStopped returns err but for a bare cancellation of a nursery that is
// gone. Whoever asked for it was one of its own.
func unlessStopped(err error) error {
	if stopped(err) {
		return nil
	}
	return err
}

func (a *actor) mapSeq(ctx context.Context) error {
	a.does("maps a sequence")
	kids := a.several(4)
	leaves := a.pick(8) // after so many results
	var got []string
	var last error
	for name, err := range nursery.MapSeq(ctx, 1+a.pick(3), slices.Values(kids), func(ctx context.Context, k *actor) (string, error) { return k.item(ctx) }) {
		if last = err; err != nil {
			break
		}
		if got = append(got, name); len(got) > leaves {
			return nil
		}
	}
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(names(kids))); last == nil && !slices.Equal(got, want) {
		a.broken("MapSeq yielded %q and no error of %q", got, want)
	}
	return unlessStopped(last)
}

func (a *actor) all(ctx context.Context) error {
	a.does("runs all")
	var tasks []func(context.Context) error
	kids := a.several(3)
	for i, k := range kids {
		tasks = append(tasks, func(ctx context.Context) error {
			if k.n = nursery.From(ctx); i == len(kids)-1 { // of the caller's goroutine
				return k.live(ctx)
			}
			_, err := k.item(ctx)
			return err
		})
	}
	return nursery.All(ctx, tasks...)
}

// race has actors race. What those who lose fail with is dropped if one wins.
func (a *actor) race(ctx context.Context) error {
	a.does("races")
	kids := a.several(3)
	if len(kids) == 0 {
		return nil
	}
	var won atomic.Bool
	lost := make([]error, len(kids))
	var racers []func(context.Context) (string, error)
	for i, k := range kids {
		racers = append(racers, func(ctx context.Context) (name string, err error) {
			if name, err = k.item(ctx); err == nil {
				won.Store(true)
			}
			lost[i] = err
			return name, err
		})
	}
	defer func() {
		for _, err := range lost {
			if won.Load() {
				a.x.forgives(err)
			}
		}
	}()
	got, err := nursery.Race(ctx, racers...)
	if err == nil && !slices.Contains(names(kids), got) {
		a.broken("Race returned %q and no error", got)
	}
	return unlessStopped(err)
}

// attempted is the name under which a long retry reports an attempt.
const attempted = "nurserytest: an attempt"

// retry lives anew as long as it fails. What only the last attempt failed with
// has to come to light, and not even that if the context ends meanwhile.
func (a *actor) retry(ctx context.Context) error {
	a.does("tries and retries")
	var last error
	attempt := func(ctx context.Context) error {
		a.x.forgives(last)
		a.failed = false
		last = a.live(ctx)
		return last
	}
	waits := func() nursery.BackOff { return a }
	err := nursery.Retry(attempt, nursery.RetryOptions{Name: attempted, Attempts: 1 + a.pick(3), BackOff: waits})(ctx)
	if g, ok := err.(*nursery.GaveUp); ok && errors.Unwrap(g) != g.Last {
		a.x.forgives(last)
		a.failed = false
	}
	return err
}

// NextBackOff makes an actor the back-off of its own retries.
func (a *actor) NextBackOff() time.Duration { return random(a.rand, longest) }
