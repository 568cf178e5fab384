package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creche-go/creche/examples/internal/exampletest"
	"github.com/creche-go/creche/examples/internal/shelf"
)

// rounds is how often the program is stopped: the second number with
// CRECHE_LONG=1 in the environment.
func rounds(short, long int) int {
	if os.Getenv("CRECHE_LONG") != "" {
		return long
	}
	return short
}

// fire is the load of one round: what became of each order.
type fire struct {
	mu       sync.Mutex
	accepted map[string]bool  // answered with 202
	full     map[string]bool  // answered with 503
	refused  map[string]error // not answered
}

const clients = 8

// underFire has eight clients order as fast as they can, stops the program at a
// random moment, and returns what they saw, the exit code and what was logged.
func underFire(t *testing.T, run *exampletest.Process, round int, stop func()) (f *fire, code int, said string) {
	t.Helper()
	f = &fire{accepted: make(map[string]bool), full: make(map[string]bool), refused: make(map[string]error)}
	var ordering sync.WaitGroup
	for c := range clients {
		ordering.Go(func() {
			for k := 0; f.order(t, run, fmt.Sprintf("%d-%d-%d", round, c, k)); k++ {
			}
		})
	}
	time.Sleep(10*time.Millisecond + rand.N(100*time.Millisecond))
	stop()
	code, said = run.Wait()
	ordering.Wait()
	return f, code, said
}

// text is that of an order, by which a part of it can be told from the whole.
func text(id string) string { return strings.Repeat(id+"\n", 500) + "end" }

// order reports whether the program still answers.
func (f *fire) order(t *testing.T, run *exampletest.Process, id string) bool {
	r, err := http.NewRequest(http.MethodPost, run.URL+"/orders/"+id, strings.NewReader(text(id)))
	if err != nil {
		panic(err)
	}
	a, err := run.Try(r)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err != nil:
		f.refused[id] = err
		return false
	case a.StatusCode == http.StatusAccepted:
		f.accepted[id] = true
	case a.StatusCode == http.StatusServiceUnavailable:
		f.full[id] = true
	default:
		t.Errorf("order %s: got status %d, want 202 or 503", id, a.StatusCode)
	}
	return true
}

// filed returns the orders in dir, each of which must be whole.
func filed(t *testing.T, dir string) (orders map[string]bool, parts int) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	orders = make(map[string]bool)
	for _, file := range files {
		id := file.Name()
		if strings.HasSuffix(id, shelf.Unfinished) {
			parts++
			continue
		}
		got, err := os.ReadFile(filepath.Join(dir, id))
		if err != nil || string(got) != text(id) {
			t.Errorf("order %s: got %d bytes, %v, want it whole", id, len(got), err)
		}
		orders[id] = true
	}
	return orders, parts
}

// SIGTERM at a random moment: each request was answered, or its handler never
// ran; each order that was accepted is filed, or named where the program says
// what it did not do.
//
// B7
func TestSIGTERMUnderFire(t *testing.T) {
	tests := []struct {
		name string
		then func(*exampletest.Process) // after SIGTERM
		code int                        // that there must be in one round at least
	}{
		{name: "with time to finish", code: 0},
		{name: "twice at once, which is once", then: (*exampletest.Process).Signal, code: 0},
		{name: "and SIGINT, which leaves no time to finish", then: soonInterrupted, code: 1},
	}
	program := exampletest.Build(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answered, refused, named, seen := 0, 0, 0, false
			for round := range rounds(5, 20) {
				dir := t.TempDir()
				run, _ := start(t, program, dir)
				f, code, said := underFire(t, run, round, func() {
					run.Signal()
					if tt.then != nil {
						tt.then(run)
					}
				})
				n := f.account(t, dir, said)
				if code != 0 && code != tt.code {
					t.Errorf("got exit code %d, want %d\n%s", code, tt.code, said)
				}
				answered, refused, named = answered+len(f.accepted)+len(f.full), refused+len(f.refused), named+n
				seen = seen || code == tt.code
			}
			t.Attr("did", fmt.Sprintf("%s: %d requests answered, %d refused, %d orders named as not done", tt.name, answered, refused, named))
			if answered == 0 || refused == 0 || !seen || (named > 0) != (tt.code != 0) {
				t.Errorf("the rounds say nothing: %d answered, %d refused, %d named", answered, refused, named)
			}
		})
	}
}

// soonInterrupted sends SIGINT a random moment later, which is a second signal
// however soon it comes.
func soonInterrupted(run *exampletest.Process) {
	time.Sleep(rand.N(5 * time.Millisecond))
	run.Interrupt()
}

// account fails t for each request and order that was lost, and returns how
// many orders were named as not done.
func (f *fire) account(t *testing.T, dir, said string) (named int) {
	t.Helper()
	orders, _ := filed(t, dir)
	// An order is named in an error or a log line: "order 1-2-3" with something
	// after it that is no digit.
	said += "."
	names := func(id string) bool {
		for rest := said; ; {
			_, after, ok := strings.Cut(rest, "order "+id)
			if !ok {
				return false
			}
			if after[0] < '0' || after[0] > '9' {
				return true
			}
			rest = after
		}
	}
	for id := range f.accepted {
		switch {
		case orders[id]:
		case names(id):
			named++
		default:
			t.Errorf("order %s: accepted, and neither filed nor named", id)
		}
	}
	for id, err := range f.refused {
		if orders[id] || names(id) {
			t.Errorf("order %s: handled, and not answered (%v)", id, err)
		}
	}
	for id := range f.full {
		if orders[id] {
			t.Errorf("order %s: filed, though it was refused", id)
		}
	}
	return named
}

// SIGKILL at a random moment: what is filed is whole, and the program starts
// again on what it finds and throws away the parts.
//
// B7
func TestSIGKILLUnderFire(t *testing.T) {
	program, dir := exampletest.Build(t), t.TempDir()
	before, begun := 0, 0
	for round := range rounds(5, 20) {
		run, _ := start(t, program, dir)
		run.Do("GET", "/", "") // waits until the services have started
		if _, parts := filed(t, dir); parts > 0 {
			t.Errorf("round %d: got %d parts after the start, want none", round, parts)
		}
		underFire(t, run, round, run.Kill)
		orders, parts := filed(t, dir)
		if len(orders) < before {
			t.Errorf("round %d: got %d orders, want the %d of before, and more", round, len(orders), before)
		}
		before, begun = len(orders), begun+parts
	}
	t.Logf("%d filed, %d killed halfway", before, begun)
	if before == 0 || begun == 0 {
		t.Error("the rounds say nothing")
	}
}
