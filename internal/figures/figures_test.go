package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const page = `# Benchmarks

<!-- figures: make bench -->
old
<!-- end -->

Prose.

<!-- figures: make other -->
kept
<!-- end -->

<!-- figures: not met -->
old
<!-- end -->
`

const table = `
| work | here | met? |
| --- | --: | --: |
| a | 1 ns | yes |
| b | 2 ns | **no**: time |
| – wrapped | 3 ns | **no**: time, allocs |
`

var anything = regexp.MustCompile("")

func TestFillReplacesWhatItsCommandsPrint(t *testing.T) {
	got, err := fill(t.Context(), page, regexp.MustCompile("bench"), func(_ context.Context, command string) (string, error) {
		if command != "make bench" {
			t.Errorf("got command %q, want only make bench", command)
		}
		return table, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(page, "old\n<!-- end -->", table+"\n<!-- end -->", 1)
	want = strings.Replace(want, "old\n", "\n- b: time\n- b – wrapped: time, allocs\n\n", 1)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	again, err := fill(t.Context(), got, regexp.MustCompile("bench"), func(context.Context, string) (string, error) { return table, nil })
	if err != nil || again != got {
		t.Errorf("the second time: got\n%s\n(%v), want the same", again, err)
	}
}

func TestACommandThatFailsChangesNothing(t *testing.T) {
	broken := errors.New("no machine")
	got, err := fill(t.Context(), page, anything, func(context.Context, string) (string, error) { return "half", broken })
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "make other") {
		t.Errorf("got %v, want the failures of both commands", err)
	}
	if want := strings.Replace(page, "<!-- figures: not met -->\nold", "<!-- figures: not met -->\n\nNone.\n", 1); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWhatAProofSays(t *testing.T) {
	const started, did = `{"Action":"run","Test":"TestA"}` + "\n", `{"Action":"attr","Test":"TestA","Key":"did","Value":"a lot"}` + "\n"
	tests := []struct {
		name, printed, fault string
		want                 []string
	}{
		{"it says what it did", "building\n" + started + did, "", []string{"a lot"}},
		{"no test ran", `{"Action":"pass"}`, "no test ran", nil},
		{"it says nothing", started + `{"Action":"attr","Key":"other","Value":"a lot"}`, "does not say what it did", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := outcomeOf([]byte(tt.printed))
			if (err != nil) != (tt.fault != "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("got %v, want %q", err, tt.fault)
			}
			if !slices.Equal(o.did, tt.want) {
				t.Errorf("got %q, want %q", o.did, tt.want)
			}
		})
	}
}

func TestFaultsAreTried(t *testing.T) {
	empty := "<!-- figures: faults -->\n<!-- end -->\n<!-- figures: not met -->\n<!-- end -->\n"
	bad := faults[1].proofs[1].String()
	try := func(_ context.Context, p proof) (outcome, error) {
		return outcome{did: []string{"1 run"}, failed: p.String() == bad}, nil
	}
	got, err := tryFaults(t.Context(), empty, anything, try)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(got, "| 1 run | yes |"); n != len(faults)-1 {
		t.Errorf("got %d rows kept, want all but one of %d:\n%s", n, len(faults), got)
	}
	if want := "- 2: " + bad; !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant %q in it", got, want)
	}
	again, err := tryFaults(t.Context(), got, regexp.MustCompile("^none of them$"), func(context.Context, proof) (outcome, error) {
		t.Error("tried, though it was not chosen")
		return outcome{}, nil
	})
	if err != nil || again != got {
		t.Errorf("with nothing chosen: got\n%s\n(%v), want the same", again, err)
	}
	broken := errors.New("no Go")
	got, err = tryFaults(t.Context(), got, anything, func(context.Context, proof) (outcome, error) { return outcome{}, broken })
	if n := strings.Count(got, "| **no**: not measured |"); n != len(faults) || !errors.Is(err, broken) {
		t.Errorf("got %d rows not measured and %v, want %d and the reason", n, err, len(faults))
	}
}

// The pages that are committed have a region for each command that the Makefile
// knows, a row for each fault, and their lists of what was missed are true.
func TestThePages(t *testing.T) {
	if _, err := os.Stat("../../websocket"); err != nil {
		t.Skip("outside of the repository: the other modules are not there")
	}
	makefile, reliability, benchmarks := read(t, "Makefile"), read(t, reliabilityPage), read(t, benchmarksPage)
	for _, m := range regionPattern.FindAllStringSubmatch(benchmarks, -1) {
		target, is := strings.CutPrefix(m[2], "make ")
		if target, _, _ = strings.Cut(target, " "); is && !strings.Contains(makefile, "\n"+target+":") {
			t.Errorf("%s: the Makefile has no target %q", benchmarksPage, target)
		}
	}
	for _, p := range []string{reliability, benchmarks} {
		if listMissed(p) != p {
			t.Errorf("the list of what was missed is not that of the tables, want\n%s", strings.Join(missed(p), "\n"))
		}
	}
	for i, f := range faults {
		if !strings.Contains(reliability, "| "+f.what+" | "+f.promise+" |") {
			t.Errorf("%s has no row %d, %s", reliabilityPage, i+1, f.what)
		}
		for _, p := range f.proofs {
			if p.command == "" && !declared(t, p) {
				t.Errorf("row %d: there is no %s", i+1, p)
			}
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// declared reports whether the test of p is there.
func declared(t *testing.T, p proof) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", p.dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	test, _, _ := strings.Cut(p.test, "/")
	return slices.ContainsFunc(files, func(name string) bool {
		b, err := os.ReadFile(name)
		return err == nil && strings.Contains(string(b), "\nfunc "+test+"(t *testing.T)")
	})
}

func TestMisuse(t *testing.T) {
	for _, args := range [][]string{nil, {"nothing"}, {"benchmarks", "more"}, {"benchmarks", "-only", "("}} {
		if err := run(t.Context(), args); err == nil {
			t.Errorf("%q: got no error", args)
		}
	}
}
