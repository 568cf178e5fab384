package creche

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// SystemdListeners returns the listeners that systemd opened for this process,
// in the order of its socket unit, or none if there are none: then a program
// listens itself. See systemd.socket(5); with such a unit connections wait, and
// are not refused, while the service is restarted.
//
//	listeners, err := creche.SystemdListeners()
//	…
//	err = app.Serve(ctx, listeners[0], handler, listeners[1:]...)
//
// A second call returns none: the environment variables that tell of the
// listeners are unset, so that child processes do not find them either. A
// socket that is no stream socket is an error.
func SystemdListeners() ([]net.Listener, error) {
	pid, fds := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS")
	if pid != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		if err := os.Unsetenv(name); err != nil {
			return nil, fmt.Errorf("creche: SystemdListeners: %w", err)
		}
	}
	n, err := strconv.Atoi(fds)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("creche: SystemdListeners: LISTEN_FDS is %q: want a number", fds)
	}
	var listeners []net.Listener
	for fd := firstFD; fd < firstFD+n; fd++ {
		ln, err := inherited(fd)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("creche: SystemdListeners: file descriptor %d: %w", fd, err), closeAll(listeners))
		}
		listeners = append(listeners, ln)
	}
	return listeners, nil
}

// firstFD is SD_LISTEN_FDS_START.
const firstFD = 3

func inherited(fd int) (net.Listener, error) {
	f := os.NewFile(uintptr(fd), "systemd socket")
	defer func() { _ = f.Close() }() // FileListener makes a copy, which child processes do not get
	return net.FileListener(f)
}

func closeAll(listeners []net.Listener) error {
	var failed error
	for _, ln := range listeners {
		failed = together(failed, ln.Close())
	}
	return failed
}

// httpServer is an http.Server and whether it is to speak TLS, which is asked
// once: with the first listener it makes a TLSConfig if it has none.
type httpServer struct {
	*http.Server
	tls bool
}

func serverOf(srv *http.Server) httpServer { return httpServer{srv, srv.TLSConfig != nil} }

// listen opens the listener that s would on addr, or else on its own Addr.
func (s httpServer) listen(ctx context.Context, addr string) (net.Listener, error) {
	port := ":http"
	if s.tls {
		port = ":https"
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", cmp.Or(addr, s.Addr, port))
}

// accept serves on ln until that fails or s is shut down.
func (s httpServer) accept(ln net.Listener) error {
	if s.tls {
		return s.ServeTLS(ln, "", "")
	}
	return s.Serve(ln)
}

// secure gives s a bound for what it leaves unbounded. (Where there is a
// ReadTimeout it bounds the other two, says net/http; a negative one is none.)
func (s httpServer) secure(log *slog.Logger) {
	if s.ReadTimeout <= 0 {
		s.ReadHeaderTimeout = cmp.Or(s.ReadHeaderTimeout, 10*time.Second)
		s.IdleTimeout = cmp.Or(s.IdleTimeout, 2*time.Minute)
	}
	s.MaxHeaderBytes = cmp.Or(s.MaxHeaderBytes, 64<<10)
	if s.ErrorLog == nil {
		s.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	}
}

// checkServer finds what ServeTLS would say in the words of the file system.
func checkServer(srv *http.Server) error {
	if srv == nil || srv.TLSConfig == nil {
		return nil
	}
	if t := srv.TLSConfig; len(t.Certificates) == 0 && t.GetCertificate == nil && t.GetConfigForClient == nil {
		return errors.New("creche: Options.Server.TLSConfig has no certificate")
	}
	return nil
}

// listener is one that may be closed again and again, which not all may, and
// knows which of its calls is under way: it may never return.
type listener struct {
	net.Listener
	closed    atomic.Bool
	served    atomic.Bool // by the http.Server, which has not returned
	accepting atomic.Bool
	closing   atomic.Bool
}

func (l *listener) Accept() (net.Conn, error) {
	l.accepting.Store(true)
	defer l.accepting.Store(false)
	return l.Listener.Accept()
}

// Close does not wait for another call of it.
func (l *listener) Close() error {
	if !l.closed.CompareAndSwap(false, true) {
		return nil
	}
	l.closing.Store(true)
	defer l.closing.Store(false)
	return l.Listener.Close()
}

// stuck says what of l has not returned, or "".
func (l *listener) stuck() string {
	switch {
	case l.closing.Load():
		return "Close of the listener on " + l.Addr().String()
	case !l.served.Load():
		return ""
	case l.accepting.Load():
		return "Accept of the listener on " + l.Addr().String()
	}
	return "a hook of Options.Server for a connection to " + l.Addr().String()
}
