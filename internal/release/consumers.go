package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// prove uses the modules as somebody who has nothing but the go command and a
// proxy that serves them in version, each as it is in the commit that rev
// names. It runs the programs of the README and of the tutorial, gets each module
// into an empty one, imports its packages there, and runs its tests from the
// module cache.
func prove(repository, version string, rev func(module) string, tests string) error {
	if !slices.Contains([]string{"short", "all", "none"}, tests) {
		return fmt.Errorf("tests %q: want short, all or none", tests)
	}
	modules, err := released(repository)
	if err != nil {
		return err
	}
	others, err := thirdParties(repository, modules)
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "creche-proof-")
	if err != nil {
		return err
	}
	own := proxy(filepath.Join(temp, "proxy"))
	c := newConsumer(temp, own, others, tests)
	defer c.remove()
	for _, m := range modules {
		if err := own.publish(repository, m, version, rev(m)); err != nil {
			return err
		}
	}
	for _, find := range []func(repository string) (*program, error){readmeProgram, tutorialProgram} {
		p, err := find(repository)
		if err != nil {
			return err
		}
		if err := timed("the program of the "+p.name, func() error { return c.program(p, modules[0], version) }); err != nil {
			return err
		}
	}
	for _, m := range modules {
		if err := timed(m.path, func() error { return c.module(m, version) }); err != nil {
			return err
		}
	}
	return nil
}

func timed(what string, f func() error) error {
	began := time.Now()
	if err := f(); err != nil {
		return fmt.Errorf("%s fails its users: %w", what, err)
	}
	fmt.Printf("%s: ok, %.1f s\n", what, time.Since(began).Seconds())
	return nil
}

// A consumer is a machine on which nobody has used the modules before.
type consumer struct {
	temp  string
	env   []string
	tests string // short, all or none
}

// newConsumer has the go command know nothing of the workspace, of the user's
// configuration, and of other sources than the two proxies.
func newConsumer(temp string, own, others proxy, tests string) *consumer {
	env := append(os.Environ(),
		"GOENV=off", "GOWORK=off", "GO111MODULE=", "GOFLAGS=-mod=mod", "GOTOOLCHAIN=local", "GOEXPERIMENT=",
		"GOPROXY="+own.url()+","+others.url(), "GOPRIVATE=", "GONOPROXY=", "GOSUMDB=off", "GOVCS=*:off",
		"GOMODCACHE="+filepath.Join(temp, "modules"),
	)
	return &consumer{temp, env, tests}
}

// remove lets the go command delete its cache, whose files are read-only.
func (c *consumer) remove() {
	c.run(c.temp, "clean", "-modcache")
	os.RemoveAll(c.temp)
}

func (c *consumer) run(dir string, args ...string) (string, error) {
	return command(dir, c.env, "go", args...)
}

// start makes an empty module, gets m into it and returns its directory.
func (c *consumer) start(name string, m module, version string) (string, error) {
	dir := filepath.Join(c.temp, "consumer-"+name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	if _, err := c.run(dir, "mod", "init", "consumer.test/"+name); err != nil {
		return "", err
	}
	if _, err := c.run(dir, "get", m.path+"@"+version); err != nil {
		return "", err
	}
	return dir, unasked(dir, m)
}

// unasked finds what the go command had to add for m by itself: it fills in the
// newest version of whatever a module imports and does not require.
func unasked(dir string, m module) error {
	got, err := readModule(dir, "go.mod")
	if err != nil {
		return err
	}
	asked := map[string]bool{m.path: true}
	for _, r := range m.file.Require {
		asked[r.Mod.Path] = true
	}
	for _, r := range got.file.Require {
		if !asked[r.Mod.Path] {
			return fmt.Errorf("%s does not require %s, which its packages need", m.path, r.Mod)
		}
	}
	return nil
}

// skipped matches what is not run for the proof: the allocation gates, which
// make alone runs and which others at work on the machine can disturb.
const skipped = "Alloc"

// module gets m into an empty module, imports its packages there and tests
// them.
func (c *consumer) module(m module, version string) error {
	dir, err := c.start(m.name(), m, version)
	if err != nil {
		return err
	}
	if err := c.imports(dir, m); err != nil {
		return err
	}
	if c.tests != "none" {
		short := fmt.Sprintf("-short=%t", c.tests == "short")
		if _, err := c.run(dir, "test", "-vet=off", short, "-skip="+skipped, m.path+"/..."); err != nil {
			return err
		}
	}
	return unasked(dir, m)
}

// imports builds a package that imports all packages of m.
func (c *consumer) imports(dir string, m module) error {
	out, err := c.run(dir, "list", "-f", "{{if ne .Name `main`}}{{.ImportPath}}{{end}}", m.path+"/...")
	if err != nil {
		return err
	}
	code := "package consumer\n\n"
	for importPath := range strings.FieldsSeq(out) {
		if !internal(importPath) {
			code += "import _ " + strconv.Quote(importPath) + "\n"
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "consumer.go"), []byte(code), 0o644); err != nil {
		return err
	}
	_, err = c.run(dir, "build", ".")
	return err
}
