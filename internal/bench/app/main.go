// Command app measures what the application does for a service beside what one
// would use without it: the search for the rule that answers an error, the end
// of a clean stop, the end of ten thousand background tasks, and the list of ten
// thousand live ones. It prints a table.
//
// What is compared takes turns, and each figure is the median of the rounds.
//
//	go run ./app
//	go run ./app -row match -rounds 40
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
	"testing"
	"time"

	"github.com/creche-go/creche/internal/bench/sampling"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("app: ")
	testing.Init()
	pattern := flag.String("row", "", "measure only rows whose work matches this `regexp`")
	rounds := flag.Int("rounds", 20, "samples of each cell, of which the median is printed")
	flag.Parse()
	if err := flag.Set("test.benchtime", "20ms"); err != nil {
		log.Fatal(err)
	}
	if err := run(os.Stdout, *pattern, *rounds); err != nil {
		log.Fatal(err)
	}
}

// A row is a piece of work, and what does it with creche and without.
type row struct {
	work          string
	ours, against func() (sample, error)
	peer          string
	most          float64 // nanoseconds or, where relative, times the peer's
	relative      bool
}

// A sample is how long the work took, in nanoseconds, and what it allocated, if
// that was counted.
type sample struct{ ns, allocs float64 }

func run(out io.Writer, pattern string, rounds int) error {
	if rounds < 1 || flag.NArg() > 0 {
		return errors.New("want -rounds of at least 1 and no arguments")
	}
	match, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	chosen := slices.DeleteFunc(rows(), func(r row) bool { return !match.MatchString(r.work) })
	if len(chosen) == 0 {
		return fmt.Errorf("no row matches %q", pattern)
	}
	fmt.Fprintf(out, "Median of %d, GOMAXPROCS=%d, %s %s/%s.\n\n", rounds, runtime.GOMAXPROCS(0), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintln(out, "| work | creche | beside | reach | met? |")
	fmt.Fprintln(out, "| --- | --: | --: | --: | --: |")
	for _, r := range chosen {
		if err := r.print(out, rounds); err != nil {
			return fmt.Errorf("%s: %w", r.work, err)
		}
	}
	return nil
}

// print measures r in rounds, and writes its line.
func (r row) print(out io.Writer, rounds int) error {
	var ours, theirs []sample
	for range rounds {
		for _, one := range []struct {
			measure func() (sample, error)
			into    *[]sample
		}{{r.ours, &ours}, {r.against, &theirs}} {
			if one.measure == nil {
				continue
			}
			s, err := one.measure()
			if err != nil {
				return err
			}
			*one.into = append(*one.into, s)
		}
	}
	got, peer := median(ours), r.peer
	limit, most := r.most, "≤ "+nanoseconds(r.most)
	if theirs != nil {
		beside := median(theirs)
		peer = fmt.Sprintf("%s %s", r.peer, beside)
		if r.relative {
			limit, most = r.most*beside.ns, fmt.Sprintf("≤ %.1f×", r.most)
		}
	}
	met := "yes"
	if got.ns > limit {
		met = "**no**: time"
	} else if got.allocs > 0.05 {
		met = "**no**: allocs"
	}
	_, err := fmt.Fprintf(out, "| %s | %s | %s | %s | %s |\n", r.work, got, peer, most, met)
	return err
}

// median is the median of the times, and the least of the allocations.
func median(of []sample) sample {
	var times, allocs []float64
	for _, s := range of {
		times, allocs = append(times, s.ns), append(allocs, s.allocs)
	}
	return sample{sampling.Median(times), slices.Min(allocs)}
}

// String leaves out allocations of 0, which is also what is not counted.
func (s sample) String() string {
	if s.allocs < 0.05 {
		return nanoseconds(s.ns)
	}
	return fmt.Sprintf("%s, %.0f allocs", nanoseconds(s.ns), s.allocs)
}

func nanoseconds(ns float64) string {
	if ns < 1e4 {
		return fmt.Sprintf("%.0f ns", ns)
	}
	return time.Duration(ns).Round(10 * time.Microsecond).String()
}
