// Package shoptest is the test of the quickstarts: what a shop answers does
// not depend on its router.
package shoptest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/examples/internal/exampletest"
	"github.com/creche-go/creche/nursery"
)

// New returns all of a program but its listener.
type New func() (*creche.App, http.Handler)

// Answers sends the shop one request after the other and checks what they
// come to.
func Answers(t *testing.T, newShop New) {
	t.Helper()
	log := exampletest.CaptureLog(t)
	s := exampletest.Serve(t, newShop)
	for _, x := range table {
		t.Run(x.name, func(t *testing.T) {
			log.Reset()
			x.check(t, s.Do(x.method, x.path, x.body, "Accept", x.accept), log.Text())
		})
	}
}

func (x *exchange) check(t *testing.T, a exampletest.Answer, log string) {
	t.Helper()
	if a.StatusCode != x.status {
		t.Errorf("status: got %d, want %d", a.StatusCode, x.status)
	}
	if got := a.Header.Get("Content-Type"); !strings.EqualFold(got, x.kind) {
		t.Errorf("content type: got %q, want %q", got, x.kind)
	}
	if x.text != "" && a.Text != x.text {
		t.Errorf("body: got %q, want %q", a.Text, x.text)
	}
	if !strings.Contains(a.Text, x.detail) {
		t.Errorf("body: got %q, want it to say %q", a.Text, x.detail)
	}
	if a.Close != x.closes {
		t.Errorf("connection closed: got %v, want %v", a.Close, x.closes)
	}
	if got := a.Header.Get("Allow"); !slices.Contains(strings.Split(got, ", "), x.allow) {
		t.Errorf("Allow: got %q, want %q in it", got, x.allow)
	}
	for _, secret := range x.secrets {
		if strings.Contains(a.Text, secret) {
			t.Errorf("body: got %q, want nothing of %q in it", a.Text, secret)
		}
	}
	for _, want := range x.logs {
		if !strings.Contains(log, want) {
			t.Errorf("log: got %q, want it to say %q", log, want)
		}
	}
	if got := strings.Contains(log, "level=ERROR"); got != x.fault {
		t.Errorf("error in the log: got %v, want %v, in %q", got, x.fault, log)
	}
}

// ManyAtOnce asks for many quotes at once, of which each gets its own answer.
func ManyAtOnce(t *testing.T, newShop New) {
	t.Helper()
	exampletest.CaptureLog(t)
	s := exampletest.Serve(t, newShop)
	var visitors nursery.Nursery
	visitors.Open(t.Context())
	for i := range 60 {
		visitors.Go(func(context.Context) error {
			sku, want := "tea", http.StatusOK
			switch i % 3 {
			case 1:
				sku, want = fmt.Sprintf("rarity-%d", i), http.StatusNotFound
			case 2:
				sku, want = "soldout", http.StatusConflict
			}
			a := s.Do("GET", "/quote/"+sku, "")
			if a.StatusCode != want || !strings.Contains(a.Text, sku) {
				return fmt.Errorf("%s: got %d with %q, want %d with its name", sku, a.StatusCode, a.Text, want)
			}
			return nil
		})
	}
	if err := visitors.Join(); err != nil {
		t.Error(err)
	}
}

// ClientLeaves leaves before the answer, by which the look-ups are cancelled.
func ClientLeaves(t *testing.T, newShop New) {
	t.Helper()
	log := exampletest.CaptureLog(t)
	s := exampletest.Serve(t, newShop)
	ctx, leave := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer leave()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/quote/tea", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Try(r); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the request: got %v, want its own deadline", err)
	}
	log.Wait(t, "stock look-up cancelled")
	if got, want := log.Text(), creche.ErrClientGone.Error(); !strings.Contains(got, want) {
		t.Errorf("log: got %q, want the cause %q", got, want)
	}
}

// StopWaits stops the shop while a job is running, which is given the time to
// end.
func StopWaits(t *testing.T, newShop New) {
	t.Helper()
	log := exampletest.CaptureLog(t)
	s := exampletest.Serve(t, newShop)
	if a := s.Do("POST", "/jobs", ""); a.Text != "Started" {
		t.Fatalf("the job: got %d with %q, want it started", a.StatusCode, a.Text)
	}
	if err := s.Stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	if got := log.Text(); !strings.Contains(got, "shop: reindexed") {
		t.Errorf("log: got %q, want the job's end", got)
	}
}

// Process runs the program as its users do, up to its exit code.
func Process(t *testing.T) {
	t.Helper()
	program := exampletest.Build(t)
	program.CheckAddressInUse()

	run := program.Start()
	if a := run.Do("POST", "/jobs", ""); a.StatusCode != http.StatusCreated {
		t.Errorf("POST /jobs: got %d, want 201", a.StatusCode)
	}
	run.Signal()
	code, said := run.Wait()
	if code != 0 {
		t.Errorf("exit code after SIGTERM: got %d, want 0", code)
	}
	if !strings.Contains(said, "shop: reindexed") {
		t.Errorf("standard error: got %q, want the job's end", said)
	}
}
