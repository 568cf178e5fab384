package nursery_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/creche-go/creche/nursery"
)

// A helper is there until the others are done: this one still prints what they
// have to say on their way out, and is then cancelled.
func ExampleHelper() {
	lines := make(chan string)
	printer := func(ctx context.Context) error {
		for {
			select {
			case line := <-lines:
				fmt.Println(line)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	err := nursery.Run(context.Background(), func(_ context.Context, n *nursery.Nursery) error {
		n.Go(printer, nursery.Helper())
		n.Go(func(ctx context.Context) error {
			lines <- "transfer begun"
			<-ctx.Done()
			lines <- "transfer rolled back"
			return ctx.Err()
		})
		n.Go(func(context.Context) error { return errors.New("disk full") })
		return nil
	})
	fmt.Println(err)
	// Output:
	// transfer begun
	// transfer rolled back
	// disk full
}

// Tasks that are of no use once the body is done end with it if the body
// cancels the nursery when it leaves.
func ExampleNursery_Cancel_withTheBody() {
	err := nursery.Run(context.Background(), func(ctx context.Context, n *nursery.Nursery) error {
		defer n.Cancel(nil)
		n.Go(func(ctx context.Context) error { // a heartbeat, say
			<-ctx.Done()
			return ctx.Err()
		})
		fmt.Println("served")
		return nil
	})
	fmt.Println(err)
	// Output:
	// served
	// <nil>
}
