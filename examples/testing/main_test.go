package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// After the last test nothing may run that did not run before the first.
func TestMain(m *testing.M) { nurserytest.CheckMain(m) }

// serve runs the whole program in memory, inside a bubble, until the test ends.
// What is reported comes to the second result.
func serve(t *testing.T, prices *ticker) (*http.Client, <-chan nursery.Report) {
	t.Helper()
	reports := make(chan nursery.Report, 100)
	app, h := newServer(creche.Options{
		IgnoreSignals: true, // which a bubble does not have
		Observe:       func(_ context.Context, r nursery.Report) { reports <- r },
	}, prices)
	ln, ended := nurserytest.Listen(), make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	go func() { ended <- app.Serve(ctx, ln, h) }()
	client := ln.Client()
	t.Cleanup(func() {
		client.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Serve: got %v, want a clean stop", err)
		}
	})
	return client, reports
}

func get(t *testing.T, client *http.Client, path string) (status int, text string) {
	t.Helper()
	res, err := client.Get("http://creche.test" + path)
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

// N20
func TestAnHourOfUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looked atomic.Int64
		client, _ := serve(t, &ticker{lookUp: func(context.Context) (int, error) { return int(looked.Add(1)), nil }})
		time.Sleep(time.Hour) // which is over at once
		synctest.Wait()       // until all that was due in it is done
		if status, text := get(t, client, "/price"); status != http.StatusOK || text != "61 cents\n" {
			t.Errorf("got %d %q, want the update of each minute", status, text)
		}
	})
}

// R13
func TestAPriceThatIsNotThereInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := serve(t, &ticker{lookUp: func(ctx context.Context) (int, error) {
			<-ctx.Done() // as a market that does not answer
			return 0, ctx.Err()
		}})
		began := time.Now()
		if status, _ := get(t, client, "/fresh"); status != http.StatusServiceUnavailable || time.Since(began) != 2*time.Second {
			t.Errorf("got %d after %v, want 503 after 2 s, to the nanosecond", status, time.Since(began))
		}
	})
}

// N9, N23
func TestAPanicIsReportedAndTheServerLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looked atomic.Int64
		client, reports := serve(t, &ticker{lookUp: func(context.Context) (int, error) {
			if looked.Add(1) == 1 {
				panic("the market is on fire")
			}
			return 450, nil
		}})
		r := <-reports
		if p, ok := r.Err.(*nursery.PanicError); !ok || !strings.Contains(p.Stack(), "update") {
			t.Errorf("got %v, want the panic with its stack", r.Err)
		}
		time.Sleep(time.Second) // more than the wait before a restart
		if status, text := get(t, client, "/price"); status != http.StatusOK || text != "450 cents\n" {
			t.Errorf("got %d %q, want the price after the restart", status, text)
		}
	})
}

// Whatever goes wrong, and when: Explore makes the look-ups slow, fail, panic
// and end a thousand times at random, and checks that nothing is left running
// and no failure lost. A seed that fails prints the line that runs it again.
//
// N14
func TestWhateverGoesWrong(t *testing.T) {
	nurserytest.Explore(t, func(ctx context.Context, x *nurserytest.Explorer) error {
		prices := &ticker{lookUp: func(ctx context.Context) (int, error) { return 450, x.Step(ctx, "look up") }}
		err := nursery.All(ctx, prices.update, prices.update)
		if err == nil && prices.cents.Load() != 450 {
			x.Errorf("got %d and no error, want 450", prices.cents.Load())
		}
		return err
	})
}
