package exampletest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var shown = regexp.MustCompile("(?ms)^\\[[^]\n]+\\]\\(([^)]+)\\)\n\n```\\w+\n(.*?)^```$")

// CheckPage fails the test unless each block of code of the page, of which there
// are at least so many, is word by word in the file that the link above it names.
func CheckPage(t testing.TB, name string, least int) {
	t.Helper()
	page := ReadFile(t, name)
	blocks := shown.FindAllStringSubmatch(page, -1)
	for _, m := range blocks {
		if file := ReadFile(t, filepath.Join(filepath.Dir(name), m[1])); !strings.Contains(file, m[2]) {
			t.Errorf("%s does not have what the page shows of it:\n%s", m[1], m[2])
		}
	}
	if all := strings.Count(page, "\n```") / 2; all != len(blocks) || all < least {
		t.Errorf("got %d blocks, %d of them with a file: want all, and %d at least", all, len(blocks), least)
	}
}

// ReadFile returns what is in a file.
func ReadFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
