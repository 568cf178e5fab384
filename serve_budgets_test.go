package creche_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
)

// B5: budgets that do not add up are a fault, which says by how much.
func TestBudgetsThatDoNotAddUp(t *testing.T) {
	const prefix = "creche: Options.Stopping: the budgets do not add up: "
	tests := []struct {
		name   string
		budget creche.Stopping
		want   string
	}{
		{"the defaults", creche.Stopping{}, ""},
		{"all of them, and all of the default total", creche.Stopping{
			Delay: 5 * time.Second, Requests: 10 * time.Second, Cancelled: time.Second,
			Background: 5 * time.Second, Abandoned: time.Second, Services: 3 * time.Second,
		}, ""},
		{"none at all", creche.Stopping{Requests: -1, Cancelled: -1, Background: -1, Abandoned: -1, Services: -1}, ""},
		{"one that is more than the total", creche.Stopping{Requests: time.Minute}, prefix + "Requests 1m0s is 35s more than the Total of 25s"},
		{"one that is within a larger total", creche.Stopping{Total: 2 * time.Minute, Requests: time.Minute}, ""},
		{
			"several that are more together",
			creche.Stopping{Total: 10 * time.Second, Delay: 5 * time.Second, Background: 6 * time.Second},
			prefix + "Delay 5s + Background 6s is 1s more than the Total of 10s",
		},
		{
			"some that leave nothing to the others",
			creche.Stopping{Total: 10 * time.Second, Requests: 4 * time.Second, Background: 6 * time.Second, Services: -1},
			prefix + "Requests 4s + Background 6s leaves nothing of the Total of 10s to Cancelled, Abandoned (negative where none is meant)",
		},
		{"a total that is none", creche.Stopping{Total: -1}, "creche: Options.Stopping.Total is -1ns: want more than 0"},
		{"a unit mistaken", creche.Stopping{Total: 25000 * time.Hour}, "creche: Options.Stopping.Total is 25000h0m0s: want at most 24h0m0s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := text(creche.New(creche.Options{Stopping: tt.budget}).Check()); got != tt.want {
				t.Errorf("got fault %q, want %q", got, tt.want)
			}
		})
	}
}

// Who sets one budget has the others shrink or grow to fit the total.
//
// B5
func TestUnsetBudgetsShareWhatIsLeft(t *testing.T) {
	tests := []struct {
		name   string
		budget creche.Stopping
		want   []string
	}{
		{"of the default total", creche.Stopping{Delay: 5 * time.Second}, []string{
			"5s request is to finish", "14.6s request cancelled for the shutdown", "16.3s task is to finish",
			"21s task cancelled for the shutdown", "22.6s daemon cancelled for the shutdown", "25s stopped",
		}},
		{"of a total that is given", creche.Stopping{Total: 50 * time.Second}, []string{
			"0s request is to finish", "24s request cancelled for the shutdown", "28.1s task is to finish",
			"40s task cancelled for the shutdown", "44s daemon cancelled for the shutdown", "50s stopped",
		}},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			s := prepared(creche.Options{Stopping: tt.budget})
			s.Service("daemon", creche.Daemon(func(ctx context.Context) error {
				<-ctx.Done()
				s.note("daemon cancelled for the shutdown")
				return clings(ctx)
			}))
			s.start(t, s.listener, s.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_ = clingsOn(time.Hour)(r.Context(), s, "request")
			})))
			wantErr(t, s.Go(t.Context(), "job", func(ctx context.Context) error { return clingsOn(time.Hour)(ctx, s, "task") }), nil)
			s.ask(t)
			s.begin(s.leave)
			if err := s.end(); err == nil {
				t.Error("got nil, want what was left")
			}
			s.wantEvents(t, tt.want...)
			time.Sleep(2 * time.Hour)
		})
	}
}

// During the delay nothing changes, but for the readiness.
//
// B5
func TestTheDelayOfAStop(t *testing.T) {
	tests := []struct {
		name string
		cut  func(s *served) // a second into the delay
		want string
	}{
		{name: "is waited for, and no longer", want: "5s stopped"},
		{name: "whatever Stop says in between", cut: func(s *served) { s.Stop(nil) }, want: "5s stopped"},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			s := prepared(creche.Options{Stopping: creche.Stopping{Delay: 5 * time.Second}})
			mux := http.NewServeMux()
			mux.HandleFunc("/", s.Ready)
			mux.HandleFunc("/live", s.Live)
			s.start(t, s.listener, mux)
			wantReply(t, <-s.ask(t), http.StatusOK, "ready\n")
			s.begin(s.leave)
			synctest.Wait()
			wantReply(t, <-s.ask(t), http.StatusServiceUnavailable, "not ready\n")
			time.Sleep(time.Second)
			if tt.cut != nil {
				tt.cut(s)
			}
			time.Sleep(3 * time.Second)
			s.client.CloseIdleConnections() // a new connection is still accepted
			wantReply(t, <-s.ask(t), http.StatusServiceUnavailable, "not ready\n")
			wantReply(t, ask(t, s.client, http.MethodGet, "http://creche.test/live"), http.StatusOK, "live\n")
			wantErr(t, s.end(), nil)
			s.wantEvents(t, tt.want)
		})
	}
}

// A listener that has failed has no load balancer to wait for.
//
// B5
func TestThereIsNoDelayWithoutAListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := prepared(creche.Options{Stopping: creche.Stopping{Delay: 5 * time.Second}})
		ln := failingListener{s.listener, make(chan error)}
		s.start(t, ln, http.NotFoundHandler())
		s.begin(func() { ln.fail <- errStop })
		wantErr(t, s.end(), errStop)
		s.wantEvents(t, "0s stopped")
	})
}
