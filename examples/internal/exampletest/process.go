package exampletest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Program is a program that has been built.
type Program struct {
	t    testing.TB
	path string
}

// Build builds the program in the test's own directory.
func Build(t testing.TB) *Program {
	t.Helper()
	p := &Program{t: t, path: filepath.Join(t.TempDir(), "program")}
	if out, err := exec.Command("go", "build", "-o", p.path, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return p
}

// Path returns the name of the program's file, for those who start it in ways
// of their own.
func (p *Program) Path() string { return p.path }

// Process is a program that runs.
type Process struct {
	*Client // nil until it is known where the program listens

	t      testing.TB
	cmd    *exec.Cmd
	stderr *bufio.Reader
}

var listening = regexp.MustCompile(`listening.* addr=(\S+)`)

// Start starts the program on a port of its own, with further arguments, and
// returns when it listens.
func (p *Program) Start(args ...string) *Process {
	p.t.Helper()
	run := p.run("127.0.0.1:0", args...)
	run.Client = newClient(p.t, run.WaitFor(listening)[1])
	return run
}

// run starts the program. If it still runs after half a minute, or at the end
// of the test, it is killed.
func (p *Program) run(addr string, args ...string) *Process {
	p.t.Helper()
	ctx, kill := context.WithTimeout(context.Background(), 30*time.Second)
	cmd := exec.CommandContext(ctx, p.path, append([]string{"-addr", addr}, args...)...)
	p.t.Cleanup(func() {
		kill()
		_ = cmd.Wait() // an error, if the test did it
	})
	stderr, err := cmd.StderrPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	return &Process{t: p.t, cmd: cmd, stderr: bufio.NewReader(stderr)}
}

// WaitFor reads what the process logs up to a line that matches, and returns
// the match and its groups.
func (p *Process) WaitFor(pattern *regexp.Regexp) []string {
	p.t.Helper()
	var said strings.Builder
	for {
		line, err := p.stderr.ReadString('\n')
		said.WriteString(line)
		if m := pattern.FindStringSubmatch(line); m != nil {
			return m
		}
		if err != nil {
			p.t.Fatalf("the process never said %v, but:\n%s", pattern, said.String())
		}
	}
}

// Signal sends the process SIGTERM.
func (p *Process) Signal() {
	p.t.Helper()
	p.send(syscall.SIGTERM)
}

// Interrupt sends the process SIGINT, as Ctrl-C does. After [Process.Signal] it
// is a second signal, however soon it comes.
func (p *Process) Interrupt() {
	p.t.Helper()
	p.send(os.Interrupt)
}

// Kill sends the process SIGKILL.
func (p *Process) Kill() {
	p.t.Helper()
	p.send(syscall.SIGKILL)
}

func (p *Process) send(sig os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// Wait returns the exit code of the process, and what it said on standard
// error since it was last asked.
func (p *Process) Wait() (code int, said string) {
	p.t.Helper()
	rest, err := io.ReadAll(p.stderr)
	if err != nil {
		p.t.Fatal(err)
	}
	exit := new(exec.ExitError)
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode(), string(rest)
}

// CheckAddressInUse checks that the program says so in one clear line, and
// exits with code 1, when its address is taken.
func (p *Program) CheckAddressInUse() {
	p.t.Helper()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	addr := taken.Addr().String()
	code, said := p.run(addr).Wait()
	if code != 1 {
		p.t.Errorf("exit code: got %d, want 1", code)
	}
	clear := strings.Contains(said, addr) && strings.Contains(said, "address already in use")
	if !clear || strings.Count(said, "\n") != 1 {
		p.t.Errorf("standard error: got %q, want one line that says that %s is in use", said, addr)
	}
}
