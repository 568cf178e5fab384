package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// serverNames are the servers, in the order of the table.
func serverNames() []string { return []string{"creche", "coder", "gorilla", "gws"} }

// serveAs serves on a port of its own, which it prints: the websocket at /ws,
// and what the process has taken so far at /usage.
func serveAs(name string) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/usage", usage)
	run := func(h http.Handler) error { return http.Serve(ln, h) }
	switch name {
	case "creche":
		run = serveCreche(ln, mux)
	case "coder":
		mux.HandleFunc("/ws", new(coderHub).socket)
	case "gorilla":
		mux.HandleFunc("/ws", new(gorillaHub).socket)
	case "gws":
		mux.HandleFunc("/ws", newGwsHub().socket)
	default:
		return fmt.Errorf("no server is called %q", name)
	}
	fmt.Println(ln.Addr())
	return run(mux)
}

// usage prints the CPU time in nanoseconds, and the bytes of heap and stacks in
// use after a collection.
func usage(w http.ResponseWriter, r *http.Request) {
	var m runtime.MemStats
	if r.URL.Query().Has("memory") {
		runtime.GC()
		runtime.GC() // the first moves what pools have kept, and the second frees it
		runtime.ReadMemStats(&m)
	}
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	fmt.Fprintln(w, u.Utime.Nano()+u.Stime.Nano(), m.HeapInuse+m.StackInuse)
}

// server is another process.
type server struct {
	addr string
	cmd  *exec.Cmd
	end  context.CancelFunc
}

func start(name string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{cmd: exec.CommandContext(ctx, self, "-serve", name), end: cancel}
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	s.addr = strings.TrimSpace(line)
	if err != nil {
		s.stop()
	}
	return s, err
}

func (s *server) stop() {
	s.end()
	_ = s.cmd.Wait()
}

func (s *server) usage(query string) (cpu int64, memory int, err error) {
	response, err := http.Get("http://" + s.addr + "/usage" + query)
	if err != nil {
		return 0, 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil {
		_, err = fmt.Sscan(string(text), &cpu, &memory)
	}
	return cpu, memory, err
}
