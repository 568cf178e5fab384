package nursery_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/creche-go/creche/nursery"
)

// A driver calls back in a goroutine of its own. Attach makes a task of the
// call: the nursery waits for it, cancels it, and fails with it.
func ExampleNursery_Attach() {
	subscribe := func(callback func()) { go callback() } // stands for a driver

	told := make(chan error, 1)
	err := nursery.Run(context.Background(), func(ctx context.Context, n *nursery.Nursery) error {
		subscribe(func() {
			told <- n.Attach("message", func(context.Context) error { return errors.New("cannot read it") })
		})
		<-ctx.Done()
		return ctx.Err()
	})
	fmt.Println("the driver is told:", <-told)
	fmt.Println("and the nursery:", err)
	// Output:
	// the driver is told: cannot read it
	// and the nursery: cannot read it
}
