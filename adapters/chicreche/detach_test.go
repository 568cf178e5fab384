package chicreche_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/chicreche"
	"github.com/creche-go/creche/nursery"
)

// B1, R1: chi recycles what holds the parameters. A thousand requests run at
// once; each has a task that reads its own while the request lasts, and one
// that does when it is over and others have come.
func TestParametersAreTheRequestsOwn(t *testing.T) {
	const requests = 1000
	var inside, behind atomic.Int32
	over := make(chan struct{})
	app, seen := newApp()
	done := make(chan struct{}, requests)
	r := chi.NewRouter()
	chicreche.Use(r, app)
	r.Route("/users/{user}", func(r chi.Router) {
		r.Post("/jobs/{job}", creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			own := func(ctx context.Context) bool {
				user, job := chi.URLParamFromCtx(ctx, "user"), chi.URLParamFromCtx(ctx, "job")
				return "/users/"+user+"/jobs/"+job == r.URL.Path
			}
			nursery.From(r.Context()).Go(func(ctx context.Context) error {
				if own(ctx) {
					inside.Add(1)
				}
				return nil
			})
			return creche.Go(r.Context(), "job", func(ctx context.Context) error {
				defer func() { done <- struct{}{} }()
				<-over
				if own(ctx) {
					behind.Add(1)
				}
				return nil
			})
		}))
	})
	crowd := new(nursery.Nursery)
	crowd.Open(t.Context())
	for i := range requests {
		crowd.Go(func(context.Context) error {
			path := fmt.Sprintf("/users/%d/jobs/%d", i, -i)
			r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, path, nil))
			return nil
		})
	}
	if err := crowd.Join(); err != nil {
		t.Error(err)
	}
	close(over)
	for range requests {
		<-done
	}
	if inside.Load() != requests || behind.Load() != requests {
		t.Errorf("got the own parameters in %d tasks and %d background tasks, want %d each", inside.Load(), behind.Load(), requests)
	}
	seen.wantNone(t)
}

// B1: middleware runs before chi has found the route, in the goroutine that looks.
func TestMiddlewareStartsBackgroundTasks(t *testing.T) {
	const requests = 100
	app, seen := newApp()
	values := make(chan any, requests)
	r := chi.NewRouter()
	chicreche.Use(r, app)
	type key struct{}
	r.Use(func(next http.Handler) http.Handler {
		return creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
			ctx := context.WithValue(r.Context(), key{}, r.URL.Path)
			defer next.ServeHTTP(w, r)
			return creche.Go(ctx, "audit", func(ctx context.Context) error {
				values <- ctx.Value(key{}) == "/users/1" && chi.URLParamFromCtx(ctx, "user") == ""
				return nil
			})
		})
	})
	r.Get("/users/{user}", text("found"))
	for range requests {
		r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/users/1", nil))
	}
	for range requests {
		if got := <-values; got != true {
			t.Error("got other values in the task than when it was started")
		}
	}
	seen.wantNone(t)
}
