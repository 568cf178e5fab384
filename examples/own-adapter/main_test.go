package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/creche-go/creche/examples/internal/exampletest"
)

// R9
func TestAQuoteAndTheRoutersRefusals(t *testing.T) {
	exampletest.CaptureLog(t)
	s := exampletest.Serve(t, newServer)
	if a := s.Do("GET", "/quote/tea", ""); a.StatusCode != http.StatusOK || a.Text != "3 at 3\n" {
		t.Errorf("quote: got %d with %q, want 200 with both look-ups", a.StatusCode, a.Text)
	}
	if a := s.Do("GET", "/teapots", ""); a.StatusCode != http.StatusNotFound || !strings.Contains(a.Text, `"status":404`) {
		t.Errorf("unknown route: got %d with %q, want 404 as a problem", a.StatusCode, a.Text)
	}
	if a := s.Do("DELETE", "/quote/tea", ""); a.StatusCode != http.StatusMethodNotAllowed || a.Header.Get("Allow") != "GET, OPTIONS" {
		t.Errorf("wrong method: got %d with Allow %q, want 405 with httprouter's", a.StatusCode, a.Header.Get("Allow"))
	}
}
