package nursery_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/creche-go/creche/nursery"
)

// Leaves walks whatever holds several errors: multi-errors in one another, and
// those that errors.Join makes. Of a single error it yields that.
func ExampleLeaves() {
	reserve := func(ctx context.Context) error {
		return nursery.All(ctx,
			func(ctx context.Context) error { <-ctx.Done(); return errors.New("no table") },
			func(context.Context) error { return errors.New("no chair") },
		)
	}
	err := nursery.All(context.Background(), reserve,
		func(ctx context.Context) error {
			<-ctx.Done()
			return errors.Join(errors.New("no tea"), errors.New("no milk"))
		},
	)
	count := 0
	for range nursery.Leaves(err) {
		count++
	}
	fmt.Println(count)
	for leaf := range nursery.Leaves(errors.New("no sugar")) {
		fmt.Println(leaf)
	}
	// Output:
	// 4
	// no sugar
}
