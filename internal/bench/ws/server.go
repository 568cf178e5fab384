package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// serverNames are the servers, in the order of the table.
func serverNames() []string {
	return []string{"creche", plainName, "coder", "gorilla", "gws", "melody", "centrifuge"}
}

// serveAs serves on a port of its own, which it prints: the room at /ws, echoes
// at /echo, what the process has taken so far at /usage, and at /profile what it
// does.
func serveAs(name string) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/usage", usage)
	mux.HandleFunc("/profile", pprof.Profile)
	run := func(h http.Handler) error { return http.Serve(ln, h) }
	switch name {
	case "creche":
		run = serveCreche(ln, mux, false)
	case plainName:
		run = serveCreche(ln, mux, true)
	case "coder":
		mux.HandleFunc("/ws", new(coderHub).socket)
		mux.HandleFunc("/echo", echoCoder)
	case "gorilla":
		mux.HandleFunc("/ws", new(gorillaHub).socket)
		mux.HandleFunc("/echo", echoGorilla)
	case "gws":
		mux.HandleFunc("/ws", newGwsHub().socket)
		mux.HandleFunc("/echo", echoGws())
	case "melody":
		mux.HandleFunc("/ws", melodyRoom())
		mux.HandleFunc("/echo", echoMelody())
	case "centrifuge":
		err = serveCentrifuge(mux)
	default:
		err = fmt.Errorf("no server is called %q", name)
	}
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	return run(mux)
}

// used is what a process has taken so far.
type used struct {
	cpu    int64 // nanoseconds
	memory int   // bytes of heap and stacks in use after a collection, if asked for
	allocs uint64
}

// usage prints it.
func usage(w http.ResponseWriter, r *http.Request) {
	var m runtime.MemStats
	if r.URL.Query().Has("memory") {
		runtime.GC()
		runtime.GC() // the first moves what pools have kept, and the second frees it
	}
	runtime.ReadMemStats(&m)
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	fmt.Fprintln(w, u.Utime.Nano()+u.Stime.Nano(), m.HeapInuse+m.StackInuse, m.Mallocs)
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

func (s *server) usage(query string) (u used, err error) {
	text, err := s.get("/usage" + query)
	if err == nil {
		_, err = fmt.Sscan(string(text), &u.cpu, &u.memory, &u.allocs)
	}
	return u, err
}

// profile writes a CPU profile of the next d, in whole seconds, to a file. It
// returns a function that waits for it.
func (s *server) profile(file string, d time.Duration) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		b, err := s.get("/profile?seconds=" + strconv.Itoa(max(1, int(d.Seconds()))))
		if err == nil {
			err = os.WriteFile(file, b, 0o644)
		}
		if err != nil {
			log.Print(err)
		}
	}()
	return func() { <-done }
}

func (s *server) get(path string) ([]byte, error) {
	response, err := http.Get("http://" + s.addr + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}
