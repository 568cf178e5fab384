package nursery_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery"
)

// hazard is a random set of items for Map, MapSeq and Race, with what becomes
// of each. Its counters are what the invariants are about.
type hazard struct {
	ends           []string // of each item: ok, fail, panic, exit
	takes          []time.Duration
	limit          int
	begun, running atomic.Int32
	most           atomic.Int32 // running at once
}

func newHazard(seed uint64) *hazard {
	r := rand.New(rand.NewPCG(seed, 1))
	h := &hazard{limit: 1 + r.IntN(4)}
	kinds := []string{"ok", "ok", "ok", "ok", "ok", "ok", "ok", "fail", "fail", "panic", "exit"}
	for range 1 + r.IntN(8) {
		h.ends = append(h.ends, kinds[r.IntN(len(kinds))])
		h.takes = append(h.takes, time.Duration(r.IntN(5))*time.Second)
	}
	return h
}

func (h *hazard) run(ctx context.Context, i int) (int, error) {
	h.begun.Add(1)
	now := h.running.Add(1)
	defer h.running.Add(-1)
	for was := h.most.Load(); now > was && !h.most.CompareAndSwap(was, now); was = h.most.Load() {
	}
	if i%2 == 0 {
		time.Sleep(h.takes[i]) // and ignores the end of ctx
	} else if err := sleepOr(ctx, h.takes[i]); err != nil {
		return 0, err
	}
	switch h.ends[i] {
	case "fail":
		return 0, errA
	case "panic":
		panic(errB)
	case "exit":
		exiting(ctx)
	}
	return i, nil
}

// outcome calls f and returns its error; a panic counts as one.
func outcome(f func() error) (err error) {
	defer func() {
		if p, ok := recover().(*nursery.PanicError); ok {
			err = p
		}
	}()
	return f()
}

// N1, N3, N9, N14: whatever happens, nothing is left running when a helper
// returns, the bound has held, and results are complete exactly if there is no
// error.
func TestHelpersUnderRandomFailures(t *testing.T) {
	helpers := []struct {
		name string
		run  func(ctx context.Context, h *hazard) (results []int, err error)
	}{
		{"Map", func(ctx context.Context, h *hazard) ([]int, error) {
			return nursery.Map(ctx, h.limit, upTo(len(h.ends)), h.run)
		}},
		{"MapSeq", func(ctx context.Context, h *hazard) (results []int, last error) {
			for v, err := range nursery.MapSeq(ctx, h.limit, slices.Values(upTo(len(h.ends))), h.run) {
				if last = err; err == nil {
					results = append(results, v)
				}
			}
			slices.Sort(results)
			return results, last
		}},
	}
	for _, tt := range helpers {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(500) {
				synctest.Test(t, func(t *testing.T) {
					h := newHazard(seed)
					var results []int
					err := outcome(func() error {
						return nursery.Run(t.Context(), func(ctx context.Context, _ *nursery.Nursery) (err error) {
							results, err = tt.run(ctx, h)
							return err
						}, quiet())
					})
					if n := h.running.Load(); n != 0 || int(h.most.Load()) > h.limit {
						t.Errorf("seed %d: %d still run, and %d did at once under %d", seed, n, h.most.Load(), h.limit)
					}
					well := !slices.ContainsFunc(h.ends, func(end string) bool { return end != "ok" })
					if well != (err == nil) || well && !slices.Equal(results, upTo(len(h.ends))) {
						t.Errorf("seed %d: got %v, %v of %v", seed, results, err, h.ends)
					}
					for leaf := range nursery.Leaves(err) {
						if !errors.Is(leaf, errA) && !errors.Is(leaf, errB) && leaf != nursery.ErrGoexit {
							t.Errorf("seed %d: got leaf %v", seed, leaf)
						}
					}
				})
			}
		})
	}
}

// N1, N14
func TestRaceUnderRandomFailures(t *testing.T) {
	for seed := range uint64(500) {
		synctest.Test(t, func(t *testing.T) {
			h := newHazard(seed)
			var racers []func(context.Context) (int, error)
			for i := range h.ends {
				racers = append(racers, func(ctx context.Context) (int, error) { return h.run(ctx, i) })
			}
			won := -1
			err := outcome(func() error {
				return nursery.Run(t.Context(), func(ctx context.Context, _ *nursery.Nursery) error {
					v, err := nursery.Race(ctx, racers...)
					if err == nil {
						won = v
					}
					return err
				}, quiet())
			})
			if n := h.running.Load(); n != 0 || (won < 0) != (err != nil) || won >= 0 && h.ends[won] != "ok" {
				t.Errorf("seed %d: %d still run, got %d, %v of %v", seed, n, won, err, h.ends)
			}
			if int(h.begun.Load()) != len(h.ends) {
				t.Errorf("seed %d: got %d begun, want %d", seed, h.begun.Load(), len(h.ends))
			}
		})
	}
}
