package creche_test

import (
	"io/fs"
	"path"
	"strings"
	"testing"
)

// Every block of Go in the pages is somewhere in the examples, the programs or
// those of the packages, which compile and are tested. How far a block is
// indented does not matter.
func TestThePagesShowCodeThatIsTested(t *testing.T) {
	fsys := repository(t)
	pages, err := fs.Glob(fsys, "docs/*.md")
	if err != nil || len(pages) < 2 {
		t.Fatalf("got pages %q, %v", pages, err)
	}
	code := examplesCode(t, fsys)
	for _, page := range pages {
		text, err := fs.ReadFile(fsys, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range goBlocks(string(text)) {
			if !strings.Contains(code, unindented(block)) {
				t.Errorf("%s shows what no example has:\n%s", page, block)
			}
		}
	}
}

func TestBlocksOfGoAreFound(t *testing.T) {
	got := goBlocks("a\n```go\nx := 1\n\ty()\n```\n```sh\nno\n```\n```go\nz\n```\n")
	if len(got) != 2 || unindented(got[0]) != "\nx := 1\ny()\n" || got[1] != "z\n" {
		t.Errorf("got %q, want both blocks of Go", got)
	}
}

// goBlocks returns the blocks of a page that are fenced as Go.
func goBlocks(page string) (blocks []string) {
	_, rest, more := strings.Cut(page, "```go\n")
	for more {
		var block string
		block, rest, _ = strings.Cut(rest, "```\n")
		blocks = append(blocks, block)
		_, rest, more = strings.Cut(rest, "```go\n")
	}
	return blocks
}

// unindented returns whole lines without what they begin with.
func unindented(code string) string {
	var b strings.Builder
	b.WriteByte('\n')
	for line := range strings.Lines(code) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}

func examplesCode(t *testing.T, fsys fs.FS) string {
	t.Helper()
	var code strings.Builder
	err := fs.WalkDir(fsys, ".", func(name string, _ fs.DirEntry, err error) error {
		isExample := strings.HasPrefix(name, "examples/") || strings.Contains(path.Base(name), "example")
		if err != nil || !isExample || path.Ext(name) != ".go" {
			return err
		}
		text, err := fs.ReadFile(fsys, name)
		code.WriteString(unindented(string(text)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return code.String()
}
