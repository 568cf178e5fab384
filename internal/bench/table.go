package main

import (
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
)

// table measures and prints row after row, in Markdown. The first two
// libraries get the columns that compare, the others come behind.
func table(out io.Writer, rows []work, columns []library, rounds int) error {
	peers := make([]string, 0, len(columns))
	for _, l := range columns {
		if l.name != crecheName && l.name != errgroupName {
			peers = append(peers, l.name)
		}
	}
	head := append([]string{"work", crecheName, errgroupName, "ratio", "reach", "met?"}, peers...)
	fmt.Fprintf(out, "CPU time and allocations; median of %d, GOMAXPROCS=1, %s %s/%s. – where a library does not do it.\n\n",
		rounds, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintln(out, line(head))
	fmt.Fprintln(out, line(append([]string{"---"}, dashes(len(head)-1)...)))
	for _, w := range rows {
		row, err := measure(w, columns, rounds)
		if err != nil {
			return err
		}
		cells := append([]string{w.name}, w.verdict(row)...)
		for _, p := range peers {
			cells = append(cells, row[p].String())
		}
		fmt.Fprintln(out, line(cells))
	}
	return nil
}

func line(cells []string) string { return "| " + strings.Join(cells, " | ") + " |" }

func dashes(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = "--:"
	}
	return out
}

// verdict returns the cells of creche and of errgroup, their ratio, what it
// was to be, and whether it is.
func (w work) verdict(row map[string]*cell) []string {
	ours, against := row[crecheName], row[w.reach.against]
	first, ratio, met := ours.String(), "–", "–"
	switch {
	case ours == nil && w.by(crecheLibrary) == nil:
		first = "not built"
	case ours != nil && against != nil:
		ratio = fmt.Sprintf("%.3f×", ours.ns/against.ns)
		met = w.reach.misses(ours, against)
	}
	return []string{first, row[errgroupName].String(), ratio, w.reach.String(), met}
}

// misses says yes, or which parts of the reach were missed.
func (r reach) misses(ours, against *cell) string {
	var missed []string
	if ours.ns/against.ns > r.ratio {
		missed = append(missed, "time")
	}
	if r.allocs >= 0 && ours.allocs > r.allocs+0.05 { // what is shared by many units is not counted
		missed = append(missed, "allocs")
	}
	if r.bytes > 0 && ours.bytes > r.bytes+0.5 {
		missed = append(missed, "bytes")
	}
	if missed == nil {
		return "yes"
	}
	return "**no**: " + strings.Join(missed, ", ")
}

func (r reach) String() string {
	s := "≤ " + strconv.FormatFloat(r.ratio, 'f', 2, 64) + "×"
	if r.against != errgroupName {
		s += " " + r.against
	}
	if r.allocs >= 0 {
		s += fmt.Sprintf(", ≤ %v", r.allocs)
	}
	if r.bytes > 0 {
		s += fmt.Sprintf(", ≤ %v B", r.bytes)
	}
	return s
}

// String returns the time in nanoseconds and the allocations.
func (c *cell) String() string {
	switch {
	case c == nil:
		return "–"
	case c.allocs > 0.05 && c.allocs < 9.95 && c.allocs-float64(int(c.allocs+0.05)) > 0.05:
		return fmt.Sprintf("%.0f ns, %.1f", c.ns, c.allocs)
	}
	return fmt.Sprintf("%.0f ns, %.0f", c.ns, c.allocs)
}
