package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// N11
func TestLimitBoundsHowManyRunAtOnceInOrder(t *testing.T) {
	for _, limit := range []int{1, 2, 7, 100, 101} {
		t.Run(fmt.Sprint("limit ", limit), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const tasks = 100
				var running, most atomic.Int64
				var order []int
				began := time.Now()
				err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
					for i := range tasks {
						n.Go(func(context.Context) error {
							now := running.Add(1)
							for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
							}
							if limit == 1 {
								order = append(order, i)
							}
							time.Sleep(time.Second)
							running.Add(-1)
							return nil
						})
					}
					if got := time.Since(began); got != 0 {
						t.Errorf("Go waited for %v", got)
					}
					return nil
				}, nursery.Limit(limit))
				if want := int64(min(limit, tasks)); err != nil || most.Load() != want {
					t.Errorf("got %v, %d at once, want nil, %d", err, most.Load(), want)
				}
				if got, want := time.Since(began), time.Duration((tasks+limit-1)/limit)*time.Second; got != want {
					t.Errorf("got %v, want %v", got, want)
				}
				if limit == 1 && (len(order) != tasks || !slices.IsSorted(order)) {
					t.Errorf("got order %v, want that of starting", order)
				}
			})
		})
	}
}

// N11: errgroup's would be waiting for themselves.
func TestTasksThatStartTasksUnderALimitOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran atomic.Int64
		var grow func(depth int) func(context.Context) error
		grow = func(depth int) func(context.Context) error {
			return func(ctx context.Context) error {
				ran.Add(1)
				for range 3 {
					if depth > 0 {
						nursery.From(ctx).Go(grow(depth - 1))
					}
				}
				return nil
			}
		}
		if err := nursery.Run(t.Context(), starts(grow(5)), nursery.Limit(1)); err != nil || ran.Load() != 364 {
			t.Errorf("got %v, %d ran, want nil, 364", err, ran.Load())
		}
	})
}

// N11
func TestWorkersAreReused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		workers := make(map[string]bool)
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			for range 50 {
				n.Go(func(context.Context) error {
					buf := make([]byte, 64)
					workers[string(buf[:runtime.Stack(buf, false)])[:20]] = true
					time.Sleep(time.Second)
					return nil
				})
			}
			return nil
		}, nursery.Limit(1))
		if err != nil || len(workers) != 1 {
			t.Errorf("got %v, %d goroutines, want nil, 1", err, len(workers))
		}
	})
}

// N11
func TestAWorkerSurvivesItsTasks(t *testing.T) {
	tests := []struct {
		name string
		task func(context.Context) error
	}{
		{"an error", failing(errA)},
		{"a panic", panicking(errA)},
		{"a Goexit", exiting},
		{"a nested nursery that exits", func(ctx context.Context) error { return nursery.All(ctx, exiting) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ran atomic.Int64
				err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
					for range 10 {
						n.Go(tt.task)
						n.Go(func(context.Context) error { ran.Add(1); return nil })
					}
					return nil
				}, nursery.Limit(2), nursery.Isolate(), quiet())
				if err != nil || ran.Load() != 10 {
					t.Errorf("got %v, %d siblings ran, want nil, 10", err, ran.Load())
				}
			})
		})
	}
}

// N11
func TestQueuedTasksOfACancelledNurseryAreDropped(t *testing.T) {
	tests := []struct {
		name string
		end  func(n *nursery.Nursery, cancel func()) error
		want error
	}{
		{"by Cancel", func(n *nursery.Nursery, _ func()) error { n.Cancel(errA); return nil }, nil},
		{"by a failure", func(n *nursery.Nursery, _ func()) error { n.Fail(errA); return nil }, errA},
		{"by the parent", func(_ *nursery.Nursery, cancel func()) error { cancel(); return nil }, context.Canceled}, // N5
		{"by a drain", func(n *nursery.Nursery, _ func()) error { n.Drain(time.Second); return nil }, nil},          // N17
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				err := nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
					n.Go(ignores)
					for range 100 {
						n.Go(func(context.Context) error { t.Error("a dropped task ran"); return errB }, nursery.Name("queued"))
					}
					synctest.Wait()
					if got := len(n.Tree().Tasks); got != 101 {
						t.Errorf("got %d tasks listed, want 101", got)
					}
					err := tt.end(n, cancel)
					time.Sleep(2 * time.Second)
					if got := n.Tree().Dropped; got != 100 {
						t.Errorf("got %d tasks dropped, want 100", got)
					}
					if got := n.Len() + len(n.Tree().Tasks); got != 0 {
						t.Errorf("got %d tasks live or listed, want 0", got)
					}
					return err
				}, nursery.Limit(1))
				if err != tt.want {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			})
		})
	}
}

// N7, N11
func TestALimitedNurseryThatIsCancelledRunsWhatFits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ran := 0
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Cancel(nil)
			n.Go(func(ctx context.Context) error { ran++; time.Sleep(time.Second); return ctx.Err() })
			n.Go(func(context.Context) error { t.Error("a dropped task ran"); return nil })
			if err := n.TryGo(succeeds); err != nursery.ErrDropped {
				t.Errorf("got %v, want %v", err, nursery.ErrDropped)
			}
			return nil
		}, nursery.Limit(1))
		if err != nil || ran != 1 {
			t.Errorf("got %v, %d ran, want nil, 1", err, ran)
		}
	})
}

// N11
func TestAFullQueue(t *testing.T) {
	for _, queue := range []int{0, 1, 5} {
		t.Run(fmt.Sprint("of ", queue), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				ran := 0
				task := func(context.Context) error { ran++; time.Sleep(time.Second); return nil }
				err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
					for range 1 + queue {
						if err := n.TryGo(task); err != nil {
							t.Errorf("got %v, want nil", err)
						}
					}
					for range 3 {
						if err := n.TryGo(task, nursery.Name("refused")); err != nursery.ErrFull {
							t.Errorf("got %v, want %v", err, nursery.ErrFull)
						}
					}
					if got := n.Len() + len(n.Tree().Tasks); got != 2*(1+queue) {
						t.Errorf("got %d live and listed, want %d", got, 2*(1+queue))
					}
					for i := range 3 { // each waits for room
						n.Go(task)
						if got, want := time.Since(began), time.Duration(i+1)*time.Second; got != want {
							t.Errorf("Go %d returned after %v, want %v", i, got, want)
						}
					}
					return nil
				}, nursery.Limit(1), nursery.Queue(queue))
				if err != nil || ran != 4+queue {
					t.Errorf("got %v, %d ran, want nil, %d", err, ran, 4+queue)
				}
			})
		})
	}
}

// N11, N20: a Go that waits is durably blocked, and cancelling releases it.
func TestAGoThatWaitsForRoomIsReleased(t *testing.T) {
	tests := []struct {
		name string
		end  func(n *nursery.Nursery, cancel func())
		want error
	}{
		{"by Cancel", func(n *nursery.Nursery, _ func()) { n.Cancel(nil) }, nil},
		{"by the parent", func(_ *nursery.Nursery, cancel func()) { cancel() }, context.Canceled},
		{"by a failure", func(n *nursery.Nursery, _ func()) { n.Fail(errA) }, errA},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var waiting atomic.Int64
				err := nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
					n.Go(ignores)
					for range 5 {
						go func() {
							waiting.Add(1)
							n.Go(func(context.Context) error { t.Error("a dropped task ran"); return nil })
							waiting.Add(-1)
						}()
					}
					synctest.Wait()
					if got := waiting.Load(); got != 5 {
						t.Errorf("got %d waiting, want 5", got)
					}
					tt.end(n, cancel)
					synctest.Wait()
					if got := waiting.Load(); got != 0 {
						t.Errorf("got %d waiting, want 0", got)
					}
					return nil
				}, nursery.Limit(1), nursery.Queue(0))
				if err != tt.want {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			})
		})
	}
}

// N11: those who wait keep their place.
func TestRoomGoesToWhoCameFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []int
		task := func(i int) func(context.Context) error {
			return func(context.Context) error { order = append(order, i); time.Sleep(time.Second); return nil }
		}
		nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			for i := range 10 {
				go n.Go(task(i))
				synctest.Wait()
			}
			return nil
		}, nursery.Limit(1), nursery.Queue(3))
		if got, want := len(order), 10; got != want || !slices.IsSorted(order) {
			t.Errorf("got %v, want all in order", order)
		}
	})
}

// N11
func TestRefusedTasksLeaveNothingBehind(t *testing.T) {
	var n nursery.Nursery
	ctx := n.Open(t.Context(), nursery.Limit(1), nursery.Queue(10))
	for range 11 {
		n.Go(ignores)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 100_000 {
		if err := n.TryGo(ignores); err != nursery.ErrFull {
			t.Fatalf("got %v, want %v", err, nursery.ErrFull)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("grew by %d bytes, want less than 1 MiB", grown)
	}
	n.Cancel(nil)
	if err := n.Join(); err != nil || !errors.Is(context.Cause(ctx), context.Canceled) {
		t.Errorf("got %v, cause %v", err, context.Cause(ctx))
	}
}

// N11: ten thousand tasks race for two places, some starting others, while
// the nursery is cancelled.
func TestALimitUnderContention(t *testing.T) {
	var running, ran atomic.Int64
	err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
		for range 4 {
			go func() {
				for i := range 2500 {
					n.TryGo(func(ctx context.Context) error {
						if running.Add(1) > 2 {
							t.Error("more than two at once")
						}
						defer running.Add(-1)
						switch ran.Add(1) {
						case 3000:
							n.Cancel(nil)
						case 1000, 2000:
							runtime.Goexit()
						}
						if i%5 == 0 {
							nursery.From(ctx).TryGo(succeeds)
						}
						return ctx.Err()
					})
				}
			}()
		}
		return nil
	}, nursery.Limit(2), nursery.Queue(50), nursery.Isolate(), quiet())
	if err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

// N11
func TestAnUnlimitedTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most, ran atomic.Int64
		counted := func(context.Context) error {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(time.Second)
			running.Add(-1)
			ran.Add(1)
			return nil
		}
		err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(counted)
			n.Go(counted)
			for _, opts := range [][]nursery.TaskOption{{nursery.Unlimited()}, {nursery.Unlimited(), nursery.Name("named")}} {
				began := time.Now()
				ended := make(chan time.Time, 1)
				if err := n.TryGo(func(context.Context) error { ended <- time.Now(); return nil }, opts...); err != nil {
					t.Errorf("got %v, want nil though the queue is full", err)
				}
				if at := <-ended; !at.Equal(began) {
					t.Errorf("it ran after %v, want at once", at.Sub(began))
				}
			}
			synctest.Wait()
			if err := n.TryGo(succeeds); err != nursery.ErrFull {
				t.Errorf("got %v, want %v: it gives nobody its place", err, nursery.ErrFull)
			}
			time.Sleep(time.Minute)
			n.Go(ignores)
			n.Cancel(nil)
			n.Go(func(ctx context.Context) error { ran.Add(1); return ctx.Err() }, nursery.Unlimited())
			return nil
		}, nursery.Limit(1), nursery.Queue(1))
		if err != nil || most.Load() != 1 || ran.Load() != 3 {
			t.Errorf("got %v, %d counted tasks at once and %d that ran, want nil, 1, 3", err, most.Load(), ran.Load())
		}
	})
}
