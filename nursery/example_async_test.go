package nursery_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/creche-go/creche/nursery"
)

// Async gives a handle to wait for a result with, when it is needed.
func ExampleAsync() {
	err := nursery.Run(context.Background(), func(ctx context.Context, n *nursery.Nursery) error {
		price := nursery.Async(n, func(context.Context) (int, error) { return 250, nil })
		stock := nursery.Async(n, func(context.Context) (int, error) { return 7, nil })
		p, err := price.Wait(ctx)
		if err != nil {
			return err
		}
		s, err := stock.Wait(ctx)
		if err != nil {
			return err
		}
		fmt.Println(p, s)
		return nil
	})
	fmt.Println(err)
	// Output:
	// 250 7
	// <nil>
}

// Who handles what Wait returns has not handled the failure: the task is one
// of the nursery, which it fails as any would.
func ExampleTask_Wait_incorrect() {
	primary := func(context.Context) (string, error) { return "", errors.New("primary is down") }
	secondary := func(context.Context) (string, error) { return "from secondary", nil }

	err := nursery.Run(context.Background(), func(ctx context.Context, n *nursery.Nursery) error {
		task := nursery.Async(n, primary)
		v, err := task.Wait(context.Background())
		if err != nil {
			v, err = secondary(ctx) // wrong: by now n is cancelled
		}
		fmt.Println(v, "but cancelled:", ctx.Err() != nil)
		return err
	})
	fmt.Println(err)

	err = nursery.Run(context.Background(), func(ctx context.Context, n *nursery.Nursery) error {
		task := nursery.Async(n, func(ctx context.Context) (string, error) {
			v, err := primary(ctx)
			if err != nil {
				return secondary(ctx) // right: the task handles what may fail in it
			}
			return v, nil
		})
		v, err := task.Wait(ctx)
		fmt.Println(v)
		return err
	})
	fmt.Println(err)
	// Output:
	// from secondary but cancelled: true
	// primary is down
	// from secondary
	// <nil>
}

// Cancel ends one task and leaves the others alone. That is no failure.
func ExampleTask_Cancel() {
	errTyping := errors.New("the user typed on")
	err := nursery.Run(context.Background(), func(ctx context.Context, n *nursery.Nursery) error {
		search := nursery.Async(n, func(ctx context.Context) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		})
		search.Cancel(errTyping)
		_, err := search.Wait(ctx)
		fmt.Println(errors.Is(err, errTyping), ctx.Err())
		return nil
	})
	fmt.Println(err)
	// Output:
	// true <nil>
	// <nil>
}
