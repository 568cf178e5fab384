package main

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/examples/internal/exampletest"
)

// N14, E1: what the tutorial says that curl shows.
func TestWhatTheTutorialSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exampletest.CaptureLog(t)
		s := exampletest.ServeInMemory(t, func() (*creche.App, http.Handler) {
			return newServer(creche.Options{IgnoreSignals: true})
		})
		for _, tt := range []struct {
			sku    string
			status int
			says   string
			took   time.Duration
		}{
			{"tea", http.StatusOK, "12 at 450 cents\n", 3 * time.Second},
			{"coffee", http.StatusNotFound, `"detail":"We do not sell coffee."`, time.Second},
		} {
			began := time.Now()
			a := s.Do("GET", "/quote/"+tt.sku, "")
			if took := time.Since(began); a.StatusCode != tt.status || !strings.Contains(a.Text, tt.says) || took != tt.took {
				t.Errorf("%s: got %d %q after %v, want %d with %q after %v", tt.sku, a.StatusCode, a.Text, took, tt.status, tt.says, tt.took)
			}
		}
	})
}
