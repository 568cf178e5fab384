package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/creche-go/creche/nursery"
)

// saysReady is a task for Start that is ready with v after a second, and then
// does what then says.
func saysReady(v int, then func(context.Context) error) func(context.Context, func(int)) error {
	return func(ctx context.Context, ready func(int)) error {
		time.Sleep(time.Second)
		ready(v)
		return then(ctx)
	}
}

// N12
func TestStartReturnsWhenTheTaskIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			v, err := nursery.Start(ctx, n, saysReady(7, func(context.Context) error { time.Sleep(time.Minute); return nil }))
			if v != 7 || err != nil || time.Since(began) != time.Second {
				t.Errorf("got %d, %v after %v, want 7, nil after 1s", v, err, time.Since(began))
			}
			return nil
		})
		if err != nil || time.Since(began) != time.Minute+time.Second {
			t.Errorf("got %v after %v, want nil when the task has ended", err, time.Since(began))
		}
	})
}

// N12: who is not ready fails Start and nothing else; from then on it is the
// nursery that fails.
func TestFailuresBeforeAndAfterReady(t *testing.T) {
	type task = func(context.Context, func(int)) error
	tests := []struct {
		name    string
		task    task
		opts    []nursery.Option
		want    error // of Start
		raised  string
		joined  error // of the nursery
		reports int
	}{
		{"an error before", func(context.Context, func(int)) error { return errA }, nil, errA, "", nil, 0},
		{"no word at all", func(context.Context, func(int)) error { return nil }, nil, nursery.ErrNotReady, "", nil, 0},
		{"a Goexit before", func(ctx context.Context, _ func(int)) error { return exiting(ctx) }, nil, nursery.ErrGoexit, "", nil, 0},
		{"a panic before", func(context.Context, func(int)) error { panic("boom") }, nil, nil, "nursery: panic in task db: boom", nil, 1},
		{"a panic before, returned", func(context.Context, func(int)) error { panic(errB) }, []nursery.Option{nursery.OnPanic(nursery.ReturnPanics)}, errB, "", nil, 1},
		{"an error after", saysReady(1, failing(errA)), nil, nil, "", errA, 0},
		{"a Goexit after", saysReady(1, exiting), nil, nil, "", nursery.ErrGoexit, 0},
		{"a panic after, returned", saysReady(1, panicking(errB)), []nursery.Option{nursery.OnPanic(nursery.ReturnPanics)}, nil, "", errB, 1},
		{"an error after, kept apart", saysReady(1, failing(errA)), []nursery.Option{nursery.Isolate()}, nil, "", nil, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen reports
				joined := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
					var err error
					v := raised(func() { _, err = nursery.Start(ctx, n, tt.task, nursery.Name("db")) })
					if !errors.Is(err, tt.want) || !strings.HasPrefix(fmt.Sprint(v), or(tt.raised, "<nil>")) {
						t.Errorf("got %v, raised %v, want %v and %q", err, v, tt.want, tt.raised)
					}
					if tt.joined == nil && ctx.Err() != nil {
						t.Errorf("the nursery was cancelled: %v", context.Cause(ctx))
					}
					return nil
				}, append(tt.opts, seen.observe())...)
				if !errors.Is(joined, tt.joined) || len(seen.list()) != tt.reports {
					t.Errorf("got %v from the join and reports %v, want %v and %d", joined, seen.list(), tt.joined, tt.reports)
				}
			})
		})
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// N12
func TestStartEndsWithItsContext(t *testing.T) {
	never := func(end func(context.Context) error) func(context.Context, func(int)) error {
		return func(ctx context.Context, _ func(int)) error {
			<-ctx.Done()
			time.Sleep(time.Second) // it takes its time, and Start waits
			return end(ctx)
		}
	}
	tests := []struct {
		name string
		task func(context.Context, func(int)) error
		want []error
	}{
		{"heeded", never(func(ctx context.Context) error { return ctx.Err() }), []error{errGone}},
		{"heeded, with the cause", never(waitsForCause), []error{errGone}},
		{"heeded without an error", never(succeeds), []error{errGone}},
		{"with a failure on the way", never(failing(errA)), []error{errGone, errA}},
		{"with a failure beside the echo", never(func(ctx context.Context) error { return errors.Join(ctx.Err(), errA) }), []error{errGone, errA}},
		{"ready too late", func(ctx context.Context, ready func(int)) error {
			<-ctx.Done()
			time.Sleep(time.Second)
			ready(1)
			return nil
		}, []error{errGone}},
	}
	for _, tt := range tests {
		for _, before := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, ended before %v", tt.name, before), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					began := time.Now()
					err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
						outer, cancel := context.WithCancelCause(ctx)
						if before {
							cancel(errGone)
						} else {
							time.AfterFunc(time.Second, func() { cancel(errGone) })
						}
						v, err := nursery.Start(outer, n, tt.task)
						for _, want := range tt.want {
							if v != 0 || !errors.Is(err, want) {
								t.Errorf("got %d, %v, want %v", v, err, want)
							}
						}
						if errors.Is(err, nursery.ErrNotReady) || len(tt.want) == 1 && err != errGone {
							t.Errorf("got %v, want %v alone", err, errGone)
						}
						return nil
					})
					want := 2 * time.Second
					if before {
						want = time.Second
					}
					if err != nil || time.Since(began) != want {
						t.Errorf("got %v after %v, want nil after %v: the task was not joined", err, time.Since(began), want)
					}
				})
			})
		}
	}
}

// N12: once it is ready the task does not depend on who started it.
func TestTheStartersContextEndsAfterReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			outer, cancel := context.WithCancel(ctx)
			_, err := nursery.Start(outer, n, saysReady(1, func(ctx context.Context) error {
				time.Sleep(time.Second)
				return ctx.Err()
			}))
			cancel()
			return err
		})
		if err != nil {
			t.Errorf("got %v, want nil", err)
		}
	})
}

// N12
func TestStartInACancelledNursery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, task := range []func(context.Context, func(int)) error{
			func(ctx context.Context, _ func(int)) error { return waits(ctx) },
			func(ctx context.Context, _ func(int)) error { return ignores(ctx) },
		} {
			err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
				n.Cancel(errA)
				_, err := nursery.Start(context.Background(), n, task)
				if c := cancelled(t, err); !errors.Is(c, errA) {
					t.Errorf("got %v, want the cancellation", err)
				}
				return err
			})
			if err != nil {
				t.Errorf("got %v, want nil: the body has only told of the cancellation", err)
			}
		}
	})
}

// N12: that the starter's context is the nursery's own makes no difference.
func TestReadyAfterTheNurserysOwnContextHasEnded(t *testing.T) {
	starters := map[string]func(context.Context) context.Context{
		"its own": func(ctx context.Context) context.Context { return ctx },
		"derived": func(ctx context.Context) context.Context { return context.WithValue(ctx, errA, 1) },
		"one that is cancelled before": func(ctx context.Context) context.Context {
			nursery.From(ctx).Cancel(errA)
			return ctx
		},
	}
	for name, starter := range starters {
		for how, end := range map[string]func(context.Context) error{"nil": succeeds, "its error": waits, "its cause": waitsForCause} {
			t.Run(name+", heeded with "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
						time.AfterFunc(time.Second, func() { n.Cancel(errA) })
						v, err := nursery.Start(starter(ctx), n, func(ctx context.Context, ready func(int)) error {
							time.Sleep(2 * time.Second)
							ready(7)
							return end(ctx)
						})
						if c := cancelled(t, err); v != 0 || c.By != "Cancel" || c.Unwrap() != errA {
							t.Errorf("got %d, %v, want 0 and the cancellation", v, err)
						}
						return err
					})
					if err != nil {
						t.Errorf("got %v from the join, want nil", err)
					}
				})
			})
		}
	}
}

// N12
func TestStartOnAClosedNursery(t *testing.T) {
	var closed *nursery.Nursery
	_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error { closed = n; return nil })
	v, err := nursery.Start(t.Context(), closed, func(context.Context, func(int)) error { t.Error("the task ran"); return nil })
	if v != 0 || err != nursery.ErrClosed {
		t.Errorf("got %d, %v, want %v", v, err, nursery.ErrClosed)
	}
}

// N12
func TestAPendingStartKeepsTheNurseryOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := make(chan error)
		began := time.Now()
		_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			go func() {
				_, err := nursery.Start(context.Background(), n, saysReady(1, func(ctx context.Context) error {
					return nursery.From(ctx).TryGo(succeeds)
				}))
				done <- err
			}()
			synctest.Wait()
			return nil
		})
		if err := <-done; err != nil || time.Since(began) != time.Second {
			t.Errorf("got %v after %v, want nil after 1s", err, time.Since(began))
		}
	})
}

// N12: a second ready is a mistake of the task, which has begun by then.
func TestReadyTwice(t *testing.T) {
	p := raisedPanic(t, func() {
		_ = nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			v, err := nursery.Start(ctx, n, func(_ context.Context, ready func(int)) error {
				ready(1)
				ready(2)
				return nil
			})
			if v != 1 || err != nil {
				t.Errorf("got %d, %v, want 1, nil", v, err)
			}
			return nil
		}, quiet())
	})
	if p.Value != "nursery: Start: ready called twice" {
		t.Errorf("got %v", p.Value)
	}
}

func TestReadyAfterTheEndDoesNothing(t *testing.T) {
	var late func(int)
	_ = nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
		_, err := nursery.Start(ctx, n, func(_ context.Context, ready func(int)) error { late = ready; return errA })
		late(1)
		if err != errA {
			t.Errorf("got %v, want %v", err, errA)
		}
		_, err = nursery.Start(ctx, n, func(_ context.Context, ready func(int)) error { late = ready; ready(1); return nil })
		for n.Len() > 0 {
			time.Sleep(time.Millisecond)
		}
		late(2)
		return err
	})
	late(3)
}

// N11, N12
func TestStartDoesNotCountAgainstTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			n.Go(func(ctx context.Context) error {
				v, err := nursery.Start(ctx, n, saysReady(1, waits))
				if v != 1 || err != nil {
					t.Errorf("got %d, %v, want 1, nil", v, err)
				}
				ran := make(chan struct{})
				n.Go(func(context.Context) error { close(ran); return nil })
				return nil
			})
			time.Sleep(time.Minute)
			n.Cancel(nil)
			return nil
		}, nursery.Limit(1), nursery.Queue(1))
		if err != nil {
			t.Errorf("got %v, want nil", err)
		}
	})
}

// N12, N16
func TestAHelperCanBeStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			_, err := nursery.Start(ctx, n, saysReady(1, waits), nursery.Helper())
			n.Cancel(errA)
			time.Sleep(time.Second)
			if got := n.Len(); err != nil || got != 1 {
				t.Errorf("got %v and %d tasks, want the helper to outlive the cancellation", err, got)
			}
			outer, cancel := context.WithCancelCause(context.Background())
			cancel(errGone)
			_, err = nursery.Start(outer, n, func(ctx context.Context, _ func(int)) error { return waits(ctx) }, nursery.Helper())
			if err != errGone {
				t.Errorf("got %v, want %v: until it is ready a helper heeds its starter", err, errGone)
			}
			_, err = nursery.Start(ctx, n, func(ctx context.Context, _ func(int)) error { return waits(ctx) }, nursery.Helper())
			return err
		})
		if err != nil || time.Since(began) != 2*time.Second {
			t.Errorf("got %v after %v, want nil after 2s", err, time.Since(began))
		}
	})
}

// N3, N12: whose failure it is has been settled when the task has failed, and
// no ready that comes at the last moment loses it.
func TestReadyWhileTheTaskFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late func(int)
		_ = nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			p := raisedPanic(t, func() {
				v, err := nursery.Start(ctx, n, func(_ context.Context, ready func(int)) error { late = ready; panic(errA) })
				t.Errorf("got %d, %v, want the panic", v, err)
			})
			if p.Value != errA || ctx.Err() != nil {
				t.Errorf("got %v, context %v, want %v and nil", p.Value, ctx.Err(), errA)
			}
			return nil
		}, nursery.Observe(func(context.Context, nursery.Report) { late(1) }))
	})
}

// N12: a task that is ready has been ready, though it ends at once and though
// its starter's context ends at that moment.
func TestReadyAtTheLastMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			for range 2000 {
				outer, cancel := context.WithCancelCause(context.Background())
				var inner context.Context
				release := make(chan struct{})
				v, err := nursery.Start(outer, n, func(ctx context.Context, ready func(int)) error {
					inner = ctx
					go cancel(errGone)
					ready(7)
					select {
					case <-release:
					case <-ctx.Done():
					}
					return ctx.Err()
				})
				synctest.Wait()
				if err == nil && (v != 7 || inner.Err() != nil) || err != nil && err != errGone {
					t.Errorf("got %d, %v and a task that ended with %v", v, err, context.Cause(inner))
				}
				close(release)
				v, err = nursery.Start(t.Context(), n, func(_ context.Context, ready func(int)) error { ready(8); return nil })
				if v != 8 || err != nil {
					t.Errorf("got %d, %v from a task that was ready and ended, want 8, nil", v, err)
				}
			}
			return nil
		})
	})
}

// N12: a starter's context that lives on keeps nothing of who it has started.
func TestAStartersContextLetsGo(t *testing.T) {
	outer, cancel := context.WithCancel(context.Background())
	defer cancel()
	_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
		v, err := nursery.Start(outer, n, func(_ context.Context, ready func(*[1 << 16]byte)) error { ready(new([1 << 16]byte)); return nil })
		kept := weak.Make(v)
		for range 100 { // the task may still be on its way out
			if runtime.GC(); kept.Value() == nil {
				return err
			}
			time.Sleep(time.Millisecond)
		}
		t.Errorf("got %v, and the value is still held", err)
		return nil
	})
}
