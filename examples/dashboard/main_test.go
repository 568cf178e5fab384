package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/examples/internal/exampletest"
	"github.com/creche-go/creche/nursery/nurserytest"
	cws "github.com/creche-go/creche/websocket"
)

// reading is what is sent of a change.
type reading struct {
	Name  string
	Value int
}

func TestMain(m *testing.M) { nurserytest.CheckMain(m) }

// watch connects a client that reads only when it is told to, as a browser in
// a tunnel.
func watch(t *testing.T, client *http.Client, url string) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), url+"/live", &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

func next(t *testing.T, conn *websocket.Conn) (got reading) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, data, err := conn.Read(ctx)
	if err == nil {
		err = json.Unmarshal(data, &got)
	}
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// W8
func TestWhoeverIsSlowSkipsReadingsAndEndsUpWithTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{newest: make(map[string]cws.Message)}
		if err := b.set("old", -1); err != nil {
			t.Fatal(err)
		}
		s := nurserytest.NewServer(t, serving(b))
		quick, slow := watch(t, s.Client(), s.URL), watch(t, s.Client(), s.URL)
		if got, want := next(t, quick), (reading{"old", -1}); got != want {
			t.Errorf("at first: got %v, want the board as it is, %v", got, want)
		}
		synctest.Wait()

		const names, rounds = 100, 1000
		began := time.Now()
		for value := range rounds {
			name := fmt.Sprint(value % names)
			if err := b.set(name, value); err != nil {
				t.Fatal(err)
			}
			if got := next(t, quick); got != (reading{name, value}) {
				t.Fatalf("the quick one: got %v, want %s with %d", got, name, value)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the slow one cost the quick one %v", took)
		}

		if got := next(t, slow); got.Name != "old" {
			t.Errorf("the slow one: got %v, want what was under way", got)
		}
		var values []int
		for range names {
			values = append(values, next(t, slow).Value)
		}
		slices.Sort(values)
		if first, last := values[0], values[names-1]; first != rounds-names || last != rounds-1 {
			t.Errorf("the slow one: got values from %d to %d, want the newest of each name", first, last)
		}
	})
}

// serving is the handler for a board without sensors.
func serving(b *board) http.Handler {
	app := creche.New(creche.Options{})
	return app.Middleware(creche.Handler(b.live))
}

func TestTheProgram(t *testing.T) {
	s := exampletest.Serve(t, newServer)
	if a := s.Do("GET", "/", ""); a.StatusCode != http.StatusOK || !strings.Contains(a.Text, "/live") {
		t.Errorf("got %d with %.80q, want the page", a.StatusCode, a.Text)
	}
	conn := watch(t, nil, s.URL)
	seen := make(map[string]int)
	for range 25 {
		seen[next(t, conn).Name]++
	}
	if len(seen) != 5 || seen["sensor 1"] < 4 {
		t.Errorf("got readings of %v, want some of each sensor", seen)
	}
	_ = conn.CloseNow()
}
