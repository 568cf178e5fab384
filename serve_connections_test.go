package creche_test

import (
	"bufio"
	"context"
	"fmt"
	"go/build"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

const getSlash = "GET / HTTP/1.1\r\nHost: creche.test\r\n\r\n"

// dial opens a connection and sends bytes on it.
func (s *served) dial(t *testing.T, bytes string) net.Conn {
	t.Helper()
	c, err := s.listener.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, bytes); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return c
}

// wantAnswer fails t unless a response with this body comes on c.
func wantAnswer(t *testing.T, c net.Conn, body string) *http.Response {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("got %v, want a response", err)
	}
	defer res.Body.Close()
	if got, err := io.ReadAll(res.Body); err != nil || string(got) != body {
		t.Errorf("got body %q (%v), want %q", got, err, body)
	}
	return res
}

// noteClose notes when the server closes c.
func (s *served) noteClose(c net.Conn, who string) {
	_, _ = io.Copy(io.Discard, c)
	s.note(who + " closed")
}

// From the moment that a request is told to finish each response says that its
// connection will be closed, also while the stop still waits for new connections.
//
// B7
func TestResponsesOfAStopCloseTheirConnection(t *testing.T) {
	answers := map[string]func(w http.ResponseWriter) error{
		"nothing at all":            func(http.ResponseWriter) error { return nil },
		"a body":                    func(w http.ResponseWriter) error { _, err := io.WriteString(w, "bye"); return err },
		"a long body":               func(w http.ResponseWriter) error { _, err := io.WriteString(w, repeat(5000)); return err },
		"a flushed one":             func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() },
		"a header":                  func(w http.ResponseWriter) error { w.Header().Set("X", "y"); w.WriteHeader(http.StatusOK); return nil },
		"a header that is set late": func(w http.ResponseWriter) error { w.WriteHeader(http.StatusOK); w.Header().Set("X", "y"); return nil },
		"an error":                  func(http.ResponseWriter) error { return errJob },
	}
	for name, answer := range answers {
		in(t, name, func(t *testing.T) {
			s := serving(t, creche.Options{}, creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
				<-nursery.Draining(r.Context())
				return answer(w)
			}))
			s.dial(t, "") // the stop gives it a moment
			answered := s.ask(t)
			s.leave()
			if got := <-answered; got.err != nil || !got.close {
				t.Errorf("got %v and close %v, want it said", got, got.close)
			}
			wantErr(t, s.end(), nil)
		})
	}
	in(t, "to a request that comes late, without middleware", func(t *testing.T) {
		s := prepared(creche.Options{})
		s.start(t, s.listener, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		s.dial(t, "")
		late := s.dial(t, "")
		s.leave()
		synctest.Wait()
		_, _ = io.WriteString(late, getSlash)
		res, err := http.ReadResponse(bufio.NewReader(late), nil)
		if err != nil || !res.Close {
			t.Errorf("got %v and error %v, want a response that says close", res, err)
		}
		wantErr(t, s.end(), nil)
	})
}

// structs is a listener whose connections are structs that cannot be compared.
type structs struct{ *nurserytest.Listener }

type structConn struct {
	net.Conn
	onClose func()
}

func (l structs) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return structConn{Conn: conn, onClose: func() {}}, nil
}

// Connections need not be pointers. Hooks get them as the listener gave them.
//
// B9
func TestConnectionsThatCannotBeCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		given := func(where string, c net.Conn) {
			if _, ok := c.(structConn); !ok {
				t.Errorf("%s got a %T, want what the listener gave", where, c)
			}
		}
		s := prepared(creche.Options{Stopping: stages, Server: &http.Server{
			ConnContext: func(ctx context.Context, c net.Conn) context.Context { given("ConnContext", c); return ctx },
			ConnState:   func(c net.Conn, _ http.ConnState) { given("ConnState", c) },
		}})
		s.start(t, structs{s.listener}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Cling") != "" {
				clings(r.Context())
			}
		}))
		wantReply(t, <-s.ask(t), http.StatusOK, "")
		cut := make(chan reply, 1)
		go func() {
			cut <- ask(t, s.client, http.MethodGet, "http://creche.test/", func(r *http.Request) { r.Header.Set("Cling", "yes") })
		}()
		synctest.Wait()
		s.leave()
		wantTexts(t, s.end(), "without waiting any longer for request GET /")
		if got := <-cut; got.err == nil {
			t.Errorf("got %v, want the connection closed by the stop", got)
		}
		time.Sleep(time.Hour)
	})
}

// B5, B6
func TestIdleConnectionsAreClosedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, creche.Options{}, slow)
		idle := s.dial(t, getSlash)
		wantAnswer(t, idle, "done") // a minute later
		busy := s.dial(t, getSlash)
		s.begin(s.leave)
		go s.noteClose(idle, "idle connection")
		res := wantAnswer(t, busy, "done")
		if !res.Close {
			t.Error("the last response does not say that the connection will be closed")
		}
		wantErr(t, s.end(), nil)
		s.wantEvents(t, "0s idle connection closed", "1s stopped")
	})
}

// A connection that was opened but not used is waited for a moment: its
// request may be on the way.
//
// B6, B7
func TestNewConnectionsGetAMoment(t *testing.T) {
	tests := []struct {
		name   string
		speak  time.Duration // after the stop began
		until  time.Duration // the handler answers, after it was called
		answer bool
		want   string
	}{
		{name: "one that says nothing", want: "100ms stopped"},
		{name: "one that speaks at once", speak: 1, answer: true, want: "1ns stopped"},
		{name: "one that speaks in time", speak: 60 * time.Millisecond, answer: true, want: "60ms stopped"},
		{
			name: "one that speaks in time and takes longer to answer", speak: 60 * time.Millisecond,
			until: 5 * time.Second, answer: true, want: "5.06s stopped",
		},
		{name: "one that speaks too late", speak: 101 * time.Millisecond, want: "100ms stopped"},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			called := false
			s := serving(t, creche.Options{}, func(w http.ResponseWriter, _ *http.Request) {
				called = true
				time.Sleep(tt.until)
				_, _ = io.WriteString(w, "done")
			})
			c := s.dial(t, "")
			other := s.dial(t, "")
			_ = other.Close()
			synctest.Wait()
			s.begin(s.leave)
			if tt.speak > 0 {
				time.Sleep(tt.speak)
				_, _ = io.WriteString(c, getSlash)
			}
			if tt.answer {
				wantAnswer(t, c, "done")
			}
			wantErr(t, s.end(), nil)
			s.wantEvents(t, tt.want)
			if called != tt.answer {
				t.Errorf("the handler was called: got %v, want %v", called, tt.answer)
			}
		})
	}
}

// A hundred silent connections cost no more than one, and a request that takes
// longer than the moment they get costs nothing more.
//
// B6
func TestManySilentConnectionsCostNoMoreThanOne(t *testing.T) {
	for _, busy := range []bool{false, true} {
		in(t, fmt.Sprintf("beside a request: %v", busy), func(t *testing.T) {
			s := serving(t, creche.Options{}, slow)
			for range 100 {
				s.dial(t, "")
			}
			want := "100ms stopped"
			if busy {
				s.ask(t)
				want = "1s stopped"
			}
			s.begin(s.leave)
			wantErr(t, s.end(), nil)
			s.wantEvents(t, want)
		})
	}
}

// A client that does not take its response cannot be cancelled, only cut off;
// that done, nothing is left of the request.
//
// B5
func TestAStalledClientIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, creche.Options{Stopping: stages}, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, repeat(1<<20))
		})
		s.dial(t, getSlash)
		s.begin(s.leave)
		wantErr(t, s.end(), nil)
		s.wantEvents(t, "13s stopped")
	})
}

// So is one that does not send the body it announced. From Go 1.27
// on net/http lets half a second pass before it takes the connection for closed,
// of which the stop waits 100 ms.
//
// B5
func TestAStalledUploadIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, creche.Options{Stopping: stages}, func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			if err == nil {
				t.Error("the body ended")
			}
		})
		s.dial(t, "POST / HTTP/1.1\r\nHost: creche.test\r\nContent-Length: 10\r\n\r\nhalf")
		s.begin(s.leave)
		wantErr(t, s.end(), nil)
		want := "13s stopped"
		if slices.Contains(build.Default.ReleaseTags, "go1.27") {
			want = "13.1s stopped"
		}
		s.wantEvents(t, want)
		time.Sleep(time.Second) // what net/http sleeps
	})
}
