// Command figures writes what is measured into BENCHMARKS.md and RELIABILITY.md.
// Run it at the root of the repository:
//
//	go run ./internal/figures benchmarks [-only regexp]
//	go run ./internal/figures reliability [-only regexp]
//
// A page is prose with regions, each of which names the command that fills it:
//
//	<!-- figures: make bench -->
//	…
//	<!-- end -->
//
// The first form runs these commands, or those that match, and puts what they
// print between the marks. The region "not met" lists the rows of all tables of
// the page that say "**no**". The second form runs the tests behind each row of
// [faults] with their full numbers and writes the rows again, except those that
// an interrupt came before. Either form ends with an error if something could
// not be measured.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
)

const benchmarksPage, reliabilityPage = "BENCHMARKS.md", "RELIABILITY.md"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("figures", flag.ContinueOnError)
	pattern := flags.String("only", "", "fill only what this `regexp` matches")
	if len(args) == 0 {
		return fmt.Errorf("want benchmarks or reliability")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	only, err := regexp.Compile(*pattern)
	if err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	switch args[0] {
	case "benchmarks":
		return rewrite(benchmarksPage, func(page string) (string, error) { return fill(ctx, page, only, shell) })
	case "reliability":
		return rewrite(reliabilityPage, func(page string) (string, error) { return tryFaults(ctx, page, only, goTest) })
	}
	return fmt.Errorf("unknown command %q: want benchmarks or reliability", args[0])
}

// rewrite changes a file in place. What was reached before an error is kept.
func rewrite(name string, change func(page string) (string, error)) error {
	page, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	changed, fault := change(string(page))
	if err := os.WriteFile(name, []byte(changed), 0o644); err != nil {
		return err
	}
	return fault
}
