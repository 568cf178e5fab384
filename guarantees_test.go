package creche_test

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const guaranteesPage = "docs/guarantees.md"

var update = flag.Bool("update", false, "write what is not written by hand into "+guaranteesPage)

// TestGuarantees compares the page of promises with the tests that name them.
func TestGuarantees(t *testing.T) {
	fsys := repository(t)
	text, err := fs.ReadFile(fsys, guaranteesPage)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	kept, faults := keptBy(tree)
	if *update {
		text = []byte(rewrite(string(text), kept))
		if err := os.WriteFile(guaranteesPage, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, fault := range append(faults, compare(string(text), kept)...) {
		t.Error(fault)
	}
}

// A keeping maps a promise's number to the tests that keep it.
type keeping map[string][]keeper

// A keeper is a test that keeps a promise.
type keeper struct {
	name string // as the page calls it
	file string // relative to the repository
}

// String is what the page shows. It links the file and not a line in it, which
// would be another one after the next change.
func (k keeper) String() string {
	to, err := filepath.Rel(path.Dir(guaranteesPage), k.file)
	if err != nil {
		panic(err) // both are relative to the repository
	}
	return fmt.Sprintf("[`%s`](%s)", k.name, filepath.ToSlash(to))
}

func (k keeper) compare(other keeper) int {
	return cmp.Or(cmp.Compare(k.name, other.name), cmp.Compare(k.file, other.file))
}

var (
	// A comment in a test that begins with numbers says what the test keeps.
	tag = regexp.MustCompile(`^// ([NMERBW]\d+(?:, [NMERBW]\d+)*)(?:\b(.)|$)`)
	// A row of the page: number, promise, tests.
	row = regexp.MustCompile(`(?m)^\| ([NMERBW]\d+) \| (.*) \| ?(.*) ?\|$`)
	// A test on a page.
	testName = regexp.MustCompile("`([^`]+)`")
	// What is kept in part, which the rows say, as a list.
	inPart = regexp.MustCompile(`(?s)(<!-- in part[^>]*-->\n)(.*?)(<!-- end -->\n)`)
)

// keptBy collects the tags of all test code: of _test.go files, those of private
// modules too, and of test kits, whose functions are the tests of those who call
// them.
func keptBy(t *tree) (keeping, []string) {
	kept := make(keeping)
	var faults []string
	for _, s := range t.sources {
		if kit := strings.HasSuffix(path.Dir(s.name), "test") && !s.module.private(); !kit && !s.isTest() {
			continue
		}
		for _, group := range s.syntax.Comments {
			for _, c := range group.List {
				ids, fault := tagged(c.Text)
				if fault != "" {
					faults = append(faults, t.at(c)+": "+fault)
				}
				if len(ids) == 0 {
					continue
				}
				fn := enclosing(s, c)
				if fn == "" {
					faults = append(faults, fmt.Sprintf("%s: %q is in no test", t.at(c), c.Text))
				}
				for _, id := range ids {
					kept[id] = append(kept[id], keeper{fn, s.name})
				}
			}
		}
	}
	for id, tests := range kept {
		slices.SortFunc(tests, keeper.compare)
		kept[id] = slices.DeleteFunc(slices.Compact(tests), func(k keeper) bool { return k.name == "" })
	}
	return kept, faults
}

// tagged returns the numbers that a comment begins with.
func tagged(comment string) (ids []string, fault string) {
	m := tag.FindStringSubmatch(comment)
	switch {
	case m == nil:
		return nil, ""
	case !strings.Contains(" :.;", m[2]):
		return nil, fmt.Sprintf("%q: numbers are written // N4, N5 or // N4: why", comment)
	}
	return strings.Split(m[1], ", "), ""
}

// enclosing returns the test that c is in or documents: nursery.TestX.
func enclosing(s *source, c *ast.Comment) string {
	for _, decl := range s.syntax.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Recv != nil {
			continue
		}
		begin := fn.Pos()
		if fn.Doc != nil {
			begin = fn.Doc.Pos()
		}
		if begin <= c.Pos() && c.Pos() < fn.End() && (isTestFunc(fn.Name.Name) || !s.isTest()) {
			return title(path.Dir(s.name)) + "." + fn.Name.Name
		}
	}
	return ""
}

func isTestFunc(name string) bool {
	return slices.ContainsFunc([]string{"Test", "Fuzz", "Example"}, func(p string) bool { return strings.HasPrefix(name, p) })
}

// compare returns what the page and the tests say differently.
func compare(page string, kept keeping) (faults []string) {
	fault := func(format string, args ...any) {
		faults = append(faults, guaranteesPage+": "+fmt.Sprintf(format, args...))
	}
	listed := make(map[string]bool)
	for _, m := range row.FindAllStringSubmatch(page, -1) {
		id, tests := m[1], namesIn(m[3])
		keepers := namesOf(kept[id])
		if listed[id] {
			fault("%s has two rows", id)
		}
		listed[id] = true
		if len(kept[id]) == 0 {
			fault("no test keeps %s", id)
		}
		for _, name := range tests {
			if !slices.Contains(keepers, name) {
				fault("%s names %s, which does not exist or is not marked with it", id, name)
			}
		}
		for _, name := range keepers {
			if !slices.Contains(tests, name) {
				fault("%s does not name %s: run make guarantees", id, name)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(kept)) {
		if !listed[id] {
			fault("%s, which %s keeps, has no row", id, strings.Join(namesOf(kept[id]), " and "))
		}
	}
	if len(faults) == 0 && rewrite(page, kept) != page {
		fault("links or the list of what is kept in part are stale: run make guarantees")
	}
	return faults
}

func namesOf(tests []keeper) (names []string) {
	for _, k := range tests {
		names = append(names, k.name)
	}
	return names
}

func namesIn(column string) (names []string) {
	for _, m := range testName.FindAllStringSubmatch(column, -1) {
		names = append(names, m[1])
	}
	return names
}

// rewrite returns the page with its last column taken from kept, and the list
// of what is kept in part from its rows.
func rewrite(page string, kept keeping) string {
	page = row.ReplaceAllStringFunc(page, func(line string) string {
		m := row.FindStringSubmatch(line)
		column := ""
		for _, k := range kept[m[1]] {
			column += k.String() + " "
		}
		return fmt.Sprintf("| %s | %s | %s|", m[1], strings.TrimSpace(m[2]), column)
	})
	list := ""
	for _, m := range row.FindAllStringSubmatch(page, -1) {
		if said, ok := strings.CutPrefix(m[2], "In part: "); ok {
			list += fmt.Sprintf("- **%s**: %s\n", m[1], said)
		}
	}
	return inPart.ReplaceAllStringFunc(page, func(section string) string {
		m := inPart.FindStringSubmatch(section)
		return m[1] + cmp.Or(list, "None.\n") + m[3]
	})
}

func TestGuaranteesComparison(t *testing.T) {
	const head = "package nursery_test\n\n"
	tests := []struct{ name, code, page, want string }{
		{
			name: "a test that names a promise and a row that names the test agree",
			code: "// N4\nfunc TestA() {}", page: "| N4 | Prose | with bars. | [`nursery.TestA`](../nursery/a_test.go) |",
		},
		{
			name: "rows of tables and several numbers count",
			code: "func TestA() {\n\tf(1) // N4, N5: both\n\t// N4\n}", page: "| N4 | P | [`nursery.TestA`](../nursery/a_test.go) |\n| N5 | P | [`nursery.TestA`](../nursery/a_test.go) |",
		},
		{
			name: "the last line of a doc comment counts",
			code: "// TestA tests.\n// N4\nfunc TestA() {}\n\n// N4.\nfunc FuzzA() {}", page: "| N4 | P | [`nursery.FuzzA`](../nursery/a_test.go) [`nursery.TestA`](../nursery/a_test.go) |",
		},
		{
			name: "a word that only looks like a number does not count",
			code: "// E2E is short for end to end.\nfunc TestA() {}\n\n// W3C too.\nfunc TestB() {}",
		},
		{
			name: "a promise without a test",
			page: "| N4 | P | |", want: "docs/guarantees.md: no test keeps N4",
		},
		{
			name: "a test without a row",
			code: "// N4\nfunc TestA() {}", want: "docs/guarantees.md: N4, which nursery.TestA keeps, has no row",
		},
		{
			name: "a stale column",
			code: "// N4\nfunc TestA() {}\n\n// N4\nfunc TestB() {}", page: "| N4 | P | [`nursery.TestA`](../nursery/a_test.go) |",
			want: "docs/guarantees.md: N4 does not name nursery.TestB: run make guarantees",
		},
		{
			name: "a test that is gone",
			code: "// N4\nfunc TestA() {}", page: "| N4 | P | [`nursery.TestA`](../nursery/a_test.go) [`nursery.TestB`](../nursery/a_test.go) |",
			want: "docs/guarantees.md: N4 names nursery.TestB, which does not exist or is not marked with it",
		},
		{
			name: "a link to another file",
			code: "// N4\nfunc TestA() {}", page: "| N4 | P | [`nursery.TestA`](../nursery/b_test.go) |",
			want: "docs/guarantees.md: links or the list of what is kept in part are stale: run make guarantees",
		},
		{
			name: "what is kept in part is listed",
			code: "// N4\nfunc TestA() {}",
			page: "<!-- in part -->\n- **N4**: P\n<!-- end -->\n\n| N4 | In part: P | [`nursery.TestA`](../nursery/a_test.go) |",
		},
		{
			name: "what is kept in part is not listed",
			code: "// N4\nfunc TestA() {}",
			page: "<!-- in part -->\nNone.\n<!-- end -->\n\n| N4 | In part: P | [`nursery.TestA`](../nursery/a_test.go) |",
			want: "docs/guarantees.md: links or the list of what is kept in part are stale: run make guarantees",
		},
		{
			name: "what is kept in full is listed as kept in part",
			code: "// N4\nfunc TestA() {}",
			page: "<!-- in part -->\n- **N4**: P\n<!-- end -->\n\n| N4 | P | [`nursery.TestA`](../nursery/a_test.go) |",
			want: "docs/guarantees.md: links or the list of what is kept in part are stale: run make guarantees",
		},
		{
			name: "two rows",
			code: "// N4\nfunc TestA() {}", page: "| N4 | P | [`nursery.TestA`](../nursery/a_test.go) |\n| N4 | P | [`nursery.TestA`](../nursery/a_test.go) |",
			want: "docs/guarantees.md: N4 has two rows",
		},
		{
			name: "a mark outside of a test",
			code: "// N4\nfunc helper() {}\n\n// N4\nfunc TestA() {}", page: "| N4 | P | [`nursery.TestA`](../nursery/a_test.go) |",
			want: `nursery/a_test.go:3: "// N4" is in no test`,
		},
		{
			name: "a range",
			code: "// N1–N3\nfunc TestA() {}", want: `nursery/a_test.go:3: "// N1–N3": numbers are written`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fsys := house()
			fsys["nursery/a_test.go"] = &fstest.MapFile{Data: []byte(head + tt.code + "\n")}
			tree, err := load(fsys)
			if err != nil {
				t.Fatal(err)
			}
			kept, got := keptBy(tree)
			got = append(got, compare(tt.page, kept)...)
			if len(got) > 1 || !strings.HasPrefix(strings.Join(got, ""), tt.want) || (tt.want == "") != (len(got) == 0) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if tt.want == "" {
				checkRewrite(t, tt.page, kept)
			}
		})
	}
}

// checkRewrite tells whether the column of a page that is right survives, and
// comes back after it was emptied.
func checkRewrite(t *testing.T, page string, kept keeping) {
	t.Helper()
	if got := rewrite(page, kept); got != page {
		t.Errorf("rewritten: got %q, want %q", got, page)
	}
	empty := regexp.MustCompile("(?m)\\[`.*\\)").ReplaceAllString(page, "")
	if got := rewrite(empty, kept); got != page {
		t.Errorf("rewritten from an empty column: got %q, want %q", got, page)
	}
}

func TestGuaranteesOfPrivateModules(t *testing.T) {
	fsys := house()
	for _, name := range []string{"a_test.go", "a.go", "toolstest/a.go"} {
		fsys["internal/tools/"+name] = &fstest.MapFile{Data: []byte("package tools\n\nfunc TestA() {\n\t// R1\n}\n")}
	}
	tree, err := load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	kept, faults := keptBy(tree)
	if got, want := kept["R1"], []keeper{{"internal/tools.TestA", "internal/tools/a_test.go"}}; !slices.Equal(got, want) || len(faults) > 0 {
		t.Errorf("got %q and %q, want %q", got, faults, want)
	}
}

func TestGuaranteesOfTestKits(t *testing.T) {
	fsys := house()
	fsys["adapters/adaptertest/suite.go"] = &fstest.MapFile{Data: []byte("package adaptertest\n\nfunc Run() {\n\t// R1\n}\n")}
	tree, err := load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	kept, faults := keptBy(tree)
	if got, want := kept["R1"], []keeper{{"adapters/adaptertest.Run", "adapters/adaptertest/suite.go"}}; !slices.Equal(got, want) || len(faults) > 0 {
		t.Errorf("got %q and %q, want %q", got, faults, want)
	}
}
