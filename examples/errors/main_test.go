package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/examples/internal/exampletest"
	"github.com/creche-go/creche/nursery/nurserytest"
)

func TestMain(m *testing.M) { nurserytest.CheckMain(m) }

// E1, E7
func TestAnswers(t *testing.T) {
	exampletest.CaptureLog(t)
	s := exampletest.Serve(t, newServer)
	for _, tt := range []struct {
		name, method, path string
		status             int
		body               string
	}{
		{"a sentinel, wrapped", "GET", "/books/1", 404, `{"title":"Not Found","status":404,"detail":"There is no such book."}`},
		{"a type", "POST", "/books?title=Emma", 422, `{"title":"Unprocessable Entity","status":422,"invalid":[{"field":"author","why":"is missing"}]}`},
		{"several of it", "POST", "/books", 422, `{"title":"Unprocessable Entity","status":422,"invalid":[{"field":"title","why":"is missing"},{"field":"author","why":"is missing"}]}`},
		{"the router's own", "GET", "/authors", 404, `{"title":"Not Found","status":404}`},
		{"no error", "POST", "/books?title=Emma&author=Austen", 201, ""},
	} {
		a := s.Do(tt.method, tt.path, "")
		if a.StatusCode != tt.status || strings.TrimSpace(a.Text) != tt.body {
			t.Errorf("%s: got %d %s, want %d %s", tt.name, a.StatusCode, a.Text, tt.status, tt.body)
		}
		if got := a.Header.Get("Content-Type"); tt.status >= 400 && got != "application/problem+json" {
			t.Errorf("%s: got content type %q, want a problem", tt.name, got)
		}
	}
}

// E2, E4
func TestAGroupWithAnotherFailureIsSearchedLeafByLeaf(t *testing.T) {
	log := exampletest.CaptureLog(t)
	s := exampletest.Serve(t, func() (*creche.App, http.Handler) {
		app := creche.New(creche.Options{Errors: rules})
		return app, app.Middleware(creche.Handler(func(http.ResponseWriter, *http.Request) error {
			return errors.Join(errors.New("disk on fire"), &invalid{"title", "is missing"})
		}))
	})
	if a := s.Do("GET", "/", ""); a.StatusCode != http.StatusUnprocessableEntity || strings.Contains(a.Text, "fire") {
		t.Errorf("got %d %s, want the 422 of the leaf that has a rule", a.StatusCode, a.Text)
	}
	if got := log.Text(); !strings.Contains(got, "disk on fire") {
		t.Errorf("log: got %q, want the other failure", got)
	}
}
