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

// What the README says of its program.
const (
	programAddress = "127.0.0.1:8080"
	programRequest = "/quote/tea"
	programAnswer  = "3 at 3\n"
)

const (
	startTime = 30 * time.Second // for the program to answer
	stopTime  = 10 * time.Second // for the program to end after SIGTERM
)

var program = regexp.MustCompile("(?s)```go\n(package main\n.*?)```\n")

// readme builds and runs the program of the README as it is, but for the port.
// It must answer one request, and end on SIGTERM with exit code 0.
func (c *consumer) readme(repository string, root module, version string) error {
	readme, err := os.ReadFile(filepath.Join(repository, "README.md"))
	if err != nil {
		return err
	}
	found := program.FindSubmatch(readme)
	if found == nil || bytes.Count(found[1], []byte(programAddress)) != 1 {
		return fmt.Errorf("README.md has no program that listens on %s", programAddress)
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	dir, err := c.start("readme", root, version)
	if err != nil {
		return err
	}
	code := bytes.ReplaceAll(found[1], []byte(programAddress), []byte(address))
	if err := os.WriteFile(filepath.Join(dir, "main.go"), code, 0o644); err != nil {
		return err
	}
	if _, err := c.run(dir, "build", "-o", "program", "."); err != nil {
		return err
	}
	return c.serves(filepath.Join(dir, "program"), address)
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

// serves runs a program for one request.
func (c *consumer) serves(name, address string) error {
	var said bytes.Buffer
	cmd := exec.Command(name)
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.Dir(name), &said, &said
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	answer := ask("http://"+address+programRequest, ended)
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
func ask(url string, ended chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			return compareAnswer(res)
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

func compareAnswer(res *http.Response) error {
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if got := string(body); err != nil || res.StatusCode != http.StatusOK || got != programAnswer {
		return fmt.Errorf("GET %s: got %s %q, %v, want 200 %q", programRequest, res.Status, strings.TrimSpace(got), err, programAnswer)
	}
	return nil
}
