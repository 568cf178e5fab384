package nursery_test

import (
	"context"
	"testing"

	"github.com/creche-go/creche/nursery"
)

// Ten thousand tasks are listed in a few milliseconds.
func BenchmarkTreeOfTenThousandTasks(b *testing.B) {
	for _, named := range []bool{false, true} {
		name, opts := "without names", []nursery.TaskOption(nil)
		if named {
			name, opts = "named", []nursery.TaskOption{nursery.Name("task")}
		}
		b.Run(name, func(b *testing.B) {
			_ = nursery.Run(b.Context(), func(_ context.Context, n *nursery.Nursery) error {
				for range 10_000 {
					n.Go(waits, opts...)
				}
				b.ReportAllocs()
				for b.Loop() {
					if got := len(n.Tree().Tasks); got != 10_000 {
						b.Fatalf("got %d tasks", got)
					}
				}
				n.Cancel(nil)
				return nil
			})
		})
	}
}

func BenchmarkStartOfATask(b *testing.B) {
	for name, opts := range map[string][]nursery.TaskOption{"plain": nil, "named": {nursery.Name("task")}} {
		b.Run(name, func(b *testing.B) {
			_ = nursery.Run(b.Context(), func(_ context.Context, n *nursery.Nursery) error {
				b.ReportAllocs()
				for b.Loop() {
					n.Go(succeeds, opts...)
				}
				return nil
			})
		})
	}
}
