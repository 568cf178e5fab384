package main

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// The test is also the server's process.
func TestMain(m *testing.M) {
	if i := slices.Index(os.Args, "-serve"); i > 0 && i+1 < len(os.Args) {
		if err := serveAs(os.Args[i+1]); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func TestEveryServerDelivers(t *testing.T) {
	results, err := measure(serverNames(), plan{clients: 5, stalled: 1, window: 2, long: 100 * time.Millisecond}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range serverNames() {
		r := results[name][0]
		if r.perSecond <= 0 || r.cpu < 0 || r.late <= 0 || r.late > time.Second {
			t.Errorf("%s: got %+v, want deliveries", name, r)
		}
	}
	var b strings.Builder
	table(&b, serverNames(), results)
	if got := strings.Count(b.String(), "\n"); got != 2+len(serverNames()) {
		t.Errorf("got a table of %d lines:\n%s", got, b.String())
	}
}
