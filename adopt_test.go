package creche_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// adopting is an App whose every request is taken over by run.
func adopting(t *testing.T, run func(s *served, ctx context.Context, a *creche.Adopted)) *served {
	t.Helper()
	var s *served
	s = serving(t, creche.Options{Stopping: stages}, func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { _ = conn.Close() })
		if !creche.ExchangeOf(r.Context()).Adopt(r.Context(), func(ctx context.Context, a *creche.Adopted) { run(s, ctx, a) }) {
			t.Error("Adopt: got false, want true")
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
	})
	conn, err := s.listener.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: creche.test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return s
}

// W9, W13
func TestTheStopTakesAdoptedConnectionsThroughItsStages(t *testing.T) {
	in(t, "one that finishes when told to", func(t *testing.T) {
		s := adopting(t, func(s *served, ctx context.Context, _ *creche.Adopted) {
			s.untilDraining(ctx, "the connection", 3*time.Second)
		})
		s.begin(func() { s.Stop(nil) })
		wantErr(t, s.end(), nil)
		s.wantEvents(t, "0s the connection is to finish", "3s the connection done", "3s stopped")
		s.seen.wantOnce(t)
	})
	in(t, "one that has to be cancelled", func(t *testing.T) {
		s := adopting(t, func(s *served, ctx context.Context, a *creche.Adopted) {
			a.Report(nursery.Filter(s.untilCancelled(ctx, "the connection"), func(leaf error) bool {
				return !errors.Is(leaf, creche.ErrShutdown)
			}))
		})
		s.begin(func() { s.Stop(nil) })
		wantErr(t, s.end(), nil)
		s.wantEvents(t, "0s the connection is to finish", "10s the connection cancelled for the shutdown", "10s stopped")
		s.seen.wantOnce(t)
	})
	in(t, "one that ignores it is counted, and once", func(t *testing.T) {
		s := adopting(t, func(*served, context.Context, *creche.Adopted) { time.Sleep(time.Hour) })
		s.begin(func() { s.Stop(nil) })
		err := s.end()
		var left *creche.UnfinishedError
		if !errors.As(err, &left) || len(left.Connections) != 1 || len(left.Requests)+len(left.Tasks) != 0 {
			t.Errorf("got %+v, want one connection and nothing else", left)
		}
		s.wantEvents(t, "20s stopped")
		time.Sleep(time.Hour)
	})
}

// W13
func TestAnAdoptedConnectionSpeaksForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := adopting(t, func(_ *served, ctx context.Context, a *creche.Adopted) {
			a.Report(nil)
			a.Report(errStop)
			if got := a.Resolve(context.DeadlineExceeded); got == nil || got.Status != http.StatusServiceUnavailable {
				t.Errorf("Resolve: got %v, want the 503 of a deadline", got)
			}
			if got := ctx.Value(http.ServerContextKey); got == nil {
				t.Error("the request's values: got none")
			}
			<-nursery.Draining(ctx)
		})
		s.begin(func() { s.Stop(nil) })
		wantErr(t, s.end(), nil)
		s.seen.wantOnce(t, errStop)
	})
}

// W13
func TestWhatFailsInAnAdoptedConnectionIsReported(t *testing.T) {
	errTask := errors.New("of a task")
	synctest.Test(t, func(t *testing.T) {
		s := adopting(t, func(s *served, ctx context.Context, _ *creche.Adopted) {
			_ = nursery.Run(ctx, func(ctx context.Context, n *nursery.Nursery) error {
				n.Go(func(context.Context) error { panic(errTask) })
				<-ctx.Done()
				return nil
			}, s.Observer(), nursery.OnPanic(nursery.ReturnPanics))
			panic(errStop)
		})
		s.seen.wantOnce(t, errTask, errStop)
		s.begin(func() { s.Stop(nil) })
		wantErr(t, s.end(), nil)
		s.wantEvents(t, "0s stopped")
	})
}

func TestSharedIsMadeOnce(t *testing.T) {
	type key struct{}
	app := creche.New(creche.Options{})
	made := 0
	for range 3 {
		if got := app.Shared(key{}, func() any { made++; return made }); got != 1 {
			t.Errorf("got %v, want the first", got)
		}
	}
	if other := creche.New(creche.Options{}).Shared(key{}, func() any { return "another" }); other != "another" {
		t.Errorf("got %v of another application", other)
	}
}

func TestReportsOfAnApp(t *testing.T) {
	errLost := errors.New("lost")
	var got []nursery.Report
	var log strings.Builder
	observe := func(_ context.Context, r nursery.Report) { got = append(got, r) }
	logger := slog.New(slog.NewTextHandler(&log, nil))
	for _, o := range []creche.Options{{Observe: observe, Logger: logger}, {Logger: logger}} {
		app := creche.New(o)
		app.Report(t.Context(), "sockets", nil)
		app.Report(t.Context(), "sockets", errLost)
	}
	if len(got) != 1 || got[0].Err != errLost || got[0].Nursery != "sockets" {
		t.Errorf("observed %v, want errLost of the sockets", got)
	}
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "nursery=sockets error=lost") {
		t.Errorf("logged %q, want errLost once", text)
	}
}

func TestWarningsOfAnApp(t *testing.T) {
	var log strings.Builder
	app := creche.New(creche.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	app.Warn(t.Context(), "outside", nil)
	app.Warn(t.Context(), "outside", errors.New("lost"))
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "level=WARN msg=outside error=lost\n") {
		t.Errorf("logged %q, want a line with the error, of no request", text)
	}
}

func TestMisuseOfAdopt(t *testing.T) {
	var none context.Context
	for want, call := range map[string]func(x *creche.Exchange){
		"creche: Adopt: nil context": func(x *creche.Exchange) { x.Adopt(none, func(context.Context, *creche.Adopted) {}) },
		"creche: App.Report: nil context": func(*creche.Exchange) {
			creche.New(creche.Options{}).Report(none, "", nil)
		},
		"creche: App.Warn: nil context": func(*creche.Exchange) {
			creche.New(creche.Options{}).Warn(none, "", nil)
		},
		"creche: Adopt: nil function": func(x *creche.Exchange) { x.Adopt(context.Background(), nil) },
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("got panic %v, want %q", got, want)
				}
			}()
			call(new(creche.Exchange))
		}()
	}
}
