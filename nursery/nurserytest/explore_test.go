package nurserytest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// read is a step for gather.
func read(x *nurserytest.Explorer) func(context.Context, string) (string, error) {
	return func(ctx context.Context, page string) (string, error) { return "text of " + page, x.Step(ctx, page) }
}

func TestExploreGather(t *testing.T) {
	pages := []string{"news", "sports", "weather", "stars"}
	good, bad := 0, 0
	nurserytest.Explore(t, func(ctx context.Context, x *nurserytest.Explorer) error {
		texts, err := gather(ctx, pages, read(x))
		if err == nil {
			good++
		} else {
			bad++
		}
		if err == nil && len(texts) != len(pages) {
			x.Errorf("got %d texts and no error, want %d", len(texts), len(pages))
		}
		return err
	}, nurserytest.Seeds(10_000))
	if good == 0 || bad == 0 {
		t.Errorf("got %d good runs and %d bad ones, want some of each", good, bad)
	}
}

// A seed is of use only if it makes the same things happen again. Random
// programs, in which there is no end to what may happen, show it.
func TestExploreRepeatsItself(t *testing.T) {
	t.Setenv("NURSERYTEST_SEEDS", "") // to keep the histories of a million takes too much
	first := make(map[uint64]string)
	for range 3 {
		nurserytest.Explore(t, func(ctx context.Context, x *nurserytest.Explorer) error {
			return x.Task("root")(ctx)
		}, nurserytest.Seeds(3000), nurserytest.After(func(seed uint64, history string) {
			if was, ok := first[seed]; !ok {
				first[seed] = history
			} else if was != history {
				t.Errorf("seed %d: got\n%s\nand then\n%s", seed, was, history)
			}
		}))
	}
	length := 0
	for _, history := range first {
		length += len(history)
	}
	t.Attr("did", fmt.Sprintf("%d random programs three times", len(first)))
	if length < 100*len(first) {
		t.Errorf("got %d bytes of history in %d runs: hardly anything happened", length, len(first))
	}
}

func TestExploreFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("too few programs to meet every fault")
	}
	tests := []struct {
		name   string
		faults nurserytest.Fault
		want   []string // what happens to steps
	}{
		{"none", 0, nil},
		{"errors", nurserytest.Errors, []string{"error"}},
		{"panics", nurserytest.Panics, []string{"panic"}},
		{"exits", nurserytest.Exits, []string{"exit"}},
		{"cancellations", nurserytest.Cancellations, []string{"end"}},
		{"drains", nurserytest.Drains, []string{"drain", "end"}}, // at the end of the grace
		{"two", nurserytest.Errors | nurserytest.Panics, []string{"error", "panic"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var mu sync.Mutex
			seen := make(map[string]bool)
			sees := func(what string) {
				mu.Lock()
				defer mu.Unlock()
				seen[what] = true
			}
			nurserytest.Explore(t, func(ctx context.Context, x *nurserytest.Explorer) error {
				return suffer(ctx, x, sees)
			}, nurserytest.Seeds(3000), nurserytest.Faults(tt.faults))
			if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// suffer takes a few steps and tells what becomes of them.
func suffer(ctx context.Context, x *nurserytest.Explorer, sees func(string)) error {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			sees("panic")
			panic(v)
		}
		sees("exit")
	}()
	var err error
	for range 3 {
		if err = x.Step(ctx, "step"); err != nil {
			break
		}
	}
	returned = true
	if _, ok := errors.AsType[*nurserytest.Injected](err); ok {
		sees("error")
	}
	if ctx.Err() != nil {
		sees("end")
	}
	select {
	case <-nursery.Draining(ctx):
		sees("drain")
	default:
	}
	return err
}

func TestExplorerPicks(t *testing.T) {
	var runs [2][][3]int
	for i := range runs {
		nurserytest.Explore(t, func(_ context.Context, x *nurserytest.Explorer) error {
			runs[i] = append(runs[i], [3]int{x.Pick("a", 1000), x.Pick("b", 1000), x.Pick("a", 1000)})
			return nil
		}, nurserytest.Seeds(1000))
	}
	if !slices.Equal(runs[0], runs[1]) {
		t.Errorf("got other numbers the second time: %v and %v", runs[0], runs[1])
	}
	for i, got := range runs[0] {
		if got[0] == got[1] && got[1] == got[2] || i > 0 && got == runs[0][i-1] {
			t.Errorf("seed %d: got %v, hardly drawn at random", i, got)
		}
	}
}

// What races and retries lose is no fault of code that is meant to.
func TestExploreLossy(t *testing.T) {
	nurserytest.Explore(t, func(ctx context.Context, x *nurserytest.Explorer) error {
		_, err := nursery.Race(ctx,
			func(ctx context.Context) (int, error) { return 1, x.Step(ctx, "here") },
			func(ctx context.Context) (int, error) { return 2, x.Step(ctx, "there") },
		)
		return err
	}, nurserytest.Lossy())
}

// Code that keeps a failure says so.
func TestExplorerTakes(t *testing.T) {
	nurserytest.Explore(t, func(ctx context.Context, x *nurserytest.Explorer) error {
		x.Take(x.Step(ctx, "step"))
		return nil
	}, nurserytest.Faults(nurserytest.Errors))
}

// A nursery that does not hang below the context reports to the Explorer if it
// is told to.
func TestExplorerReport(t *testing.T) {
	nurserytest.Explore(t, func(ctx context.Context, x *nurserytest.Explorer) error {
		return nursery.Run(context.WithoutCancel(ctx), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(func(ctx context.Context) error { return x.Step(ctx, "step") })
			return nil
		}, nursery.Isolate(), nursery.Observe(x.Report))
	}, nurserytest.Strict())
}

// faulty are functions that Explore has to find fault with.
var faulty = []struct {
	name string
	f    func(ctx context.Context, x *nurserytest.Explorer) error
	opts []nurserytest.ExploreOption
	says string
}{
	{name: "an error is dropped", says: `was returned 0 times and reported 0 times`,
		f: func(ctx context.Context, x *nurserytest.Explorer) error {
			_ = x.Step(ctx, "step")
			return nil
		}},
	{name: "an error comes twice", says: `was returned 2 times`,
		f: func(ctx context.Context, x *nurserytest.Explorer) error {
			err := x.Step(ctx, "step")
			return errors.Join(err, err)
		}},
	{name: "a panic is swallowed", says: `was returned 0 times and reported 0 times`,
		opts: []nurserytest.ExploreOption{nurserytest.Faults(nurserytest.Panics)},
		f: func(ctx context.Context, x *nurserytest.Explorer) error {
			defer func() { _ = recover() }()
			return x.Step(ctx, "step")
		}},
	{name: "an exit is hidden in another goroutine", says: `1 goroutines exited, and 0 failures say so`,
		opts: []nurserytest.ExploreOption{nurserytest.Faults(nurserytest.Exits)},
		f: func(ctx context.Context, x *nurserytest.Explorer) error {
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = x.Step(ctx, "step")
			}()
			<-ended
			return nil
		}},
	{name: "a goroutine is left that waits", says: "goroutines leaked: 1",
		f: func(context.Context, *nurserytest.Explorer) error {
			go blockOn(make(chan struct{}))
			return nil
		}},
	{name: "a goroutine is left that sleeps", says: "goroutines leaked: 1",
		f: func(context.Context, *nurserytest.Explorer) error {
			go time.Sleep(time.Hour)
			return nil
		}},
	{name: "a step is left", says: "1 steps outlived the explored function",
		f: func(ctx context.Context, x *nurserytest.Explorer) error {
			go func() { _ = x.Step(ctx, "step") }()
			return nil
		}},
	{name: "a step runs on in a nursery that has closed", says: "step ran on in a nursery that had closed",
		opts: []nurserytest.ExploreOption{nurserytest.Faults(0)},
		f: func(ctx context.Context, x *nurserytest.Explorer) error {
			defer time.Sleep(time.Minute)
			return nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error {
				go func() { _ = x.Step(ctx, "step") }()
				return nil
			})
		}},
	{name: "it hangs", says: "all goroutines in bubble are blocked",
		f: func(context.Context, *nurserytest.Explorer) error {
			blockOn(make(chan struct{}))
			return nil
		}},
	{name: "a nursery is left open", says: "a nursery is still open",
		f: func(ctx context.Context, x *nurserytest.Explorer) error {
			var n nursery.Nursery
			return x.Step(n.Open(ctx), "step")
		}},
	{name: "it panics by itself", says: "a bug of its own",
		f: func(context.Context, *nurserytest.Explorer) error { panic("a bug of its own") }},
	{name: "an echo comes back", says: "with which no step failed",
		f: func(context.Context, *nurserytest.Explorer) error {
			return errors.Join(context.Canceled, errGone)
		}},
	{name: "an error of its own, strictly", says: "got gone, with which no step failed",
		opts: []nurserytest.ExploreOption{nurserytest.Strict()},
		f: func(context.Context, *nurserytest.Explorer) error {
			return errGone
		}},
	{name: "the test says so", says: "not what I want",
		f: func(_ context.Context, x *nurserytest.Explorer) error {
			x.Fatal("not what I want")
			return nil
		}},
}

func TestExploreFinds(t *testing.T) {
	for _, tt := range faulty {
		t.Run(tt.name, func(t *testing.T) {
			out := explored(t, tt.name)
			if !strings.Contains(out, tt.says) {
				t.Errorf("got %s\nwant it to say %q", out, tt.says)
			}
			if !line.MatchString(out) {
				t.Errorf("got %s\nwant a line to replay the seed", out)
			}
		})
	}
}

// line is what Explore prints to run a seed alone.
var line = regexp.MustCompile(`(?m)^ *(NURSERYTEST_SEED=\d+ go test .*)$`)

// explored runs one of the faulty functions in another process and returns what
// that prints.
func explored(t *testing.T, name string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestExploreChild$")
	cmd.Env = append(os.Environ(), inChild+"="+name)
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); !errors.As(err, &exit) {
		t.Fatalf("got %v and %s, want a failure", err, out)
	}
	return string(out)
}

func TestExploreChild(t *testing.T) {
	for _, tt := range faulty {
		if tt.name == os.Getenv(inChild) {
			t.Run("with a subtest's name", func(t *testing.T) {
				nurserytest.Explore(t, tt.f, tt.opts...)
			})
			return
		}
	}
	t.Skip("runs in a child process only")
}

// The line that a failing seed prints is pasted into a shell.
func TestExploreReplays(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a test binary")
	}
	const name = "an error is dropped"
	first := explored(t, name)
	found := line.FindStringSubmatch(first)
	if found == nil {
		t.Fatalf("got %s\nwant a line to replay the seed", first)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", found[1])
	cmd.Env = append(os.Environ(), inChild+"="+name)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), found[1]) {
		t.Errorf("%s: got %v and %s", found[1], err, out)
	}
	if history(string(out)) != history(first) || history(first) == "" {
		t.Errorf("got %s\nand then %s", first, out)
	}
}

// history returns what a failing seed says that happened.
func history(out string) string {
	_, after, _ := strings.Cut(out, "what happened:")
	before, _, _ := strings.Cut(after, "seed ")
	return before
}

func TestExploreChoosesSeeds(t *testing.T) {
	tests := []struct {
		name, variable, value string
		want                  []uint64
	}{
		{"one", "NURSERYTEST_SEED", "4711", []uint64{4711}},
		{"so many", "NURSERYTEST_SEEDS", "3", []uint64{0, 1, 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(tt.variable, tt.value)
			var got []uint64
			nurserytest.Explore(t, func(context.Context, *nurserytest.Explorer) error { return nil },
				nurserytest.After(func(seed uint64, _ string) { got = append(got, seed) }))
			if !slices.Equal(got, tt.want) {
				t.Errorf("got seeds %v, want %v", got, tt.want)
			}
		})
	}
}

// What skips a run passes over it, what skips all of them skips the test.
func TestExploreSkips(t *testing.T) {
	t.Setenv("NURSERYTEST_SEEDS", "100") // under -short, too
	for name, tt := range map[string]struct {
		of   int
		want bool
	}{"some seeds": {2, false}, "every seed": {1, true}} {
		var explored *testing.T
		ran := 0
		t.Run(name, func(t *testing.T) {
			explored = t
			nurserytest.Explore(t, func(ctx context.Context, x *nurserytest.Explorer) error {
				ran++
				return nursery.All(ctx,
					func(ctx context.Context) error {
						if x.Pick("skip", tt.of) == 0 {
							x.Skip("not with this seed")
						}
						return nil
					},
					func(ctx context.Context) error { return x.Step(ctx, "a") })
			})
		})
		if explored.Failed() || explored.Skipped() != tt.want || ran == 0 {
			t.Errorf("%s: got skipped %v after %d runs, want %v", name, explored.Skipped(), ran, tt.want)
		}
	}
}

// A test of which no seed is run says so, and does not pass.
func TestExploreOfNoSeeds(t *testing.T) {
	explore := func(t *testing.T) {
		nurserytest.Explore(t, func(context.Context, *nurserytest.Explorer) error { return nil })
	}
	if os.Getenv(inChild) != "" {
		explore(t)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestExploreOfNoSeeds$")
	cmd.Env = append(os.Environ(), inChild+"=no seeds", "NURSERYTEST_SEEDS=0")
	out, err := cmd.CombinedOutput()
	if want := "NURSERYTEST_SEEDS is 0: want at least 1"; err == nil || !strings.Contains(string(out), want) {
		t.Errorf("got %v and %s, want %q", err, out, want)
	}
}
