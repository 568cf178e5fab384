package nursery_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/creche-go/creche/nursery"
)

// Map calls a function for each item, a few at a time, and keeps the order.
func ExampleMap() {
	lengths, err := nursery.Map(context.Background(), 2, []string{"a", "bb", "ccc"},
		func(_ context.Context, s string) (int, error) { return len(s), nil })
	fmt.Println(lengths, err)
	// Output: [1 2 3] <nil>
}

// MapSeq yields results as they complete. The loop may be left at any time:
// what is under way is cancelled and waited for.
func ExampleMapSeq() {
	delays := []time.Duration{time.Hour, 0}
	wait := func(ctx context.Context, d time.Duration) (time.Duration, error) {
		select {
		case <-time.After(d):
			return d, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	for d, err := range nursery.MapSeq(context.Background(), 2, slices.Values(delays), wait) {
		fmt.Println(d, err)
		break
	}
	// Output: 0s <nil>
}

// The first success wins a race. A failure loses it, and no more.
func ExampleRace() {
	name, err := nursery.Race(context.Background(),
		func(context.Context) (string, error) { return "", errors.New("mirror a is down") },
		func(context.Context) (string, error) { return "mirror b", nil },
		func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() },
	)
	fmt.Println(name, err)
	// Output: mirror b <nil>
}

// Retry runs a task again until it succeeds or its attempts are spent.
func ExampleRetry() {
	attempts := 0
	connect := func(context.Context) error {
		if attempts++; attempts < 3 {
			return errors.New("connection refused")
		}
		return nil
	}
	err := nursery.All(context.Background(), nursery.Retry(connect, nursery.RetryOptions{
		BackOff:  nursery.Exponential(time.Millisecond, time.Second),
		Attempts: 5,
	}))
	fmt.Println(attempts, err)
	// Output: 3 <nil>
}

// An error that another attempt would not mend is marked Permanent.
func ExamplePermanent() {
	signIn := func(context.Context) error { return nursery.Permanent(errors.New("wrong password")) }
	err := nursery.Retry(signIn, nursery.RetryOptions{})(context.Background())
	fmt.Println(err)
	// Output: wrong password
}

// Restart keeps a service running. Its failures are reported, and when they
// come too often it gives up.
func ExampleRestart() {
	consume := func(context.Context) error { return errors.New("connection lost") }
	observe := nursery.Observe(func(_ context.Context, r nursery.Report) {
		fmt.Printf("%s of %s: %v\n", r.Kind(), r.Task, r.Err)
	})
	err := nursery.Run(context.Background(), func(_ context.Context, n *nursery.Nursery) error {
		n.Go(nursery.Restart(consume, nursery.RestartOptions{
			Name:     "consumer",
			BackOff:  nursery.Exponential(time.Millisecond, time.Second),
			Failures: 2,
		}))
		return nil
	}, observe)
	var gaveUp *nursery.GaveUp
	if errors.As(err, &gaveUp) {
		fmt.Printf("gave up after %d runs: %v\n", gaveUp.Runs, gaveUp.Last)
	}
	// Output:
	// failure of consumer: connection lost
	// failure of consumer: connection lost
	// gave up after 3 runs: connection lost
}

// Every runs a task now and then at an interval. A drain ends it.
func ExampleEvery() {
	err := nursery.Run(context.Background(), func(_ context.Context, n *nursery.Nursery) error {
		runs := 0
		n.Go(nursery.Every(time.Millisecond, func(context.Context) error {
			if runs++; runs == 3 {
				n.Drain(time.Minute)
			}
			fmt.Println("swept")
			return nil
		}))
		return nil
	})
	fmt.Println(err)
	// Output:
	// swept
	// swept
	// swept
	// <nil>
}

// BestEffort has a task that is due again go on after a failure, which is
// reported.
func ExampleBestEffort() {
	observe := nursery.Observe(func(_ context.Context, r nursery.Report) {
		fmt.Printf("%s of %s: %v\n", r.Kind(), r.Task, r.Err)
	})
	err := nursery.Run(context.Background(), func(_ context.Context, n *nursery.Nursery) error {
		runs := 0
		n.Go(nursery.Every(time.Millisecond, nursery.BestEffort("sweep", func(context.Context) error {
			if runs++; runs == 1 {
				return errors.New("the database is away")
			}
			n.Drain(time.Minute)
			fmt.Println("swept")
			return nil
		})))
		return nil
	}, observe)
	fmt.Println(err)
	// Output:
	// failure of sweep: the database is away
	// swept
	// <nil>
}
