package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche/examples/internal/exampletest"
	"github.com/creche-go/creche/nursery/nurserytest"
)

func TestMain(m *testing.M) { nurserytest.CheckMain(m) }

// slow answers after d, unless it is no longer wanted, which it tells.
func slow(d time.Duration, body string, unwanted chan<- string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(d):
			fmt.Fprint(w, body)
		case <-r.Context().Done():
			unwanted <- r.URL.Path
		}
	}
}

// serve serves the program and, to it, the back ends, inside a bubble.
func serve(t *testing.T, backends *http.ServeMux) *nurserytest.Server {
	t.Helper()
	exampletest.CaptureLog(t)
	behind := nurserytest.NewServer(t, backends)
	_, h := newServer(backend{behind.URL, behind.Client()})
	return nurserytest.NewServer(t, h)
}

func ask(t *testing.T, s *nurserytest.Server) (status int, text string, took time.Duration) {
	t.Helper()
	began := time.Now()
	res, err := s.Client().Get(s.URL + "/products/7")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body), time.Since(began)
}

// N14
func TestThreeAreAskedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backends := http.NewServeMux()
		backends.HandleFunc("/price/7", slow(time.Second, `{"cents": 450}`, nil))
		backends.HandleFunc("/stock/7", slow(2*time.Second, `{"count": 12}`, nil))
		backends.HandleFunc("/reviews/7", slow(3*time.Second, `[{"stars": 5}, {"stars": 1}]`, nil))
		status, text, took := ask(t, serve(t, backends))
		if want := "450 cents, 12 left, 2 reviews\n"; status != http.StatusOK || text != want {
			t.Errorf("got %d %q, want 200 %q", status, text, want)
		}
		if took != 3*time.Second {
			t.Errorf("took %v, want as long as the slowest, 3 s", took)
		}
	})
}

// N2, E6
func TestTheFirstFailureEndsTheOthersAndIsTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backends, unwanted := http.NewServeMux(), make(chan string, 2)
		backends.HandleFunc("/price/7", slow(time.Hour, "", unwanted))
		backends.HandleFunc("/reviews/7", slow(time.Hour, "", unwanted))
		backends.HandleFunc("/stock/7", func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Second)
			w.WriteHeader(http.StatusTeapot)
		})
		status, text, took := ask(t, serve(t, backends))
		if status != http.StatusBadGateway || !strings.Contains(text, "Bad Gateway") || strings.Contains(text, "teapot") {
			t.Errorf("got %d %q, want a 502 that says nothing of the back end", status, text)
		}
		if took != time.Second {
			t.Errorf("took %v, want no longer than the failure, 1 s", took)
		}
		if a, b := <-unwanted, <-unwanted; a == b {
			t.Errorf("got the end of %s twice, want that of both others", a)
		}
	})
}
