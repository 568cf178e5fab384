package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

// A releasing is a release on its way. All of it happens in a copy first, where
// the modules are committed, tagged and used from their tags; only what has
// been proven there is then done to the repository.
type releasing struct {
	root    string
	version string // of all modules; in a dry run "" is the one they require
	day     string // for the changelog
	tests   string // see consumer
	dry     bool
}

func (r *releasing) run() error {
	rev, err := r.begin()
	if err != nil {
		return err
	}
	return inCopy(r.root, rev, r.through)
}

// through makes the release in a copy, and then, unless it is a dry run, here.
func (r *releasing) through(copied string) error {
	if err := r.rehearse(copied); err != nil {
		return err
	}
	if r.dry {
		fmt.Printf("%s would be released like this:\n\n", r.version)
		return r.printPush(copied)
	}
	if err := r.apply(copied); err != nil {
		return err
	}
	fmt.Printf("%s is committed and tagged here. To publish it:\n\n", r.version)
	return r.printPush(r.root)
}

// begin tells whether the release can begin, and from which commit.
func (r *releasing) begin() (rev string, err error) {
	last, err := lastTag(r.root)
	if err != nil {
		return "", err
	}
	if r.version == "" && r.dry {
		if r.version, err = following(r.root, last); err != nil {
			return "", err
		}
	}
	if err := checkVersion(r.version, last); err != nil {
		return "", err
	}
	changes, err := git(r.root, "status", "--porcelain")
	if err != nil {
		return "", err
	}
	if changes != "" && !r.dry {
		return "", fmt.Errorf("commit or remove these first:\n%s", changes)
	}
	return committed(r.root)
}

func checkVersion(version, last string) error {
	if !semver.IsValid(version) || semver.Canonical(version) != version {
		return fmt.Errorf("%q is no version: want one like v0.2.0", version)
	}
	if major := semver.Major(version); major != "v0" && major != "v1" {
		return fmt.Errorf("%s: the module paths are those of v0 and v1", version)
	}
	if last != "" && semver.Compare(version, last) <= 0 {
		return fmt.Errorf("%s is not newer than %s", version, last)
	}
	return nil
}

// following returns the version to rehearse after last: the one that the
// modules require, or where that has been released, the next minor one.
func following(root, last string) (string, error) {
	version, err := coming(root)
	if err != nil || last == "" || semver.Compare(version, last) > 0 {
		return version, err
	}
	var major, minor int
	if _, err := fmt.Sscanf(last, "v%d.%d.", &major, &minor); err != nil {
		return "", fmt.Errorf("%s: %w", last, err)
	}
	return fmt.Sprintf("v%d.%d.0", major, minor+1), nil
}

// lastTag returns the newest release that the repository knows, "" if none.
func lastTag(root string) (string, error) {
	out, err := git(root, "tag", "--list", "v*")
	if err != nil {
		return "", err
	}
	tags := slices.DeleteFunc(strings.Fields(out), func(t string) bool { return !semver.IsValid(t) })
	if len(tags) == 0 {
		return "", nil
	}
	return slices.MaxFunc(tags, semver.Compare), nil
}

// rehearse makes the release in a copy and proves it.
func (r *releasing) rehearse(copied string) error {
	if err := r.prepare(copied); err != nil {
		return err
	}
	identity := []string{"-c", "user.name=release", "-c", "user.email=release@invalid", "-c", "commit.gpgSign=false", "-c", "tag.gpgSign=false"}
	if err := r.record(copied, identity...); err != nil {
		return err
	}
	return prove(copied, r.version, func(m module) string { return m.tag(r.version) }, r.tests)
}

// prepare checks what the repository says of its API and of its changes, and
// gives the modules and the changelog the version.
func (r *releasing) prepare(dir string) error {
	modules, err := released(dir)
	if err != nil {
		return err
	}
	name := filepath.Join(dir, "CHANGELOG.md")
	changelog, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	section, err := unreleasedSection(string(changelog))
	if err != nil {
		return err
	}
	last, err := lastTag(dir)
	if err != nil {
		return err
	}
	if last == "" {
		fmt.Println("no earlier release is known here: there is no API to compare with")
	}
	var faults []error
	for _, m := range modules {
		faults = append(faults, compareAPI(dir, m), explained(dir, m, last, section))
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	if err := os.WriteFile(name, []byte(dated(string(changelog), r.version, r.day)), 0o644); err != nil {
		return err
	}
	return raise(dir, r.version)
}

// explained tells whether the section of the changelog says what in m breaks
// those who used the last release. A module that is new breaks nobody.
func explained(dir string, m module, last, section string) error {
	if last == "" {
		return nil
	}
	file := path.Join(m.dir, apiFile)
	if there, err := git(dir, "ls-tree", "--name-only", last, file); err != nil || there == "" {
		return err
	}
	before, err := git(dir, "show", last+":"+file)
	if err != nil {
		return err
	}
	now, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return err
	}
	gone, _ := difference(linesOf(before), linesOf(string(now)))
	if silent := unexplained(gone, section); len(silent) > 0 {
		return fmt.Errorf("%s: these are gone or changed since %s, and the changelog names them neither under Changed nor under Removed:\n%s",
			m.path, last, strings.Join(silent, "\n"))
	}
	return nil
}

// record commits what prepare has changed, and tags it.
func (r *releasing) record(dir string, config ...string) error {
	_, err := git(dir, append(config, "commit", "--quiet", "--all", "--message=Release "+r.version)...)
	if err != nil {
		return err
	}
	modules, err := released(dir)
	if err != nil {
		return err
	}
	for _, m := range modules {
		args := append(config, "tag", "--annotate", "--message="+m.path+" "+r.version, m.tag(r.version))
		if _, err := git(dir, args...); err != nil {
			return err
		}
	}
	return nil
}

// apply does to the repository what has been proven in the copy.
func (r *releasing) apply(copied string) error {
	if err := r.prepare(r.root); err != nil {
		return err
	}
	if err := r.record(r.root); err != nil {
		return err
	}
	proven, err := git(copied, "rev-parse", "HEAD^{tree}")
	if err != nil {
		return err
	}
	if here, err := git(r.root, "rev-parse", "HEAD^{tree}"); err != nil || here != proven {
		return errors.Join(err, fmt.Errorf("the commit is not the one that was proven: remove it and its tags"))
	}
	return nil
}

func (r *releasing) printPush(dir string) error {
	modules, err := released(dir)
	if err != nil {
		return err
	}
	fmt.Print("git push --atomic origin HEAD:main")
	for _, m := range modules {
		fmt.Print(" \\\n\t", m.tag(r.version))
	}
	fmt.Println()
	return nil
}
