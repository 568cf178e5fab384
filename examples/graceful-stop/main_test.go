package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/creche-go/creche/examples/internal/exampletest"
	"github.com/creche-go/creche/nursery/nurserytest"
)

func TestMain(m *testing.M) { nurserytest.CheckMain(m) }

var admin = regexp.MustCompile(`listening.* addr=(\S+)`)

// start starts the program, and returns the URL of its probes as well.
func start(t *testing.T, program *exampletest.Program, dir string, args ...string) (run *exampletest.Process, probes string) {
	t.Helper()
	run = program.Start(append([]string{"-dir", dir, "-probes", "127.0.0.1:0"}, args...)...)
	return run, "http://" + run.WaitFor(admin)[1]
}

func status(t *testing.T, url string) int {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

// B4, B5: ready until the signal, live to the end; the order is filed and the
// services are stopped in reverse before the program ends with code 0.
func TestAStopInOrder(t *testing.T) {
	program, dir := exampletest.Build(t), t.TempDir()
	program.CheckAddressInUse()
	run, probes := start(t, program, dir, "-delay", "500ms")
	if got := run.Do("POST", "/orders/7", "tea, without milk").StatusCode; got != http.StatusAccepted {
		t.Errorf("got %d, want 202", got)
	}
	if got := status(t, probes+"/readyz"); got != http.StatusOK {
		t.Errorf("got %d, want ready", got)
	}
	run.Signal()
	run.WaitFor(regexp.MustCompile("stopping"))
	if ready, live := status(t, probes+"/readyz"), status(t, probes+"/livez"); ready != 503 || live != 200 {
		t.Errorf("got ready %d and live %d, want 503 and 200 in the delay", ready, live)
	}
	if got := run.Do("POST", "/orders/8", "another one").StatusCode; got != http.StatusAccepted {
		t.Errorf("in the delay: got %d, want 202", got)
	}
	code, said := run.Wait()
	if code != 0 || !strings.Contains(said, "shelf closed") || !strings.Contains(said, "filed=2") {
		t.Errorf("got exit code %d and %q, want 0 and both orders filed", code, said)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "7")); err != nil || string(text) != "tea, without milk" {
		t.Errorf("got order %q, %v", text, err)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestAShelfThatIsNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	program := exampletest.Build(t)
	run := program.Start("-dir", file, "-probes", "127.0.0.1:0")
	code, said := run.Wait()
	if code != 1 || !strings.Contains(said, "creche: service shelf: start: mkdir "+file) {
		t.Errorf("got exit code %d and %q, want 1 and which service could not start", code, said)
	}
}
