package adaptertest

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
)

// joining has the cases about a request's tasks.
func joining() []check {
	// R1
	return []check{
		{"a response is complete only when the request's tasks have ended, and theirs", "R1", both, tasksEndFirst},
		{"a task that outlives its handler reads its own request's path, however busy the router", "R1", both, parameterAfterHandler},
		{"the context of a handler and of its tasks belongs to the request's own nursery", "R1", both, nurseryOfRequest},
		{"a task that fails cancels the handler and the other tasks, of its own request alone", "R1", both, failureCancels},
	}
}

func tasksEndFirst(t *trial) {
	var ended atomic.Int32
	s := t.serve(creche.Options{}, one(func(w http.ResponseWriter, r *http.Request, p Params) error {
		nursery.From(r.Context()).Go(func(ctx context.Context) error {
			time.Sleep(time.Second)
			nursery.From(ctx).Go(func(context.Context) error {
				time.Sleep(time.Second)
				ended.Add(1)
				return nil
			})
			ended.Add(1)
			return nil
		})
		return ok(w, r, p)
	}))
	s.get("/one").is(http.StatusOK).says("ok")
	if got := ended.Load(); got != 2 {
		t.Errorf("tasks that had ended when the response was complete: got %d, want 2", got)
	}
}

// parameterAfterHandler parks requests whose handler has returned while a task
// still runs, and has the router serve others, for which it may want to use
// again what it had for the first.
func parameterAfterHandler(t *trial) {
	const parked, others = 16, 64
	resume := t.gate()
	s := t.serve(creche.Options{}, under("/items/{id}", func(w http.ResponseWriter, r *http.Request, p Params) error {
		id := p.Get("id")
		if r.Header.Get("Park") == "" {
			_, err := fmt.Fprint(w, id)
			return err
		}
		nursery.From(r.Context()).Go(func(context.Context) error {
			resume.pass()
			if got := p.Get("id"); got != id {
				return &errorhandlers.Problem{Status: http.StatusConflict, Detail: fmt.Sprintf("a task of %q read %q", id, got)}
			}
			return nil
		})
		_, err := fmt.Fprint(w, id)
		return err
	}))
	calls := make([]*call, parked)
	for i := range calls {
		calls[i] = s.start(http.MethodGet, fmt.Sprintf("/items/parked-%d", i), nil, "Park", "yes")
	}
	synctest.Wait() // all handlers have returned
	for i := range others {
		id := fmt.Sprintf("other-%d", i)
		s.get("/items/" + id).is(http.StatusOK).says(id)
	}
	resume.open()
	for i, c := range calls {
		c.wait().is(http.StatusOK).says(fmt.Sprintf("parked-%d", i))
	}
}

func nurseryOfRequest(t *trial) {
	s := t.serve(creche.Options{}, one(func(w http.ResponseWriter, r *http.Request, p Params) error {
		n := nursery.From(r.Context())
		if n == nil {
			t.Error("nursery.From of the handler's context: got nil, want the request's")
			return nil
		}
		n.Go(func(ctx context.Context) error {
			if nursery.From(ctx) != n {
				t.Error("nursery.From of a task's context: got another nursery, want the request's")
			}
			return nil
		})
		return ok(w, r, p)
	}))
	s.get("/one").is(http.StatusOK).says("ok")
}

func failureCancels(t *trial) {
	waiting := t.gate()
	others := Group{Routes: []Route{
		{http.MethodGet, "/waits", func(w http.ResponseWriter, r *http.Request, p Params) error {
			waiting.pass()
			if err := r.Context().Err(); err != nil {
				t.Errorf("another request's context: got %v, want it alive", err)
			}
			return ok(w, r, p)
		}},
		{http.MethodGet, "/fails", func(_ http.ResponseWriter, r *http.Request, _ Params) error {
			n := nursery.From(r.Context())
			n.Go(func(ctx context.Context) error {
				<-ctx.Done()
				return fmt.Errorf("sibling: %w", ctx.Err())
			})
			n.Go(func(context.Context) error {
				return &errorhandlers.Problem{Status: http.StatusConflict, Detail: "the task's"}
			})
			<-r.Context().Done()
			return context.Cause(r.Context())
		}},
	}}
	s := t.serve(creche.Options{}, others)
	other := s.start(http.MethodGet, "/waits", nil)
	synctest.Wait()
	s.get("/fails").problem(http.StatusConflict, "the task's")
	waiting.open()
	other.wait().is(http.StatusOK).says("ok")
}
