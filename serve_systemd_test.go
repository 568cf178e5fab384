package creche_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creche-go/creche"
)

const activatedEnv = "CRECHE_TEST_ACTIVATED"

// Sockets that systemd opened are served, TCP and Unix ones alike, and a
// request that was waiting in them is answered.
//
// B9
func TestSystemdListeners(t *testing.T) {
	if os.Getenv(activatedEnv) != "" {
		activatedServer(t)
		return
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "socket")
	unix, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	child := activate(t, tcp.(*net.TCPListener), unix.(*net.UnixListener))
	client := &http.Client{Transport: &http.Transport{}}
	wantReply(t, ask(t, client, http.MethodGet, "http://"+tcp.Addr().String()), http.StatusOK, "tcp, then none")
	client.Transport = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", path) }}
	wantReply(t, ask(t, client, http.MethodGet, "http://socket/"), http.StatusOK, "unix, then none")
	if err := child.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err != nil {
		t.Errorf("got %v, want exit code 0\n%s", err, child.Stderr)
	}
}

// activate runs this binary as systemd runs a service that has sockets.
func activate(t *testing.T, tcp *net.TCPListener, unix *net.UnixListener) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	child := exec.CommandContext(ctx, "/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" -test.run='^TestSystemdListeners$'`, os.Args[0])
	child.Env = append(os.Environ(), activatedEnv+"=1", "LISTEN_FDS=2", "GORACE=atexit_sleep_ms=0")
	child.Stderr = new(strings.Builder)
	for _, ln := range []interface{ File() (*os.File, error) }{tcp, unix} {
		f, err := ln.File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		child.ExtraFiles = append(child.ExtraFiles, f)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	return child
}

func activatedServer(t *testing.T) {
	listeners, err := creche.SystemdListeners()
	if err != nil || len(listeners) != 2 {
		t.Fatalf("got %v, %v, want two listeners", listeners, err)
	}
	again, err := creche.SystemdListeners()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		network := r.Context().Value(http.LocalAddrContextKey).(net.Addr).Network()
		if len(again) == 0 && err == nil {
			_, _ = io.WriteString(w, network+", then none")
		}
	})
	if err := creche.New(creche.Options{Logger: quiet}).Serve(t.Context(), listeners[0], h, listeners[1:]...); err != nil {
		t.Fatal(err)
	}
}

// B9
func TestSystemdListenersWithout(t *testing.T) {
	mine := fmt.Sprint(os.Getpid())
	tests := []struct{ name, pid, fds, want string }{
		{"any", "", "", ""},
		{"any for this process", fmt.Sprint(os.Getppid()), "1", ""},
		{"a number", mine, "many", `creche: SystemdListeners: LISTEN_FDS is "many": want a number`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("LISTEN_PID", tt.pid)
			t.Setenv("LISTEN_FDS", tt.fds)
			got, err := creche.SystemdListeners()
			if len(got) != 0 || !strings.HasPrefix(text(err), tt.want) || (tt.want == "") != (err == nil) {
				t.Errorf("got %v, %v, want error %q", got, err, tt.want)
			}
		})
	}
}
