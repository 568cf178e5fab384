package peers_test

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// debianPython is the one that Debian's packages are for.
const debianPython = "/usr/bin/python3"

// needs are what has to be installed, each with the package of Debian that has it.
var needs = []struct {
	what, from string
	there      func() bool
}{
	{"Chromium", "chromium", func() bool { return chromium() != "" }},
	{"Node.js", "nodejs", func() bool { return found("node") }},
	{"npm", "npm", func() bool { return found("npm") }},
	{"websockets for Python", "python3-websockets", func() bool { return imports("websockets") }},
	{"aiohttp for Python", "python3-aiohttp", func() bool { return imports("aiohttp") }},
}

func found(command string) bool {
	_, err := exec.LookPath(command)
	return err == nil
}

func imports(module string) bool {
	return exec.Command(debianPython, "-c", "import "+module).Run() == nil
}

// chromium returns the command for the browser that there is, or "".
func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found(name) {
			return name
		}
	}
	return ""
}

// missing returns what is not installed and how it comes to be, or "".
func missing() string {
	var what, from []string
	for _, n := range needs {
		if !n.there() {
			what, from = append(what, n.what), append(from, n.from)
		}
	}
	if what == nil {
		return ""
	}
	return fmt.Sprintf("peers: not installed: %s: apt-get install %s", strings.Join(what, ", "), strings.Join(from, " "))
}

// scratch is a directory for what all tests use.
var scratch string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "peers")
	if fault := missing(); err != nil || fault != "" {
		fmt.Fprintln(os.Stderr, cmp.Or(fault, fmt.Sprint(err)))
		os.Exit(1)
	}
	scratch = dir
	code := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}
