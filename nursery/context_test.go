package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// foreign is a context of a type that the standard library does not know.
type foreign struct {
	context.Context
	done chan struct{}
	mu   sync.Mutex
	err  error
}

func (c *foreign) Done() <-chan struct{} { return c.done }
func (c *foreign) Value(any) any         { return nil }

func (c *foreign) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *foreign) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	close(c.done)
}

// N22
func TestANurserysContextIsWhatItsBodyIsGiven(t *testing.T) {
	type key struct{}
	var kept *nursery.Nursery
	err := nursery.Run(context.WithValue(t.Context(), key{}, "outer"), func(ctx context.Context, n *nursery.Nursery) error {
		kept = nursery.From(context.WithValue(ctx, key{}, "further in"))
		if got := kept.Context(); got != ctx || got.Value(key{}) != "outer" {
			t.Errorf("got %v with %v, want the body's", got, got.Value(key{}))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := context.Cause(kept.Context()); !errors.Is(got, nursery.ErrClosed) {
		t.Errorf("after the end: got cause %v, want ErrClosed", got)
	}
	var opened nursery.Nursery
	if got := opened.Open(t.Context()); got != opened.Context() {
		t.Errorf("got %v, want what Open returned", opened.Context())
	}
	if err := opened.Join(); err != nil {
		t.Error(err)
	}
}

// N22
func TestTheParentsValuesAndDeadlineAreVisible(t *testing.T) {
	key, missing := new(int), new(int) // of the type that context's own key has
	deadline := time.Now().Add(time.Hour)
	parent, cancel := context.WithDeadline(context.WithValue(t.Context(), key, "value"), deadline)
	defer cancel()
	check := func(ctx context.Context) error {
		if got := ctx.Value(key); got != "value" {
			t.Errorf("got value %v, want it", got)
		}
		if got := ctx.Value(missing); got != nil {
			t.Errorf("got value %v, want nil", got)
		}
		if got, ok := ctx.Deadline(); !ok || !got.Equal(deadline) {
			t.Errorf("got deadline %v %v, want %v", got, ok, deadline)
		}
		return nil
	}
	nursery.Run(parent, func(ctx context.Context, n *nursery.Nursery) error {
		check(ctx)
		ctx.Done() // from here there is a standard context in it
		n.Go(check)
		return check(ctx)
	})
}

// N22
func TestFromFindsTheInnermostNursery(t *testing.T) {
	if got := nursery.From(t.Context()); got != nil {
		t.Errorf("got %v outside, want nil", got)
	}
	nursery.Run(t.Context(), func(ctx context.Context, outer *nursery.Nursery) error {
		child, cancel := context.WithTimeout(context.WithValue(ctx, errA, errA), time.Hour)
		defer cancel()
		if nursery.From(ctx) != outer || nursery.From(child) != outer || nursery.From(context.WithoutCancel(child)) != outer {
			t.Error("got another nursery, want the outer")
		}
		return nursery.Run(child, func(ctx context.Context, inner *nursery.Nursery) error {
			if nursery.From(ctx) != inner {
				t.Error("got another nursery, want the inner")
			}
			return nil
		})
	})
}

// N22: what context itself starts goroutines for, it does in vain here.
func TestChildContextsCostNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			return nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error {
				before := runtime.NumGoroutine()
				fired := 0
				for range 100 {
					child, cancel := context.WithCancel(ctx)
					defer cancel()
					_, cancel = context.WithTimeout(child, time.Hour)
					defer cancel()
					defer context.AfterFunc(ctx, func() { t.Error("called after it was stopped") })()
				}
				context.AfterFunc(ctx, func() { fired++ })
				// The number is the process's; of ours there would be hundreds.
				if got := runtime.NumGoroutine(); got > before+50 {
					t.Errorf("got %d more goroutines, want none", got-before)
				}
				defer synctest.Wait()
				return nil
			})
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// N22
func TestChildContextsEndWithTheNursery(t *testing.T) {
	ends := []struct {
		name string
		end  func(n *nursery.Nursery, cancel context.CancelCauseFunc)
		want error
	}{
		{"is cancelled", func(n *nursery.Nursery, _ context.CancelCauseFunc) { n.Cancel(errA) }, errA},
		{"fails", func(n *nursery.Nursery, _ context.CancelCauseFunc) { n.Fail(errA) }, errA},
		{"loses its parent", func(_ *nursery.Nursery, cancel context.CancelCauseFunc) { cancel(errA) }, errA},
		{"closes", func(*nursery.Nursery, context.CancelCauseFunc) {}, nursery.ErrClosed},
	}
	for _, tt := range ends {
		t.Run("when it "+tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parent, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				var child context.Context
				var late context.CancelFunc
				fired := false
				nursery.Run(parent, func(ctx context.Context, n *nursery.Nursery) error {
					child = context.WithValue(ctx, errB, errB)
					child, late = context.WithCancel(child)
					context.AfterFunc(child, func() { fired = true })
					tt.end(n, cancel)
					return nil
				})
				<-child.Done()
				synctest.Wait()
				late()
				if c := cancelled(t, context.Cause(child)); !errors.Is(c, tt.want) || child.Err() == nil || !fired {
					t.Errorf("got cause %v, err %v, AfterFunc called %v; want %v", c, child.Err(), fired, tt.want)
				}
			})
		})
	}
}

// N22: a parent that has ended is noticed without anybody having asked for
// Done, by whoever asks first.
func TestTheParentsEndIsNoticedByWhoeverAsks(t *testing.T) {
	asks := []struct {
		name  string
		ended func(ctx context.Context) bool
	}{
		{"Err", func(ctx context.Context) bool { return ctx.Err() != nil }},
		{"Done", func(ctx context.Context) bool { return closed(ctx.Done()) }},
		{"Cause", func(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errA) }},
		{"the Cause of a value context", func(ctx context.Context) bool {
			return errors.Is(context.Cause(context.WithValue(ctx, errB, errB)), errA)
		}},
		{"a new child", func(ctx context.Context) bool {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			return errors.Is(context.Cause(ctx), errA)
		}},
	}
	for _, tt := range asks {
		for _, built := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, Done asked before %v", tt.name, built), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					parent, cancel := context.WithCancelCause(t.Context())
					nursery.Run(parent, func(ctx context.Context, n *nursery.Nursery) error {
						return nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error {
							if built {
								ctx.Done()
							}
							if tt.ended(ctx) {
								t.Error("ended before its time")
							}
							cancel(errA)
							if built {
								synctest.Wait()
							}
							if !tt.ended(ctx) {
								t.Error("not ended")
							}
							return nil
						})
					})
				})
			})
		}
	}
}

// N22
func TestErrStaysWhatItWasAndComesNotBeforeDone(t *testing.T) {
	for range 2000 {
		var n nursery.Nursery
		ctx := n.Open(t.Context())
		start := make(chan struct{})
		ended := make(chan struct{})
		look := func(build bool) {
			defer func() { ended <- struct{}{} }()
			<-start
			if build {
				ctx.Done()
			}
			for ctx.Err() == nil {
			}
			if ctx.Err() == nil || context.Cause(ctx) == nil || !closed(ctx.Done()) || ctx.Err() == nil {
				t.Error("the end was undone")
			}
		}
		go look(false)
		go look(true)
		close(start)
		n.Cancel(errA)
		<-ended
		<-ended
		n.Join()
	}
}

// N22: a nursery leaves nothing with a parent that lives for ever.
func TestAClosedNurseryLetsGoOfItsParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent := &foreign{Context: t.Context(), done: make(chan struct{})}
		for range 100 {
			nursery.Run(parent, starts(func(ctx context.Context) error { ctx.Done(); return nil }))
			nursery.Run(parent, starts(failing(errA), waits))
			nursery.Run(parent, func(_ context.Context, n *nursery.Nursery) error { n.Go(waits); n.Cancel(nil); return nil })
		}
		// The bubble ends only if no goroutine waits for parent any more.
	})
}

// N22
func TestAContextPrintsItsName(t *testing.T) {
	nursery.Run(t.Context(), func(ctx context.Context, _ *nursery.Nursery) error {
		if got, want := fmt.Sprint(ctx), "nursery shop"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		return nursery.Run(context.Background(), func(ctx context.Context, _ *nursery.Nursery) error {
			if got, want := fmt.Sprint(context.WithValue(ctx, errA, "v")), "nursery.WithValue(*errors.errorString, v)"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			return nil
		})
	}, nursery.Title("shop"))
}
