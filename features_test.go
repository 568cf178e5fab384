package creche_test

import (
	"fmt"
	"go/ast"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	featuresPage = "docs/features.md"
	lastFeature  = 142
)

// A row of the page of features: number, feature, ours, tests.
var featureRow = regexp.MustCompile(`(?m)^\| (\d+) \| (.+) \| (.+) \| (.*) ?\|$`)

// TestFeatures sees to it that the page of features leaves none out, and names
// tests that there are.
func TestFeatures(t *testing.T) {
	fsys := repository(t)
	text, err := fs.ReadFile(fsys, featuresPage)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range checkFeatures(string(text), lastFeature, tree) {
		t.Error(fault)
	}
}

func checkFeatures(page string, last int, t *tree) (faults []string) {
	fault := func(format string, args ...any) {
		faults = append(faults, featuresPage+": "+fmt.Sprintf(format, args...))
	}
	tests := testsOf(t)
	rows := featureRow.FindAllStringSubmatch(page, -1)
	for i, m := range rows {
		if m[1] != strconv.Itoa(i+1) {
			fault("row %s where %d is due", m[1], i+1)
		}
		names := namesIn(m[4])
		if len(names) == 0 {
			fault("row %s names no test", m[1])
		}
		for _, name := range names {
			if !slices.Contains(tests, name) {
				fault("row %s names %s, which does not exist", m[1], name)
			}
		}
	}
	if len(rows) != last {
		fault("%d rows, want %d", len(rows), last)
	}
	return faults
}

// testsOf returns the names of all tests, as pages call them.
func testsOf(t *tree) (names []string) {
	for _, s := range t.sources {
		for _, decl := range s.syntax.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && s.isTest() && isTestFunc(fn.Name.Name) {
				names = append(names, title(path.Dir(s.name))+"."+fn.Name.Name)
			}
		}
	}
	return names
}

func TestFeaturesAreChecked(t *testing.T) {
	tests := []struct{ name, page, want string }{
		{"all is well", "| 1 | F | **Not here**: why | `nursery.TestA` `nursery.ExampleB` |\n", ""},
		{"a test that is gone", "| 1 | F | G | `nursery.TestA` `nursery.TestB` |\n", "docs/features.md: row 1 names nursery.TestB, which does not exist"},
		{"a function that is no test", "| 1 | F | G | `nursery.helper` |\n", "docs/features.md: row 1 names nursery.helper, which does not exist"},
		{"no test", "| 1 | F | G | |\n", "docs/features.md: row 1 names no test"},
		{"a gap", "| 2 | F | G | `nursery.TestA` |\n", "docs/features.md: row 2 where 1 is due"},
		{"nothing", "", "docs/features.md: 0 rows, want 1"},
	}
	fsys := house()
	fsys["nursery/a_test.go"] = &fstest.MapFile{Data: []byte("package nursery_test\n\nfunc TestA() {}\n\nfunc ExampleB() {}\n\nfunc helper() {}\n")}
	tree, err := load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(checkFeatures(tt.page, 1, tree), "\n"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
