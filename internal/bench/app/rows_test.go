package main

import (
	"strings"
	"testing"
)

// What a row compares must be the same work: each checks that it was done.
func TestRows(t *testing.T) {
	var out strings.Builder
	if err := run(&out, "", 1); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Count(out.String(), "\n|"), 2+len(rows()); got != want {
		t.Errorf("got %d lines of a table, want %d:\n%s", got, want, out.String())
	}
}

func TestRunRefusesMisuse(t *testing.T) {
	for _, tt := range []struct {
		name, pattern string
		rounds        int
		want          string
	}{
		{"no rounds", "", 0, "want -rounds of at least 1"},
		{"no such row", "none of them", 1, "no row matches"},
		{"no pattern", "(", 1, "missing closing )"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := run(nil, tt.pattern, tt.rounds); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
