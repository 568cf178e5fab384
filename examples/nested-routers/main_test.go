package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/examples/internal/exampletest"
	"github.com/creche-go/creche/nursery/nurserytest"
)

func TestMain(m *testing.M) { nurserytest.CheckMain(m) }

// R7, R8, R9
func TestEachPartAnswersByItsOwnRules(t *testing.T) {
	exampletest.CaptureLog(t)
	s := exampletest.Serve(t, newServer)
	for path, want := range map[string]struct {
		status int
		says   string
	}{
		"/open":        {503, "outermost"},
		"/desk/open":   {409, "desk"},
		"/shop/open":   {410, "shop"},
		"/v1/old/open": {404, "old"},
		"/teapots":     {404, `"status":404`},
		"/shop/tea":    {404, `"status":404`},
		"/v1/tea":      {404, `"status":404`},
	} {
		a := s.Do(http.MethodGet, path, "")
		if a.StatusCode != want.status || !strings.Contains(a.Text, want.says) {
			t.Errorf("%s: got %d %s, want %d that says %q", path, a.StatusCode, a.Text, want.status, want.says)
		}
	}
}

// R7: without Use a router has the application that serves, and no rules of
// its refusals.
func TestAMountedRouterWorksByItself(t *testing.T) {
	exampletest.CaptureLog(t)
	s := exampletest.Serve(t, func() (*creche.App, http.Handler) {
		app := creche.New(creche.Options{})
		return app, shop(app)
	})
	if a := s.Do(http.MethodGet, "/open", ""); a.StatusCode != http.StatusGone {
		t.Errorf("got %d, want the 410 of its rule", a.StatusCode)
	}
}
