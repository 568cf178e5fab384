package nursery_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// N21
func TestAttachedFunctionsAreTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		key := new(int)
		var got error
		done := make(chan struct{})
		_ = nursery.Run(context.WithValue(t.Context(), key, "value"), func(ctx context.Context, n *nursery.Nursery) error {
			go func() {
				defer close(done)
				got = n.Attach("callback", func(ctx context.Context) error {
					if nursery.From(ctx) != n || ctx.Value(key) != "value" {
						t.Error("it has another context than tasks have")
					}
					time.Sleep(time.Second)
					if infos := n.Tree().Tasks; len(infos) != 2 || infos[0].Name != "callback" || n.Len() != 2 {
						t.Errorf("got %v listed, want callback first of two", infos)
					}
					return waits(ctx)
				})
			}()
			synctest.Wait()
			n.Go(func(context.Context) error { time.Sleep(time.Minute); n.Cancel(errA); return nil })
			return nil
		})
		<-done
		if got != context.Canceled || time.Since(began) != time.Minute {
			t.Errorf("got %v after %v, want it cancelled and joined after a minute", got, time.Since(began))
		}
	})
}

// N9, N10, N21
func TestAttachedFunctionsThatFail(t *testing.T) {
	tests := []struct {
		name   string
		f      func(context.Context) error
		opts   []nursery.Option
		err    error // that Attach returns
		raised error // that it panics with
		exits  bool
		joined error
	}{
		{"with an error", failing(errA), nil, errA, nil, false, errA},
		{"with a panic", panicking(errA), nil, nil, errA, false, errA},
		{"with a panic that is returned", panicking(errA), []nursery.Option{nursery.OnPanic(nursery.ReturnPanics)}, errA, nil, false, errA},
		{"with http.ErrAbortHandler", panicking(http.ErrAbortHandler), nil, nil, http.ErrAbortHandler, false, http.ErrAbortHandler},
		{"with a Goexit", exiting, nil, nil, nil, true, nursery.ErrGoexit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var joined error
				v := raised(func() {
					joined = nursery.Run(t.Context(), func(ctx context.Context, n *nursery.Nursery) error {
						var err error
						var v any
						exited := exits(func() { v = raised(func() { err = n.Attach("f", tt.f) }) })
						if raised, _ := v.(error); !errors.Is(err, tt.err) || !errors.Is(raised, tt.raised) || exited != tt.exits {
							t.Errorf("got %v, raised %v, exited %v, want %v, %v, %v", err, v, exited, tt.err, tt.raised, tt.exits)
						}
						<-ctx.Done()
						return nil
					}, append(tt.opts, quiet())...)
				})
				if err, ok := v.(error); ok {
					joined = err
				}
				if !errors.Is(joined, tt.joined) {
					t.Errorf("got %v from the join, want %v", joined, tt.joined)
				}
			})
		})
	}
}

// N8, N11, N21
func TestAttachWhereThereIsNoPlace(t *testing.T) {
	var closed *nursery.Nursery
	err := nursery.Run(t.Context(), func(_ context.Context, n *nursery.Nursery) error {
		closed = n
		n.Go(func(context.Context) error {
			err := n.Attach("inside", succeeds)
			if full := n.TryGo(succeeds); full != nursery.ErrFull {
				t.Errorf("got %v, want %v: what was attached has given back a place that it never had", full, nursery.ErrFull)
			}
			return err
		})
		return nil
	}, nursery.Limit(1), nursery.Queue(0))
	if err != nil {
		t.Errorf("got %v, want nil: what is attached does not count against the limit", err)
	}
	ran := func(context.Context) error { t.Error("it ran"); return nil }
	if err := closed.Attach("late", ran); err != nursery.ErrClosed {
		t.Errorf("got %v, want %v", err, nursery.ErrClosed)
	}
}
