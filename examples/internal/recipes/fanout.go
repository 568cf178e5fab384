package recipes

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/creche-go/creche/nursery"
)

// Prices looks up many prices, eight at a time, and has them in the order of the
// SKUs.
func Prices(ctx context.Context, skus []string) ([]int, error) {
	return nursery.Map(ctx, 8, skus, lookUpPrice)
}

// Cheapest looks at prices as they come, and stops at the first that is cheap
// enough.
func Cheapest(ctx context.Context, skus iter.Seq[string], enough int) (price int, err error) {
	for price, err := range nursery.MapSeq(ctx, 8, skus, lookUpPrice) {
		if err != nil {
			return 0, err
		}
		if price <= enough {
			return price, nil // what is under way is cancelled and joined
		}
	}
	return 0, errors.New("all are too expensive")
}

// Nearest asks two mirrors, and takes the one that answers first.
func Nearest(ctx context.Context, here, there func(ctx context.Context) (string, error)) (string, error) {
	return nursery.Race(ctx, here, there)
}

// Page is what a reader sees.
type Page struct {
	Article string   // without which there is no page
	Related []string // which the page can do without
}

// Load needs the article, and waits a little for the rest.
func Load(ctx context.Context, article func(ctx context.Context) (string, error), related func(ctx context.Context) ([]string, error)) (*Page, error) {
	var p Page
	err := nursery.All(ctx,
		nursery.Into(&p.Article, article),
		func(ctx context.Context) error {
			late, err := nursery.MoveOnAfter(ctx, 200*time.Millisecond, nursery.Into(&p.Related, related))
			if late || err != nil {
				slog.InfoContext(ctx, "page without related articles", "late", late, "error", err)
			}
			return nil // whatever it was, the article is worth showing
		},
	)
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// Crawl visits a page and all that it leads to. Nobody knows how many that will
// be, so tasks start tasks.
func Crawl(ctx context.Context, first string, links func(ctx context.Context, page string) ([]string, error)) error {
	return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
		var visit func(page string) func(ctx context.Context) error
		visit = func(page string) func(ctx context.Context) error {
			return func(ctx context.Context) error {
				found, err := links(ctx, page)
				for _, next := range found {
					n.Go(visit(next), nursery.Name(next))
				}
				return err
			}
		}
		n.Go(visit(first), nursery.Name(first))
		return nil
	}, nursery.Limit(8))
}

// Complain tells each failure with the task that it is of.
func Complain(err error) (lines []string) {
	if several, ok := errors.AsType[*nursery.MultiError](err); ok {
		for _, f := range several.Failures {
			lines = append(lines, fmt.Sprintf("%s: %v", f.Task, f.Err))
		}
		return lines
	}
	return []string{err.Error()}
}
