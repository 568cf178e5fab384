package main

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/creche-go/creche/internal/bench/sampling"
)

// A cell is what a library takes for a piece of work, by the unit. It is the
// median of the CPU times, in nanoseconds, and the least of the allocations:
// a collection, which empties pools, is nobody's fault.
type cell struct {
	ns, allocs, bytes float64
	samples           []float64
}

// measure fills a row: the libraries take turns, so that whatever else the
// machine does meanwhile falls on all alike, and change the order, because what
// one leaves behind (free goroutines, the runtime's guess at stacks) is the
// next one's start. A library that does not do w has no cell.
func measure(w work, columns []library, rounds int) (map[string]*cell, error) {
	row := make(map[string]*cell)
	columns = slices.Clone(columns)
	for range rounds {
		slices.Reverse(columns)
		for _, l := range columns {
			m := w.by(l)
			if m == nil {
				continue
			}
			s, err := sample(w, m)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", w.name, l.name, err)
			}
			if row[l.name] == nil {
				row[l.name] = &cell{allocs: s.allocs, bytes: s.bytes}
			}
			row[l.name].add(s)
		}
	}
	return row, nil
}

func sample(w work, m maker) (cell, error) {
	ctx := context.Background()
	if !w.endless { // as a request's context
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
	}
	op, stop := m(w)
	if stop != nil {
		defer stop()
	}
	if err := op(ctx); (err != nil) != w.fails() {
		return cell{}, fmt.Errorf("got error %v", err)
	}
	var cpu time.Duration
	r := testing.Benchmark(func(b *testing.B) {
		began := sampling.CPUTime()
		for b.Loop() {
			_ = op(ctx)
		}
		cpu = sampling.CPUTime() - began
	})
	if r.N == 0 {
		return cell{}, fmt.Errorf("the benchmark failed")
	}
	units := float64(r.N) * float64(w.units)
	return cell{
		ns:     float64(cpu.Nanoseconds()) / units,
		allocs: float64(r.MemAllocs) / units,
		bytes:  float64(r.MemBytes) / units,
	}, nil
}

func (c *cell) add(s cell) {
	c.samples = append(c.samples, s.ns)
	c.ns = sampling.Median(c.samples)
	c.allocs, c.bytes = min(c.allocs, s.allocs), min(c.bytes, s.bytes)
}
