package peers_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything may take that should happen soon, on a machine
// that does much else.
const patience = 30 * time.Second

// eventually is for what happens soon, and of which nobody tells.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

// A process is one that was begun. It is in a process group of its own, which is
// killed when the test ends, and the kernel kills it should this one end before.
type process struct {
	cmd   *exec.Cmd
	said  output // on standard error
	ended chan struct{}
	err   error // how, once it has ended
}

func begin(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, ended: make(chan struct{})}
	cmd.Stderr = &p.said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second // for what its children may still hold open
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		p.err = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what is left of the group
		<-p.ended
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(cmd.Path), p.said.String())
		}
	})
	return p
}

// output is what a process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// find returns the first match in what has been written and its groups, or nil.
func (o *output) find(pattern string) []string {
	return regexp.MustCompile(pattern).FindStringSubmatch(o.String())
}

// program builds the chat, once. The race detector watches it.
var program = sync.OnceValues(func() (string, error) {
	file := filepath.Join(scratch, "chat")
	cmd := exec.Command("go", "build", "-C", "../../examples", "-race", "-o", file, "./chat")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New("go build: " + err.Error() + "\n" + string(said))
	}
	return file, nil
})

// chat is the program while it runs.
type chat struct {
	*process
	t    *testing.T
	addr string
}

// Of the heartbeat of the chat: long enough that a machine which does much else
// does not make a client late, and short enough to be waited for.
const (
	pingEvery  = 200 * time.Millisecond
	pongWithin = 10 * time.Second
)

// startChat starts the chat at addr, with further flags, and returns when it
// listens.
func startChat(t *testing.T, addr string, flags ...string) *chat {
	t.Helper()
	file, err := program()
	if err != nil {
		t.Fatal(err)
	}
	flags = append([]string{"-addr", addr, "-ping-every", pingEvery.String(), "-pong-within", pongWithin.String()}, flags...)
	cmd := exec.Command(file, flags...)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	c := &chat{process: begin(t, cmd), t: t}
	c.says("listening", listening)
	c.addr = c.said.find(listening)[1]
	return c
}

const listening = `listening.* addr=(\S+)\n`

// says waits until the log has a line that matches.
func (c *chat) says(what, pattern string) {
	c.t.Helper()
	eventually(c.t, "the chat says: "+what, func() bool { return c.said.find(pattern) != nil })
}

// wantLeft waits until the chat says why a client has left.
func (c *chat) wantLeft(from, why string) {
	c.t.Helper()
	left := `visitor has left from=` + regexp.QuoteMeta(from) + ` why=(.*)\n`
	c.says(from+" has left", left)
	if got := strings.ReplaceAll(c.said.find(left)[1], `\"`, `"`); !strings.Contains(got, why) {
		c.t.Errorf("%s has left because of %s, want %s", from, got, why)
	}
}

// stop sends the signal with which servers are stopped.
func (c *chat) stop() {
	c.t.Helper()
	c.signal(syscall.SIGTERM)
}

func (c *chat) signal(s os.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// wantEnd waits until the chat has ended well, with so many connections that
// answered its close, and none that did not.
func (c *chat) wantEnd(answered int) {
	c.t.Helper()
	select {
	case <-c.ended:
	case <-time.After(patience):
		c.t.Fatal("the chat does not end")
	}
	if c.err != nil {
		c.t.Errorf("the chat ended with %v, want exit code 0", c.err)
	}
	want := fmt.Sprintf("answered=%d vanished=0", answered)
	if c.said.find("all connections have ended.* "+want) == nil {
		c.t.Errorf("the chat did not say of its connections that %s", want)
	}
}
