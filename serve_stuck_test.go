package creche_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

func sticksHere(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) }

func sticksThere(_ http.ResponseWriter, r *http.Request) {
	_ = nursery.All(r.Context(), clings, func(ctx context.Context) error { return nursery.All(ctx, deep, clings) }, clings)
}

func deep(context.Context) error { time.Sleep(time.Hour); return nil }

// takes hijacks the connection and sticks.
func takes(w http.ResponseWriter, _ *http.Request) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		defer conn.Close()
	}
	time.Sleep(time.Hour)
}

// left ends s and returns what it left behind.
func (s *served) left(t *testing.T) *creche.UnfinishedError {
	t.Helper()
	s.begin(s.leave)
	err := s.end()
	left, _ := errors.AsType[*creche.UnfinishedError](err)
	if left == nil {
		t.Fatalf("got %v, want something left", err)
	}
	return left
}

// request sends the head of a request, and waits until it is being handled.
func (s *served) request(t *testing.T, line string) {
	t.Helper()
	s.dial(t, line+" HTTP/1.1\r\nHost: creche.test\r\n\r\n")
	synctest.Wait()
}

// A stop names the requests that it gives up on, and where they are stuck.
//
// B7
func TestRequestsThatHangAreNamed(t *testing.T) {
	const gaveUp = "creche: stopped without waiting any longer for "
	tests := []struct {
		name    string
		lines   []string
		handler http.HandlerFunc
		wrap    func(h http.Handler) http.Handler
		want    string
		stack   string // in that of the first one
		not     string // in the text
	}{
		{name: "one", lines: []string{"GET /slow/7"}, handler: sticksHere, want: "request GET /slow/7 (13.1s old)", stack: "creche_test.sticksHere(...)\n"},
		{
			name: "two of one name", lines: []string{"POST /", "POST /"}, handler: sticksHere,
			want: "2 requests POST / (the oldest 13.1s old)", stack: "[sleep",
		},
		{
			name: "whose tasks hang", lines: []string{"GET /"}, handler: sticksThere,
			want: "request GET / (13.1s old)", stack: "\n1 task [sleep",
		},
		{
			name: "whose tasks' tasks hang", lines: []string{"GET /"}, handler: sticksThere,
			want: "request GET / (13.1s old)", stack: "creche_test.deep(...)\n",
		},
		{
			name: "inside a Timeout of ours", lines: []string{"GET /"}, handler: sticksHere,
			wrap: creche.New(creche.Options{}).Timeout(time.Second),
			want: "request GET / (13.1s old)", stack: "creche_test.sticksHere(...)\n",
		},
		{
			name: "inside an application in another", lines: []string{"GET /"}, handler: sticksHere,
			wrap: creche.New(creche.Options{}).Middleware,
			want: "request GET / (13.1s old)", stack: "creche_test.sticksHere(...)\n",
		},
		{
			name: "behind a changed path", lines: []string{"GET /api/slow"}, handler: sticksHere,
			wrap: func(h http.Handler) http.Handler { return http.StripPrefix("/api", h) },
			want: "request GET /api/slow (13.1s old)", stack: "creche_test.sticksHere(...)\n",
		},
		{
			name: "a connection", lines: []string{"GET /ws"}, handler: takes,
			want: "connection GET /ws (13.1s old)", stack: "creche_test.takes(...)\n",
		},
		{
			name: "a query", lines: []string{"GET /?token=secret"}, handler: sticksHere,
			want: "request GET / (13.1s old)", not: "secret",
		},
		{
			name: "a URL with credentials", lines: []string{"GET http://user:secret@creche.test/a"}, handler: sticksHere,
			want: "request GET /a (13.1s old)", not: "secret",
		},
		{name: "no path", lines: []string{"CONNECT creche.test:80"}, handler: sticksHere, want: "request CONNECT (13.1s old)"},
		{
			name: "a forged line", lines: []string{"GET /%0Acreche:%20all%20is%20well%20(1s%20old),%20GET%20/%1B[2J%00%E2%80%AE"}, handler: sticksHere,
			want: "request GET /%0Acreche:%20all%20is%20well%20%281s%20old%29,%20GET%20/%1B%5B2J%00%E2%80%AE (13.1s old)",
		},
		{name: "a strange method", lines: []string{"G'%0AT|~ /"}, handler: sticksHere, want: "request G%27%250AT%7C~ / (13.1s old)"},
		{
			name: "a long path", lines: []string{"GET /" + strings.Repeat("x", 1<<20)}, handler: sticksHere,
			want: "request GET /" + strings.Repeat("x", 99) + "… (13.1s old)",
		},
		{
			name: "a long path that grows", lines: []string{"GET /" + strings.Repeat("%00", 50)}, handler: sticksHere,
			want: "request GET /" + strings.Repeat("%00", 33) + "… (13.1s old)",
		},
		{
			name: "a long method", lines: []string{strings.Repeat("GET", 1000) + " /"}, handler: sticksHere,
			want: "request " + strings.Repeat("GET", 33) + "G… / (13.1s old)",
		},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			s := prepared(creche.Options{Stopping: stages, Server: &http.Server{MaxHeaderBytes: 2 << 20}})
			handler := s.Middleware(tt.handler)
			if tt.wrap != nil {
				handler = s.Middleware(tt.wrap(tt.handler))
			}
			s.start(t, s.listener, handler)
			for _, line := range tt.lines {
				s.request(t, line)
			}
			left := s.left(t)
			if got, want := firstLines(t, left), gaveUp+tt.want; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			all := slices.Concat(left.Requests, left.Connections)
			if len(all) != len(tt.lines) || !strings.Contains(all[0].Stack, tt.stack) {
				t.Errorf("got %v, want %d with %q in the stack", all, len(tt.lines), tt.stack)
			}
			if tt.not != "" && strings.Contains(left.Error()+fmt.Sprint(all), tt.not) {
				t.Errorf("got %v, want nothing of %q", left, tt.not)
			}
			time.Sleep(2 * time.Hour)
		})
	}
	t.Attr("did", fmt.Sprintf("%d kinds of requests that hang", len(tests)))
}

// Every request has its own stack, and only those that hang are named: neither
// those that were before on the connection, nor those of another application.
//
// B7
func TestStacksBelongToTheirRequests(t *testing.T) {
	const each = 50
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		mux.HandleFunc("/here/", sticksHere)
		mux.HandleFunc("/there/", sticksThere)
		mux.HandleFunc("/quick/", func(_ http.ResponseWriter, r *http.Request) {
			_ = creche.Go(r.Context(), "job", clings)
		})
		apps := []*served{prepared(creche.Options{Stopping: stages}), prepared(creche.Options{Stopping: stages})}
		for k, s := range apps {
			s.start(t, s.listener, s.Middleware(mux))
			for i := range each {
				const head = " HTTP/1.1\r\nHost: creche.test\r\n\r\n"
				c := s.dial(t, fmt.Sprintf("GET /quick/%d", i)+head)
				wantAnswer(t, c, "")
				_, _ = io.WriteString(c, fmt.Sprintf("GET /%s/%d", []string{"here", "there"}[(i+k)%2], i)+head)
			}
			synctest.Wait()
		}
		left := apps[0].left(t)
		if len(left.Requests) != each || len(left.Tasks) != each {
			t.Errorf("got %d requests and %d tasks, want %d", len(left.Requests), len(left.Tasks), each)
		}
		wantTexts(t, left, "38 other requests, 50 background tasks job (the oldest 20s old)\n")
		for _, r := range left.Requests {
			here, there := strings.Contains(r.Stack, "sticksHere("), strings.Contains(r.Stack, "sticksThere(")
			job, server := strings.Contains(r.Stack, "(*App).Go"), strings.Contains(r.Stack, "net/http.(*conn)")
			if here == there || here != strings.HasPrefix(r.Name, "GET /here/") || job || server {
				t.Errorf("%s: got the stack\n%s", r.Name, r.Stack)
			}
		}
		if got := strings.Count(left.Error(), "\nGET /"); got != 2 {
			t.Errorf("got %d stacks, want those that are equal once:\n%v", got, left)
		}
		apps[1].left(t)
		time.Sleep(2 * time.Hour)
	})
}

// B7
func TestManyRequestsThatHang(t *testing.T) {
	requests := rounds(t, 500, 2000)
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, creche.Options{Stopping: stages}, sticksHere)
		for i := range requests {
			s.dial(t, fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: creche.test\r\n\r\n", i))
		}
		synctest.Wait()
		began := time.Now()
		left := s.left(t)
		text := left.Error()
		want := fmt.Sprintf("request GET /11 (13.1s old), %d other requests\n\nGET /0 and %d more:\n[sleep", requests-12, requests-1)
		if len(left.Requests) != requests || !strings.Contains(text, want) || len(text) > 10_000 {
			t.Errorf("got %d requests and a text of %d bytes, want %d and %q in it:\n%.2000s", len(left.Requests), len(text), requests, want, text)
		}
		for i, r := range left.Requests {
			if r.Name != fmt.Sprint("GET /", i) || r.Stack == "" || r.State != "running" || !r.Began.Equal(began) {
				t.Fatalf("got %v, want GET /%d with its stack", r, i)
			}
		}
		time.Sleep(2 * time.Hour)
	})
	t.Attr("did", fmt.Sprintf("%d requests that hang", requests))
}

// To look at all goroutines of a process that has very many would take longer
// than the stop has.
//
// B5, B7
func TestARequestThatHangsAmongVeryManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, creche.Options{Stopping: stages}, sticksHere)
		s.dial(t, "GET /stuck HTTP/1.1\r\nHost: creche.test\r\n\r\n")
		synctest.Wait()
		end := make(chan struct{})
		for range 10_000 {
			go func() { <-end }()
		}
		left := s.left(t)
		close(end)
		if len(left.Requests) != 1 || left.Requests[0].Name != "GET /stuck" || left.Requests[0].Stack != "" {
			t.Errorf("got %v, want GET /stuck without its stack", left.Requests)
		}
		time.Sleep(2 * time.Hour)
	})
}

// The stacks are bounded as the names are, however many there are.
//
// B7
func TestRequestsThatHangInManyPlaces(t *testing.T) {
	var dive func(depth int)
	dive = func(depth int) {
		if depth == 0 {
			time.Sleep(time.Hour)
			return
		}
		dive(depth - 1)
	}
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, creche.Options{Stopping: stages}, func(_ http.ResponseWriter, r *http.Request) {
			for depth := range 20 {
				nursery.From(r.Context()).Go(func(context.Context) error { dive(depth); return nil })
			}
			dive(len(r.URL.Path))
		})
		for i := range 49 {
			s.request(t, "GET /"+strings.Repeat("x", i))
		}
		s.request(t, "GET /"+strings.Repeat("x", 200)) // calls that the runtime leaves out
		left := s.left(t)
		wantTexts(t, left, ", 38 other requests\n", "\nand 16 other stacks, of 16 tasks\n")
		for _, r := range left.Requests {
			handler, _, _ := strings.Cut(r.Stack, "\n\n")
			if got := strings.Count(handler, "(...)\n"); got < 10 || got > 32 {
				t.Errorf("%s: got %d calls, want 32 at most:\n%s", r.Name, got, handler)
			}
		}
		if got := len(left.Error()); got > 500_000 || strings.Count(left.Error(), "[sleep") != 12*5 {
			t.Errorf("got a text of %d bytes, want five stacks of each of twelve requests:\n%v", got, left)
		}
		time.Sleep(2 * time.Hour)
	})
}

// B7
func TestRequestsOverHTTP2ThatHangAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servingTLS(t, creche.Options{Stopping: stages}, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/quick" {
				return
			}
			sticksHere(w, r)
		})
		for _, path := range []string{"/a", "/quick", "/b?secret", "/a"} {
			req, err := http.NewRequest(http.MethodGet, "https://creche.test"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			go sent(s.client, req)
			synctest.Wait()
		}
		left := s.left(t)
		text, _, _ := strings.Cut(left.Error(), "\n")
		if want := "for 2 requests GET /a (the oldest 13.1s old), request GET /b (13.1s old)"; !strings.HasSuffix(text, want) || len(left.Connections) > 0 {
			t.Errorf("got %q, want %q", text, want)
		}
		for _, r := range left.Requests {
			if !strings.Contains(r.Stack, "sticksHere(") {
				t.Errorf("%s: got the stack\n%s", r.Name, r.Stack)
			}
		}
		time.Sleep(2 * time.Hour)
	})
}

// W13, B7
func TestAdoptedConnectionsThatHangAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := adopting(t, func(_ *served, ctx context.Context, _ *creche.Adopted) {
			sticksThere(nil, new(http.Request).WithContext(ctx))
		})
		c := s.dial(t, "GET /ws?secret HTTP/1.1\r\nHost: creche.test\r\n\r\n")
		if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
			t.Fatal(err)
		}
		left := s.left(t)
		text, _, _ := strings.Cut(left.Error(), "\n")
		if want := "for connection GET / (20s old), connection GET /ws (20s old)"; !strings.HasSuffix(text, want) || len(left.Requests)+len(left.Tasks) > 0 {
			t.Errorf("got %q, want %q", text, want)
		}
		for _, c := range left.Connections {
			if !strings.Contains(c.Stack, "sticksThere(") || !strings.Contains(c.Stack, "deep(") {
				t.Errorf("%s: got the stack\n%s", c.Name, c.Stack)
			}
		}
		time.Sleep(2 * time.Hour)
	})
}

// Requests that end while they are being listed are in the list or not.
//
// B7
func TestRequestsThatEndAtTheLastMoment(t *testing.T) {
	for range rounds(t, 5, 50) {
		synctest.Test(t, func(t *testing.T) {
			s := serving(t, creche.Options{Stopping: stages}, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/stuck" {
					sticksHere(w, r)
				}
				time.Sleep(13*time.Second + 100*time.Millisecond)
				_, _ = io.WriteString(w, "late")
			})
			s.request(t, "GET /stuck")
			for range 100 {
				s.dial(t, "GET /late HTTP/1.1\r\nHost: creche.test\r\n\r\n")
			}
			synctest.Wait()
			left := s.left(t)
			if r := left.Requests[0]; r.Name != "GET /stuck" || !strings.Contains(r.Stack, "sticksHere(") {
				t.Errorf("got %v, want the one that is stuck", r)
			}
			for _, r := range left.Requests[1:] {
				if r.Name != "GET /late" || strings.Contains(r.Stack, "sticksHere(") {
					t.Errorf("got %v, want one that was late", r)
				}
			}
			_ = left.Error()
			time.Sleep(2 * time.Hour)
		})
	}
}
