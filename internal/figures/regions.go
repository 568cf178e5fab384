package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

const notMet = "not met"

var regionPattern = regexp.MustCompile(`(?s)(<!-- figures: ([^\n]*?) -->\n)(.*?)(<!-- end -->\n)`)

// regions changes what is between the marks of each region.
func regions(page string, change func(name, body string) string) string {
	return regionPattern.ReplaceAllStringFunc(page, func(region string) string {
		m := regionPattern.FindStringSubmatch(region)
		return m[1] + change(m[2], m[3]) + m[4]
	})
}

// fill runs the commands of the regions that only matches. A region whose
// command fails stays as it was.
func fill(ctx context.Context, page string, only *regexp.Regexp, run func(ctx context.Context, command string) (string, error)) (string, error) {
	var faults []error
	page = regions(page, func(command, body string) string {
		if command == notMet || !only.MatchString(command) {
			return body
		}
		printed, err := run(ctx, command)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", command, err))
			return body
		}
		return "\n" + strings.TrimSpace(printed) + "\n\n"
	})
	return listMissed(page), errors.Join(faults...)
}

// listMissed fills the region "not met".
func listMissed(page string) string {
	list := strings.Join(missed(page), "\n")
	if list == "" {
		list = "None."
	}
	return regions(page, func(name, body string) string {
		if name == notMet {
			return "\n" + list + "\n\n"
		}
		return body
	})
}

// missed returns an item of a list for each row of a table that says no.
func missed(page string) []string {
	var items []string
	before := ""
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		row := strings.HasPrefix(line, "|")
		if row && !strings.HasPrefix(cells[0], "–") {
			before = cells[0]
		}
		if row && strings.Contains(line, "**no**") {
			items = append(items, "- "+item(cells, before))
		}
	}
	return items
}

// item names a row, also one whose name only goes on from the one before, and
// says what was missed.
func item(cells []string, before string) string {
	name := cells[0]
	if strings.HasPrefix(name, "–") {
		name = before + " " + name
	}
	for _, cell := range cells[1:] {
		if rest, no := strings.CutPrefix(cell, "**no**"); no {
			return name + rest
		}
	}
	return name
}

// shell runs a command line, and shows what it says besides.
func shell(ctx context.Context, command string) (string, error) {
	fmt.Fprintln(os.Stderr, "==", command)
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", command)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = context.Cause(ctx) // which the command may have taken for its end
	}
	return string(out), err
}
