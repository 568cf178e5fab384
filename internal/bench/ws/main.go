// Command ws measures package websocket beside plain coder, gorilla, gws, melody
// and centrifuge, and prints a table for each work: deliveries in a second, what
// of the server's CPU time and allocations each takes, how late the slowest
// hundredth and the very slowest was, and what an idle connection costs.
//
// Each server is a process of its own, and this one is the load: N connections
// that read and allocate nothing, one of which publishes messages, so many of
// them at a time; or that send and have it returned. The servers take turns, so
// that whatever else the machine does falls on all alike. The ratios are what
// counts.
//
// Without flags it does all the works of its list, in three minutes. Ten
// thousand connections need as many descriptors in both processes.
//
//	go run ./ws
//	go run ./ws -work '16 in flight'
//	go run ./ws -clients 1000 -window 1 -time 5s -only creche,gws
//	go run ./ws -clients 51 -stalled 1 -window 1 -size 4096
//	go run ./ws -only creche -window 16 -profile cpu.pprof
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// plan is what a sample does.
type plan struct {
	name             string
	clients, stalled int
	window           int // how many messages are under way at once
	size             int // bytes in a message
	echo             bool
	warm, long       time.Duration
	rounds           int
	profile          string
	reach            reach // of creche
}

// plans are the works of the list.
func plans() []plan {
	const long = 700 * time.Millisecond
	broadcast := plan{clients: 100, window: 16, size: 128, warm: warm, long: long, rounds: 3}
	with := func(name string, change func(*plan)) plan {
		p := broadcast
		p.name = name
		change(&p)
		return p
	}
	return []plan{
		with("broadcast to 100, one at a time", func(p *plan) {
			p.window, p.reach = 1, reach{cpu: 5800 * time.Nanosecond, allocs: 0.1}
		}),
		with("broadcast to 100, 16 in flight", func(p *plan) { p.reach = reach{perSecond: 1.2e6, cpu: 800 * time.Nanosecond} }),
		with("broadcast to 1 000, 16 in flight", func(p *plan) {
			p.clients, p.rounds, p.reach = 1000, 1, reach{idle: 14 << 10}
		}),
		with("broadcast to 10 000, 16 in flight", func(p *plan) { p.clients, p.rounds, p.long = 10_000, 1, 2*time.Second }),
		with("echo of 1 KiB, 64 clients", func(p *plan) {
			p.clients, p.size, p.echo = 64, 1024, true
			p.reach = reach{cpu: 12500 * time.Nanosecond, allocs: 1}
		}),
		with("broadcast of 4 KiB to 50, one at a time", func(p *plan) { p.clients, p.window, p.size, p.rounds = 50, 1, 4096, 2 }),
		with("broadcast of 4 KiB to 51 of whom one stalls", func(p *plan) {
			p.clients, p.stalled, p.window, p.size, p.rounds, p.warm = 51, 1, 1, 4096, 2, time.Second
			p.reach = reach{slowest: 50 * time.Millisecond}
		}),
	}
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("ws: ")
	one := plan{name: "as asked for", warm: warm}
	flag.IntVar(&one.clients, "clients", 100, "how many connections there are")
	flag.IntVar(&one.window, "window", 16, "how many messages are under way at once")
	flag.IntVar(&one.stalled, "stalled", 0, "how many of the connections never read")
	flag.IntVar(&one.size, "size", 128, "how many bytes a message has")
	flag.BoolVar(&one.echo, "echo", false, "have each client's messages returned, and nothing broadcast")
	flag.DurationVar(&one.long, "time", 2*time.Second, "how long a sample takes")
	flag.IntVar(&one.rounds, "rounds", 3, "samples of each server, of which the median is printed")
	flag.StringVar(&one.profile, "profile", "", "write a CPU profile of each sample's server to this `file`")
	work := flag.String("work", "", "do only those of the list that this `regexp` matches")
	only := flag.String("only", "", "measure only these servers, a comma-separated `list`")
	serve := flag.String("serve", "", "be the server of this `name`: the other process")
	flag.Parse()
	if *serve != "" {
		log.Fatal(serveAs(*serve))
	}
	todo, err := choose(one, *work)
	if err != nil {
		log.Fatal(err)
	}
	names := slices.DeleteFunc(serverNames(), func(name string) bool {
		return *only != "" && !slices.Contains(strings.Split(*only, ","), name)
	})
	var lines []string
	for _, p := range todo {
		results, err := measure(names, p)
		if err != nil {
			log.Fatal(err)
		}
		table(os.Stdout, p, names, results)
		if all := results[crecheName]; len(all) > 0 && p.reach != (reach{}) {
			lines = append(lines, p.verdict(all))
		}
	}
	verdicts(os.Stdout, lines)
}

// choose returns the list, or what of it was asked for, or the one work that
// flags describe.
func choose(one plan, work string) ([]plan, error) {
	described := false
	flag.Visit(func(f *flag.Flag) { described = described || f.Name != "work" && f.Name != "only" })
	if described {
		return []plan{one}, one.check()
	}
	pattern, err := regexp.Compile(work)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(plans(), func(p plan) bool { return !pattern.MatchString(p.name) }), nil
}

func (p plan) check() error {
	switch {
	case p.clients < 1, p.stalled < 0, p.stalled >= p.clients, p.rounds < 1, p.long <= 0:
		return errors.New("want -clients, -rounds and -time above 0, and fewer -stalled than -clients")
	case p.window < 1, p.window > slots:
		return fmt.Errorf("want a -window from 1 to %d", slots)
	case p.size < minSize, p.size > maxSize:
		return fmt.Errorf("want a -size from %d to %d", minSize, maxSize)
	}
	return nil
}
