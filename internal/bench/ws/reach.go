package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// crecheName is the server that the reach is for.
const crecheName = "creche"

// plainName is the same with the frames of coder.
const plainName = "creche-plain"

// reach is what was set out for; what is 0 was not.
type reach struct {
	perSecond float64
	cpu       time.Duration // for one
	allocs    float64
	slowest   time.Duration
	idle      int
}

// verdict is the line of the last table for what creche does of p.
func (p plan) verdict(all []result) string {
	var got, want, missed []string
	note := func(what, have, most string, ok bool) {
		got, want = append(got, have), append(want, most)
		if !ok {
			missed = append(missed, what)
		}
	}
	if most := p.reach.perSecond; most > 0 {
		have := median(all, func(r result) float64 { return r.perSecond })
		note("rate", fmt.Sprintf("%.0f k/s", have/1000), fmt.Sprintf("≥ %.0f k/s", most/1000), have >= most)
	}
	if most := p.reach.cpu; most > 0 {
		have := median(all, func(r result) time.Duration { return r.cpu }) / 1000
		note("CPU", fmt.Sprintf("%.2f µs", micro(have)), fmt.Sprintf("≤ %.1f µs", micro(most)), have <= most)
	}
	if most := p.reach.allocs; most > 0 {
		have := median(all, func(r result) float64 { return r.allocs })
		note("allocs", fmt.Sprintf("%.2f allocs", have), fmt.Sprintf("≤ %.1f allocs", most), have < most+0.05)
	}
	if most := p.reach.slowest; most > 0 {
		have := median(all, func(r result) time.Duration { return r.slowest })
		note("slowest", have.Round(lateUnit).String(), "≤ "+most.String(), have <= most)
	}
	if most := p.reach.idle; most > 0 {
		have := median(all, func(r result) int { return r.idle })
		note("memory", fmt.Sprintf("%.1f KB idle", float64(have)/1024), fmt.Sprintf("≤ %d KB", most>>10), have <= most)
	}
	met := "yes"
	if missed != nil {
		met = "**no**: " + strings.Join(missed, ", ")
	}
	return fmt.Sprintf("| %s | %s | %s | %s |", p.name, strings.Join(got, ", "), strings.Join(want, ", "), met)
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// verdicts prints the last table, if there is anything to put into it.
func verdicts(out io.Writer, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintln(out, "What was set out for:\n\n| work | creche | reach | met? |\n|---|---|---|---|")
	fmt.Fprintln(out, strings.Join(lines, "\n"))
}
