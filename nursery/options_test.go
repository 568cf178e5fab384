package nursery_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

func TestABundleIsItsOptions(t *testing.T) {
	var seen reports
	bundle := nursery.Bundle(nursery.Title("bundled"), nursery.Isolate(), nursery.Limit(1), seen.observe())
	tests := []struct {
		name  string
		opts  []nursery.Option
		title string
		takes time.Duration
	}{
		{"alone", []nursery.Option{bundle}, "bundled", 2},
		{"inside another", []nursery.Option{nursery.Bundle(bundle)}, "bundled", 2},
		{"before others, which count more", []nursery.Option{bundle, nursery.Title("other"), nursery.Limit(2)}, "other", 1},
		{"after others, which count less", []nursery.Option{nursery.Title("other"), nursery.Limit(2), bundle}, "bundled", 2},
		{"beside an empty one", []nursery.Option{nursery.Bundle(), bundle}, "bundled", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, before := time.Now(), len(seen.list())
				fails := func(context.Context) error { time.Sleep(time.Nanosecond); return errA }
				err := nursery.Run(t.Context(), starts(fails, fails), tt.opts...)
				got := seen.list()[before:]
				if err != nil || len(got) != 2 || got[0].Nursery != tt.title || time.Since(began) != tt.takes {
					t.Errorf("got %v, reports %v after %v, want two of %s after %v", err, got, time.Since(began), tt.title, tt.takes)
				}
			})
		})
	}
	if err := nursery.Run(t.Context(), starts(failing(errA)), nursery.Bundle()); err != errA {
		t.Errorf("got %v from an empty bundle, want %v", err, errA)
	}
}
