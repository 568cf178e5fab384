package nurserytest_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/nursery/nurserytest"
)

var teapot = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })

// protocols are the two a server can speak.
var protocols = []struct {
	name  string
	opts  []nurserytest.ServerOption
	major int
}{
	{"HTTP/1.1", nil, 1},
	{"HTTP/2", []nurserytest.ServerOption{nurserytest.HTTP2()}, 2},
}

func TestServer(t *testing.T) {
	tests := []struct {
		name    string
		handler http.HandlerFunc
		body    string
		want    string
	}{
		{
			name:    "a request is answered",
			handler: func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%s %s", r.Method, r.URL) },
			want:    "200 POST /x",
		},
		{
			name:    "a body comes and goes",
			handler: func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) },
			body:    strings.Repeat("creche", 50_000),
			want:    "200 " + strings.Repeat("creche", 50_000),
		},
		{
			name:    "an answer may leave before the body was read",
			handler: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusRequestEntityTooLarge) },
			body:    strings.Repeat("x", 1<<20),
			want:    "413 ",
		},
		{
			name: "an hour is over at once",
			handler: func(w http.ResponseWriter, r *http.Request) {
				for range 3600 {
					time.Sleep(time.Second)
					_, _ = io.WriteString(w, ".")
					_ = http.NewResponseController(w).Flush()
				}
			},
			want: "200 " + strings.Repeat(".", 3600),
		},
	}
	for _, p := range protocols {
		for _, tt := range tests {
			t.Run(p.name+": "+tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					nurserytest.CheckLeaks(t)
					srv := nurserytest.NewServer(t, tt.handler, p.opts...)
					res, err := srv.Client().Post(srv.URL+"/x", "text/plain", strings.NewReader(tt.body))
					if err != nil {
						t.Fatal(err)
					}
					defer res.Body.Close()
					got, err := io.ReadAll(res.Body)
					if err != nil {
						t.Fatal(err)
					}
					if got := fmt.Sprintf("%d %s", res.StatusCode, got); got != tt.want {
						t.Errorf("got %.80q, want %.80q", got, tt.want)
					}
					if res.ProtoMajor != p.major {
						t.Errorf("got %v, want HTTP/%d", res.Proto, p.major)
					}
				})
			})
		}
	}
}

func TestServerCloseEndsAndAwaitsRequests(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				entered, ended := make(chan struct{}), false
				srv := nurserytest.NewServer(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					close(entered)
					<-r.Context().Done()
					time.Sleep(time.Second)
					ended = true
				}), p.opts...)
				go func() {
					res, err := srv.Client().Get(srv.URL)
					if err == nil {
						_ = res.Body.Close()
						t.Errorf("got %v, want an error", res.Status)
					}
				}()
				<-entered
				srv.Close()
				if !ended {
					t.Error("Close returned while the handler ran")
				}
				srv.Close()
				if _, err := srv.Dial(t.Context()); err == nil {
					t.Error("a dial after Close: got nil, want an error")
				}
			})
		})
	}
}

// N20: who closes as another does waits in a way in which the time of a bubble goes on.
func TestServerIsClosedTwiceAtOnce(t *testing.T) {
	defer time.AfterFunc(30*time.Second, func() { panic("the bubble's time stands still: it never ends") }).Stop()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		srv := nurserytest.NewServer(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Second) }))
		go func() {
			if res, err := srv.Client().Get(srv.URL); err == nil {
				_ = res.Body.Close()
			}
		}()
		synctest.Wait()
		var closes sync.WaitGroup
		for range 3 {
			closes.Go(func() {
				srv.Close()
				if took := time.Since(began); took != time.Second {
					t.Errorf("Close returned after %v, want 1s, when the handler has ended", took)
				}
			})
		}
		closes.Wait()
	})
}

func TestServerCloseAwaitsHijackedConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		srv := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
			ended = true
		}))
		c := dialAndSend(t, srv, "GET / HTTP/1.1\r\nHost: creche.test\r\n\r\n")
		if got, err := bufio.NewReader(c).ReadString('\n'); got != "HTTP/1.1 204 No Content\r\n" {
			t.Errorf("got %q and %v", got, err)
		}
		time.AfterFunc(time.Second, func() { _ = c.Close() })
		srv.Close()
		if !ended {
			t.Error("Close returned while the handler ran")
		}
	})
}

func dialAndSend(t *testing.T, srv *nurserytest.Server, bytes string) net.Conn {
	t.Helper()
	c, err := srv.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, bytes); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestServerCloseNamesTheHandlerThatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, fake := make(chan struct{}), new(fakeTB)
		defer close(release)
		srv := nurserytest.NewServer(fake, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { blockOn(release) }))
		c := dialAndSend(t, srv, "GET / HTTP/1.1\r\nHost: creche.test\r\n\r\n")
		defer c.Close()
		synctest.Wait()
		fake.end()
		if len(fake.errors) != 1 || !strings.Contains(fake.errors[0], "nurserytest_test.blockOn(") {
			t.Errorf("got complaints %q, want one with the handler's stack", fake.errors)
		}
	})
}

func TestServerConfigure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		var lines strings.Builder
		srv := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			panic(r.Context().Value(key{}))
		}), nurserytest.Configure(func(s *http.Server) {
			s.ErrorLog = log.New(&lines, "", 0)
			s.BaseContext = func(net.Listener) context.Context {
				return context.WithValue(context.Background(), key{}, "from the base")
			}
		}))
		if res, err := srv.Client().Get(srv.URL); err == nil {
			_ = res.Body.Close()
			t.Errorf("got %v, want an error", res.Status)
		}
		srv.Close()
		synctest.Wait()
		if got, want := lines.String(), "panic serving 192.0.2.2:1025: from the base"; !strings.Contains(got, want) {
			t.Errorf("got log %q, want %q in it", got, want)
		}
	})
}

func TestListenerClientOnAServerOfOnesOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := nurserytest.Listen()
		srv := &http.Server{Handler: teapot, ReadHeaderTimeout: time.Minute}
		ended := make(chan error, 1)
		go func() { ended <- srv.Serve(l) }()
		client := l.Client()
		defer client.CloseIdleConnections()
		res, err := client.Get("http://anything.test/")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusTeapot {
			t.Errorf("got %v, want %v", res.StatusCode, http.StatusTeapot)
		}
		if err := srv.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != http.ErrServerClosed {
			t.Errorf("got %v, want %v", err, http.ErrServerClosed)
		}
	})
}
