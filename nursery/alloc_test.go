//go:build !race

package nursery_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/creche-go/creche/nursery"
)

// cost returns how many allocations, and how many bytes, a call of f makes
// when the pools are warm. It is the least of several rounds: a collection
// empties the pools, and is nobody's fault.
func cost(f func()) (allocs float64, bytes uint64) {
	const rounds, calls = 10, 200
	allocs, bytes = 1e9, 1<<62
	for range rounds {
		for range 20 {
			f()
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range calls {
			f()
		}
		runtime.ReadMemStats(&after)
		allocs = min(allocs, float64((after.Mallocs-before.Mallocs)/calls))
		bytes = min(bytes, (after.TotalAlloc-before.TotalAlloc)/calls)
	}
	return allocs, bytes
}

func TestAllocOfANursery(t *testing.T) {
	if got := unsafe.Sizeof(nursery.Nursery{}); got > 112 {
		t.Errorf("got a Nursery of %d bytes, want at most 112", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	one := func(_ context.Context, n *nursery.Nursery) error {
		n.Go(succeeds)
		return nil
	}
	ten := func(_ context.Context, n *nursery.Nursery) error {
		for range 10 {
			n.Go(succeeds)
		}
		return nil
	}
	looks := func(ctx context.Context) error {
		select {
		case <-ctx.Done():
		default:
		}
		return nil
	}
	tenLook := func(_ context.Context, n *nursery.Nursery) error {
		for range 10 {
			n.Go(looks)
		}
		return nil
	}
	bundle := nursery.Bundle(nursery.Title("bundled"), nursery.Isolate())
	tests := []struct {
		name   string
		call   func()
		allocs float64
		bytes  uint64
	}{
		{"Run without a task", func() { nursery.Run(ctx, func(context.Context, *nursery.Nursery) error { return nil }) }, 1, 112},
		{"Run with one task", func() { nursery.Run(ctx, one) }, 1, 112},
		{"Run with ten tasks", func() { nursery.Run(ctx, ten) }, 1, 112},
		{"Run with ten tasks and a bundle of options", func() { nursery.Run(ctx, ten, bundle) }, 1, 112},
		{"Run with ten tasks that look at Done, under a parent that never ends", func() { nursery.Run(context.Background(), tenLook) }, 4, 400},
		{"Run with ten tasks that look at Done", func() { nursery.Run(ctx, tenLook) }, 7, 480},
		{"All of one function", func() { nursery.All(ctx, succeeds) }, 1, 112},
		{"All of two functions", func() { nursery.All(ctx, succeeds, succeeds) }, 1, 112},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if allocs, bytes := cost(tt.call); allocs > tt.allocs || bytes > tt.bytes {
				t.Errorf("got %v allocations and %d bytes, want at most %v and %d", allocs, bytes, tt.allocs, tt.bytes)
			} else {
				t.Logf("%v allocations, %d bytes", allocs, bytes)
			}
		})
	}
}

// The labels of the first thousand names are kept, and the tests use more: the
// name of the task that is measured has to come before those.
var _ = nursery.Run(context.Background(), named)

func named(_ context.Context, n *nursery.Nursery) error {
	n.Go(succeeds, nursery.Name("task"))
	return nil
}

func TestAllocOfATask(t *testing.T) {
	idle := func(n *nursery.Nursery) {
		for n.Len() > 0 {
			runtime.Gosched()
		}
	}
	tests := []struct {
		name string
		opts []nursery.Option
		call func(n *nursery.Nursery)
	}{
		{"Go in an open nursery", nil, func(n *nursery.Nursery) { n.Go(succeeds) }},
		{"TryGo in an open nursery", nil, func(n *nursery.Nursery) { n.TryGo(succeeds) }},
		{"Go of a named task", nil, func(n *nursery.Nursery) { n.Go(succeeds, nursery.Name("task")) }},
		{"Go under a limit", []nursery.Option{nursery.Limit(1)}, func(n *nursery.Nursery) { n.Go(succeeds); n.Go(succeeds) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
				if allocs, bytes := cost(func() { tt.call(n); idle(n) }); allocs > 0 {
					t.Errorf("got %v allocations and %d bytes, want none", allocs, bytes)
				}
				return nil
			}, tt.opts...)
		})
	}
}

func TestAllocOfTasksWithMore(t *testing.T) {
	value := func(context.Context) (int, error) { return 1, nil }
	says := func(_ context.Context, ready func(int)) error { ready(1); return nil }
	tests := []struct {
		name   string
		call   func(ctx context.Context, n *nursery.Nursery)
		allocs float64
	}{
		{"Async and Wait", func(ctx context.Context, n *nursery.Nursery) { nursery.Async(n, value).Wait(ctx) }, 5},
		{"Start", func(ctx context.Context, n *nursery.Nursery) { nursery.Start(ctx, n, says) }, 7},
		{"Start with a context of its own", func(_ context.Context, n *nursery.Nursery) { nursery.Start(t.Context(), n, says) }, 10},
		{"Go of a helper", func(_ context.Context, n *nursery.Nursery) { n.Go(succeeds, nursery.Helper()) }, 1},
		{"Attach", func(_ context.Context, n *nursery.Nursery) { n.Attach("name", succeeds) }, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
				if allocs, bytes := cost(func() { tt.call(ctx, n) }); allocs > tt.allocs {
					t.Errorf("got %v allocations and %d bytes, want at most %v", allocs, bytes, tt.allocs)
				} else {
					t.Logf("%v allocations, %d bytes", allocs, bytes)
				}
				return nil
			})
		})
	}
}

func TestAllocOfLookingAtAContext(t *testing.T) {
	key := new(string)
	parent, cancel := context.WithCancel(context.WithValue(t.Context(), key, "value"))
	defer cancel()
	nursery.Run(parent, func(ctx context.Context, _ *nursery.Nursery) error {
		if allocs, _ := cost(func() {
			ctx.Err()
			ctx.Value(key)
			nursery.From(ctx)
			context.Cause(ctx)
		}); allocs > 0 {
			t.Errorf("got %v allocations, want none", allocs)
		}
		return nil
	})
}

// N18: what a rush leaves behind is not paid for by each later listing.
func TestAllocOfAListingAfterARush(t *testing.T) {
	_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
		for range 20_000 {
			n.Go(ignores)
		}
		n.Cancel(nil)
		return nil
	})
	for range 3 { // the pool lets go of what it holds in the second
		runtime.GC()
	}
	_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
		n.Tree()
		if _, bytes := cost(func() { n.Tree() }); bytes > 32<<10 {
			t.Errorf("got %d bytes, want at most 32 KiB", bytes)
		}
		return nil
	})
}

func TestAllocOfIs(t *testing.T) {
	wrapped := fmt.Errorf("x: %w", &link{errB})
	for _, err := range []error{wrapped, errA} {
		if got, _ := cost(func() { _ = nursery.Is(err, errA) }); got != 0 {
			t.Errorf("Is of %v: got %v allocations, want none", err, got)
		}
		if got, _ := cost(func() { _, _ = nursery.AsType[numbered](err) }); got != 0 {
			t.Errorf("AsType of %v: got %v allocations, want none", err, got)
		}
	}
}

// Names that are never used again, or are cut out of something large, leave
// little behind.
//
// N18
func TestAllocOfNamesThatComeOnce(t *testing.T) {
	const names, size = 1500, 64 << 10
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for i := range names {
		large := strings.Repeat("x", size) + strconv.Itoa(i)
		_ = nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
			n.Go(succeeds, nursery.Name(large))
			n.Go(succeeds, nursery.Name(large[size:]))
			return nil
		})
	}
	if after := heap(); after > before+1<<20 {
		t.Errorf("got %d KiB kept, want at most 1 MiB", (after-before)>>10)
	}
}
