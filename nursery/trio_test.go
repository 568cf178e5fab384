package nursery_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/creche-go/creche/nursery"
)

// A trioCase is a situation that Trio's own tests pose, and what becomes of it
// here. Its name is the first column of a row of trioPage, which tells what
// Trio does, and why if that is something else.
type trioCase struct {
	name  string
	check func(t *testing.T) // in a bubble of its own
}

const trioPage = "../docs/coming-from-trio.md"

// trioCases are the cases by the heading that they have on the page.
var trioCases = map[string][]trioCase{
	"Failures":     trioFailures,
	"Cancellation": trioCancellation,
	"Scopes":       trioScopes,
	"Time":         trioTime,
	"Start":        trioStart,
	"System tasks": trioSystem,
	"Tasks":        trioTasks,
	"Values":       trioValues,
}

// N1, N2, N3, N4, N5, N6, N7, N8, N12, N15, N16, N18, N22, N23
func TestComingFromTrio(t *testing.T) {
	for heading, cases := range trioCases {
		t.Run(heading, func(t *testing.T) {
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) { synctest.Test(t, c.check) })
			}
		})
	}
}

func TestThePageForTrioTellsTheCasesThatAreTested(t *testing.T) {
	page, err := os.ReadFile(trioPage)
	if err != nil {
		t.Fatal(err)
	}
	var tested []string
	for heading, cases := range trioCases {
		for _, c := range cases {
			tested = append(tested, heading+": "+c.name)
		}
	}
	for _, fault := range compareTrio(string(page), tested) {
		t.Error(fault)
	}
}

// trioLine is a heading, or a row with situation, Trio, creche and why.
var trioLine = regexp.MustCompile(`(?m)^(?:## (.*)|\| ([^|]+) \|([^|]*)\|([^|]*)\|([^|]*)\|)$`)

// compareTrio returns what the page and the tests say differently.
func compareTrio(page string, tested []string) (faults []string) {
	heading := ""
	var told []string
	for _, m := range trioLine.FindAllStringSubmatch(page, -1) {
		name, trio, creche := heading+": "+m[2], strings.TrimSpace(m[3]), strings.TrimSpace(m[4])
		switch {
		case m[1] != "":
			heading = m[1]
		case m[2] == "situation" || strings.HasPrefix(m[2], "---"):
		case slices.Contains(told, name):
			faults = append(faults, fmt.Sprintf("%q has two rows", name))
		case !slices.Contains(tested, name):
			faults = append(faults, fmt.Sprintf("%q is on the page and not tested", name))
		case trio == "" || creche == "":
			faults = append(faults, fmt.Sprintf("%q does not tell what both do", name))
			fallthrough
		default:
			told = append(told, name)
		}
	}
	for _, name := range tested {
		if !slices.Contains(told, name) {
			faults = append(faults, fmt.Sprintf("%q is tested and not on the page", name))
		}
	}
	return faults
}

func TestComparingThePageForTrio(t *testing.T) {
	const head = "## Time\n\n| situation | Trio | creche | why |\n|---|---|---|---|\n"
	const row = "| time is up | moves on | the same | |\n"
	tests := []struct {
		name, page string
		tested     []string
		want       string
	}{
		{"they agree", head + row, []string{"Time: time is up"}, ""},
		{"a row without a test", head + row, nil, `"Time: time is up" is on the page and not tested`},
		{"a test without a row", head, []string{"Time: time is up"}, `"Time: time is up" is tested and not on the page`},
		{"a row under another heading", head + "## Tasks\n" + row, []string{"Tasks: time is up"}, ""},
		{"two rows", head + row + row, []string{"Time: time is up"}, `"Time: time is up" has two rows`},
		{"a row that says nothing", head + "| time is up | moves on | | |\n", []string{"Time: time is up"}, `"Time: time is up" does not tell what both do`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(compareTrio(tt.page, tt.tested), "\n"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// wantBare complains unless got is want itself.
func wantBare(t *testing.T, got, want error) {
	t.Helper()
	if got != want {
		t.Errorf("got %v, want %v itself", got, want)
	}
}

// wantGroup complains unless err holds these failures in this order, each as
// it is.
func wantGroup(t *testing.T, err error, want ...error) {
	t.Helper()
	var got []error
	for _, f := range multi(t, err).Failures {
		got = append(got, f.Err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// wantTimeout complains unless err is the time-out of call.
func wantTimeout(t *testing.T, err error, call string) {
	t.Helper()
	if timeout, ok := errors.AsType[*nursery.TimeoutError](err); !ok || timeout.Call != call {
		t.Errorf("got %v, want that the time of %s was up", err, call)
	}
}
