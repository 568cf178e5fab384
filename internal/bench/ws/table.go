package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// result is what a sample found.
type result struct {
	perSecond     float64       // deliveries
	cpu           time.Duration // of the server, for a thousand deliveries
	allocs        float64       // of the server, for a delivery
	late, slowest time.Duration // the 99th percentile, and the maximum
	idle          int           // bytes of an idle connection
}

// errCannot is why there is no result of a server that does not do the work.
var errCannot = errors.New("this server does no such work")

func measure(names []string, p plan) (map[string][]result, error) {
	results := make(map[string][]result)
	for range p.rounds {
		for _, name := range names {
			r, err := sample(name, p)
			if err == errCannot {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", name, p.name, err)
			}
			results[name] = append(results[name], r)
		}
	}
	return results, nil
}

func table(out io.Writer, p plan, names []string, results map[string][]result) {
	fmt.Fprintf(out, "%s (%d clients, %d of them stalled, %d in flight, %d bytes; median of %d)\n\n",
		p.name, p.clients, p.stalled, p.window, p.size, p.rounds)
	fmt.Fprintln(out, "| server | a second | CPU each | allocations each | 99 % within | slowest | an idle connection |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|")
	for _, name := range names {
		all := results[name]
		if len(all) == 0 {
			fmt.Fprintf(out, "| %s | – | – | – | – | – | – |\n", name)
			continue
		}
		fmt.Fprintf(out, "| %s | %.0f k | %.2f µs | %.2f | %v | %v | %.1f KB |\n", name,
			median(all, func(r result) float64 { return r.perSecond })/1000,
			float64(median(all, func(r result) time.Duration { return r.cpu }))/1e6,
			median(all, func(r result) float64 { return r.allocs }),
			median(all, func(r result) time.Duration { return r.late }).Round(lateUnit),
			median(all, func(r result) time.Duration { return r.slowest }).Round(lateUnit),
			float64(median(all, func(r result) int { return r.idle }))/1024)
	}
	fmt.Fprintln(out)
}

func median[T cmp.Ordered](all []result, of func(result) T) T {
	var values []T
	for _, r := range all {
		values = append(values, of(r))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
