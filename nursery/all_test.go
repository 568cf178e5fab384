package nursery_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// N1, N2, N3
func TestAllJoinsItsTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		after := func(d time.Duration, err error) func(context.Context) error {
			return func(ctx context.Context) error {
				select {
				case <-time.After(d):
					return err
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		tests := []struct {
			name  string
			tasks []func(context.Context) error
			want  error
			takes time.Duration
		}{
			{"no task", nil, nil, 0},
			{"one task", []func(context.Context) error{after(1, nil)}, nil, 1},
			{"one that fails", []func(context.Context) error{after(1, errA)}, errA, 1},
			{"the slowest decides", []func(context.Context) error{after(1, nil), after(9, nil), after(2, nil)}, nil, 9},
			{"the first fails", []func(context.Context) error{after(2, errA), after(9, errB)}, errA, 2},
			{"the last fails", []func(context.Context) error{after(9, errA), after(2, errB)}, errB, 2},
		}
		for _, tt := range tests {
			began := time.Now()
			got := nursery.All(t.Context(), tt.tasks...)
			if takes := time.Since(began); got != tt.want || takes != tt.takes {
				t.Errorf("%s: got %v after %v, want %v after %v", tt.name, got, takes, tt.want, tt.takes)
			}
		}
	})
}

// N3
func TestAllNumbersItsTasks(t *testing.T) {
	slow := func(err error) func(context.Context) error {
		return func(ctx context.Context) error { waits(ctx); return err }
	}
	m := multi(t, nursery.All(t.Context(), failing(errA), slow(errB), slow(errC)))
	for i, f := range m.BySpawn() {
		if want := []error{errA, errB, errC}[i]; f.Err != want || f.Index != i+1 {
			t.Errorf("got %v as number %d, want %v as %d", f.Err, f.Index, want, i+1)
		}
	}
}

func TestIntoStoresResults(t *testing.T) {
	price, name := 1, "one"
	err := nursery.All(t.Context(),
		nursery.Into(&price, func(context.Context) (int, error) { return 2, nil }),
		nursery.Into(&name, func(ctx context.Context) (string, error) { return "failed", errA }),
	)
	if price != 2 && err == nil || name != "one" || err != errA {
		t.Errorf("got %d, %q, %v, want 2, one, %v", price, name, err, errA)
	}
}
