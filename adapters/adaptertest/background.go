package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// background has the cases about tasks that outlive their request.
func background() []check {
	// B1, B2, B3
	return []check{
		{"a background task outlives its request, with its values, in the application's nursery", "B1", both, outlives},
		{"a background task reads its own request's path, however busy the router", "B1", both, parameterInBackground},
		{"a task of a request may start a background task", "B1", both, backgroundFromTask},
		{"a client that leaves does not cancel a background task", "B1", both, leavesBackground},
		{"a background task that fails or panics is reported, and its request is none the wiser", "B2", both, backgroundFails},
		{"a background task too many is a 503", "B3", both, backgroundFull},
	}
}

// detach returns the context for creche.Go in the way of the router.
func (p Params) detach(ctx context.Context) context.Context {
	if p.Detach != nil {
		return p.Detach()
	}
	return ctx
}

func outlives(t *trial) {
	outer := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), valueKey{}, "of the request")))
		})
	}
	resume := t.gate()
	s := t.serveBehind(outer, creche.Options{}, one(func(w http.ResponseWriter, r *http.Request, p Params) error {
		request := nursery.From(r.Context())
		err := creche.Go(p.detach(r.Context()), "outlives", func(ctx context.Context) error {
			resume.pass()
			if got := ctx.Value(valueKey{}); got != "of the request" {
				t.Errorf("a value of the request: got %v, want it", got)
			}
			if err := ctx.Err(); err != nil {
				t.Errorf("the context: got %v, want it alive", err)
			}
			if n := nursery.From(ctx); n == nil || n == request {
				t.Errorf("nursery.From: got %p, want the application's, not the request's", n)
			}
			if creche.ExchangeOf(ctx) != nil {
				t.Error("creche.ExchangeOf: got one that has ended, want nil")
			}
			return creche.Go(ctx, "another", func(context.Context) error { return errOther })
		})
		return errors.Join(err, ok(w, r, p))
	}))
	s.get("/one").is(http.StatusOK).says("ok")
	resume.open()
	s.reported(errOther)
}

// parameterInBackground has tasks read what they need when their requests are
// over and the router has served others.
func parameterInBackground(t *trial) {
	const tasks, others = 16, 64
	resume := t.gate()
	s := t.serve(creche.Options{}, under("/items/{id}", func(w http.ResponseWriter, r *http.Request, p Params) error {
		id := p.Get("id")
		if r.Header.Get("Background") != "" {
			if err := creche.Go(p.detach(r.Context()), id, func(ctx context.Context) error {
				resume.pass()
				if got := p.Kept(ctx, "id"); got != id {
					t.Errorf("a background task of %q: got %q as its path's parameter, want its own", id, got)
				}
				return nil
			}); err != nil {
				return err
			}
		}
		_, err := fmt.Fprint(w, id)
		return err
	}))
	for i := range tasks {
		s.get(fmt.Sprintf("/items/task-%d", i), "Background", "yes").is(http.StatusOK)
	}
	for i := range others {
		id := fmt.Sprintf("other-%d", i)
		s.get("/items/" + id).is(http.StatusOK).says(id)
	}
	resume.open()
	synctest.Wait()
}

func backgroundFromTask(t *trial) {
	ran := t.gate()
	s := t.serve(creche.Options{}, one(func(w http.ResponseWriter, r *http.Request, p Params) error {
		detached := p.detach(r.Context())
		nursery.From(r.Context()).Go(func(context.Context) error {
			time.Sleep(time.Second)
			return creche.Go(detached, "from a task", func(context.Context) error {
				ran.open()
				return nil
			})
		})
		return ok(w, r, p)
	}))
	s.get("/one").is(http.StatusOK).says("ok")
	t.await(ran, "the background task")
}

func leavesBackground(t *trial) {
	begun, ended, done := t.gate(), t.gate(), t.gate()
	s := t.serveBehind(opens(ended), creche.Options{}, one(func(_ http.ResponseWriter, r *http.Request, p Params) error {
		err := creche.Go(p.detach(r.Context()), "stays", func(ctx context.Context) error {
			begun.open()
			ended.pass()
			time.Sleep(time.Second)
			if err := ctx.Err(); err != nil {
				t.Errorf("the context after the client left: got %v, want it alive", err)
			}
			done.open()
			return nil
		})
		<-r.Context().Done()
		return err
	}))
	c := s.start(http.MethodGet, "/one", nil)
	t.await(begun, "the background task")
	c.leave()
	t.await(done, "the end of the background task")
	c.wait().lost()
}

func backgroundFails(t *trial) {
	s := t.serve(creche.Options{}, one(func(w http.ResponseWriter, r *http.Request, p Params) error {
		return errors.Join(
			creche.Go(p.detach(r.Context()), "fails", func(context.Context) error { return errOther }),
			creche.Go(p.detach(r.Context()), "panics", func(context.Context) error { panic("in background") }),
			ok(w, r, p),
		)
	}))
	s.get("/one").is(http.StatusOK).says("ok")
	s.reported(errOther, "in background")
	s.get("/one").is(http.StatusOK).says("ok")
	s.reported(errOther, "in background")
}

func backgroundFull(t *trial) {
	resume := t.gate()
	o := creche.Options{Background: creche.Background{Limit: 1, Queue: -1}}
	s := t.serve(o, one(func(w http.ResponseWriter, r *http.Request, p Params) error {
		if err := creche.Go(p.detach(r.Context()), "waits", func(context.Context) error {
			resume.pass()
			return nil
		}); err != nil {
			return err
		}
		return ok(w, r, p)
	}))
	s.get("/one").is(http.StatusOK).says("ok")
	if r := s.get("/one").problem(http.StatusServiceUnavailable, ""); r.header.Get("Retry-After") == "" {
		t.Error("Retry-After: got none, want one")
	}
	resume.open()
	synctest.Wait()
	s.get("/one").is(http.StatusOK).says("ok")
}
