package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// unreleased are modules of go.work that get no tag: nobody imports them.
var unreleased = []string{"examples"}

// A module is a directory of the repository that has a go.mod.
type module struct {
	dir  string // relative to the repository, "." for the root
	path string
	file *modfile.File
}

// name is what the module is called in messages.
func (m module) name() string { return path.Base(m.path) }

// tag returns the tag that publishes m.
func (m module) tag(version string) string { return path.Join(m.dir, version) }

// released returns the modules that users can get, the root first.
func released(root string) ([]module, error) {
	text, err := os.ReadFile(filepath.Join(root, "go.work"))
	if err != nil {
		return nil, err
	}
	work, err := modfile.ParseWork("go.work", text, nil)
	if err != nil {
		return nil, err
	}
	var modules []module
	for _, use := range work.Use {
		dir := path.Clean(use.Path)
		if slices.Contains(unreleased, dir) {
			continue
		}
		m, err := readModule(root, path.Join(dir, "go.mod"))
		if err != nil {
			return nil, err
		}
		modules = append(modules, m)
	}
	slices.SortFunc(modules, func(a, b module) int { return strings.Compare(a.path, b.path) })
	return modules, nil
}

// all returns every module of the repository, those under internal too.
func all(root string) ([]module, error) {
	out, err := git(root, "ls-files", "--", "go.mod", "*/go.mod")
	if err != nil {
		return nil, err
	}
	var modules []module
	for _, name := range strings.Fields(out) {
		m, err := readModule(root, name)
		if err != nil {
			return nil, err
		}
		modules = append(modules, m)
	}
	return modules, nil
}

func readModule(root, name string) (module, error) {
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return module{}, err
	}
	file, err := modfile.Parse(name, text, nil)
	if err != nil {
		return module{}, err
	}
	return module{dir: path.Dir(name), path: file.Module.Mod.Path, file: file}, nil
}

// ours tells whether a module path is one of this repository's.
func ours(modules []module, modulePath string) bool {
	return slices.ContainsFunc(modules, func(m module) bool { return m.path == modulePath })
}

// coming returns the version in which the modules require each other.
func coming(root string) (string, error) {
	modules, err := all(root)
	if err != nil {
		return "", err
	}
	version, where := "", ""
	for _, m := range modules {
		for _, r := range m.file.Require {
			switch {
			case !ours(modules, r.Mod.Path):
			case version == "":
				version, where = r.Mod.Version, m.dir
			case version != r.Mod.Version:
				return "", fmt.Errorf("%s requires %s of the repository's modules, %s %s", where, version, m.dir, r.Mod.Version)
			}
		}
	}
	if version == "" {
		return "", fmt.Errorf("no module requires another, so the coming version is not known")
	}
	return version, nil
}

// raise makes every module require the others of the repository in version.
func raise(root, version string) error {
	modules, err := all(root)
	if err != nil {
		return err
	}
	for _, m := range modules {
		for _, r := range m.file.Require {
			if ours(modules, r.Mod.Path) {
				if err := m.file.AddRequire(r.Mod.Path, version); err != nil {
					return err
				}
			}
		}
		if err := os.WriteFile(filepath.Join(root, m.dir, "go.mod"), modfile.Format(m.file.Syntax), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func git(dir string, args ...string) (string, error) { return command(dir, nil, "git", args...) }

// command returns what a command writes to its standard output. Its error has
// all that the command said.
func command(dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, env
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s in %s: %w\n%s%s", name, strings.Join(args, " "), dir, err, &complaints, &out)
	}
	return out.String(), nil
}
