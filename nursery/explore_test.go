package nursery_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/creche-go/creche/nursery/nurserytest"
)

// TestExplore runs random programs of everything that package nursery has:
// trees of tasks that sleep, fail, panic, exit, cancel, drain and start more of
// their kind, in nurseries with and without limits, with handles, helpers and
// handshakes, in time scopes, maps, races and retries. Whatever they do, all
// tasks have ended when Run has, every failure has come to light exactly once,
// limits and queues are kept, helpers outlive the others, and the tree lists
// exactly what is there. What a program checks on its way is said in package
// nurserytest.
//
// N1, N2, N3, N4, N5, N7, N8, N9, N10, N11, N12, N13, N14, N15, N16, N17, N18, N20, N21, N23
func TestExplore(t *testing.T) {
	programs := 0
	nurserytest.Explore(t, func(ctx context.Context, x *nurserytest.Explorer) error {
		programs++
		return x.Task("root")(ctx)
	}, nurserytest.Seeds(100_000), nurserytest.Strict())
	t.Attr("did", fmt.Sprintf("%d random programs", programs))
}
