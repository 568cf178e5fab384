package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// A program that the pages show, as users would have it in a module of theirs.
type program struct {
	name    string
	files   map[string][]byte
	request string // a path
	answer  string // to it
}

// programAddress is where each listens, and stands in its main.go once.
const programAddress = "127.0.0.1:8080"

const (
	startTime = 30 * time.Second // for the program to answer
	stopTime  = 10 * time.Second // for the program to end after SIGTERM
)

var shown = regexp.MustCompile("(?s)```go\n(package main\n.*?)```\n")

// readmeProgram is that of the README.
func readmeProgram(repository string) (*program, error) {
	readme, err := os.ReadFile(filepath.Join(repository, "README.md"))
	if err != nil {
		return nil, err
	}
	p := &program{name: "readme", files: make(map[string][]byte), request: "/quote", answer: "12 at 450\n"}
	if found := shown.FindSubmatch(readme); found != nil {
		p.files["main.go"] = found[1]
	}
	return p, nil
}

// tutorialProgram is what the tutorial ends with, and has tests.
func tutorialProgram(repository string) (*program, error) {
	p := &program{name: "tutorial", files: make(map[string][]byte), request: "/quote/tea", answer: "12 at 450 cents\n"}
	names, err := filepath.Glob(filepath.Join(repository, "examples/tutorial/step4/*.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		p.files[filepath.Base(name)] = text
	}
	return p, nil
}

// program builds and runs p as it is, but for the port, in an empty module. It
// must answer one request, and end on SIGTERM with exit code 0. If it has tests
// they must pass, too.
func (c *consumer) program(p *program, root module, version string) error {
	if bytes.Count(p.files["main.go"], []byte(programAddress)) != 1 {
		return fmt.Errorf("the %s has no program that listens on %s", p.name, programAddress)
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	dir, err := c.start(p.name, root, version)
	if err != nil {
		return err
	}
	for name, text := range p.files {
		text = bytes.ReplaceAll(text, []byte(programAddress), []byte(address))
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	if c.tests != "none" {
		if _, err := c.run(dir, "test", "."); err != nil {
			return err
		}
	}
	if _, err := c.run(dir, "build", "-o", "program", "."); err != nil {
		return err
	}
	return c.serves(p, filepath.Join(dir, "program"), address)
}

// freeAddress returns one that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// serves runs p, which was built, for one request.
func (c *consumer) serves(p *program, name, address string) error {
	var said bytes.Buffer
	cmd := exec.Command(name)
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.Dir(name), &said, &said
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	answer := p.ask("http://"+address, ended)
	cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-ended:
		if err := errors.Join(answer, err); err != nil {
			return fmt.Errorf("%w\n%s", err, &said)
		}
		return nil
	case <-time.After(stopTime):
		cmd.Process.Kill()
		return errors.Join(answer, fmt.Errorf("still runs %v after SIGTERM", stopTime))
	}
}

// ask waits until the program answers and compares the answer. It gives up
// when the program has ended.
func (p *program) ask(url string, ended chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+p.request, nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			return p.compare(res)
		}
		select {
		case err := <-ended:
			ended <- err
			return errors.New("the program has ended before it answered")
		case <-ctx.Done():
			return fmt.Errorf("no answer within %v", startTime)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (p *program) compare(res *http.Response) error {
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if got := string(body); err != nil || res.StatusCode != http.StatusOK || got != p.answer {
		return fmt.Errorf("GET %s: got %s %q, %v, want 200 %q", p.request, res.Status, strings.TrimSpace(got), err, p.answer)
	}
	return nil
}
