// Command mutants breaks package nursery in many small ways, one at a time, and
// shows which tests notice. A test suite is worth what it finds: a mutant that
// passes all tests is a promise that nothing keeps. Run it at the root of the
// repository:
//
//	go run ./internal/mutants [-only regexp] [-all]
//
// The tests of a mutant stop at the first that fails; -all has them go on, to
// see all that would, which takes longer: some mutants hang.
//
// The tree is not touched: each mutant is built through an overlay (see go help
// build). The command fails if a mutant survives, does not compile, or does not
// find the text that it changes any more; then its row in table.go is to be
// mended.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/creche-go/creche/nursery"
)

const tested = "nursery"

func main() {
	only := flag.String("only", "", "a regular expression for what to break")
	all := flag.Bool("all", false, "run all tests of each mutant")
	flag.Parse()
	if err := run(context.Background(), *only, *all); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string, all bool) error {
	chosen, err := choose(only)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	began, count, missed := time.Now(), 0, 0
	verdicts := nursery.MapSeq(ctx, runtime.NumCPU(), slices.Values(chosen), func(ctx context.Context, m mutant) (verdict, error) {
		return m.try(ctx, dir, all)
	})
	for v, err := range verdicts {
		if err != nil {
			return err
		}
		count++
		if !v.caught {
			missed++
		}
		fmt.Println(v)
	}
	fmt.Printf("%d of %d mutants caught in %v\n", count-missed, count, time.Since(began).Round(time.Second))
	if missed > 0 {
		return fmt.Errorf("%d mutants were not caught", missed)
	}
	return nil
}

// choose returns the mutants of which what they break matches only.
func choose(only string) ([]mutant, error) {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return nil, err
	}
	chosen := slices.DeleteFunc(slices.Clone(mutants), func(m mutant) bool { return !wanted.MatchString(m.breaks) })
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no mutant breaks %q", only)
	}
	return chosen, nil
}

// verdict is what became of a mutant.
type verdict struct {
	mutant
	caught bool
	by     []string // tests
	why    string   // if it is not caught, or not by a test
}

func (v verdict) String() string {
	const shown = 4
	by := strings.Join(v.by[:min(shown, len(v.by))], ", ")
	if more := len(v.by) - shown; more > 0 {
		by += fmt.Sprintf(" and %d more", more)
	}
	if v.why != "" {
		by = strings.TrimSpace(by + " (" + v.why + ")")
	}
	return fmt.Sprintf("%-52s %-11s %s", v.breaks, v.file, by)
}

// patience is for a machine with other things to do: a suite that takes longer
// hangs, which counts as caught.
const patience = 20 * time.Second

// try builds m in a directory below dir and runs the tests.
func (m mutant) try(ctx context.Context, dir string, all bool) (verdict, error) {
	dir, err := os.MkdirTemp(dir, "")
	if err != nil {
		return verdict{}, err
	}
	overlay, err := m.overlay(dir)
	if err != nil {
		return verdict{}, err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-short", "-count=1", "-vet=off", "-overlay="+overlay,
		fmt.Sprintf("-timeout=%v", patience), fmt.Sprintf("-failfast=%t", !all), "./"+tested)
	out, err := cmd.CombinedOutput()
	v := verdict{mutant: m, caught: err != nil, by: failed(out)}
	switch {
	case err == nil:
		v.why = "SURVIVES"
	case bytes.Contains(out, []byte("[build failed]")), bytes.Contains(out, []byte("[setup failed]")):
		return verdict{}, fmt.Errorf("%s: does not compile:\n%s", m.breaks, out)
	case bytes.Contains(out, []byte("panic: test timed out")):
		v.why = "hangs"
	case len(v.by) == 0:
		v.why = "the process dies: " + string(lastWords.Find(out))
	}
	return v, nil
}

// overlay writes the mutated file and the description of it for the go command.
func (m mutant) overlay(dir string) (string, error) {
	name, err := filepath.Abs(filepath.Join(tested, m.file))
	if err != nil {
		return "", err
	}
	text, err := m.apply(filepath.Dir(name))
	if err != nil {
		return "", err
	}
	mutated := filepath.Join(dir, m.file)
	if err := os.WriteFile(mutated, []byte(text), 0o644); err != nil {
		return "", err
	}
	description, err := json.Marshal(map[string]any{"Replace": map[string]string{name: mutated}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, description, 0o644)
}

// apply returns the text of the mutated file, which is in dir.
func (m mutant) apply(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, m.file))
	if err != nil {
		return "", err
	}
	if count := strings.Count(string(text), m.old); count != 1 {
		return "", fmt.Errorf("%s: %s has the text to change %d times, want it once: %q", m.breaks, m.file, count, m.old)
	}
	return strings.Replace(string(text), m.old, m.new, 1), nil
}

var lastWords = regexp.MustCompile(`(?m)^(panic|fatal error): .*`)

// What the output of go test says of tests that failed, were running when the
// time was up, or are on the stack of what crashed. (TestMain always is.)
var culprits = regexp.MustCompile(`(?m)^--- FAIL: (\w+)|^\t+(Test\w+)[/ ]?.*\(\d.*s\)$|nursery_test\.(Test\w+)[.(]`)

func failed(out []byte) []string {
	found := make(map[string]bool)
	for _, groups := range culprits.FindAllSubmatch(out, -1) {
		found[string(bytes.Join(groups[1:], nil))] = true
	}
	delete(found, "TestMain")
	return slices.Sorted(maps.Keys(found))
}
