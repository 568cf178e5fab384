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
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/creche-go/creche/internal/bench/sampling"
	"github.com/creche-go/creche/nursery"
)

// measure returns the requests that each variant answers in a second of CPU
// time, by round. CPU time tells more than the clock on a machine that others
// use too; a server that is kept busy answers as many as it has CPU time for.
func measure(r router, rounds int, long time.Duration, clients int) (cells [variants][]float64, err error) {
	err = nursery.Run(context.Background(), func(ctx context.Context, n *nursery.Nursery) error {
		var sites [variants]*site
		for i, build := range r.variants {
			if sites[i], err = open(ctx, n, build(), clients); err != nil {
				return err
			}
			defer sites[i].close()
		}
		for range rounds {
			for i, s := range sites {
				rate, err := s.rate(ctx, long)
				if err != nil {
					return err
				}
				cells[i] = append(cells[i], rate)
			}
		}
		return nil
	})
	return cells, err
}

const request = "GET /items/7 HTTP/1.1\r\nHost: localhost\r\n\r\n"

// A site is a server on loopback, with clients that stay connected.
type site struct {
	server http.Server
	conns  []net.Conn
	size   int // of a response
}

func open(ctx context.Context, n *nursery.Nursery, h http.Handler, clients int) (*site, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &site{server: http.Server{Handler: h}}
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
	}
	if s.size, err = sizeOf(s.conns[0]); err != nil {
		s.close()
	}
	return s, err
}

func (s *site) close() {
	for _, conn := range s.conns {
		_ = conn.Close()
	}
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
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || string(body) != "item 7" {
		return 0, fmt.Errorf("got %d %q, %v", res.StatusCode, body, err)
	}
	return all.Len(), nil
}

// rate has all clients ask, one request after the other, for as long.
func (s *site) rate(ctx context.Context, long time.Duration) (float64, error) {
	var asked atomic.Int64
	began, used := time.Now(), sampling.CPUTime()
	err := nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
		for _, conn := range s.conns {
			n.Go(func(context.Context) error {
				count, err := s.ask(conn, began.Add(long))
				asked.Add(count)
				return err
			})
		}
		return nil
	})
	return float64(asked.Load()) / (sampling.CPUTime() - used).Seconds(), err
}

func (s *site) ask(conn net.Conn, until time.Time) (count int64, err error) {
	ask, answer := []byte(request), make([]byte, s.size)
	for time.Now().Before(until) {
		if _, err := conn.Write(ask); err != nil {
			return count, err
		}
		if _, err := io.ReadFull(conn, answer); err != nil {
			return count, err
		}
		count++
	}
	return count, nil
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
func (r router) missed(ofBare, ofHand float64, plain, ours cost) string {
	var missed []string
	if ofBare < 0.97 {
		missed = append(missed, "throughput")
	}
	if ofHand < 1 {
		missed = append(missed, "two tasks")
	}
	most := int64(1)
	if strings.HasPrefix(r.name, "echo") {
		most = 2
	}
	plainCount, plainBytes := plain.allocates()
	if r.name == "echo v4" {
		plainCount++ // it makes a closure of any middleware for each request anew
	}
	count, bytes := ours.allocates()
	if count-plainCount > most || bytes-plainBytes > 450*most {
		missed = append(missed, "allocs")
	}
	if missed == nil {
		return "yes"
	}
	return "**no**: " + strings.Join(missed, ", ")
}
