package nursery_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// inBackground runs body in a nursery like the one that an application has for
// its background tasks, and returns what was reported there and what the join
// returned.
func inBackground(t *testing.T, body func(context.Context, *nursery.Nursery) error) (reported []error, joined error) {
	var seen reports
	joined = nursery.Run(t.Context(), body, nursery.Isolate(), nursery.OnPanic(nursery.ReturnPanics), seen.observe())
	return seen.errors(), joined
}

var trioSystem = []trioCase{
	{"a system task crashes", func(t *testing.T) {
		reported, joined := inBackground(t, func(ctx context.Context, n *nursery.Nursery) error {
			n.Go(failing(errA))
			synctest.Wait()
			return ctx.Err()
		})
		wantBare(t, joined, nil)
		if !slices.Equal(reported, []error{errA}) {
			t.Errorf("got reports %v, want a", reported)
		}
	}},
	{"a system task that all depends on crashes", func(t *testing.T) {
		_, joined := inBackground(t, func(ctx context.Context, n *nursery.Nursery) error {
			n.Go(failing(errA), nursery.Critical())
			return waits(ctx)
		})
		wantBare(t, joined, errA)
	}},
	{"a system task crashes with a group", func(t *testing.T) {
		reported, joined := inBackground(t, starts(func(ctx context.Context) error {
			return nursery.All(ctx, func(ctx context.Context) error { <-ctx.Done(); return errA }, failing(errB))
		}))
		wantBare(t, joined, nil)
		if len(reported) != 1 {
			t.Fatalf("got reports %v, want one", reported)
		}
		wantGroup(t, reported[0], errB, errA)
	}},
	{"a system task crashes while it is cancelled", func(t *testing.T) {
		reported, joined := inBackground(t, func(_ context.Context, n *nursery.Nursery) error {
			n.Go(func(ctx context.Context) error {
				return nursery.All(ctx, waits, func(ctx context.Context) error { <-ctx.Done(); return errA })
			})
			synctest.Wait()
			n.Cancel(nil)
			return nil
		})
		wantBare(t, joined, nil)
		if !slices.Equal(reported, []error{errA}) {
			t.Errorf("got reports %v, want a alone", reported)
		}
	}},
}

var trioTasks = []trioCase{
	{"a task looks for its nursery", func(t *testing.T) {
		wantBare(t, nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			n.Go(func(ctx context.Context) error {
				derived, cancel := context.WithCancel(ctx)
				defer cancel()
				if nursery.From(ctx) != n || nursery.From(derived) != n {
					t.Error("a task found another nursery than its own")
				}
				return nil
			})
			if nursery.From(ctx) != n || nursery.From(t.Context()) != nil {
				t.Error("the body found another nursery than its own, or a stranger found one")
			}
			return nil
		}), nil)
	}},
	{"the tree is listed", func(t *testing.T) {
		wantBare(t, nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			n.Go(func(ctx context.Context) error {
				return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
					n.Go(waits, nursery.Name("grandchild"))
					return nil
				}, nursery.Title("below"))
			}, nursery.Name("child"))
			synctest.Wait()
			if got, want := outline(n.Tree()), "top open [child running, below open [grandchild running]]"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			n.Cancel(nil)
			return nil
		}, nursery.Title("top")), nil)
	}},
	{"a task is listed while it starts", func(t *testing.T) {
		wantBare(t, nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			n.Go(func(ctx context.Context) error {
				_, err := nursery.Start(ctx, n, saysReady(1, waits), nursery.Name("server"))
				return err
			}, nursery.Name("starter"))
			synctest.Wait()
			if got, want := outline(n.Tree()), "top open [starter running, server starting]"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			time.Sleep(time.Minute)
			if got, want := outline(n.Tree()), "top open [server running]"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			n.Cancel(nil)
			return nil
		}, nursery.Title("top")), nil)
	}},
	{"the tree is looked at after the end", func(t *testing.T) {
		var n *nursery.Nursery
		wantBare(t, nursery.Run(t.Context(), func(_ context.Context, open *nursery.Nursery) error {
			n = open
			n.Go(succeeds)
			return nil
		}), nil)
		if tree := n.Tree(); tree.State != "closed" || len(tree.Tasks)+len(tree.Below) != 0 {
			t.Errorf("got %v, want it closed and empty", tree)
		}
	}},
	{"tasks are counted", func(t *testing.T) {
		wantBare(t, nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			before := n.Len()
			n.Go(waits)
			n.Go(waits)
			if during := n.Len(); before != 0 || during != 2 {
				t.Errorf("got %d, then %d, want 0, then 2", before, during)
			}
			n.Cancel(nil)
			return nil
		}), nil)
	}},
	{"a nursery closes", func(t *testing.T) {
		ran := false
		var n *nursery.Nursery
		wantBare(t, nursery.Run(t.Context(), func(_ context.Context, open *nursery.Nursery) error {
			n = open
			n.Go(func(context.Context) error {
				time.Sleep(time.Second) // the body is out by then
				n.Go(func(context.Context) error { ran = true; return nil })
				return nil
			})
			return nil
		}), nil)
		if !ran {
			t.Error("a task that was started during the join did not run")
		}
		wantBare(t, n.TryGo(succeeds), nursery.ErrClosed)
		if v := raised(func() { n.Go(succeeds) }); v == nil {
			t.Error("Go on a closed nursery did not panic")
		}
	}},
	{"a task has a name", func(t *testing.T) {
		wantBare(t, nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(waits)
			n.Go(waits, nursery.Name("second"))
			tasks := n.Tree().Tasks
			if !strings.HasSuffix(tasks[0].Func, "nursery_test.waits") || tasks[0].Name != "" || tasks[1].Name != "second" {
				t.Errorf("got %v, want the function of both and the name of one", tasks)
			}
			n.Cancel(nil)
			return nil
		}), nil)
	}},
}

var trioValues = []trioCase{
	{"a value is set in one task", func(t *testing.T) {
		key := new(int)
		wantBare(t, nursery.Run(context.WithValue(t.Context(), key, "old"), func(ctx context.Context, n *nursery.Nursery) error {
			n.Go(func(ctx context.Context) error {
				ctx = context.WithValue(ctx, key, "new")
				if ctx.Value(key) != "new" {
					return errors.New("a value did not stick")
				}
				return nil
			})
			synctest.Wait()
			n.Go(func(ctx context.Context) error {
				if ctx.Value(key) != "old" {
					t.Errorf("got %v in a sibling, want old", ctx.Value(key))
				}
				return nil
			})
			if ctx.Value(key) != "old" {
				t.Errorf("got %v in the body, want old", ctx.Value(key))
			}
			return nil
		}), nil)
	}},
	{"a value is set before a task is started", func(t *testing.T) {
		key := new(int)
		wantBare(t, nursery.Run(context.WithValue(t.Context(), key, "nursery's"), func(ctx context.Context, n *nursery.Nursery) error {
			own := context.WithValue(ctx, key, "spawner's")
			n.Go(func(ctx context.Context) error {
				if got := ctx.Value(key); got != "nursery's" {
					t.Errorf("got %v, want the nursery's", got)
				}
				return nil
			})
			return nursery.Run(own, starts(func(ctx context.Context) error {
				if got := ctx.Value(key); got != "spawner's" {
					t.Errorf("got %v, want the spawner's in a nursery opened with it", got)
				}
				return nil
			}))
		}), nil)
	}},
	{"a system task has values", func(t *testing.T) {
		key := new(int)
		wantBare(t, nursery.Run(context.WithValue(t.Context(), key, "program's"), func(ctx context.Context, background *nursery.Nursery) error {
			return nursery.Run(context.WithValue(ctx, key, "request's"), func(context.Context, *nursery.Nursery) error {
				background.Go(func(ctx context.Context) error {
					if got := ctx.Value(key); got != "program's" {
						t.Errorf("got %v, want those of the nursery that it is in", got)
					}
					return nil
				})
				return nil
			})
		}, nursery.Isolate()), nil)
	}},
}
