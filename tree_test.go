package creche_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const rootPath = "github.com/creche-go/creche"

// A tree is the source of all modules of a repository, parsed.
type tree struct {
	fset    *token.FileSet
	modules []*module
	sources []*source
	work    []string // directories that go.work uses
}

// A module is a directory with a go.mod.
type module struct {
	dir        string // relative to the repository, "." for the root
	path       string
	goVersion  string
	require    map[string]string // path to version
	replace    map[string]string // path to target
	directives []string          // all other words that begin a directive
}

// private tells whether m is one of ours that nobody imports: benchmarks and
// tools, which may have any dependency and are not in go.work.
func (m *module) private() bool { return strings.HasPrefix(m.dir, "internal/") }

// A source is one Go file.
type source struct {
	name   string // relative to the repository
	pkg    string // import path of its directory
	module *module
	syntax *ast.File
}

func (s *source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

// imports returns what s imports, by import path, with the name it has there.
func (s *source) imports() map[string]string {
	names := make(map[string]string)
	for _, spec := range s.syntax.Imports {
		p := strings.Trim(spec.Path.Value, `"`)
		names[p] = path.Base(p)
		if spec.Name != nil {
			names[p] = spec.Name.Name
		}
	}
	return names
}

// repository returns the tree that the test runs in. The module as users
// download it lacks the nested modules, so there the test is skipped.
func repository(t *testing.T) fs.FS {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(filepath.Base(dir), "@") {
		t.Skip("in the module cache: the repository is not there")
	}
	return os.DirFS(dir)
}

// load parses the repository in fsys.
func load(fsys fs.FS) (*tree, error) {
	t := &tree{fset: token.NewFileSet()}
	var names []string
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && skipped(d.Name()):
			return fs.SkipDir
		case d.Name() == "go.mod":
			m, err := readModule(fsys, name)
			t.modules = append(t.modules, m)
			return err
		case strings.HasSuffix(name, ".go"):
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if work, err := fs.ReadFile(fsys, "go.work"); err == nil {
		for _, d := range directives(string(work)) {
			if d[0] == "use" && len(d) == 2 {
				t.work = append(t.work, path.Clean(d[1]))
			}
		}
	}
	// The deepest module that holds a file is its own.
	slices.SortFunc(t.modules, func(a, b *module) int { return len(b.dir) - len(a.dir) })
	for _, name := range names {
		if err := t.parse(fsys, name); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func skipped(dir string) bool {
	return strings.HasPrefix(dir, ".") || strings.HasPrefix(dir, "_") ||
		dir == "testdata" || dir == "vendor" || dir == "node_modules"
}

func (t *tree) parse(fsys fs.FS, name string) error {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	syntax, err := parser.ParseFile(t.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	s := &source{name: name, syntax: syntax}
	for _, m := range t.modules {
		if m.dir == "." || strings.HasPrefix(name, m.dir+"/") {
			s.module = m
			s.pkg = path.Join(m.path, strings.TrimPrefix(path.Dir(name), m.dir))
			t.sources = append(t.sources, s)
			break
		}
	}
	return nil
}

// at returns the place of n, as file:line.
func (t *tree) at(n ast.Node) string {
	p := t.fset.Position(n.Pos())
	p.Column = 0
	return p.String()
}

func readModule(fsys fs.FS, name string) (*module, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	m := &module{dir: path.Dir(name), require: make(map[string]string), replace: make(map[string]string)}
	for _, d := range directives(string(text)) {
		switch {
		case d[0] == "module" && len(d) == 2:
			m.path = d[1]
		case d[0] == "go" && len(d) == 2:
			m.goVersion = d[1]
		case d[0] == "require" && len(d) == 3:
			m.require[d[1]] = d[2]
		case d[0] == "replace" && slices.Contains(d, "=>"):
			m.replace[d[1]] = d[slices.Index(d, "=>")+1]
		default:
			m.directives = append(m.directives, d[0])
		}
	}
	return m, nil
}

// directives splits a go.mod or go.work into its directives, each into its
// words; those in brackets get the word before the bracket.
func directives(text string) [][]string {
	var all [][]string
	block := ""
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "//")
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == ")":
			block = ""
		case len(words) == 2 && words[1] == "(":
			block = words[0]
		case block != "":
			all = append(all, append([]string{block}, words...))
		default:
			all = append(all, words)
		}
	}
	return all
}
