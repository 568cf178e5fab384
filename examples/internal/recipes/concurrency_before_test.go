package recipes_test

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/sourcegraph/conc/pool"
	"golang.org/x/sync/errgroup"
)

// PricesWithErrgroup is a bounded loop with an errgroup.
func PricesWithErrgroup(ctx context.Context, skus []string) ([]int, error) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	prices := make([]int, len(skus))
	for i, sku := range skus {
		g.Go(func() (err error) {
			prices[i], err = lookUpPrice(ctx, sku)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return prices, nil
}

// PricesWithConc is the same with a pool of conc.
func PricesWithConc(ctx context.Context, skus []string) ([]int, error) {
	p := pool.NewWithResults[int]().WithContext(ctx).WithCancelOnError().WithMaxGoroutines(8)
	for _, sku := range skus {
		p.Go(func(ctx context.Context) (int, error) { return lookUpPrice(ctx, sku) })
	}
	return p.Wait()
}

// BothByHand asks for two things with what the language has.
func BothByHand(ctx context.Context, sku string) (price, stock int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	failed := make(chan error, 2)
	wg.Go(func() {
		var err error
		if price, err = lookUpPrice(ctx, sku); err != nil {
			failed <- err
			cancel()
		}
	})
	wg.Go(func() {
		var err error
		if stock, err = lookUpStock(ctx, sku); err != nil {
			failed <- err
			cancel()
		}
	})
	wg.Wait()
	select {
	case err := <-failed:
		return 0, 0, err
	default:
		return price, stock, nil
	}
}

// MailByHand sends one after the answer.
func MailByHand(mail func(ctx context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithoutCancel(r.Context())
		go func() {
			defer func() {
				if v := recover(); v != nil {
					log.Println("mail:", v)
				}
			}()
			if err := mail(ctx); err != nil {
				log.Println("mail:", err)
			}
		}()
		w.WriteHeader(http.StatusAccepted)
	}
}

// SweepByHand does something every minute.
func SweepByHand(ctx context.Context, sweep func(ctx context.Context) error) {
	go func() {
		tick := time.NewTicker(time.Minute)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if err := sweep(ctx); err != nil {
					log.Println("sweep:", err)
				}
			case <-ctx.Done():
				return
			}
		}
	}()
}

// ServeByHand serves until it is told to stop.
func ServeByHand(srv *http.Server) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		late, cancel := context.WithTimeout(context.Background(), 12*time.Second)
		defer cancel()
		_ = srv.Shutdown(late)
	}()
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil // and main returns, perhaps before Shutdown does
}
