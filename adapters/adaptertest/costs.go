package adaptertest

import (
	"cmp"
	"net/http"
	"testing"

	"github.com/creche-go/creche"
)

// costs has the cases about what a request costs.
func costs() []check {
	// R11
	return []check{
		{"a request that starts no task costs the allocations that the adapter says", "R11", 1, allocations},
	}
}

// nobody is a ResponseWriter that costs nothing.
type nobody struct{ header http.Header }

func (n nobody) Header() http.Header         { return n.header }
func (n nobody) Write(p []byte) (int, error) { return len(p), nil }
func (n nobody) WriteHeader(int)             {}

var okBody = []byte("ok")

// allocations calls the routers without a server. The race detector has the
// routers' pools forget what they are given, so under it nothing is counted.
func allocations(t *trial) {
	if raceDetector {
		t.Skip("not counted under the race detector")
	}
	handle := func(w http.ResponseWriter, _ *http.Request, _ Params) error {
		_, err := w.Write(okBody)
		return err
	}
	root := Group{Routes: []Route{{http.MethodGet, "/items/{id}", handle}}}
	s := t.build(creche.Options{})
	t.Cleanup(s.end)
	per := func(h http.Handler) float64 {
		r, err := http.NewRequest(http.MethodGet, "/items/1", nil)
		if err != nil {
			t.Fatal(err)
		}
		w := nobody{make(http.Header)}
		return testing.AllocsPerRun(1000, func() { h.ServeHTTP(w, r) })
	}
	bare, ours := per(t.adapter.Bare(root.Routes)), per(t.adapter.Build(s.app, root))
	if got, want := int(ours-bare), cmp.Or(t.adapter.Allocs, 1); got > want {
		t.Errorf("allocations of a request beyond the router's own %v: got %d, want at most %d", bare, got, want)
	}
}
