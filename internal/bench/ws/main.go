// Command ws measures broadcasts of package websocket beside plain coder,
// gorilla and gws, and prints a table: deliveries in a second, CPU time of the
// server for each, how late the slowest hundredth was, and what an idle
// connection costs.
//
// Each server is a process of its own, and this one is the load: N connections
// that read and allocate nothing, one of which publishes messages of 128 bytes,
// so many of them at a time. The servers take turns, so that whatever else the
// machine does falls on all alike. The ratios are what counts.
//
//	go run ./ws
//	go run ./ws -clients 1000 -window 1 -time 5s -only creche,gws
//	go run ./ws -clients 51 -stalled 1 -window 1
package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strings"
	"time"
)

// message is how many bytes a message has.
const message = 128

func main() {
	log.SetFlags(0)
	log.SetPrefix("ws: ")
	clients := flag.Int("clients", 100, "how many connections there are")
	window := flag.Int("window", 16, "how many messages are under way at once")
	stalled := flag.Int("stalled", 0, "how many of them never read")
	long := flag.Duration("time", 2*time.Second, "how long a sample takes")
	rounds := flag.Int("rounds", 3, "samples of each server, of which the median is printed")
	only := flag.String("only", "", "measure only these servers, a comma-separated `list`")
	serve := flag.String("serve", "", "be the server of this `name`: the other process")
	flag.Parse()
	if *serve != "" {
		log.Fatal(serveAs(*serve))
	}
	if *clients < 1 || *stalled < 0 || *stalled >= *clients || *window < 1 || *window > slots || *rounds < 1 || *long <= 0 {
		log.Fatalf("want -clients, -rounds and -time above 0, fewer -stalled than -clients, and a -window from 1 to %d", slots)
	}
	names := slices.DeleteFunc(serverNames(), func(name string) bool {
		return *only != "" && !slices.Contains(strings.Split(*only, ","), name)
	})
	results, err := measure(names, plan{*clients, *stalled, *window, *long}, *rounds)
	if err != nil {
		log.Fatal(err)
	}
	table(os.Stdout, names, results)
}

// plan is what a sample does.
type plan struct {
	clients, stalled, window int
	long                     time.Duration
}

// result is what it found.
type result struct {
	perSecond float64       // deliveries
	cpu       time.Duration // of the server, for a thousand deliveries
	late      time.Duration // the 99th percentile
	idle      int           // bytes of an idle connection
}

func measure(names []string, p plan, rounds int) (map[string][]result, error) {
	results := make(map[string][]result)
	for range rounds {
		for _, name := range names {
			r, err := sample(name, p)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			results[name] = append(results[name], r)
		}
	}
	return results, nil
}

func table(out io.Writer, names []string, results map[string][]result) {
	fmt.Fprintln(out, "| server | deliveries a second | CPU of the server for each | 99 % within | an idle connection |")
	fmt.Fprintln(out, "|---|---|---|---|---|")
	for _, name := range names {
		all := results[name]
		fmt.Fprintf(out, "| %s | %.0f k | %.2f µs | %v | %.1f KB |\n", name,
			median(all, func(r result) float64 { return r.perSecond })/1000,
			float64(median(all, func(r result) time.Duration { return r.cpu }))/1e6,
			median(all, func(r result) time.Duration { return r.late }).Round(10*time.Microsecond),
			float64(median(all, func(r result) int { return r.idle }))/1024)
	}
}

func median[T cmp.Ordered](all []result, of func(result) T) T {
	var values []T
	for _, r := range all {
		values = append(values, of(r))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
