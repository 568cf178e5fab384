package main

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/examples/internal/exampletest"
)

// E7: what the tutorial says that curl shows.
func TestWhatTheTutorialSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := exampletest.CaptureLog(t)
		s := exampletest.ServeInMemory(t, func() (*creche.App, http.Handler) {
			return newServer(creche.Options{IgnoreSignals: true})
		})
		if a := s.Do("GET", "/quote/tea", ""); a.StatusCode != http.StatusOK || a.Text != "450 cents\n" {
			t.Errorf("got %d %q, want the price", a.StatusCode, a.Text)
		}
		a := s.Do("GET", "/quote/coffee", "")
		if want := `{"title":"Internal Server Error","status":500}`; a.StatusCode != 500 || strings.TrimSpace(a.Text) != want {
			t.Errorf("got %d %q, want a 500 that tells nothing", a.StatusCode, a.Text)
		}
		if got := log.Text(); !strings.Contains(got, "unknown SKU") {
			t.Errorf("log: got %q, want the error", got)
		}
	})
}
