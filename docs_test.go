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

// TestPages holds all Markdown of the repository to what pages promise: the
// code they show is that of a file, which the line above it names, and links
// lead somewhere.
func TestPages(t *testing.T) {
	fsys := repository(t)
	names := pagesIn(t, fsys)
	if len(names) < 10 {
		t.Fatalf("got pages %q, want those of docs and examples", names)
	}
	blocks := 0
	for _, name := range names {
		p, err := readPage(fsys, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range append(checkBlocks(fsys, p), checkLinks(fsys, p)...) {
			t.Error(fault)
		}
		for _, b := range p.blocks {
			if b.file != "" {
				blocks++
			}
		}
	}
	if blocks < 30 {
		t.Errorf("got %d blocks of code with a file, want those of the docs", blocks)
	}
}

// Every page of docs is a link of the README and of the index beside it.
func TestPagesAreLinked(t *testing.T) {
	fsys := repository(t)
	for _, index := range []string{"README.md", "docs/README.md"} {
		p, err := readPage(fsys, index)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range pagesIn(t, fsys) {
			if path.Dir(name) == "docs" && name != "docs/README.md" && !slices.Contains(p.targets(), name) {
				t.Errorf("%s does not link %s", index, name)
			}
		}
	}
}

// pagesIn returns the names of all Markdown files.
func pagesIn(t *testing.T, fsys fs.FS) (names []string) {
	t.Helper()
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && skipped(d.Name()):
			return fs.SkipDir
		case path.Ext(name) == ".md":
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// A page is a file of Markdown.
type page struct {
	name   string
	prose  string // all but the blocks
	blocks []block
}

// A block is a fenced one.
type block struct {
	line     int    // of the fence
	language string // which it is fenced as
	file     string // which the line above it links, or ""
	code     string
}

// ofItself are the languages whose blocks are of no file: what one types, what
// is printed, drawings, and programs of others.
var ofItself = []string{"sh", "text", "mermaid", "python"}

// A line that is nothing but a link says which file the block below is of.
var fileLine = regexp.MustCompile(`^\[[^\]]+\]\(([^)#]+)\)$`)

func readPage(fsys fs.FS, name string) (*page, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	p := &page{name: name}
	var prose strings.Builder
	var open *block
	last := "" // line with something on it
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		bare := strings.TrimSpace(line)
		language, fence := strings.CutPrefix(bare, "```")
		switch {
		case fence && open != nil:
			p.blocks = append(p.blocks, *open)
			open = nil
		case fence:
			open = &block{line: number, language: language}
			if m := fileLine.FindStringSubmatch(last); m != nil {
				open.file = path.Join(path.Dir(name), m[1])
			}
		case open != nil:
			open.code += line
		default:
			prose.WriteString(line)
		}
		if bare != "" {
			last = bare
		}
	}
	p.prose = prose.String()
	if open != nil {
		return nil, fmt.Errorf("%s:%d: a block without an end", name, open.line)
	}
	return p, nil
}

// checkBlocks returns which blocks are not what their file has. How far Go is
// indented does not matter. Its package has to have tests.
func checkBlocks(fsys fs.FS, p *page) (faults []string) {
	for _, b := range p.blocks {
		fault := func(format string, args ...any) {
			faults = append(faults, fmt.Sprintf("%s:%d: ", p.name, b.line)+fmt.Sprintf(format, args...))
		}
		if b.language == "" {
			fault("a block that does not say its language (text, if it is none)")
			continue
		}
		if slices.Contains(ofItself, b.language) {
			continue
		}
		if b.file == "" {
			fault("no line above says which file has this code:\n%s", b.code)
			continue
		}
		text, err := fs.ReadFile(fsys, b.file)
		if err != nil {
			continue // a link that leads nowhere is found as such
		}
		shape := whole
		if path.Ext(b.file) == ".go" {
			shape = unindented
			if tests, err := fs.Glob(fsys, path.Join(path.Dir(b.file), "*_test.go")); err != nil || len(tests) == 0 {
				fault("%s is of a package without tests", b.file)
			}
		}
		if !strings.Contains(shape(string(text)), shape(b.code)) {
			fault("%s does not have what the page shows of it:\n%s", b.file, b.code)
		}
	}
	return faults
}

// whole returns code such that only whole lines of it are found in another's.
func whole(code string) string { return "\n" + code }

// unindented returns whole lines without what they begin with.
func unindented(code string) string {
	var b strings.Builder
	b.WriteByte('\n')
	for line := range strings.Lines(code) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}

// A link to a file of the repository, perhaps to a heading in it.
var link = regexp.MustCompile(`\]\(([^):#]*)(#[^)]*)?\)`)

// targets returns the files that p links.
func (p *page) targets() (names []string) {
	for _, m := range link.FindAllStringSubmatch(p.prose, -1) {
		names = append(names, p.target(m[1]))
	}
	return names
}

func (p *page) target(to string) string {
	if to == "" {
		return p.name
	}
	return path.Join(path.Dir(p.name), to)
}

func checkLinks(fsys fs.FS, p *page) (faults []string) {
	for _, m := range link.FindAllStringSubmatch(p.prose, -1) {
		file := p.target(m[1])
		if _, err := fs.Stat(fsys, file); err != nil {
			faults = append(faults, fmt.Sprintf("%s: a link leads to %s, which is not there", p.name, file))
			continue
		}
		if m[2] == "" {
			continue
		}
		to, err := readPage(fsys, file)
		if err != nil || !slices.Contains(to.anchors(), m[2]) {
			faults = append(faults, fmt.Sprintf("%s: %s has no heading %s", p.name, file, m[2]))
		}
	}
	return faults
}

var (
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	noWord  = regexp.MustCompile(`[^\pL\pN _-]`)
)

// anchors returns what GitHub calls the headings of p.
func (p *page) anchors() (names []string) {
	for _, m := range heading.FindAllStringSubmatch(p.prose, -1) {
		name := noWord.ReplaceAllString(strings.ToLower(m[1]), "")
		names = append(names, "#"+strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

func TestPagesAreChecked(t *testing.T) {
	const above = "[a.go](../nursery/a.go)\n\n"
	tests := []struct{ name, page, want string }{
		{"lines of a file, indented otherwise", above + "```go\nx := 1\n\ty()\n```\n", ""},
		{"two blocks, and one of no file between them", above + "```go\nx := 1\n```\n\n```sh\nmake\n```\n\n" + above + "```go\n\ty()\n```\n", ""},
		{"a line that is not in the file", above + "```go\nx := 2\n```\n", "docs/a.md:3: nursery/a.go does not have what the page shows of it:\nx := 2\n"},
		{"half a line", above + "```go\nx :=\n```\n", "docs/a.md:3: nursery/a.go does not have"},
		{"code without a file", "See [a.go](../nursery/a.go):\n\n```go\nx := 1\n```\n", "docs/a.md:3: no line above says which file has this code"},
		{"a file that is not there", "[b.go](b.go)\n\n```go\nx := 1\n```\n", "docs/a.md: a link leads to docs/b.go"},
		{"a package without tests", "[c.go](../c.go)\n\n```go\npackage creche\n```\n", "docs/a.md:3: c.go is of a package without tests"},
		{"YAML indented otherwise", "[a.yaml](a.yaml)\n\n```yaml\nb: 1\n```\n", "docs/a.md:3: docs/a.yaml does not have"},
		{"a block without a language", "```\nmake\n```\n", "docs/a.md:1: a block that does not say its language"},
		{"links", "[A](../nursery), [b](../nursery/a.go) and [c](#one-two-three), [d](https://example.org/x)\n\n## One `Two`: three\n", ""},
		{"a link to nothing", "[b](b.md)\n", "docs/a.md: a link leads to docs/b.md, which is not there"},
		{"a link to no heading", "[b](#two)\n\n# One\n", "docs/a.md: docs/a.md has no heading #two"},
	}
	fsys := house()
	for name, text := range map[string]string{
		"nursery/a.go": "package nursery\n\nfunc _() {\n\tx := 1\n\ty()\n}\n",
		"c.go":         "package creche\n",
		"docs/a.yaml":  "a:\n  b: 1\n",
	} {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fsys["docs/a.md"] = &fstest.MapFile{Data: []byte(tt.page)}
			p, err := readPage(fsys, "docs/a.md")
			if err != nil {
				t.Fatal(err)
			}
			got := append(checkBlocks(fsys, p), checkLinks(fsys, p)...)
			if len(got) > 1 || !strings.HasPrefix(strings.Join(got, ""), tt.want) || (tt.want == "") != (len(got) == 0) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
