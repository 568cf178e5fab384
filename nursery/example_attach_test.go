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

	err := nursery.Run(context.Background(), func(ctx context.Context, n *nursery.Nursery) error {
		subscribe(func() {
			err := n.Attach("message", func(context.Context) error { return errors.New("cannot read it") })
			fmt.Println("the driver is told:", err)
		})
		<-ctx.Done()
		return ctx.Err()
	})
	fmt.Println("and the nursery:", err)
	// Unordered output:
	// the driver is told: cannot read it
	// and the nursery: cannot read it
}
