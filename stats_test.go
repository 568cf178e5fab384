package creche_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/creche-go/creche"
)

// B7: what a stop would have to wait for can be asked at any time.
func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := serving(t, creche.Options{Background: creche.Background{Limit: 2}}, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/hijack" {
				conn, _, err := http.NewResponseController(w).Hijack()
				wantErr(t, err, nil)
				defer conn.Close()
			}
			<-release
		})
		want := func(when string, want creche.Stats) {
			t.Helper()
			synctest.Wait()
			if got := s.Stats(); got != want {
				t.Errorf("%s: got %+v, want %+v", when, got, want)
			}
		}
		want("at rest", creche.Stats{})
		s.ask(t)
		s.dial(t, "GET /hijack HTTP/1.1\r\nHost: creche.test\r\n\r\n")
		for range 5 {
			wantErr(t, s.Go(t.Context(), "job", func(context.Context) error { <-release; return nil }), nil)
		}
		want("at work", creche.Stats{Requests: 1, Connections: 1, Background: 2, Queued: 3})
		if got := testing.AllocsPerRun(10, func() { s.Stats() }); got > 0 {
			t.Errorf("got %v allocations, want none", got)
		}
		close(release)
		want("after it", creche.Stats{})
		s.leave()
		wantErr(t, s.end(), nil)
	})
}
