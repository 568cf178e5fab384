package nursery_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/creche-go/creche/nursery"
)

// Start waits until a task is ready: then its address is known, and whoever is
// started next can rely on it. Afterwards the task is one like any.
func ExampleStart() {
	serve := func(ctx context.Context, ready func(addr string)) error {
		ready("127.0.0.1:7000")
		<-ctx.Done()
		return ctx.Err()
	}
	err := nursery.Run(context.Background(), func(ctx context.Context, n *nursery.Nursery) error {
		addr, err := nursery.Start(ctx, n, serve)
		if err != nil {
			return err
		}
		fmt.Println("serving on", addr)
		n.Cancel(nil)
		return nil
	})
	fmt.Println(err)
	// Output:
	// serving on 127.0.0.1:7000
	// <nil>
}

// What goes wrong before a task is ready is for the caller of Start to handle:
// the nursery has not failed.
func ExampleStart_failure() {
	connect := func(_ context.Context, ready func(string)) error { return errors.New("connection refused") }
	err := nursery.Run(context.Background(), func(ctx context.Context, n *nursery.Nursery) error {
		if _, err := nursery.Start(ctx, n, connect); err != nil {
			fmt.Println("going on without:", err)
		}
		return ctx.Err()
	})
	fmt.Println(err)
	// Output:
	// going on without: connection refused
	// <nil>
}

// A body that waits holds its nursery open for those to whom it was handed. It
// is a task with a name, so the tree tells who holds what.
func ExampleStart_hold() {
	err := nursery.Run(context.Background(), func(ctx context.Context, n *nursery.Nursery) error {
		release := make(chan struct{})
		hold := func(ctx context.Context, ready func(*nursery.Nursery)) error {
			return nursery.Run(ctx, func(ctx context.Context, workers *nursery.Nursery) error {
				ready(workers)
				select {
				case <-release:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
		}
		workers, err := nursery.Start(ctx, n, hold, nursery.Name("workers"))
		if err != nil {
			return err
		}
		workers.Go(func(context.Context) error { fmt.Println("working"); return nil })
		close(release)
		return nil
	})
	fmt.Println(err)
	// Output:
	// working
	// <nil>
}
