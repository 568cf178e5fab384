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
	"time"
)

const faultsRegion, faultsHead = "faults", "| # | fault | promise | measured | kept? | how |\n|--:|---|---|---|---|---|\n"

// An outcome is what came of a proof that could be done.
type outcome struct {
	did    []string // what the test says that it did
	failed bool     // and so the promise is not kept
}

type tryFunc = func(context.Context, proof) (outcome, error)

// tryFaults does what only matches and writes those rows. The others stay, and
// so do those that ctx ended before they were done. An error of try says that
// the row could not be measured, which is not that its promise is not kept.
func tryFaults(ctx context.Context, page string, only *regexp.Regexp, try tryFunc) (string, error) {
	var errs []error
	page = regions(page, func(name, body string) string {
		if name != faultsRegion {
			return body
		}
		before := rowsOf(body)
		rows := ""
		for i, f := range faults {
			cells, known := before[f.title()]
			if !known {
				cells = f.unmeasured()
			}
			if ctx.Err() == nil && (!known || only.MatchString(f.what)) {
				measured, err := f.measure(ctx, try)
				switch {
				case ctx.Err() != nil:
				case err != nil:
					cells = f.unmeasured()
					errs = append(errs, fmt.Errorf("row %d could not be measured: %w", i+1, err))
				default:
					cells = measured
				}
			}
			rows += fmt.Sprintf("| %d | %s%s", i+1, f.title(), cells)
		}
		return "\n" + faultsHead + rows + "\n"
	})
	return listMissed(page), errors.Join(append(errs, context.Cause(ctx))...)
}

// title begins the row of f, behind its number, and is by what it is known
// again: the numbers move when there is one more.
func (f fault) title() string { return f.what + " | " + f.promise + " |" }

// rowsOf returns what stands behind the titles of the rows.
func rowsOf(body string) map[string]string {
	rows := make(map[string]string)
	for line := range strings.Lines(body) {
		cells := strings.SplitN(line, "|", 5)
		if len(cells) == 5 {
			rows[strings.TrimSpace(cells[2])+" | "+strings.TrimSpace(cells[3])+" |"] = cells[4]
		}
	}
	return rows
}

// measure does the proofs of f, and returns what stands behind its title.
func (f fault) measure(ctx context.Context, try tryFunc) (string, error) {
	var measured []string
	kept := "yes"
	for _, p := range f.proofs {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		o, err := try(ctx, p)
		if err != nil {
			return "", fmt.Errorf("%s: %w", p, err)
		}
		if o.failed {
			kept = "**no**: " + p.String()
		}
		for _, did := range o.did {
			if !slices.Contains(measured, did) {
				measured = append(measured, did)
			}
		}
	}
	if measured == nil {
		measured = []string{"–"}
	}
	return f.cells(strings.Join(measured, "; "), kept), nil
}

func (f fault) unmeasured() string { return f.cells("–", "could not be measured") }

func (f fault) cells(measured, kept string) string {
	var how []string
	for _, p := range f.proofs {
		how = append(how, p.String())
	}
	return fmt.Sprintf(" %s | %s | %s |\n", measured, kept, strings.Join(how, " "))
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
		return p.commandOutcome(out, judged(ctx, out, err))
	}
	args := []string{"test", "-json", "-count=1", "-timeout=60m", "-run", p.pattern()}
	if p.race {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+p.dir)...)
	cmd.Env = append(os.Environ(), "CRECHE_LONG=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return testOutcome(out, judged(ctx, out, err))
}

// judged returns err, how a command ended, and shows what it printed if that
// is no success. An interrupt goes to the command as well, which may have ended
// before we are told.
func judged(ctx context.Context, out []byte, err error) error {
	if err == nil {
		return nil
	}
	_, _ = os.Stderr.Write(out)
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(100 * time.Millisecond):
		return err
	}
}

// testsFailed is what go test prints of a package whose tests ran and failed, and
// not of one that cannot be built.
var testsFailed = regexp.MustCompile(`(?m)^FAIL\t\S+\t[0-9.]+s$`)

// commandOutcome says what it means that the command of p printed that and ended
// with err. Only tests that failed have found something.
func (p proof) commandOutcome(printed []byte, err error) (outcome, error) {
	switch {
	case err == nil:
		return outcome{did: []string{p.String() + " finds nothing"}}, nil
	case hasExited(err) && testsFailed.Match(printed):
		return outcome{did: []string{p.String() + " finds something"}, failed: true}, nil
	}
	return outcome{}, err
}

// testOutcome is commandOutcome for go test -json. A run in which no test ran
// proves nothing, nor does one in which all is well and none says what it did.
func testOutcome(printed []byte, err error) (o outcome, _ error) {
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
	switch {
	case err != nil && !hasExited(err):
		return outcome{}, err
	case lines.Err() != nil:
		return outcome{}, lines.Err()
	case !ran:
		return outcome{}, errors.Join(errors.New("no test ran"), err)
	case err == nil && o.did == nil:
		return outcome{}, errors.New("the test does not say what it did")
	}
	o.failed = err != nil
	return o, nil
}

// hasExited reports whether err says that a command ran to an end of its own.
func hasExited(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	return ok && exit.Exited()
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
