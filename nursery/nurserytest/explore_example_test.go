package nurserytest_test

import (
	"context"
	"testing"

	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// gather is the code under test: it reads all pages, three at once.
func gather(ctx context.Context, pages []string, read func(ctx context.Context, page string) (string, error)) ([]string, error) {
	return nursery.Map(ctx, 3, pages, read)
}

// A test of code that is made with nurseries: what it relies on is replaced by
// steps, which are slow, fail and panic, and the test says what has to be true
// all the same. That nothing leaks and no failure is lost need not be said.
func ExampleExplore() {
	var t *testing.T // of func TestGather(t *testing.T)

	nurserytest.Explore(t, func(ctx context.Context, x *nurserytest.Explorer) error {
		pages := []string{"news", "sports", "weather", "stars"}
		texts, err := gather(ctx, pages, func(ctx context.Context, page string) (string, error) {
			return "text of " + page, x.Step(ctx, page)
		})
		if err == nil && len(texts) != len(pages) {
			x.Errorf("got %d texts and no error, want %d", len(texts), len(pages))
		}
		return err
	})
}
