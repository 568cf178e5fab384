package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/examples/internal/exampletest"
	"github.com/creche-go/creche/nursery/nurserytest"
)

func TestMain(m *testing.M) { nurserytest.CheckMain(m) }

// serve serves the program inside a bubble. Stop ends it as a signal would and
// returns what Serve did.
func serve(t *testing.T) (client *http.Client, stop func() error) {
	exampletest.CaptureLog(t)
	app, handler := newServer(creche.Options{IgnoreSignals: true}) // which a bubble does not have
	ctx, cancel := context.WithCancel(t.Context())
	ln, ended := nurserytest.Listen(), make(chan error, 1)
	go func() { ended <- app.Serve(ctx, ln, handler) }()
	client = ln.Client()
	t.Cleanup(client.CloseIdleConnections)
	return client, func() error {
		cancel()
		return <-ended
	}
}

func get(t *testing.T, client *http.Client, path string) *http.Response {
	t.Helper()
	res, err := client.Get("http://creche.test" + path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// R2, B5
func TestAStreamEndsWithALastEventWhenTheServerDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, stop := serve(t)
		res := get(t, client, "/events")
		lines := bufio.NewReader(res.Body)
		for i := range 3 {
			began := time.Now()
			line, err := lines.ReadString('\n')
			if _, _ = lines.ReadString('\n'); err != nil || !strings.HasPrefix(line, "data: ") {
				t.Fatalf("event %d: got %q, %v", i, line, err)
			}
			if took := time.Since(began); i > 0 && took != pause {
				t.Errorf("event %d came after %v, want %v", i, took, pause)
			}
		}
		ended := make(chan error, 1)
		go func() { ended <- stop() }()
		rest, err := io.ReadAll(lines)
		if err != nil || string(rest) != "event: bye\ndata: the server restarts\n\n" {
			t.Errorf("the rest: got %q, %v, want the last event and a whole response", rest, err)
		}
		if err := <-ended; err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
	})
}

// R5
func TestAStreamEndsWhenItsClientLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, stop := serve(t)
		res := get(t, client, "/events")
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := stop(); err != nil || time.Since(began) > 0 {
			t.Errorf("Serve: got %v after %v, want nil at once: nobody is left", err, time.Since(began))
		}
	})
}

// B5
func TestAPollIsAnsweredAtOnceWhenTheServerDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, stop := serve(t)
		if res := get(t, client, "/poll"); res.StatusCode != http.StatusOK {
			t.Errorf("with news: got %d, want 200", res.StatusCode)
		}
		ended := make(chan error, 1)
		go func() {
			time.Sleep(pause / 2)
			ended <- stop()
		}()
		began := time.Now()
		res := get(t, client, "/poll")
		if took := time.Since(began); res.StatusCode != http.StatusNoContent || took != pause/2 {
			t.Errorf("got %d after %v, want 204 after %v", res.StatusCode, took, pause/2)
		}
		if err := <-ended; err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
	})
}
