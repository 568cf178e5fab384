package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A variant that answers something else, or nothing, would win.
func TestAllVariantsAnswerAlike(t *testing.T) {
	for _, r := range routers() {
		for i, build := range r.variants {
			h := build()
			for path, want := range map[string]string{"/items/7": "item 7", "/items/8": "item 8"} {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
				if w.Code != http.StatusOK || w.Body.String() != want {
					t.Errorf("%s, variant %d, %s: got %d %q, want %q", r.name, i, path, w.Code, w.Body, want)
				}
			}
		}
	}
}

func TestTheTableHasARowForEachRouter(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures")
	}
	var out bytes.Buffer
	if err := run(&out, "net/http", 1, 10*time.Millisecond, 2); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "| net/http | ") || strings.Contains(out.String(), "chi") {
		t.Errorf("got %s, want one row for net/http", &out)
	}
	if err := run(&out, "no such router", 1, time.Millisecond, 1); err == nil {
		t.Error("a router that there is not: got no error, want one")
	}
}
