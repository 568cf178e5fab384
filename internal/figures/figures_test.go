package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
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

// ended returns how bash ends a command line.
func ended(t *testing.T, line string) error {
	t.Helper()
	return exec.CommandContext(t.Context(), "bash", "-c", line).Run()
}

func TestWhatAProofSays(t *testing.T) {
	const (
		started = `{"Action":"run","Test":"TestA"}` + "\n"
		did     = `{"Action":"attr","Test":"TestA","Key":"did","Value":"a lot"}` + "\n"
	)
	tests := []struct {
		name, printed string
		ended         error
		fault         string
		want          outcome
	}{
		{"it says what it did", "building\n" + started + did, nil, "", outcome{did: []string{"a lot"}}},
		{"no test ran", `{"Action":"pass"}`, nil, "no test ran", outcome{}},
		{"it says nothing", started + `{"Action":"attr","Key":"other","Value":"a lot"}`, nil, "does not say what it did", outcome{}},
		{"it failed when it had said what it did", started + did, ended(t, "exit 1"), "", outcome{did: []string{"a lot"}, failed: true}},
		{"it failed before", started, ended(t, "exit 1"), "", outcome{failed: true}},
		{"it cannot be built", `{"Action":"build-fail"}`, ended(t, "exit 1"), "no test ran", outcome{}},
		{"it was killed", started + did, ended(t, "kill -9 $$"), "killed", outcome{}},
		{"Go cannot be started", "", exec.ErrNotFound, "not found", outcome{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := testOutcome([]byte(tt.printed), tt.ended)
			check(t, got, tt.want, err, tt.fault)
		})
	}
}

func check(t *testing.T, got, want outcome, err error, fault string) {
	t.Helper()
	if (err != nil) != (fault != "") || err != nil && !strings.Contains(err.Error(), fault) {
		t.Errorf("got %v, want %q", err, fault)
	}
	if !slices.Equal(got.did, want.did) || got.failed != want.failed {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestWhatACommandSays(t *testing.T) {
	tests := []struct {
		name, line, fault string
		want              outcome
	}{
		{"it finds nothing", "true", "", outcome{did: []string{"`true` finds nothing"}}},
		{"a test failed", `printf -- '--- FAIL: FuzzA (0.1s)\nFAIL\nFAIL\tx/y\t0.2s\n'; exit 2`, "", outcome{failed: true}},
		{"a test cannot be built", `printf 'FAIL\tx/y [build failed]\n'; exit 2`, "exit status 2", outcome{}},
		{"there is nothing of that name", "./no-such-command", "exit status 127", outcome{}},
		{"it fails for a reason of its own", "echo no fuzz targets >&2; exit 1", "exit status 1", outcome{}},
		{"it was killed", `printf 'FAIL\tx/y\t0.2s\n'; kill -9 $$`, "killed", outcome{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.want.failed {
				tt.want.did = []string{"`" + tt.line + "` finds something"}
			}
			got, err := goTest(t.Context(), proof{command: tt.line})
			check(t, got, tt.want, err, tt.fault)
		})
	}
}

const noFaults = "<!-- figures: faults -->\n<!-- end -->\n<!-- figures: not met -->\n<!-- end -->\n"

// wellDone is an outcome of any proof.
func wellDone(context.Context, proof) (outcome, error) { return outcome{did: []string{"1 run"}}, nil }

func TestFaultsAreTried(t *testing.T) {
	bad := faults[1].proofs[1].String()
	try := func(_ context.Context, p proof) (outcome, error) {
		return outcome{did: []string{"1 run"}, failed: p.String() == bad}, nil
	}
	got, err := tryFaults(t.Context(), noFaults, anything, try)
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
}

func TestWhatCannotBeMeasuredIsNotMissed(t *testing.T) {
	before, _ := tryFaults(t.Context(), noFaults, anything, wellDone)
	broken := errors.New("no Go")
	got, err := tryFaults(t.Context(), before, anything, func(context.Context, proof) (outcome, error) { return outcome{}, broken })
	if n := strings.Count(got, "| – | could not be measured |"); n != len(faults) || !errors.Is(err, broken) {
		t.Errorf("got %d rows and %v, want %d and the reason", n, err, len(faults))
	}
	if strings.Contains(got, "**no**") || !strings.Contains(got, "None.") {
		t.Errorf("got\n%s\nwant no row that is not kept", got)
	}
}

func TestAnInterruptKeepsTheRowsItCameBefore(t *testing.T) {
	before, _ := tryFaults(t.Context(), noFaults, anything, wellDone)
	interrupted := errors.New("interrupted")
	for name, end := range map[string]outcome{"that fails for it": {failed: true}, "that ends well all the same": {did: []string{"half"}}} {
		ctx, interrupt := context.WithCancelCause(t.Context())
		tried := 0
		got, err := tryFaults(ctx, before, anything, func(context.Context, proof) (outcome, error) {
			if tried++; tried == 1 {
				return outcome{did: []string{"2 runs"}}, nil
			}
			interrupt(interrupted)
			return end, nil
		})
		if tried != 2 || !errors.Is(err, interrupted) {
			t.Errorf("in one %s: got %d proofs tried and %v, want 2 and the interrupt", name, tried, err)
		}
		if want := strings.Replace(before, "1 run", "2 runs", 1); got != want {
			t.Errorf("in one %s: got\n%s\nwant\n%s", name, got, want)
		}
	}
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	if got, _ := tryFaults(ctx, noFaults, anything, wellDone); strings.Count(got, "could not be measured") != len(faults) {
		t.Errorf("got\n%s\nwant all of them, which nobody measured", got)
	}
	if _, err := shell(ctx, "true"); err == nil {
		t.Error("a command under it: got no error")
	}
}

// A row that is put in front moves the others' numbers.
func TestRowsAreKnownByTheirFault(t *testing.T) {
	before, _ := tryFaults(t.Context(), noFaults, anything, wellDone)
	all := faults
	defer func() { faults = all }()
	added := fault{"something new", "a promise", []proof{{command: "make new"}}}
	changed := fault{all[0].what, "another promise", all[0].proofs}
	faults = append([]fault{added, changed}, all[1:]...)
	var tried []string
	got, err := tryFaults(t.Context(), before, regexp.MustCompile("^something new$"), func(_ context.Context, p proof) (outcome, error) {
		tried = append(tried, p.String())
		return outcome{did: []string{"2 runs"}}, nil
	})
	if want := []string{"`make new`", all[0].proofs[0].String()}; err != nil || !slices.Equal(tried, want) {
		t.Errorf("got %q tried (%v), want %q", tried, err, want)
	}
	for i, f := range all[1:] {
		if want := fmt.Sprintf("| %d | %s | %s | 1 run | yes |", i+3, f.what, f.promise); !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %q in it", got, want)
		}
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
