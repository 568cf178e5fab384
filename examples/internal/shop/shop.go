// Package shop is the business behind the quickstarts: look-ups that take
// their time and can fail. It knows nothing of HTTP. What answer its errors
// come to is for the programs to say, and that is what they are about.
//
// Some goods make trouble on demand: "soldout" is what it says, whatever is
// not in the catalogue is unknown, for "cursed" both look-ups fail, each with
// an error of its own, and "boom" panics.
package shop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// UnknownSKU is the error of asking for what the shop does not sell.
type UnknownSKU struct {
	SKU string // what was asked for
}

// Error names it.
func (e *UnknownSKU) Error() string { return fmt.Sprintf("shop: unknown SKU %q", e.SKU) }

// OutOfStock is the error of asking for what is sold out.
type OutOfStock struct {
	SKU string // what was asked for
}

// Error names it.
func (e *OutOfStock) Error() string { return fmt.Sprintf("shop: %q is out of stock", e.SKU) }

type item struct{ cents, stock int }

var catalogue = map[string]item{
	"tea":     {cents: 450, stock: 12},
	"soldout": {cents: 990, stock: 0},
	"cursed":  {cents: 666, stock: 0},
}

// How long the shop's systems take to answer: the price list is fast, the
// warehouse is not.
const (
	priceTime = 10 * time.Millisecond
	stockTime = 250 * time.Millisecond
	jobTime   = time.Second
)

// Price returns what sku costs, in cents. The error is an [*UnknownSKU] if it
// is not in the catalogue. For "boom" Price panics.
func Price(ctx context.Context, sku string) (cents int, err error) {
	switch sku {
	case "boom":
		panic("boom")
	case "cursed":
		return 0, errors.New("shop: the page has been torn out of the price list")
	}
	if err := work(ctx, priceTime); err != nil {
		return 0, err
	}
	it, ok := catalogue[sku]
	if !ok {
		return 0, &UnknownSKU{SKU: sku}
	}
	return it.cents, nil
}

// Stock returns how many of sku there are. The error is an [*OutOfStock] if
// there are none. When ctx ends Stock gives up, says so in the log, and
// returns why; only for "cursed" it then has an error of its own.
func Stock(ctx context.Context, sku string) (count int, err error) {
	if err := work(ctx, stockTime); err != nil && sku != "cursed" {
		slog.InfoContext(ctx, "shop: stock look-up cancelled", "sku", sku, "cause", err)
		return 0, err
	}
	if catalogue[sku].stock == 0 {
		return 0, &OutOfStock{SKU: sku}
	}
	return catalogue[sku].stock, nil
}

// Book takes one sku off the stock, or would if the shop were a real one. The
// error is an [*UnknownSKU] or an [*OutOfStock].
func Book(ctx context.Context, sku string) error {
	if err := work(ctx, priceTime); err != nil {
		return err
	}
	if _, ok := catalogue[sku]; !ok {
		return &UnknownSKU{SKU: sku}
	}
	_, err := Stock(ctx, sku)
	return err
}

// Reindex is a job for the background. It takes a second and says in the log
// when it is done.
func Reindex(ctx context.Context) error {
	if err := work(ctx, jobTime); err != nil {
		return err
	}
	slog.InfoContext(ctx, "shop: reindexed")
	return nil
}

// work pretends to work. It returns nil after d or, if ctx ends first, why.
func work(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
