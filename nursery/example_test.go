package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/creche-go/creche/nursery"
)

// A nursery joins all its tasks: when Run returns, both have ended.
func ExampleRun() {
	var words [2]string
	err := nursery.Run(context.Background(), func(_ context.Context, n *nursery.Nursery) error {
		n.Go(func(context.Context) error { words[0] = "hello"; return nil })
		n.Go(func(context.Context) error { words[1] = "world"; return nil })
		return nil
	})
	fmt.Println(words[0], words[1], err)
	// Output: hello world <nil>
}

// The body gets a context of its own, which ends when a task fails. The outer
// one does not: a body that waits for that waits for ever, and Run with it.
func ExampleRun_incorrect() {
	serve := func(outer context.Context) error {
		return nursery.Run(outer, func(_ context.Context, n *nursery.Nursery) error {
			n.Go(func(context.Context) error { return errors.New("connection lost") })
			<-outer.Done() // wrong: take the ctx that the body is given
			return outer.Err()
		})
	}
	_ = serve // calling it would hang

	err := nursery.Run(context.Background(), func(ctx context.Context, n *nursery.Nursery) error {
		n.Go(func(context.Context) error { return errors.New("connection lost") })
		<-ctx.Done() // right
		return ctx.Err()
	})
	fmt.Println(err)
	// Output: connection lost
}

// All runs functions concurrently, and Into gets typed results out of them.
func ExampleAll() {
	var name string
	var stock int
	err := nursery.All(context.Background(),
		nursery.Into(&name, func(context.Context) (string, error) { return "tea", nil }),
		nursery.Into(&stock, func(context.Context) (int, error) { return 7, nil }),
	)
	fmt.Println(name, stock, err)
	// Output: tea 7 <nil>
}

// A function that is handed a context can start tasks in the nursery that the
// context belongs to. Whoever opened it joins them.
func ExampleFrom() {
	log := make(chan string, 1)
	audit := func(ctx context.Context, what string) {
		nursery.From(ctx).Go(func(context.Context) error {
			log <- what
			return nil
		})
	}
	_ = nursery.Run(context.Background(), func(ctx context.Context, _ *nursery.Nursery) error {
		audit(ctx, "signed in")
		return nil
	})
	fmt.Println(<-log)
	// Output: signed in
}

// TryGo is for those who may be late: a nursery that has closed takes no
// tasks any more.
func ExampleNursery_TryGo() {
	var escaped *nursery.Nursery
	_ = nursery.Run(context.Background(), func(_ context.Context, n *nursery.Nursery) error {
		escaped = n
		return nil
	})
	err := escaped.TryGo(func(context.Context) error {
		fmt.Println("never printed")
		return nil
	})
	fmt.Println(errors.Is(err, nursery.ErrClosed), err)
	// Output: true nursery: closed
}

// Under a bounded queue TryGo says when there is no room.
func ExampleQueue() {
	_ = nursery.Run(context.Background(), func(_ context.Context, n *nursery.Nursery) error {
		release := make(chan struct{})
		defer close(release)
		for range 4 {
			fmt.Println(n.TryGo(func(context.Context) error { <-release; return nil }))
		}
		return nil
	}, nursery.Limit(2), nursery.Queue(1))
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// nursery: full
}

// Isolate keeps a failure from the siblings. It is reported instead of
// returned.
func ExampleIsolate() {
	observe := nursery.Observe(func(_ context.Context, r nursery.Report) {
		fmt.Printf("%s of %s: %v\n", r.Kind(), r.Task, r.Err)
	})
	err := nursery.Run(context.Background(), func(_ context.Context, n *nursery.Nursery) error {
		n.Go(func(context.Context) error { return errors.New("mail server down") }, nursery.Name("mail"))
		return nil
	}, nursery.Isolate(), observe)
	fmt.Println(err)
	// Output:
	// failure of mail: mail server down
	// <nil>
}

// Limit bounds how many tasks run at once. Go does not wait, and tasks may
// start tasks.
func ExampleLimit() {
	var order []string
	_ = nursery.Run(context.Background(), func(_ context.Context, n *nursery.Nursery) error {
		n.Go(func(context.Context) error {
			for _, name := range []string{"a", "b", "c"} {
				n.Go(func(context.Context) error { order = append(order, name); return nil })
			}
			order = append(order, "parent")
			return nil
		})
		return nil
	}, nursery.Limit(1))
	fmt.Println(order)
	// Output: [parent a b c]
}

// Cancel ends the tasks' context with a cause that they can read. It is not a
// failure.
func ExampleNursery_Cancel() {
	errFound := errors.New("found")
	err := nursery.Run(context.Background(), func(_ context.Context, n *nursery.Nursery) error {
		n.Go(func(ctx context.Context) error {
			<-ctx.Done()
			cause := context.Cause(ctx)
			fmt.Println(errors.Is(cause, errFound), cause)
			return ctx.Err()
		})
		n.Cancel(errFound)
		return nil
	}, nursery.Title("search"))
	fmt.Println(err)
	// Output:
	// true nursery search: cancelled by Cancel: found
	// <nil>
}

// Drain asks tasks to finish what they do, and cancels them when the grace is
// over.
func ExampleNursery_Drain() {
	_ = nursery.Run(context.Background(), func(_ context.Context, n *nursery.Nursery) error {
		n.Go(func(ctx context.Context) error {
			select {
			case <-nursery.Draining(ctx):
				fmt.Println("goodbye")
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		n.Drain(time.Minute)
		return nil
	})
	// Output: goodbye
}

// Several failures come as one error, in the order in which they happened.
func ExampleMultiError() {
	errPrice, errStock := errors.New("no price"), errors.New("no stock")
	err := nursery.Run(context.Background(), func(_ context.Context, n *nursery.Nursery) error {
		n.Go(func(context.Context) error { return errPrice }, nursery.Name("price"))
		n.Go(func(ctx context.Context) error {
			<-ctx.Done()
			return errors.Join(ctx.Err(), errStock) // of which only the second is a failure
		}, nursery.Name("stock"))
		return nil
	}, nursery.Title("quote"))
	fmt.Println(errors.Is(err, errPrice), errors.Is(err, errStock), errors.Is(err, context.Canceled))
	fmt.Println(err)
	// Output:
	// true true false
	// nursery quote: 2 failures
	// 	price: no price
	// 	stock: no stock
}

// Split divides an error by what its leaves are.
func ExampleSplit() {
	errGone := errors.New("gone")
	err := nursery.All(context.Background(),
		func(ctx context.Context) error { <-ctx.Done(); return errors.New("disk full") },
		func(context.Context) error { return errGone },
	)
	gone, rest := nursery.Split(err, func(leaf error) bool { return errors.Is(leaf, errGone) })
	for leaf := range nursery.Leaves(gone) {
		fmt.Println("gone:", leaf)
	}
	for leaf := range nursery.Leaves(rest) {
		fmt.Println("rest:", leaf)
	}
	// Output:
	// gone: gone
	// rest: disk full
}
