//go:build !race

package nursery_test

import (
	"context"
	"testing"

	"github.com/creche-go/creche/nursery"
)

func TestAllocOfMap(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	double := func(_ context.Context, i int) (int, error) { return 2 * i, nil }
	for _, items := range []int{1, 1000} {
		numbers := upTo(items)
		allocs, bytes := cost(func() { nursery.Map(ctx, 8, numbers, double) })
		if allocs > 3 { // the results are one of them
			t.Errorf("got %v allocations for %d items, want at most 2 and the results", allocs, items)
		}
		t.Logf("%d items: %v allocations, %d bytes", items, allocs, bytes)
	}
}
