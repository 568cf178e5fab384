package creche_test

import (
	"io/fs"
	"strings"
	"testing"
)

// The program in the README is the one that examples/hello compiles and tests.
func TestTheReadmeShowsTheProgramThatIsTested(t *testing.T) {
	fsys := repository(t)
	readme, err := fs.ReadFile(fsys, "README.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := fs.ReadFile(fsys, "examples/hello/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```go\n"+string(program)+"```\n") {
		t.Error("README.md does not show examples/hello/main.go as it is")
	}
	if lines := strings.Count(string(program), "\n"); lines > 36 {
		t.Errorf("examples/hello/main.go has %d lines, want at most 36 to read at a glance", lines)
	}
}
