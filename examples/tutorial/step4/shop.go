package main

import (
	"context"
	"fmt"
	"log"
	"time"
)

// What follows stands for your own code and for the services that it calls. It
// knows nothing of HTTP.

// UnknownSKU is the error of asking for what the shop does not sell.
type UnknownSKU struct{ SKU string }

func (e *UnknownSKU) Error() string { return fmt.Sprintf("unknown SKU %q", e.SKU) }

// LookUpPrice takes a second.
func LookUpPrice(ctx context.Context, sku string) (cents int, err error) {
	if err := work(ctx, time.Second); err != nil {
		return 0, err
	}
	if sku != "tea" {
		return 0, &UnknownSKU{sku}
	}
	return 450, nil
}

// LookUpStock takes three.
func LookUpStock(ctx context.Context, _ string) (count int, err error) {
	return 12, work(ctx, 3*time.Second)
}

// SendConfirmation takes five.
func SendConfirmation(ctx context.Context, sku string) error {
	if err := work(ctx, 5*time.Second); err != nil {
		return err
	}
	log.Println("confirmed:", sku)
	return nil
}

// work takes d, or less if ctx ends.
func work(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
