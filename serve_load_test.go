package creche_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// Clients ask as fast as they can while the server stops at a random moment.
// Each request is answered in full, or its handler has never run.
//
// B7
func TestAcceptedRequestsAreAnswered(t *testing.T) {
	tests := []struct {
		name         string
		fresh, http2 bool
	}{
		{name: "on connections kept alive"},
		{name: "on a new connection each", fresh: true},
		{name: "over HTTP/2", http2: true},
		{name: "over HTTP/2 on a new connection each", fresh: true, http2: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			nurserytest.CheckLeaks(t)
			answered, refused := 0, 0
			for range rounds(t, 20, 200) {
				l := loadRound(t, &http.Client{Transport: &http.Transport{DisableKeepAlives: tt.fresh}}, tt.http2)
				answered += len(l.answered)
				refused += len(l.refused)
			}
			t.Attr("did", fmt.Sprintf("%s %d requests answered, %d refused", tt.name, answered, refused))
			if answered == 0 || refused == 0 {
				t.Error("the stop met no load: the test says nothing")
			}
		})
	}
}

// ledger accounts for requests by their number.
type ledger struct {
	mu       sync.Mutex
	handled  map[string]int // how often the handler was called
	answered map[string]bool
	refused  map[string]error
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get("X-Id")
	l.mu.Lock()
	l.handled[id]++
	l.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil || string(body) != id {
		http.Error(w, fmt.Sprintf("body %q (%v)", body, err), http.StatusBadRequest)
		return
	}
	nursery.From(r.Context()).Go(func(context.Context) error {
		time.Sleep(rand.N(2 * time.Millisecond))
		return nil
	})
	_, _ = io.WriteString(w, strings.Repeat(id, 1000))
}

// ask makes one request, and reports whether the server still answers.
func (l *ledger) ask(c *http.Client, url, id string) bool {
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(id))
	if err != nil {
		panic(err)
	}
	req.Header.Set("X-Id", id)
	got := sent(c, req)
	l.mu.Lock()
	defer l.mu.Unlock()
	if got.err != nil {
		l.refused[id] = got.err
		return false
	}
	l.answered[id] = got.status == http.StatusOK && got.body == strings.Repeat(id, 1000)
	return true
}

func loadRound(t *testing.T, client *http.Client, http2 bool) *ledger {
	t.Helper()
	l := &ledger{handled: make(map[string]int), answered: make(map[string]bool), refused: make(map[string]error)}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	app := creche.New(creche.Options{IgnoreSignals: true, Logger: quiet})
	url := "http://" + ln.Addr().String()
	if http2 {
		url, ln = "https://"+ln.Addr().String(), overTLS(t, client, ln)
	}
	var clients sync.WaitGroup
	for i := range 4 {
		clients.Go(func() {
			for k := 0; l.ask(client, url, fmt.Sprintf("%d.%d;", i, k)); k++ {
			}
		})
	}
	delay := time.AfterFunc(time.Millisecond+rand.N(10*time.Millisecond), func() { app.Stop(nil) })
	defer delay.Stop()
	wantErr(t, app.Serve(t.Context(), ln, app.Middleware(l)), nil)
	clients.Wait()
	client.CloseIdleConnections()
	l.check(t)
	return l
}

// check fails t for each request that was lost: handled and not answered.
func (l *ledger) check(t *testing.T) {
	t.Helper()
	for id, n := range l.handled {
		if n != 1 || !l.answered[id] {
			t.Errorf("request %s: handled %d times, answered in full: %v (%v)", id, n, l.answered[id], l.refused[id])
		}
	}
	for id, ok := range l.answered {
		if !ok || l.handled[id] != 1 {
			t.Errorf("request %s: answered in full: %v, handled %d times", id, ok, l.handled[id])
		}
	}
}
