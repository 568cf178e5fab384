// Command bench measures the core of creche beside its peers and prints the
// table "Speed of the core": what each piece of work costs in CPU time and
// allocations, and whether creche keeps the ratio to errgroup that it set out
// to reach.
//
// All libraries do the same work, in one process with GOMAXPROCS=1, taking
// turns, so that whatever else the machine does falls on all alike. The ratios
// are what counts; the nanoseconds are this machine's.
//
//	go run .                          # the whole table
//	go run . -row 'limit|scope'       # some rows
//	go run . -row limit -only creche -rounds 40 -cpuprofile cpu.out
//
// It is a module of its own so that the peers reach no user of creche.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	testing.Init()
	row := flag.String("row", "", "measure only rows whose work matches this `regexp`")
	only := flag.String("only", "", "measure only these libraries, a comma-separated `list`")
	rounds := flag.Int("rounds", 6, "samples of each cell, of which the median is printed")
	long := flag.Duration("time", 60*time.Millisecond, "how long a sample takes")
	profile := flag.String("cpuprofile", "", "write a CPU profile to `file`")
	flag.Parse()
	if err := run(*row, *only, *rounds, *long, *profile); err != nil {
		log.Fatal(err)
	}
}

func run(row, only string, rounds int, long time.Duration, profile string) error {
	if rounds < 1 || long <= 0 || flag.NArg() > 0 {
		return errors.New("want -rounds of at least 1, a -time above 0 and no arguments")
	}
	rows, err := choose(row)
	if err != nil {
		return err
	}
	columns := slices.DeleteFunc(libraries(), func(l library) bool {
		return only != "" && !slices.Contains(strings.Split(only, ","), l.name)
	})
	if len(columns) == 0 {
		return fmt.Errorf("no library is called %q", only)
	}
	if err := flag.Set("test.benchtime", long.String()); err != nil {
		return err
	}
	runtime.GOMAXPROCS(1)
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	return table(os.Stdout, rows, columns, rounds)
}

// choose returns the rows whose work matches the pattern.
func choose(pattern string) ([]work, error) {
	match, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	chosen := slices.DeleteFunc(works(), func(w work) bool { return !match.MatchString(w.name) })
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no row matches %q", pattern)
	}
	return chosen, nil
}
