package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/creche-go/creche/nursery"
)

// slowly stands for a call of a service that has a bad day.
func slowly(ctx context.Context) error {
	select {
	case <-time.After(time.Minute):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("ask the service: %w", ctx.Err())
	}
}

// What is welcome if it is quick: nothing has failed if it is not.
func ExampleMoveOnAfter() {
	late, err := nursery.MoveOnAfter(context.Background(), time.Millisecond, slowly)
	fmt.Println(late, err)
	// Output: true <nil>
}

// What is needed in time: whose time was up can be told, here that of the
// inner call and not of the whole.
func ExampleFailAfter() {
	err := nursery.FailAfter(context.Background(), time.Minute, func(ctx context.Context) error {
		return nursery.FailAfter(ctx, time.Millisecond, slowly)
	})
	if late := (*nursery.TimeoutError)(nil); errors.As(err, &late) {
		fmt.Println("had", late.After)
	}
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// had 1ms
	// true
}

// Clean-up after a cancellation would find its own context ended, too.
func ExampleShield() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	release := func(ctx context.Context) error {
		fmt.Println("released, undisturbed:", ctx.Err() == nil)
		return nil
	}
	if err := nursery.Shield(ctx, time.Second, release); err != nil {
		fmt.Println(err)
	}
	// Output: released, undisturbed: true
}

// A transfer may take its time as long as it goes on.
func ExampleMoveDeadline() {
	const patience = 10 * time.Second
	pieces := []string{"one", "two", "three"}
	err := nursery.FailAfter(context.Background(), patience, func(ctx context.Context) error {
		for _, piece := range pieces {
			fmt.Println(piece)
			nursery.MoveDeadline(ctx, time.Now().Add(patience))
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// one
	// two
	// three
	// <nil>
}
