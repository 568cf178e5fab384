package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/creche-go/creche/examples/internal/exampletest"
)

// setting returns the last value of a key in a file of lines such as key=value.
func setting(t *testing.T, file, key string) string {
	t.Helper()
	all := regexp.MustCompile(`(?m)^\s*`+key+`[= ](.*?);?$`).FindAllStringSubmatch(exampletest.ReadFile(t, file), -1)
	if len(all) == 0 {
		t.Fatalf("%s has no %s", file, key)
	}
	return all[len(all)-1][1]
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// flagOf returns the value of a flag among args, -total=8s or -total 8s.
func flagOf(t *testing.T, args []string, name string) string {
	t.Helper()
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "-"+name+"="); ok {
			return value
		}
		if arg == "-"+name && i+1 < len(args) {
			return args[i+1]
		}
	}
	t.Fatalf("there is no -%s in %q", name, args)
	return ""
}

// local returns args for this machine: other ports, another directory.
func local(args []string, dir string) []string {
	return append(slices.Clone(args), "-addr=127.0.0.1:0", "-probes=127.0.0.1:0", "-dir="+dir)
}

// The units: systemd reads them without complaint where there is one, and the
// program runs as it would there. Connections wait while nothing runs.
//
// B9
func TestTheUnits(t *testing.T) {
	const service = "deploy/graceful-stop.service"
	program := exampletest.Build(t)
	line := strings.Fields(setting(t, service, "ExecStart"))
	if timeout, total := duration(t, setting(t, service, "TimeoutStopSec")), duration(t, flagOf(t, line, "total")); timeout < total+5*time.Second {
		t.Errorf("systemd kills after %v, the program stops in %v: want five seconds more", timeout, total)
	}
	if socket := setting(t, "deploy/graceful-stop.socket", "ListenStream"); socket != "127.0.0.1:8080" {
		t.Errorf("got %s, want the address that the program has without systemd", socket)
	}
	verify(t, program, line[0])

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	dir := t.TempDir()
	for _, id := range []string{"before", "after"} {
		answer := make(chan int, 1)
		go func() { // nothing runs yet: the connection waits
			res, err := client.Post("http://"+ln.Addr().String()+"/orders/"+id, "text/plain", strings.NewReader("tea"))
			if err != nil {
				t.Error(err)
				answer <- 0
				return
			}
			_ = res.Body.Close()
			answer <- res.StatusCode
		}()
		run := activated(t, program, ln.(*net.TCPListener), local(line[1:], dir))
		if got := <-answer; got != http.StatusAccepted {
			t.Errorf("order %s: got %d, want 202", id, got)
		}
		if err := run.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := run.Wait(); err != nil {
			t.Errorf("got %v, want exit code 0\n%s", err, run.Stderr)
		}
		if got := exampletest.ReadFile(t, filepath.Join(dir, id)); got != "tea" {
			t.Errorf("order %s: got %q", id, got)
		}
	}
}

// activated starts the program as systemd does when a connection comes.
func activated(t *testing.T, program *exampletest.Program, ln *net.TCPListener, args []string) *exec.Cmd {
	t.Helper()
	f, err := ln.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	run := exec.Command("/bin/sh", append([]string{"-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"`, program.Path()}, args...)...)
	run.ExtraFiles, run.Stderr = []*os.File{f}, new(bytes.Buffer)
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = run.Process.Kill() })
	return run
}

// verify has systemd check the units, with the program in its place.
func verify(t *testing.T, program *exampletest.Program, installed string) {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Log("no systemd here to verify the units")
		return
	}
	dir := t.TempDir()
	args := []string{"verify"}
	for _, unit := range []string{"graceful-stop.service", "graceful-stop.socket"} {
		text := strings.ReplaceAll(exampletest.ReadFile(t, "deploy/"+unit), installed, program.Path())
		args = append(args, filepath.Join(dir, unit))
		if err := os.WriteFile(filepath.Join(dir, unit), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("systemd-analyze", args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// manifest has what the test looks at.
type manifest struct {
	Kind string
	Spec struct {
		Template struct {
			Spec struct {
				TerminationGracePeriodSeconds int `yaml:"terminationGracePeriodSeconds"`
				Containers                    []struct {
					Args  []string
					Ports []struct {
						Name          string
						ContainerPort int `yaml:"containerPort"`
					}
					StartupProbe   map[string]any `yaml:"startupProbe"`
					ReadinessProbe map[string]any `yaml:"readinessProbe"`
					LivenessProbe  map[string]any `yaml:"livenessProbe"`
				}
			}
		}
		Ports []struct {
			TargetPort string `yaml:"targetPort"`
		}
	}
}

// The manifest: the program takes its arguments and answers its probes, which
// notice within the delay, and the kubelet kills later than the program stops.
//
// B5
func TestTheManifest(t *testing.T) {
	docs := yaml.NewDecoder(strings.NewReader(exampletest.ReadFile(t, "deploy/kubernetes.yaml")))
	var deployment, service manifest
	for _, m := range []*manifest{&deployment, &service} {
		if err := docs.Decode(m); err != nil {
			t.Fatal(err)
		}
	}
	pod := deployment.Spec.Template.Spec
	box := pod.Containers[0]
	total, delay := duration(t, flagOf(t, box.Args, "total")), duration(t, flagOf(t, box.Args, "delay"))
	if grace := time.Duration(pod.TerminationGracePeriodSeconds) * time.Second; grace < total+5*time.Second {
		t.Errorf("the kubelet kills after %v, the program stops in %v: want five seconds more", grace, total)
	}
	for _, p := range box.Ports {
		name := map[string]string{"http": "addr", "probes": "probes"}[p.Name]
		if want := ":" + strconv.Itoa(p.ContainerPort); flagOf(t, box.Args, name) != want {
			t.Errorf("port %s: got -%s=%s, want %s", p.Name, name, flagOf(t, box.Args, name), want)
		}
	}
	if to := service.Spec.Ports[0].TargetPort; service.Kind != "Service" || to != box.Ports[0].Name {
		t.Errorf("the %s sends to port %q, want %q", service.Kind, to, box.Ports[0].Name)
	}
	if noticed := seconds(box.ReadinessProbe, "periodSeconds") * seconds(box.ReadinessProbe, "failureThreshold"); noticed >= int(delay/time.Second) {
		t.Errorf("the readiness probe notices after %d s, want less than the delay of %v", noticed, delay)
	}
	run := exampletest.Build(t).Start(local(box.Args, t.TempDir())...)
	probes := "http://" + run.WaitFor(admin)[1]
	run.Do("GET", "/", "") // waits until the services have started
	for _, p := range []map[string]any{box.StartupProbe, box.ReadinessProbe, box.LivenessProbe} {
		get := p["httpGet"].(map[string]any)
		if got := status(t, probes+get["path"].(string)); got != http.StatusOK || get["port"] != "probes" {
			t.Errorf("%v: got %d, want 200", get, got)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func seconds(probe map[string]any, key string) int { return probe[key].(int) }

// The image: its entry point is a list, so that the program is process 1; there
// it heeds SIGTERM, and stops before docker kills.
//
// B8
func TestTheImage(t *testing.T) {
	const file = "deploy/Dockerfile"
	var entry, args []string
	for instruction, list := range map[string]*[]string{"ENTRYPOINT": &entry, "CMD": &args} {
		if err := json.Unmarshal([]byte(setting(t, file, instruction)), list); err != nil {
			t.Fatalf("%s is no list, so a shell would be process 1: %v", instruction, err)
		}
	}
	if total := duration(t, flagOf(t, args, "total")); total >= 10*time.Second {
		t.Errorf("the program stops in %v, want less than the 10 s of docker stop", total)
	}
	if got := setting(t, file, "STOPSIGNAL"); got != "SIGTERM" {
		t.Errorf("got STOPSIGNAL %s, want SIGTERM", got)
	}
	program := exampletest.Build(t)
	run := exec.Command("unshare", append([]string{"--user", "--map-root-user", "--pid", "--fork", "--kill-child", program.Path()}, local(args, t.TempDir())...)...)
	said, err := run.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if exec.Command("unshare", "--user", "--map-root-user", "--pid", "--fork", "true").Run() != nil {
		t.Skip("no process namespaces here to be process 1 in")
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 0, 4096)
	for !bytes.Contains(text, []byte("inventory")) { // the last service
		if text, err = appendSome(text, said); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	}
	children := exampletest.ReadFile(t, "/proc/"+strconv.Itoa(run.Process.Pid)+"/task/"+strconv.Itoa(run.Process.Pid)+"/children")
	first, err := strconv.Atoi(strings.TrimSpace(children))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(first, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(said)
	if err := run.Wait(); err != nil || !strings.Contains(string(rest), "shelf closed") {
		t.Errorf("got %v, want exit code 0 and the shelf closed\n%s%s", err, text, rest)
	}
}

func appendSome(text []byte, from io.Reader) ([]byte, error) {
	more := make([]byte, 1024)
	n, err := from.Read(more)
	return append(text, more[:n]...), err
}

// The proxy lets go of an idle connection before the program does.
func TestTheProxy(t *testing.T) {
	const file = "deploy/nginx.conf"
	if got := duration(t, setting(t, file, "keepalive_timeout")); got >= 2*time.Minute {
		t.Errorf("got keepalive_timeout %v, want less than the program's two minutes", got)
	}
	if got := setting(t, file, "proxy_http_version"); got != "1.1" {
		t.Errorf("got HTTP/%s to the program, want 1.1, which keeps connections", got)
	}
	if text := exampletest.ReadFile(t, file); strings.Count(text, "{") != strings.Count(text, "}") {
		t.Error("the braces do not match")
	}
}
