// Command routers measures requests over loopback beside the bare router, and
// prints for each router what a request costs: with the router alone, behind a
// middleware that only copies the request, behind one that gives each request a
// context which it cancels, with creche in it, with two tasks in a nursery, and
// with two in an errgroup written by hand into the bare router's handler.
//
// Servers and clients share the process, CPU time is what is measured, and the
// variants of a router take turns, so that whatever else the machine does falls
// on all alike. The ratios are what counts: each is the median of those of the
// rounds, with what it may be off by at a confidence of 95 %. The bare router is
// measured twice, as a check of that.
//
//	go run ./routers                    # all routers
//	go run ./routers -row chi -rounds 20
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creche-go/creche/internal/bench/sampling"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("routers: ")
	testing.Init()
	row := flag.String("row", "", "measure only routers whose name matches this `regexp`")
	rounds := flag.Int("rounds", 240, "samples of each cell")
	long := flag.Duration("time", 50*time.Millisecond, "how long a sample takes")
	clients := flag.Int("clients", 8, "connections that ask at the same time")
	flag.Parse()
	if err := run(os.Stdout, *row, *rounds, *long, *clients); err != nil {
		log.Fatal(err)
	}
}

func run(out io.Writer, row string, rounds int, long time.Duration, clients int) error {
	if rounds < 1 || long <= 0 || clients < 1 || flag.NArg() > 0 {
		return errors.New("want -rounds and -clients of at least 1, a -time above 0 and no arguments")
	}
	match, err := regexp.Compile(row)
	if err != nil {
		return err
	}
	chosen := slices.DeleteFunc(routers(), func(r router) bool { return !match.MatchString(r.name) })
	if len(chosen) == 0 {
		return fmt.Errorf("no router matches %q", row)
	}
	fmt.Fprintf(out, "Requests by second of CPU time, clients included, over loopback with %d clients, of %d rounds the median; GOMAXPROCS=%d, %s %s/%s. "+
		"The clients are those of net/http and, for the columns of the least client, such as only make two system calls and do not look at what they got. "+
		"Set out for: 97 %% of the bare router's, 100 %% of errgroup's, one allocation more of 450 bytes at most, on echo two (and one of echo v4 itself for any middleware).\n\n",
		clients, rounds, runtime.GOMAXPROCS(0), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintln(out, "| router | bare | once more, of bare | creche | of bare | a copy of the request, of bare | context.WithCancelCause, of bare | creche, two tasks | errgroup by hand | of errgroup "+
		"| least client: bare | once more, of bare | creche, of bare | a copy of the request, of bare | context.WithCancelCause, of bare | creche, two tasks, of errgroup | bare, called directly | creche, called directly | met? |")
	fmt.Fprintln(out, "| --- "+strings.Repeat("| --: ", 17)+"| --- |")
	for _, r := range chosen {
		cells, err := measure(r, rounds, long, clients)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		c, l := cells[typical], cells[least]
		plain, ours := direct(r.variants[bare]()), direct(r.variants[creched]())
		fmt.Fprintf(out, "| %s | %.0f | %s | %.0f | %s | %s | %s | %.0f | %.0f | %s | %.0f | %s | %s | %s | %s | %s | %s | %s | %s |\n", r.name,
			sampling.Median(c[bare]), percent(c[again], c[bare]), sampling.Median(c[creched]), percent(c[creched], c[bare]), percent(c[copied], c[bare]), percent(c[scoped], c[bare]),
			sampling.Median(c[tasks]), sampling.Median(c[byHand]), percent(c[tasks], c[byHand]),
			sampling.Median(l[bare]), percent(l[again], l[bare]), percent(l[creched], l[bare]), percent(l[copied], l[bare]), percent(l[scoped], l[bare]), percent(l[tasks], l[byHand]),
			plain, ours, r.missed(cells, plain, ours))
	}
	return nil
}

// ratio is the median of the ratios of each round.
func ratio(ours, theirs []float64) float64 { return sampling.Median(ratios(ours, theirs)) }

// percent is ratio, with what it may be off by.
func percent(ours, theirs []float64) string {
	r := ratios(ours, theirs)
	return fmt.Sprintf("%.1f ± %.1f %%", 100*sampling.Median(r), 100*sampling.Margin(r))
}

func ratios(ours, theirs []float64) []float64 {
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = ours[i] / theirs[i]
	}
	return ratios
}
