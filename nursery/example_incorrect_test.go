package nursery_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/creche-go/creche/nursery"
)

// Into has stored its result when the nursery has been joined, and not before:
// the body, which runs beside the task, reads too soon. (Without the channel
// that keeps the two apart here, it would be a data race as well.)
func ExampleInto_incorrect() {
	var stock int
	asked := make(chan struct{})
	lookUp := func(context.Context) (int, error) { <-asked; return 7, nil }

	err := nursery.Run(context.Background(), func(_ context.Context, n *nursery.Nursery) error {
		n.Go(nursery.Into(&stock, lookUp))
		fmt.Println("in the body:", stock) // wrong: nobody has waited for it
		close(asked)
		return nil
	})
	fmt.Println("after the join:", stock, err) // right
	// Output:
	// in the body: 0
	// after the join: 7 <nil>
}

// A task that waits for its nursery waits for itself. Here one shall close a
// channel when the others have sent all they have: with an errgroup a goroutine
// beside it calls Wait. What is to be waited for has a nursery of its own.
func ExampleNursery_Join_incorrect() {
	send := func(results chan<- int, v int) func(context.Context) error {
		return func(ctx context.Context) error {
			select {
			case results <- v:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	total := func(ctx context.Context, start func(n *nursery.Nursery, results chan int)) (sum int, err error) {
		err = nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
			results := make(chan int)
			start(n, results)
			for v := range results {
				sum += v
			}
			return nil
		})
		return sum, err
	}

	wrong := func(n *nursery.Nursery, results chan int) {
		n.Go(send(results, 1))
		n.Go(send(results, 2))
		n.Go(func(context.Context) error {
			defer close(results)
			return n.Join() // wrong: n waits for this task
		})
	}
	_ = wrong // total would hang with it

	right := func(n *nursery.Nursery, results chan int) {
		n.Go(func(ctx context.Context) error {
			defer close(results)
			return nursery.All(ctx, send(results, 1), send(results, 2))
		})
	}
	fmt.Println(total(context.Background(), right))
	// Output: 3 <nil>
}

// A nursery that leaves the function that opened it has closed before anybody
// can use it. It goes the other way: who has tasks to start is handed the
// nursery of those who want them joined.
func ExampleNursery_Go_incorrect() {
	work := func(context.Context) error { return errors.New("nothing to do") }

	open := func(ctx context.Context) (leaked *nursery.Nursery) {
		_ = nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
			leaked = n // wrong
			return nil
		})
		return leaked
	}
	func() {
		defer func() { fmt.Println("panic:", recover() != nil) }()
		open(context.Background()).Go(work)
	}()

	startWorkers := func(n *nursery.Nursery) { n.Go(work) } // right
	err := nursery.Run(context.Background(), func(_ context.Context, n *nursery.Nursery) error {
		startWorkers(n)
		return nil
	})
	fmt.Println(err)
	// Output:
	// panic: true
	// nothing to do
}
