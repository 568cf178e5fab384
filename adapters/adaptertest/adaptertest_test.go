package adaptertest_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/creche-go/creche/adapters/adaptertest"
	"github.com/creche-go/creche/nursery/nurserytest"
)

func TestMain(m *testing.M) {
	if os.Getenv("ADAPTERTEST_BROKEN") != "" {
		os.Exit(m.Run()) // which may leave goroutines: see TestChild
	}
	nurserytest.CheckMain(m)
}

// R12
func TestASoundAdapterPasses(t *testing.T) {
	adaptertest.Run(t, sound().tested())
}

func TestRunRefusesMisuse(t *testing.T) {
	a := sound().tested()
	tests := []struct {
		name string
		t    *testing.T
		a    adaptertest.Adapter
		want string
	}{
		{"without a test", nil, a, "adaptertest: Run: nil t"},
		{"without Build", t, adaptertest.Adapter{Bare: a.Bare}, "adaptertest: Run: an Adapter needs Build and Bare"},
		{"without Bare", t, adaptertest.Adapter{Build: a.Build}, "adaptertest: Run: an Adapter needs Build and Bare"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if got := recover(); got != tt.want {
					t.Errorf("panic: got %v, want %q", got, tt.want)
				}
			}()
			adaptertest.Run(tt.t, tt.a)
		})
	}
}

// What waits is written down here a second time, so that nothing is put off
// in passing.
func TestWaitingIsListed(t *testing.T) {
	var got []string
	for _, promise := range adaptertest.Waiting() {
		number, why, ok := strings.Cut(promise, ": ")
		if !ok || why == "" {
			t.Errorf("waiting: got %q, want a number and why", promise)
		}
		got = append(got, number)
	}
	if got, want := strings.Join(got, " "), "R7 E8"; got != want {
		t.Errorf("waiting: got %q, want %q", got, want)
	}
}

// The comments by which docs/guarantees.md finds the promises say what the
// cases say.
func TestTagsOfCases(t *testing.T) {
	kept := make(map[string]bool)
	for _, c := range adaptertest.Cases() {
		for promise := range strings.SplitSeq(c.Keeps(), ", ") {
			kept[promise] = true
		}
	}
	tagged := make(map[string]bool)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	tag := regexp.MustCompile(`(?m)^\t// ([A-Z]\d+(?:, [A-Z]\d+)*)$`)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range tag.FindAllStringSubmatch(string(text), -1) {
			for promise := range strings.SplitSeq(m[1], ", ") {
				tagged[promise] = true
			}
		}
	}
	if got, want := slices.Sorted(maps.Keys(tagged)), slices.Sorted(maps.Keys(kept)); !slices.Equal(got, want) {
		t.Errorf("promises in comments: got %q, want those of the cases, %q", got, want)
	}
}

func TestNamesOfCases(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range adaptertest.Cases() {
		if seen[c.Name()] || strings.Contains(c.Name(), "/") || c.Keeps() == "" {
			t.Errorf("%q (%s): want a name of its own, without a slash, and a promise", c.Name(), c.Keeps())
		}
		seen[c.Name()] = true
	}
}

// The documentation shows what the adapter in the examples really is proven
// with, from its first function to its last.
func TestDocumentationIsATest(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	if dir, err := os.Getwd(); err != nil || strings.Contains(dir, "@") {
		t.Skip("in the module cache: the examples are not there")
	}
	code, err := os.ReadFile(filepath.Join("..", "..", "examples", "own-adapter", "adapter_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(string(code), "func TestMain")
	if got := block(string(doc), "func TestMain"); got != want {
		t.Errorf("the documentation shows\n%s\nwant\n%s", got, want)
	}
	if lines := strings.Count(want, "\n"); lines > 45 {
		t.Errorf("the example has %d lines, want it to be read at a glance", lines)
	}
}

// block returns the rest of the code in doc that begins with begin.
func block(doc, begin string) string {
	_, rest, _ := strings.Cut(doc, "//\t"+begin)
	var code strings.Builder
	for line := range strings.Lines("//\t" + rest) {
		text, shown := strings.CutPrefix(line, "//\t")
		if !shown && line != "//\n" {
			break
		}
		if !shown {
			text = "\n"
		}
		code.WriteString(text)
	}
	return strings.TrimRight(code.String(), "\n") + "\n"
}

// TestCasesThatDoNotApply runs the suite in a process of its own and looks for
// the names of the cases for which an adapter has no hook.
func TestCasesThatDoNotApply(t *testing.T) {
	if os.Getenv("ADAPTERTEST_BARE") != "" {
		a := sound().tested()
		adaptertest.Run(t, adaptertest.Adapter{Build: a.Build, Bare: a.Bare})
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^TestCasesThatDoNotApply$/HTTP2")
	cmd.Env = append(os.Environ(), "ADAPTERTEST_BARE=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the suite: %v\n%s", err, out)
	}
	for name, lacks := range map[string]string{
		"an error that middleware hands to the router's error handler": "does not apply: the Adapter has no HandOver",
		"of an error that middleware hands over":                       "does not apply: the Adapter has no HandOver",
		"what middleware outside finds in the router's view":           "does not apply: the Adapter has no Watch",
	} {
		skipped := "--- SKIP: TestCasesThatDoNotApply/HTTP2/" + strings.ReplaceAll(name, " ", "_")
		if !strings.Contains(string(out), skipped) || !strings.Contains(string(out), lacks) {
			t.Errorf("output: got %s, want %q and %q in it", out, skipped, lacks)
		}
	}
}
