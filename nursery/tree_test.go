package nursery_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// outline is a tree in short.
func outline(t nursery.Tree) string {
	var parts []string
	for _, task := range t.Tasks {
		s := task.State
		if task.Name != "" {
			s = task.Name + " " + s
		}
		if task.Helper {
			s = "helping " + s
		}
		parts = append(parts, s)
	}
	for _, below := range t.Below {
		parts = append(parts, outline(below))
	}
	return fmt.Sprintf("%s %s [%s]", t.Nursery, t.State, strings.Join(parts, ", "))
}

// N18
func TestTheTreeOfWhatIsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sleeps := func(context.Context) error { time.Sleep(time.Minute); return nil }
		var top *nursery.Nursery
		check := func(when, want string) {
			t.Helper()
			synctest.Wait()
			if got := outline(top.Tree()); got != want {
				t.Errorf("%s: got %s\nwant %s", when, got, want)
			}
		}
		_ = nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			top = n
			check("at first", "top open []")
			n.Go(sleeps, nursery.Name("a"))
			n.Go(succeeds)
			n.Go(sleeps)
			n.Go(waits, nursery.Name("b"), nursery.Helper())
			check("with tasks", "top open [a running, running, helping b running]")
			n.Go(func(ctx context.Context) error {
				return nursery.Run(ctx, func(ctx context.Context, _ *nursery.Nursery) error {
					return nursery.Run(ctx, starts(sleeps, sleeps), nursery.Title("low"), nursery.Limit(1))
				}, nursery.Title("middle"))
			})
			check("with nurseries below", "top open [a running, running, helping b running, running, middle open [low open [running, queued]]]")
			n.Go(func(ctx context.Context) error {
				_, err := nursery.Start(ctx, n, saysReady(1, sleeps), nursery.Name("c"))
				return err
			})
			check("with one that is not ready", "top open [a running, running, helping b running, running, running, c starting, middle open [low open [running, queued]]]")
			time.Sleep(time.Second)
			check("when it is", "top open [a running, running, helping b running, running, c running, middle open [low open [running, queued]]]")
			n.Drain(-1)
			check("draining", "top draining [a running, running, helping b running, running, c running, middle draining [low draining [running, queued]]]")
			n.Cancel(errA)
			check("cancelled", "top cancelled [a running, running, helping b running, running, c running, middle cancelled [low cancelled [running]]]")
			time.Sleep(time.Minute)
			check("when most have ended", "top cancelled [helping b running]")
			return nil
		}, nursery.Title("top"))
		check("at the end", "top closed []")
		var full *nursery.Nursery
		_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			full = n
			n.Go(waits)
			n.Go(waits)
			synctest.Wait()
			n.Cancel(nil)
			return nil
		}, nursery.Limit(1))
		if got := full.Tree(); got.Dropped != 1 || got.State != "closed" {
			t.Errorf("got %v after the end, want one dropped", got)
		}
	})
	var none nursery.Nursery
	if got := outline(none.Tree()); got != " closed []" {
		t.Errorf("got %s of a nursery never opened", got)
	}
}

func slumbers(ctx context.Context) error { return waits(ctx) }

// N18
func TestWhatTheTreeSaysOfATask(t *testing.T) {
	const here = "nursery/tree_test.go:"
	synctest.Test(t, func(t *testing.T) {
		_ = nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			began := time.Now()
			n.Go(slumbers, nursery.Name("named"))
			n.Go(slumbers)
			time.Sleep(time.Second)
			got := n.Tree().Tasks
			const code = "github.com/creche-go/creche/nursery_test.slumbers"
			if got[0].Func != code || !got[0].Began.Equal(began) || !strings.Contains(got[0].Place, here) || got[0].Index != 1 {
				t.Errorf("got %+v of the named one", got[0])
			}
			if got[1].Func != code || !got[1].Began.IsZero() || got[1].Place != "" || got[1].Index != 2 {
				t.Errorf("got %+v of the other", got[1])
			}
			n.Cancel(errA)
			if tree := n.Tree(); cancelled(t, tree.Cause).Unwrap() != errA || !strings.Contains(tree.String(), "cancelled by Cancel: a failed") {
				t.Errorf("got %v with cause %v", tree, tree.Cause)
			}
			return nil
		})
		_ = nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
			n.Go(slumbers)
			_ = nursery.Async(n, func(ctx context.Context) (int, error) { return 0, waits(ctx) })
			synctest.Wait()
			tree := n.Tree()
			for _, task := range tree.Tasks {
				if task.Began.IsZero() || !strings.Contains(task.Place, here) {
					t.Errorf("got %+v under Trace", task)
				}
			}
			n.Cancel(nil)
			return nil
		}, nursery.Trace())
	})
}

// N18
func TestAWrapperSaysWhatItRuns(t *testing.T) {
	wrapped := func(ctx context.Context) error { return slumbers(ctx) }
	_ = nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
		runs := nursery.Runs(slumbers)
		n.Go(wrapped, runs)
		n.Go(wrapped, runs, nursery.Helper())
		_ = nursery.Async(n, func(ctx context.Context) (int, error) { return 0, wrapped(ctx) }, runs)
		for _, task := range n.Tree().Tasks {
			if want := "github.com/creche-go/creche/nursery_test.slumbers"; task.Func != want {
				t.Errorf("got %s of task %d, want %s", task.Func, task.Index, want)
			}
		}
		n.Cancel(nil)
		return nil
	})
}

// N18
func TestOtherCallsShowInTheTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		item := func(ctx context.Context, _ int) (int, error) { return 0, waits(ctx) }
		value := func(ctx context.Context) (int, error) { return 0, waits(ctx) }
		for name, call := range map[string]func(context.Context){
			"Map":  func(ctx context.Context) { _, _ = nursery.Map(ctx, 2, []int{1, 2, 3}, item) },
			"Race": func(ctx context.Context) { _, _ = nursery.Race(ctx, value) },
			"MapSeq": func(ctx context.Context) {
				for range nursery.MapSeq(ctx, 2, func(yield func(int) bool) { yield(1) }, item) {
				}
			},
		} {
			_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
				n.Go(func(ctx context.Context) error { call(ctx); return nil })
				synctest.Wait()
				tree := n.Tree()
				if len(tree.Below) != 1 || len(tree.Below[0].Tasks) == 0 || !strings.Contains(tree.Below[0].Tasks[len(tree.Below[0].Tasks)-1].Func, "TestOtherCallsShowInTheTree") {
					t.Errorf("%s: got %v", name, tree)
				}
				n.Cancel(nil)
				return nil
			})
		}
	})
}

// N18: who lists delays nobody, and nobody who ends disturbs who lists.
func TestTheTreeUnderRace(t *testing.T) {
	stop := make(chan struct{})
	var listing sync.WaitGroup
	lists := func(n *nursery.Nursery) {
		for {
			select {
			case <-stop:
				return
			default:
				for _, task := range n.Tree().Tasks {
					if task.Func == "" || task.State == "" || task.Index == 0 {
						t.Errorf("got %+v", task)
					}
				}
			}
		}
	}
	_ = nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
		for range 2 { // who list do not disturb each other either
			listing.Go(func() { lists(n) })
		}
		for range 100 {
			n.Go(waits)
		}
		var busy sync.WaitGroup
		defer func() {
			busy.Wait()
			n.Cancel(nil)
		}()
		for range 8 {
			busy.Add(1)
			n.Go(func(ctx context.Context) error {
				defer busy.Done()
				for range 300 {
					n.Go(succeeds, nursery.Name("named"))
					n.Go(succeeds)
					err := nursery.Run(ctx, starts(succeeds, func(ctx context.Context) error { return nursery.All(ctx, succeeds, succeeds) }))
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
		return nil
	})
	close(stop)
	listing.Wait()
}

// labels returns those of all goroutines, a line for each stack.
func labels() string {
	var b bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
	var lines []string
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "# labels: ") {
			lines = append(lines, strings.TrimSpace(strings.TrimPrefix(line, "# labels: ")))
		}
	}
	return strings.Join(lines, "\n")
}

// N18
func TestNamesShowInProfiles(t *testing.T) {
	escaped := make(chan struct{})
	pprof.Do(t.Context(), pprof.Labels("user", "7"), func(outer context.Context) {
		for _, ctx := range []context.Context{t.Context(), outer} {
			_ = nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
				begun := make(chan struct{})
				n.Go(func(ctx context.Context) error {
					go func() { <-escaped }() // has the labels of who started it
					close(begun)
					return waits(ctx)
				}, nursery.Name("named"))
				<-begun
				want := `{"nursery":"profiled", "task":"named"}`
				if ctx == outer {
					want = `{"nursery":"profiled", "task":"named", "user":"7"}`
				}
				if got := labels(); strings.Count(got, want) != 2 {
					t.Errorf("got labels\n%s\nwant twice %s", got, want)
				}
				n.Cancel(nil)
				return nil
			}, nursery.Title("profiled"))
		}
	})
	close(escaped)

	for _, ends := range []func(context.Context) error{succeeds, exiting} {
		_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			queued := make(chan struct{})
			n.Go(func(ctx context.Context) error { <-queued; return ends(ctx) }, nursery.Name("before"))
			n.Go(func(context.Context) error { // on the same goroutine, or one that it started
				if got := labels(); strings.Contains(got, "before") {
					t.Errorf("got labels %s of a task that has ended", got)
				}
				return nil
			})
			close(queued)
			return nil
		}, nursery.Limit(1), nursery.Isolate(), quiet())
	}
}

// N18: a task on a goroutine that another task's task had has not that one's labels.
func TestAReusedGoroutineIsNobodyElses(t *testing.T) {
	_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
		begun, queued, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
		n.Go(func(context.Context) error {
			n.Go(func(context.Context) error { close(begun); <-queued; return nil })
			<-over
			return nil
		}, nursery.Name("alpha"))
		<-begun
		n.Go(func(context.Context) error {
			defer close(over)
			if got := strings.Count(labels(), `"alpha"`); got != 1 {
				t.Errorf("got the labels of alpha %d times, want its own goroutine's alone", got)
			}
			return nil
		})
		close(queued)
		return nil
	}, nursery.Limit(2))
}

// N18: the figure in the doc comment, with much to spare for a busy machine.
func TestTenThousandTasksAreListedInMilliseconds(t *testing.T) {
	_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
		for range 10_000 {
			n.Go(ignores)
		}
		least := time.Hour
		for range 10 {
			began := time.Now()
			if got := len(n.Tree().Tasks); got != 10_000 {
				t.Errorf("got %d tasks", got)
			}
			least = min(least, time.Since(began))
		}
		if least > 250*time.Millisecond {
			t.Errorf("got %v for a listing, want some milliseconds", least)
		}
		n.Cancel(nil)
		return nil
	})
}

// N18
func TestStacksOfNamedTasks(t *testing.T) {
	begun := make(chan struct{}, 3)
	waits := func(ctx context.Context) error { begun <- struct{}{}; return slumbers(ctx) }
	odd := "a \"quoted\", {odd}\tname\n"
	_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
		n.Go(waits, nursery.Name(odd))
		n.Go(waits)
		n.Go(func(ctx context.Context) error {
			return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error { n.Go(waits, nursery.Name("inner")); return nil })
		})
		for range 3 {
			<-begun
		}
		for n.Len() > 0 {
			tree := n.Tree()
			if tree.Tasks[0].Stack != "" {
				t.Errorf("got stack %s before it was asked for", tree.Tasks[0].Stack)
			}
			tree.AddStacks()
			stacks := []string{tree.Tasks[0].Stack, tree.Tasks[1].Stack, tree.Below[0].Tasks[0].Stack}
			if stacks[0] == "" || stacks[2] == "" { // it has the name, but is still on its way to the label
				time.Sleep(time.Millisecond)
				continue
			}
			for i, want := range []bool{true, false, true} {
				if got := strings.Contains(stacks[i], "nursery_test.slumbers") && strings.Contains(stacks[i], "\n\t"); got != want {
					t.Errorf("task %d: got stack %q", i+1, stacks[i])
				}
			}
			if !strings.Contains(tree.String(), "slumbers") {
				t.Errorf("got %s, want it with stacks", tree)
			}
			break
		}
		n.Cancel(nil)
		return nil
	})
}
