package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// Nothing may be left running after the last test.
func TestMain(m *testing.M) { nurserytest.CheckMain(m) }

// serve runs the program in memory. Stop ends it as a signal would.
func serve(t *testing.T) (client *http.Client, stop func() error) {
	t.Helper()
	app, handler := newServer(creche.Options{IgnoreSignals: true}) // a bubble has no signals
	ctx, cancel := context.WithCancel(t.Context())
	ln, ended := nurserytest.Listen(), make(chan error, 1)
	go func() { ended <- app.Serve(ctx, ln, handler) }()
	client = ln.Client()
	return client, func() error {
		client.CloseIdleConnections()
		cancel()
		return <-ended
	}
}

func do(t *testing.T, client *http.Client, method, path string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://creche.test"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestAQuoteTakesAsLongAsTheSlowerLookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, stop := serve(t)
		began := time.Now()
		status, text := do(t, client, http.MethodGet, "/quote/tea")
		if took := time.Since(began); status != http.StatusOK || text != "12 at 450 cents\n" || took != 3*time.Second {
			t.Errorf("got %d %q after %v, want 12 at 450 cents after 3 s", status, text, took)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestAFailureDoesNotWaitForTheOtherLookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, stop := serve(t)
		began := time.Now()
		status, text := do(t, client, http.MethodGet, "/quote/coffee")
		if took := time.Since(began); status != http.StatusNotFound || !strings.Contains(text, "coffee") || took != time.Second {
			t.Errorf("got %d %q after %v, want a 404 after 1 s", status, text, took)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestAStopWaitsForTheConfirmation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, stop := serve(t)
		if status, _ := do(t, client, http.MethodPost, "/orders/tea"); status != http.StatusAccepted {
			t.Errorf("got %d, want 202", status)
		}
		began := time.Now()
		if err := stop(); err != nil || time.Since(began) != 5*time.Second {
			t.Errorf("got %v after %v, want nil after the 5 s of the confirmation", err, time.Since(began))
		}
	})
}
