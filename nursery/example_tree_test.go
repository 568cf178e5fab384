package nursery_test

import (
	"context"
	"fmt"

	"github.com/creche-go/creche/nursery"
)

// Tree tells what is alive, without stopping anybody. (Printed as it is, it
// also tells which function each task runs and, of those with a name, for how
// long and who started it.)
func ExampleNursery_Tree() {
	wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	_ = nursery.Run(context.Background(), func(_ context.Context, n *nursery.Nursery) error {
		n.Go(wait, nursery.Name("mail"))
		n.Go(wait, nursery.Name("thumbnails"))
		tree := n.Tree()
		fmt.Println(tree.Nursery, "is", tree.State)
		for _, task := range tree.Tasks {
			fmt.Println(task.Name, "is", task.State)
		}
		n.Cancel(nil)
		return nil
	}, nursery.Title("background"), nursery.Limit(1))
	// Output:
	// background is open
	// mail is running
	// thumbnails is queued
}
