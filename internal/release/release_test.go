package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A release raises the version everywhere, dates the changelog and tags every
// module, after the tags were used in a copy.
func TestRelease(t *testing.T) {
	alone(t)
	root := build(t, "", "", "")
	r := releasing{root: root, version: "v0.2.0", day: "2026-12-01", tests: "none"}
	says(t, r.run(), "")

	for _, name := range []string{"annex/go.mod", "examples/go.mod", "internal/tools/go.mod"} {
		if got, want := read(t, root, name), strings.Replace(house[name], "house v0.1.0", "house v0.2.0", 1); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	const changelog = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-12-01\n\n### Added\n\n- `Quote`.\n"
	if got := read(t, root, "CHANGELOG.md"); got != changelog {
		t.Errorf("changelog: got %s, want %s", got, changelog)
	}
	tags, err := git(root, "tag", "--points-at", "HEAD")
	if want := "annex/v0.2.0\nv0.2.0\n"; err != nil || tags != want {
		t.Errorf("tags: got %q, %v, want %q", tags, err, want)
	}
	if status, err := git(root, "status", "--porcelain"); err != nil || status != "" {
		t.Errorf("status: got %q, %v, want nothing", status, err)
	}

	again := releasing{root: root, version: "v0.2.0", day: "2026-12-02", dry: true}
	says(t, again.run(), "v0.2.0 is not newer than v0.2.0")
	quiet := releasing{root: root, version: "v0.3.0", day: "2026-12-02"}
	says(t, quiet.run(), "CHANGELOG.md says nothing of this release")
}

// A dry run, and a release that is refused or fails, leave no trace.
func TestReleaseThatChangesNothing(t *testing.T) {
	tests := []struct {
		name, version          string
		dry                    bool
		file, old, replacement string // committed
		change                 string // a file that is not
		want                   string
	}{
		{name: "a dry run", dry: true},
		{name: "no version", want: `"" is no version`},
		{name: "a short version", version: "v0.2", want: `"v0.2" is no version`},
		{name: "a second major version", version: "v2.0.0", want: "the module paths are those of v0 and v1"},
		{name: "something is not committed", version: "v0.2.0", change: "note.txt", want: "note.txt"},
		{
			name: "modules that are out of step", dry: true, want: "requires v0.1.0",
			file: "examples/go.mod", old: "house v0.1.0", replacement: "house v0.1.1",
		},
		{
			name: "an API that is not the file's", version: "v0.2.0", change: "api.txt", dry: true,
			want: "\n+ example.org/house: func Quote(net/http.ResponseWriter, *net/http.Request)",
		},
		{
			name: "a module that does not work for its users", version: "v0.2.0", want: "--- FAIL: TestReads",
			file: "annex/annex_test.go", old: "annex.go", replacement: "../README.md",
		},
	}
	alone(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := build(t, tt.file, tt.old, tt.replacement)
			if tt.change != "" {
				write(t, root, map[string]string{tt.change: ""})
			}
			before := state(t, root)
			r := releasing{root: root, version: tt.version, day: "2026-12-01", tests: "short", dry: tt.dry}
			says(t, r.run(), tt.want)
			if after := state(t, root); after != before {
				t.Errorf("got %s, want %s", after, before)
			}
		})
	}
}

func TestAReleaseSaysWhatItBreaks(t *testing.T) {
	alone(t)
	root := build(t, "", "", "")
	if _, err := git(root, "tag", "v0.1.0"); err != nil {
		t.Fatal(err)
	}
	write(t, root, map[string]string{
		"house.go": strings.ReplaceAll(house["house.go"], "Quote", "Price"),
		"api.txt":  "example.org/house: func Price(net/http.ResponseWriter, *net/http.Request)\n",
	})
	r := releasing{root: root, version: "v0.2.0", day: "2026-12-01"}
	const gone = "example.org/house: func Quote(net/http.ResponseWriter, *net/http.Request)"
	says(t, r.prepare(root), "gone or changed since v0.1.0, and the changelog names them neither under Changed nor under Removed:\n"+gone)

	write(t, root, map[string]string{
		"annex/annex.go": strings.ReplaceAll(house["annex/annex.go"], "house.Quote", "house.Price"),
		"CHANGELOG.md":   house["CHANGELOG.md"] + "\n### Removed\n\n- `Quote`: it is `Price` now.\n",
	})
	says(t, r.prepare(root), "")
}

func TestWhatTheChangelogLeavesOut(t *testing.T) {
	tests := []struct{ name, line, section, silent string }{
		{name: "a function that is removed", line: "nursery: func Run()", section: "### Removed\n\n- `nursery.Run`.\n"},
		{name: "a function that is only added", line: "nursery: func Run()", section: "### Added\n\n- `Run`.\n", silent: "Run"},
		{name: "a part that comes after", line: "nursery: func Run()", section: "### Changed\n\n- x\n\n### Added\n\n- `Run`.\n", silent: "Run"},
		{name: "a name that is a mere word", line: "nursery: func Run()", section: "### Changed\n\n- Run is new.\n", silent: "Run"},
		{name: "a name that begins like it", line: "nursery: func Run()", section: "### Changed\n\n- `Runner`.\n", silent: "Run"},
		{name: "a call", line: "nursery: func Run[T any]()", section: "### Changed\n\n- `Run(ctx)` waits.\n"},
		{name: "a field", line: "creche: field Options.Hold int", section: "### Changed\n\n- `Options.Hold` is a size.\n"},
		{name: "another field", line: "creche: field Options.Hold int", section: "### Changed\n\n- `Options.Errors`.\n", silent: "Hold"},
		{name: "a method of a type that is removed", line: "creche: method (*App) Stop(error)", section: "### Removed\n\n- `App`.\n"},
		{name: "a method of another", line: "creche: method (*App) Stop(error)", section: "### Removed\n\n- `App.Go`.\n", silent: "Stop"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := unexplained([]string{tt.line}, tt.section)
			if silent := len(got) > 0; silent != (tt.silent != "") {
				t.Errorf("got %q, want silence of %q", got, tt.silent)
			}
		})
	}
}

func TestTheVersionThatFollows(t *testing.T) {
	alone(t)
	tests := []struct {
		name string
		tags []string
		last string
		want string
	}{
		{name: "nothing is released", want: "v0.1.0"},
		{name: "an earlier one is", tags: []string{"v0.0.9", "annex/v0.11.0", "vain"}, last: "v0.0.9", want: "v0.1.0"},
		{name: "that which the modules require is", tags: []string{"v0.1.0"}, last: "v0.1.0", want: "v0.2.0"},
		{name: "later ones are", tags: []string{"v0.9.3", "v0.10.0"}, last: "v0.10.0", want: "v0.11.0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := build(t, "", "", "")
			for _, tag := range tt.tags {
				if _, err := git(root, "tag", tag); err != nil {
					t.Fatal(err)
				}
			}
			last, err := lastTag(root)
			if err != nil || last != tt.last {
				t.Fatalf("last: got %q, %v, want %q", last, err, tt.last)
			}
			if got, err := following(root, last); err != nil || got != tt.want {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}

func read(t *testing.T, root, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// state returns what a release could leave behind.
func state(t *testing.T, root string) string {
	t.Helper()
	var all strings.Builder
	for _, args := range [][]string{{"rev-parse", "HEAD"}, {"for-each-ref"}, {"status", "--porcelain"}, {"stash", "list"}, {"diff"}} {
		out, err := git(root, args...)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(out)
	}
	return all.String()
}
