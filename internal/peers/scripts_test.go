package peers_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// node is the client of a package from npm.
func node(name string) func(*testing.T, string, func(event)) func(command) {
	return func(t *testing.T, _ string, saw func(event)) func(command) {
		dir, err := npm()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("node", testdata(t, "lines.js"), name)
		cmd.Dir = dir
		return script(t, cmd, saw)
	}
}

// npm installs what testdata/package-lock.json says, once for every such file,
// and returns where.
var npm = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	files := []string{"package.json", "package-lock.json"}
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			return "", err
		}
		sum.Write(text)
	}
	dir := filepath.Join(cache, "creche-peers", hex.EncodeToString(sum.Sum(nil))[:16])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	return dir, install(dir, files)
})

// install installs into dir, which exists only once all is there.
func install(dir string, files []string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	coming, err := os.MkdirTemp(filepath.Dir(dir), "coming")
	if err != nil {
		return err
	}
	defer os.RemoveAll(coming)
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(coming, name), text, 0o644)
		}
		if err != nil {
			return err
		}
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = coming
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci, which needs the npm registry: %w\n%s", err, said)
	}
	if err := os.Rename(coming, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// python is the client of a script.
func python(name string) func(*testing.T, string, func(event)) func(command) {
	return func(t *testing.T, _ string, saw func(event)) func(command) {
		return script(t, exec.Command(debianPython, "-B", testdata(t, name)), saw)
	}
}

func testdata(t *testing.T, name string) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// script starts a process that takes commands and tells events, a line of JSON
// each.
func script(t *testing.T, cmd *exec.Cmd, saw func(event)) func(command) {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, told := io.Pipe()
	cmd.Stdout = told
	p := begin(t, cmd)
	go func() {
		<-p.ended
		told.Close()
	}()
	go func() {
		lines := bufio.NewReader(stdout)
		for {
			var e event
			line, err := lines.ReadBytes('\n')
			if err == nil {
				err = json.Unmarshal(line, &e)
			}
			if err != nil {
				saw(event{Saw: "failed", Text: fmt.Sprintf("the client has ended (%v): %s", err, p.said.String())})
				stdout.Close()
				return
			}
			saw(e)
		}
	}()
	lines := json.NewEncoder(stdin)
	return func(c command) { _ = lines.Encode(c) } // whoever has ended tells
}
