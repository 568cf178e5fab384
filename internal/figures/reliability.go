package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

const faultsRegion, faultsHead = "faults", "| # | fault | promise | measured | kept? | how |\n|--:|---|---|---|---|---|\n"

// An outcome is what came of a proof.
type outcome struct {
	did    []string // what the test says that it did
	failed bool
}

// tryFaults does what only matches and writes those rows; the others stay.
func tryFaults(ctx context.Context, page string, only *regexp.Regexp, try func(context.Context, proof) (outcome, error)) (string, error) {
	var errs []error
	page = regions(page, func(name, body string) string {
		if name != faultsRegion {
			return body
		}
		before := make(map[string]string)
		for line := range strings.Lines(body) {
			number, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " |")
			before[number] = line
		}
		rows := ""
		for i, f := range faults {
			number := fmt.Sprint(i + 1)
			if line, known := before[number]; known && !only.MatchString(f.what) {
				rows += line
				continue
			}
			line, err := f.row(ctx, number, try)
			if err != nil {
				errs = append(errs, fmt.Errorf("row %s: %w", number, err))
			}
			rows += line
		}
		return "\n" + faultsHead + rows + "\n"
	})
	return listMissed(page), errors.Join(errs...)
}

// row does the proofs of f.
func (f fault) row(ctx context.Context, number string, try func(context.Context, proof) (outcome, error)) (string, error) {
	var measured, how []string
	kept := "yes"
	for _, p := range f.proofs {
		o, err := try(ctx, p)
		if err != nil {
			return fmt.Sprintf("| %s | %s | %s | – | **no**: not measured | %s |\n", number, f.what, f.promise, p), err
		}
		if o.failed {
			kept = "**no**: " + p.String()
		}
		for _, did := range o.did {
			if !slices.Contains(measured, did) {
				measured = append(measured, did)
			}
		}
		how = append(how, p.String())
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", number, f.what, f.promise,
		strings.Join(measured, "; "), kept, strings.Join(how, " ")), nil
}

// String is how the page names p.
func (p proof) String() string {
	if p.command != "" {
		return "`" + p.command + "`"
	}
	test, _, _ := strings.Cut(p.test, "/")
	name := strings.TrimPrefix(p.dir+"."+test, ".")
	return "`" + strings.TrimPrefix(name, ".") + "`"
}

// goTest runs the test of p with its full numbers, or its command.
func goTest(ctx context.Context, p proof) (outcome, error) {
	fmt.Fprintln(os.Stderr, "==", p)
	if p.command != "" {
		out, err := exec.CommandContext(ctx, "bash", "-c", p.command).CombinedOutput()
		if err != nil {
			_, _ = os.Stderr.Write(out)
		}
		return outcome{[]string{"`" + p.command + "` finds nothing"}, err != nil}, nil
	}
	args := []string{"test", "-json", "-count=1", "-timeout=60m", "-run", p.pattern()}
	if p.race {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+p.dir)...)
	cmd.Env = append(os.Environ(), "CRECHE_LONG=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	o, read := outcomeOf(out)
	if read != nil {
		return o, read
	}
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		return o, err
	}
	o.failed = err != nil
	if o.failed {
		_, _ = os.Stderr.Write(out)
	}
	return o, nil
}

// outcomeOf reads what go test -json printed. A run in which no test ran, or
// none says what it did, proves nothing.
func outcomeOf(printed []byte) (o outcome, err error) {
	ran := false
	lines := bufio.NewScanner(bytes.NewReader(printed))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event struct{ Action, Test, Key, Value string }
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			continue // of the build
		}
		ran = ran || event.Action == "run"
		if event.Action == "attr" && event.Key == "did" {
			o.did = append(o.did, event.Value)
		}
	}
	if !ran {
		return o, errors.New("no test ran")
	}
	if o.did == nil {
		return o, errors.New("the test does not say what it did")
	}
	return o, lines.Err()
}

// pattern is what go test -run takes: a test, or a part of the name of one of its
// cases.
func (p proof) pattern() string {
	test, cases, _ := strings.Cut(p.test, "/")
	if cases == "" {
		return "^" + test + "$"
	}
	return "^" + test + "$/" + cases
}
