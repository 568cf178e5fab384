package creche_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// jobs are background tasks, by what they do when they are told to end.
var jobs = map[string]func(ctx context.Context) error{
	"short": func(context.Context) error { time.Sleep(time.Second); return nil },
	"heeds draining": func(ctx context.Context) error {
		select {
		case <-nursery.Draining(ctx):
			return nil
		case <-ctx.Done():
			return errors.New("was cancelled")
		}
	},
	"heeds its end": func(ctx context.Context) error {
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), creche.ErrShutdown) {
			return errors.New("was cancelled for another reason")
		}
		return nil
	},
	"heeds nothing": func(context.Context) error { time.Sleep(time.Minute); return nil },
	"is critical":   func(context.Context) error { return errStop },
}

// B7
func TestShutdown(t *testing.T) {
	tests := []struct {
		name  string
		jobs  []string
		limit int // of the background
		took  time.Duration
		want  string // in the error
	}{
		{"nothing to do", nil, 0, 0, ""},
		{"all end", []string{"short", "heeds draining"}, 0, time.Second, ""},
		{"queued ones run", []string{"short", "short", "short"}, 1, 3 * time.Second, ""},
		{"one is cancelled", []string{"short", "heeds its end"}, 0, 10 * time.Second, ""},
		{"one ignores that", []string{"heeds nothing", "heeds its end"}, 0, 12 * time.Second, "creche: stopped without waiting any longer for background task heeds nothing (12s old)\n\nheeds nothing:\n"},
		{"one never began", []string{"heeds its end", "short"}, 1, 10 * time.Second, "creche: stopped without waiting any longer for 1 background task still queued (short)"},
		{"one was critical", []string{"is critical", "heeds draining"}, 0, 0, "creche: critical task is critical: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, _ := watched(creche.Options{Background: creche.Background{Limit: tt.limit}, IgnoreSignals: true})
				for _, name := range tt.jobs {
					var opts []nursery.TaskOption
					if name == "is critical" {
						opts = append(opts, nursery.Critical())
					}
					wantErr(t, app.Go(t.Context(), name, jobs[name], opts...), nil)
				}
				synctest.Wait()
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				var calls sync.WaitGroup
				for range 3 { // all wait, and say the same
					calls.Go(func() {
						err := app.Shutdown(ctx)
						if took := time.Since(began); took != tt.took {
							t.Errorf("it took %v, want %v", took, tt.took)
						}
						if got := text(err); !strings.HasPrefix(got, tt.want) || (got == "") != (tt.want == "") {
							t.Errorf("got %q, want %q", got, tt.want)
						}
					})
				}
				calls.Wait()
				wantErr(t, app.Go(t.Context(), "late", jobs["short"]), nursery.ErrClosed)
				wantErr(t, app.Serve(t.Context(), nurserytest.Listen(), nil), creche.ErrServed)
				time.Sleep(time.Hour) // those that were left behind end, too
			})
		})
	}
}

// Without Serve a test's own server may have handlers that hand work over.
//
// B1, B7
func TestShutdownBehindAServerOfSomebodyElses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := creche.New(creche.Options{})
		sent := false
		srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			return creche.Go(r.Context(), "mail", func(context.Context) error {
				time.Sleep(time.Hour)
				sent = true
				return nil
			})
		})))
		res, err := srv.Client().Get(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		srv.Close()
		if err := app.Shutdown(t.Context()); err != nil || !sent {
			t.Errorf("got %v and sent: %v, want nil and true", err, sent)
		}
	})
}

// B7, B8
func TestShutdownIsNotForAnAppThatServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, creche.Options{}, slow)
		wantErr(t, s.Shutdown(t.Context()), creche.ErrServed)
		wantErr(t, s.Go(t.Context(), "job", jobs["short"]), nil)
		s.leave()
		wantErr(t, s.end(), nil)
		wantErr(t, s.Shutdown(t.Context()), creche.ErrServed)
	})
}
