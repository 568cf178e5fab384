//go:build !race

package nursery_test

import (
	"context"
	"testing"
	"time"

	"github.com/creche-go/creche/nursery"
)

// N15
func TestAllocOfATimeScope(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tests := []struct {
		name   string
		call   func()
		allocs float64
	}{
		{"MoveOnAfter", func() { nursery.MoveOnAfter(ctx, time.Hour, succeeds) }, 12},
		{"FailAfter", func() { nursery.FailAfter(ctx, time.Hour, succeeds) }, 12},
		{"Shield", func() { nursery.Shield(ctx, time.Hour, succeeds) }, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if allocs, bytes := cost(tt.call); allocs > tt.allocs {
				t.Errorf("got %v allocations and %d bytes, want at most %v", allocs, bytes, tt.allocs)
			}
		})
	}
}

// N15, N22
func TestAllocOfLookingAtATimeScope(t *testing.T) {
	deadline := time.Now().Add(time.Hour)
	key := new(string)
	nursery.FailAfter(context.WithValue(t.Context(), key, "value"), time.Hour, func(ctx context.Context) error {
		if allocs, _ := cost(func() {
			ctx.Err()
			ctx.Done()
			ctx.Deadline()
			ctx.Value(key)
			context.Cause(ctx)
			nursery.MoveDeadline(ctx, deadline)
		}); allocs > 0 {
			t.Errorf("got %v allocations, want none", allocs)
		}
		return nil
	})
}
