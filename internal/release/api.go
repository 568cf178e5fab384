package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/importer"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// apiFile is beside each go.mod and says what the module exports: a line for
// each name, sorted, without the names of parameters, whose change breaks
// nobody. It is there to be reviewed: a line that is gone or has changed breaks
// users.
const apiFile = "api.txt"

func writeAPI(root string, m module) error {
	lines, err := exported(root, m)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, m.dir, apiFile), []byte(text(lines)), 0o644)
}

// compareAPI returns an error if the file does not say what the code does.
func compareAPI(root string, m module) error {
	lines, err := exported(root, m)
	if err != nil {
		return err
	}
	file, err := os.ReadFile(filepath.Join(root, m.dir, apiFile))
	if err != nil {
		return fmt.Errorf("%w: write it with make api", err)
	}
	gone, added := difference(linesOf(string(file)), lines)
	if len(gone)+len(added) == 0 {
		return nil
	}
	var b strings.Builder
	for _, line := range gone {
		b.WriteString("\n- " + line)
	}
	for _, line := range added {
		b.WriteString("\n+ " + line)
	}
	return fmt.Errorf("%s is not what the module exports. If it is meant, make api writes it, and what users notice goes into the changelog:%s",
		filepath.Join(m.dir, apiFile), b.String())
}

func text(lines []string) string { return strings.Join(append(lines, ""), "\n") }

func linesOf(text string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return line == "" })
}

// difference returns the lines that only before has, and those only after has.
func difference(before, after []string) (gone, added []string) {
	without := func(lines, others []string) []string {
		return slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return slices.Contains(others, l) })
	}
	return without(before, after), without(after, before)
}

// exported returns the lines of the module's packages. It reads what the
// compiler exports, so it says what an importer sees.
func exported(root string, m module) ([]string, error) {
	packages, err := compiled(filepath.Join(root, m.dir))
	if err != nil {
		return nil, err
	}
	files := make(map[string]string)
	for _, p := range packages {
		files[p.ImportPath] = p.Export
	}
	from := importer.ForCompiler(token.NewFileSet(), "gc", func(importPath string) (io.ReadCloser, error) {
		return os.Open(files[importPath])
	})
	var lines []string
	for _, p := range packages {
		if p.Module.Path != m.path || p.DepOnly || p.Name == "main" || internal(p.ImportPath) {
			continue
		}
		pkg, err := from.Import(p.ImportPath)
		if err != nil {
			return nil, err
		}
		lines = append(lines, surface{pkg}.lines()...)
	}
	slices.Sort(lines)
	return lines, nil
}

// internal tells whether other modules cannot import a package.
func internal(importPath string) bool { return strings.Contains(importPath+"/", "/internal/") }

// A listed package is what the go command says about it.
type listed struct {
	ImportPath, Name, Export string
	DepOnly                  bool
	Module                   struct{ Path string }
}

// compiled returns the packages of the module in dir and all that they import,
// compiled as for a user of the module: without the workspace.
func compiled(dir string) (packages []listed, err error) {
	env := append(os.Environ(), "GOWORK=off")
	if _, err := command(dir, env, "go", "build", "./..."); err != nil { // it complains in fewer words
		return nil, err
	}
	out, err := command(dir, env, "go", "list", "-export", "-deps", "-json=ImportPath,Name,Export,DepOnly,Module", "./...")
	if err != nil {
		return nil, err
	}
	for dec := json.NewDecoder(strings.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
}
