package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/creche-go/creche/internal/bench/sampling"
	"github.com/creche-go/creche/nursery"
)

// A client asks a site once.
type client func() error

// The kinds of clients.
const (
	least   = iota // two system calls, and no look at the answer
	typical        // that of net/http
	kinds
)

// samples are the requests that each variant answers in a second of CPU time, by
// kind of client and round. CPU time tells more than the clock on a machine that
// others use too; a server that is kept busy answers as many as it has CPU time
// for.
type samples [kinds][variants][]float64

func measure(r router, rounds int, long time.Duration, clients int) (cells samples, err error) {
	err = nursery.Run(context.Background(), func(ctx context.Context, n *nursery.Nursery) error {
		var sites [variants]*site
		for i, build := range r.variants {
			if sites[i], err = open(ctx, n, build(), clients); err != nil {
				return err
			}
			defer sites[i].close()
		}
		for round := range rounds {
			for kind := range kinds {
				for turn := range sites {
					i := (turn + round) % len(sites) // nobody always comes after the same
					runtime.GC()                     // or the garbage of one would be the next one's work
					rate, err := sites[i].rate(ctx, sites[i].clients[kind], long)
					if err != nil {
						return err
					}
					cells[kind][i] = append(cells[kind][i], rate)
				}
			}
		}
		return nil
	})
	return cells, err
}

const request = "GET /items/7 HTTP/1.1\r\nHost: localhost\r\n\r\n"

// A site is a server on loopback, with clients that stay connected.
type site struct {
	server    http.Server
	conns     []net.Conn
	transport http.Transport
	clients   [kinds][]client
}

func open(ctx context.Context, n *nursery.Nursery, h http.Handler, clients int) (*site, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &site{server: http.Server{Handler: h}}
	s.transport.MaxIdleConnsPerHost = clients
	n.Go(func(context.Context) error {
		if err := s.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	var d net.Dialer
	for range clients {
		conn, err := d.DialContext(ctx, "tcp", ln.Addr().String())
		if err != nil {
			s.close()
			return nil, err
		}
		s.conns = append(s.conns, conn)
		size, err := sizeOf(conn)
		if err != nil {
			s.close()
			return nil, err
		}
		s.clients[least] = append(s.clients[least], leastOn(conn, size))
		s.clients[typical] = append(s.clients[typical], s.typicalOf(ctx, "http://"+ln.Addr().String()+"/items/7"))
	}
	return s, nil
}

func (s *site) close() {
	for _, conn := range s.conns {
		_ = conn.Close()
	}
	s.transport.CloseIdleConnections()
	_ = s.server.Close()
}

// sizeOf asks once and returns how many bytes come back, which are as many
// every time.
func sizeOf(conn net.Conn) (int, error) {
	if _, err := io.WriteString(conn, request); err != nil {
		return 0, err
	}
	var all bytes.Buffer
	res, err := http.ReadResponse(bufio.NewReader(io.TeeReader(conn, &all)), nil)
	if err != nil {
		return 0, err
	}
	return all.Len(), check(res)
}

// check reads the response, and returns what is wrong with it.
func check(res *http.Response) error {
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || string(body) != "item 7" {
		return fmt.Errorf("got %d %q, %v", res.StatusCode, body, err)
	}
	return nil
}

func leastOn(conn net.Conn, size int) client {
	ask, answer := []byte(request), make([]byte, size)
	return func() error {
		if _, err := conn.Write(ask); err != nil {
			return err
		}
		_, err := io.ReadFull(conn, answer)
		return err
	}
}

func (s *site) typicalOf(ctx context.Context, url string) client {
	c := http.Client{Transport: &s.transport}
	return func() error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		res, err := c.Do(r)
		if err != nil {
			return err
		}
		return check(res)
	}
}

// rate has all clients ask, one request after the other, for as long.
func (s *site) rate(ctx context.Context, clients []client, long time.Duration) (float64, error) {
	var asked atomic.Int64
	began, used := time.Now(), sampling.CPUTime()
	err := nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
		for _, c := range clients {
			n.Go(func(context.Context) error {
				for time.Since(began) < long {
					if err := c(); err != nil {
						return err
					}
					asked.Add(1)
				}
				return nil
			})
		}
		return nil
	})
	return float64(asked.Load()) / (sampling.CPUTime() - used).Seconds(), err
}

// nobody is a ResponseWriter that costs nothing.
type nobody struct{ header http.Header }

func (n nobody) Header() http.Header         { return n.header }
func (n nobody) Write(p []byte) (int, error) { return len(p), nil }
func (n nobody) WriteHeader(int)             {}

// direct measures what a request costs without server and network.
func direct(h http.Handler) cost {
	r, err := http.NewRequest(http.MethodGet, "/items/7", nil)
	if err != nil {
		panic(err) // it is well-formed
	}
	w := nobody{make(http.Header)}
	return cost(testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h.ServeHTTP(w, r)
		}
	}))
}

type cost testing.BenchmarkResult

func (c cost) String() string {
	r := testing.BenchmarkResult(c)
	return fmt.Sprintf("%d ns, %d B, %d", r.NsPerOp(), r.AllocedBytesPerOp(), r.AllocsPerOp())
}

// allocates returns the allocations of a request, and their bytes.
func (c cost) allocates() (count, bytes int64) {
	r := testing.BenchmarkResult(c)
	return r.AllocsPerOp(), r.AllocedBytesPerOp()
}

// missed says which parts were missed of what was set out for: 97 % of the bare
// router's throughput, no less than by hand with two tasks, and so many
// allocations more of 450 bytes each at most; echo needs one of its own.
func (r router) missed(cells samples, plain, ours cost) string {
	var missed []string
	for kind, with := range [kinds]string{typical: "", least: " with the least client"} {
		c := cells[kind]
		if ratio(c[creched], c[bare]) < 0.97 {
			missed = append(missed, "throughput"+with)
		}
		if ratio(c[tasks], c[byHand]) < 1 {
			missed = append(missed, "two tasks"+with)
		}
	}
	if r.allocatesTooMuch(plain, ours) {
		missed = append(missed, "allocs")
	}
	if missed == nil {
		return "yes"
	}
	return "**no**: " + strings.Join(missed, ", ")
}

func (r router) allocatesTooMuch(plain, ours cost) bool {
	most := int64(1)
	if strings.HasPrefix(r.name, "echo") {
		most = 2
	}
	plainCount, plainBytes := plain.allocates()
	if r.name == "echo v4" {
		plainCount++ // it makes a closure of any middleware for each request anew
	}
	count, bytes := ours.allocates()
	return count-plainCount > most || bytes-plainBytes > 450*most
}
