package adaptertest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// timeouts has the cases about groups of routes that have only so much time.
func timeouts() []check {
	// R13
	return []check{
		{"a group's timeout ends handler and tasks with ErrRequestTimeout, joins them and is a 503", "R13", both, timeoutEnds},
		{"what is done within a group's timeout, or in spite of it, is sent as it is", "R13", both, timeoutInTime},
		{"a rule that answers a group's timeout is not under it", "R13", both, timeoutRule},
		{"a group's timeout that passes after the commit cuts the response, and is reported", "R13", both, timeoutCuts},
		{"a client that leaves before a group's timeout has left, and nothing else", "R13", both, timeoutLeft},
	}
}

// limited returns a group with a timeout of a second, at "/limited".
func limited(routes ...Route) Group {
	return Group{Groups: []Group{{Prefix: "/limited", Timeout: time.Second, Routes: routes}}}
}

// elapsed checks that what began took as long as it should.
func (t *trial) elapsed(began time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(began); got != want {
		t.Errorf("it took %v, want %v", got, want)
	}
}

func timeoutEnds(t *trial) {
	var joined atomic.Int32
	s := t.serve(creche.Options{}, limited(Route{http.MethodGet, "/{id}", func(w http.ResponseWriter, r *http.Request, p Params) error {
		if deadline, ok := r.Context().Deadline(); !ok || time.Until(deadline) != time.Second {
			t.Errorf("the handler's deadline: got %v and %v, want one in a second", deadline, ok)
		}
		nursery.From(r.Context()).Go(func(ctx context.Context) error {
			<-ctx.Done()
			if cause := context.Cause(ctx); !errors.Is(cause, creche.ErrRequestTimeout) {
				t.Errorf("why the task was cancelled: got %v, want creche.ErrRequestTimeout", cause)
			}
			time.Sleep(time.Second)
			if got := p.Get("id"); got != "7" {
				t.Errorf("the parameter after the timeout: got %q, want 7", got)
			}
			joined.Add(1)
			return ctx.Err()
		})
		_ = creates(w)
		<-r.Context().Done()
		return r.Context().Err()
	}}))
	began := time.Now()
	s.get("/limited/7").problem(http.StatusServiceUnavailable, "").hides("made")
	t.elapsed(began, 2*time.Second)
	if joined.Load() != 1 {
		t.Error("the answer was sent before the task was joined")
	}
}

func timeoutInTime(t *trial) {
	after := func(d time.Duration) Handler {
		return func(w http.ResponseWriter, _ *http.Request, _ Params) error {
			time.Sleep(d)
			return creates(w)
		}
	}
	s := t.serve(creche.Options{}, limited(
		Route{http.MethodGet, "/quick", after(0)},
		Route{http.MethodGet, "/slow", after(time.Second / 2)},
		Route{http.MethodGet, "/deaf", after(2 * time.Second)},
		Route{http.MethodGet, "/fails", failsWith(conflict("quick"))},
	))
	for _, path := range []string{"/quick", "/slow", "/deaf"} {
		s.get("/limited" + path).is(http.StatusCreated).says("<p>made")
	}
	s.get("/limited/fails").problem(http.StatusConflict, "quick")
}

func timeoutRule(t *trial) {
	root := limited(Route{http.MethodGet, "/one", waitsFor(t, creche.ErrRequestTimeout)})
	root.Groups[0].Rules = []errorhandlers.Rule{
		errorhandlers.OnIs(creche.ErrRequestTimeout, func(w http.ResponseWriter, r *http.Request, _ error) error {
			time.Sleep(time.Minute)
			if err := r.Context().Err(); err != nil {
				t.Errorf("the context of the rule's handler: got %v, want it alive", err)
			}
			w.WriteHeader(http.StatusGatewayTimeout)
			_, err := io.WriteString(w, "too slow")
			return err
		}),
	}
	s := t.serve(creche.Options{}, root)
	s.get("/limited/one").is(http.StatusGatewayTimeout).says("too slow")
}

func timeoutCuts(t *trial) {
	s := t.serve(creche.Options{}, limited(Route{http.MethodGet, "/one", func(w http.ResponseWriter, r *http.Request, _ Params) error {
		_, _ = io.WriteString(w, "begun")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return r.Context().Err()
	}}))
	s.get("/limited/one").cut(http.StatusOK, "begun")
	s.reported(creche.ErrRequestTimeout)
}

func timeoutLeft(t *trial) {
	begun, ended := t.gate(), t.gate()
	s := t.serveBehind(opens(ended), unasked(t), limited(Route{http.MethodGet, "/one", func(_ http.ResponseWriter, r *http.Request, _ Params) error {
		begun.open()
		clientGone(r.Context(), t, "the handler")
		return r.Context().Err()
	}}))
	c := s.start(http.MethodGet, "/limited/one", nil)
	t.await(begun, "the handler")
	c.leave()
	t.await(ended, "the end of the request")
	c.wait().lost()
	synctest.Wait()
	s.reported()
}
