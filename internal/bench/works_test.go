package main

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/creche-go/creche/internal/bench/sampling"
)

// A benchmark of something that does less work than its peers would win.
func TestEveryLibraryDoesTheWholeWork(t *testing.T) {
	var did atomic.Int64
	nothing = func() { did.Add(1) }
	defer func() { nothing = func() {} }()
	for _, w := range works() {
		for _, l := range libraries() {
			m := w.by(l)
			if m == nil {
				continue
			}
			t.Run(w.name+"/"+l.name, func(t *testing.T) {
				did.Store(0)
				op, stop := m(w)
				if stop != nil {
					defer stop()
				}
				err := op(t.Context())
				if (err != nil) != w.fails() {
					t.Errorf("got error %v", err)
				}
				if want := w.atLeast(l); did.Load() < want {
					t.Errorf("got %d tasks, want at least %d", did.Load(), want)
				}
			})
		}
	}
}

// atLeast is how many tasks must have done something: of nested scopes the
// innermost, and of those beside a failure as many as had started.
func (w work) atLeast(l library) int64 {
	switch {
	case w.kind == nested, w.fails() && l.name == pondLibrary.name:
		return 1
	}
	return int64(w.n)
}

func TestRowsAndLibrariesAreChosenByName(t *testing.T) {
	rows, err := choose("limit|nested")
	if err != nil || len(rows) != 2 {
		t.Errorf("got %d rows and error %v, want 2", len(rows), err)
	}
	if _, err := choose("no such row"); err == nil {
		t.Error("got no error for a pattern without a match")
	}
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct{ of, want []float64 }{
		{[]float64{3}, []float64{3}},
		{[]float64{9, 1, 2}, []float64{2}},
		{[]float64{9, 1, 2, 4}, []float64{3}},
	} {
		if got := sampling.Median(tt.of); got != tt.want[0] {
			t.Errorf("%v: got %v, want %v", tt.of, got, tt.want[0])
		}
	}
}

func TestVerdict(t *testing.T) {
	ours, theirs := &cell{ns: 80, allocs: 1, bytes: 112}, &cell{ns: 100, allocs: 4}
	tests := []struct {
		name  string
		reach reach
		row   map[string]*cell
		want  []string
	}{
		{"met", reach{errgroupName, 0.8, 1, 112}, map[string]*cell{crecheName: ours, errgroupName: theirs},
			[]string{"80 ns, 1", "100 ns, 4", "0.800×", "≤ 0.80×, ≤ 1, ≤ 112 B", "yes"}},
		{"missed in everything", reach{errgroupName, 0.7, 0, 100}, map[string]*cell{crecheName: ours, errgroupName: theirs},
			[]string{"80 ns, 1", "100 ns, 4", "0.800×", "≤ 0.70×, ≤ 0, ≤ 100 B", "**no**: time, allocs, bytes"}},
		{"against another peer", reach{concName, 0.9, -1, 0}, map[string]*cell{crecheName: ours, concName: theirs},
			[]string{"80 ns, 1", "–", "0.800×", "≤ 0.90× conc", "yes"}},
		{"only the peer was measured", reach{errgroupName, 0.9, -1, 0}, map[string]*cell{errgroupName: theirs},
			[]string{"–", "100 ns, 4", "–", "≤ 0.90×", "–"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (work{kind: scope, reach: tt.reach}).verdict(tt.row); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTableHasALineForEveryRow(t *testing.T) {
	var out strings.Builder
	unable := library{"unable", nil}
	if err := table(&out, works()[:2], []library{unable}, 1); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2+2+2 || !strings.HasPrefix(lines[4], "| scope, 1 task | – | – | – |") {
		t.Errorf("got\n%s", out.String())
	}
}
