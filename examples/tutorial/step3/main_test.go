package main

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/examples/internal/exampletest"
)

// B1, B7: what the tutorial says that curl and Ctrl-C show.
func TestWhatTheTutorialSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := exampletest.CaptureLog(t)
		s := exampletest.ServeInMemory(t, func() (*creche.App, http.Handler) {
			return newServer(creche.Options{IgnoreSignals: true})
		})
		if a := s.Do("POST", "/orders/tea", ""); a.StatusCode != http.StatusAccepted || strings.Contains(log.Text(), "confirmed") {
			t.Errorf("got %d and the log %q, want 202 before the confirmation", a.StatusCode, log.Text())
		}
		if err := s.Stop(); err != nil || !strings.Contains(log.Text(), "confirmed: tea") {
			t.Errorf("got %v and the log %q, want a stop that waits for the confirmation", err, log.Text())
		}
	})
}
