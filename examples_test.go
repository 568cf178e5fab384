package creche_test

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestExamples holds the lessons to their rule.
func TestExamples(t *testing.T) {
	for _, fault := range checkExamples(t, repository(t)) {
		t.Error(fault)
	}
}

const (
	longestProgram = 80 // lines, of all files together
	longestReadme  = 14
	longerReadme   = 35 // of the chat and the quickstarts
)

// checkExamples returns what is wrong with the lessons, each a folder of
// examples: it has a README, is in the index, and its program, or each of them,
// is short, unless the index says why not, and has a test. The main.go of a
// larger one is short all the same, but for a quickstart's.
func checkExamples(t *testing.T, fsys fs.FS) (faults []string) {
	t.Helper()
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	index, err := fs.ReadFile(fsys, "examples/README.md")
	if err != nil {
		t.Fatal(err)
	}
	folders, err := fs.ReadDir(fsys, "examples")
	if err != nil {
		t.Fatal(err)
	}
	_, below, _ := strings.Cut(string(index), "Larger are:")
	list, _, _ := strings.Cut(below, "\n\n`")
	larger := linked(list)
	for _, folder := range folders {
		name := folder.Name()
		if !folder.IsDir() || name == "internal" {
			continue
		}
		if !slices.Contains(linked(string(index)), name) {
			fault("examples/README.md does not link %s", name)
		}
		longest := longestReadme
		if name == "chat" || strings.HasPrefix(name, "quickstart-") {
			longest = longerReadme
		}
		if n, err := lines(fsys, path.Join("examples", name, "README.md")); err != nil || n > longest {
			fault("examples/%s: a README.md of %d lines, want one of at most %d", name, n, longest)
		}
		programs := programsIn(t, fsys, path.Join("examples", name))
		if len(programs) == 0 {
			fault("examples/%s has no program", name)
		}
		size := 0
		for _, p := range programs {
			faults = append(faults, p.faults...)
			size = max(size, p.size)
			if p.main > longestProgram && !strings.HasPrefix(name, "quickstart-") {
				fault("%s/main.go has %d lines, want at most %d", p.dir, p.main, longestProgram)
			}
		}
		switch isLarger := slices.Contains(larger, name); {
		case size > longestProgram && !isLarger:
			fault("examples/%s has %d lines, want at most %d, or a reason in the index", name, size, longestProgram)
		case size <= longestProgram && isLarger:
			fault("examples/README.md calls %s larger, which has %d lines", name, size)
		}
	}
	return faults
}

// A program is a folder with a main.go.
type program struct {
	dir        string
	main, size int // lines of main.go, and of all that is no test
	faults     []string
}

func programsIn(t *testing.T, fsys fs.FS, lesson string) (programs []program) {
	t.Helper()
	err := fs.WalkDir(fsys, lesson, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		p, tests := program{dir: name}, 0
		files, err := fs.Glob(fsys, path.Join(name, "*.go"))
		for _, file := range files {
			n, err := lines(fsys, file)
			switch {
			case err != nil:
				return err
			case strings.HasSuffix(file, "_test.go"):
				tests++
				continue
			case path.Base(file) == "main.go":
				p.main = n
			}
			p.size += n
		}
		if p.main == 0 {
			return err
		}
		if tests == 0 {
			p.faults = append(p.faults, name+" has no test")
		}
		programs = append(programs, p)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return programs
}

func lines(fsys fs.FS, name string) (int, error) {
	text, err := fs.ReadFile(fsys, name)
	return strings.Count(string(text), "\n"), err
}

var folderLink = regexp.MustCompile(`\]\(([\w-]+)\)`)

// linked returns the folders that text links.
func linked(text string) (names []string) {
	for _, m := range folderLink.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}

// The reader of the tutorial copies shop.go once.
func TestTheTutorialHasOneShop(t *testing.T) {
	fsys := repository(t)
	shops, err := fs.Glob(fsys, "examples/tutorial/step*/shop.go")
	if err != nil || len(shops) != 4 {
		t.Fatalf("got %q, %v, want one for each of four steps", shops, err)
	}
	first, err := fs.ReadFile(fsys, shops[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range shops[1:] {
		if text, err := fs.ReadFile(fsys, name); err != nil || string(text) != string(first) {
			t.Errorf("%s is not %s: %v", name, shops[0], err)
		}
	}
}

func TestExamplesAreChecked(t *testing.T) {
	long := "package main\n" + strings.Repeat("\n", longestProgram)
	tests := []struct{ name, file, text, want string }{
		{"all is well", "examples/a/more.md", "", ""},
		{"no README", "examples/a/README.md", strings.Repeat("\n", longestReadme+1), "examples/a: a README.md of 15 lines"},
		{"not in the index", "examples/README.md", "[b](b) Larger are: [b](b)\n\n`", "examples/README.md does not link a"},
		{"too large", "examples/a/more.go", long, "examples/a has 82 lines, want at most 80, or a reason in the index"},
		{"a reason that is none", "examples/README.md", "[a](a) Larger are: [a](a), [b](b)\n\n`", "examples/README.md calls a larger, which has 1 lines"},
		{"a main.go that is too large all the same", "examples/b/main.go", long, "examples/b/main.go has 81 lines"},
		{"no program", "examples/a/main.go", "", "examples/a has no program"},
		{"a second program without a test", "examples/a/two/main.go", "package main\n", "examples/a/two has no test"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fsys := fstest.MapFS{
				"examples/README.md":      {Data: []byte("[a](a) [b](b)\nLarger are:\n\n- [b](b): why\n\n`internal` [a](a)")},
				"examples/a/README.md":    {},
				"examples/a/main.go":      {Data: []byte("package main\n")},
				"examples/a/main_test.go": {Data: []byte(long)},
				"examples/b/README.md":    {},
				"examples/b/main.go":      {Data: []byte("package main\n")},
				"examples/b/b.go":         {Data: []byte(long)},
				"examples/b/b_test.go":    {},
				"examples/internal/a.go":  {},
				"examples/go.mod":         {},
			}
			fsys[tt.file] = &fstest.MapFile{Data: []byte(tt.text)}
			got := checkExamples(t, fsys)
			if len(got) > 1 || !strings.HasPrefix(strings.Join(got, ""), tt.want) || (tt.want == "") != (len(got) == 0) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
