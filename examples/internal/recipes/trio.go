package recipes

import (
	"context"

	"github.com/creche-go/creche/nursery"
)

// TwoChildren is a nursery with two children, for those who come from Trio.
func TwoChildren(ctx context.Context, child func(ctx context.Context, number int) error) error {
	err := nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error {
		n.Go(func(ctx context.Context) error { return child(ctx, 1) })
		n.Go(func(ctx context.Context) error { return child(ctx, 2) })
		return nil
	})
	return err
}
