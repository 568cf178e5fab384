package main

import (
	"context"
	"errors"
)

// nothing is what every task does. It is a variable so that a test can count.
var nothing = func() {}

// What does nothing, in the shapes that the libraries want.
func task(context.Context) error { nothing(); return nil }
func plain() error               { nothing(); return nil }
func visit(*int)                 { nothing() }

var errTask = errors.New("the task failed")

// look is what a task does that checks in between whether to go on.
func look(ctx context.Context) error {
	nothing()
	select {
	case <-ctx.Done():
		return ctx.Err()
	default:
		return nil
	}
}

// await is what a task does that is waiting when another fails.
func await(ctx context.Context) error {
	nothing()
	<-ctx.Done()
	return ctx.Err()
}

func fail() error { nothing(); return errTask }

func explode() { nothing(); panic("the task panicked") }

// recovered makes an error of a panic that a join raises.
func recovered(join func()) (err error) {
	defer func() {
		if recover() != nil {
			err = errTask
		}
	}()
	join()
	return nil
}
