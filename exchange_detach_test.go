package creche_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// B1
func TestBackgroundTaskKeepsTheValuesOfItsRequest(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{})
		ended := make(chan struct{})
		var requests *nursery.Nursery
		inner := app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests = nursery.From(r.Context())
			if err := creche.Go(r.Context(), "mail", func(ctx context.Context) error {
				defer close(ended)
				time.Sleep(time.Hour)
				if got := ctx.Value(key{}); got != "trace" {
					t.Errorf("got value %v, want the request's", got)
				}
				if err := ctx.Err(); err != nil || context.Cause(ctx) != nil {
					t.Errorf("got %v (%v) after the request's end, want a live context", err, context.Cause(ctx))
				}
				if _, ok := ctx.Deadline(); ok {
					t.Error("got the request's deadline")
				}
				if n := nursery.From(ctx); n == nil || n == requests {
					t.Error("got the request's nursery, want the application's")
				}
				if x := creche.ExchangeOf(ctx); x != nil {
					t.Error("got an exchange that is over")
				}
				return creche.Go(ctx, "next", func(ctx context.Context) error {
					if got := ctx.Value(key{}); got != "trace" {
						t.Errorf("got value %v in a task of a task, want the request's", got)
					}
					return nil
				})
			}); err != nil {
				t.Error(err)
			}
			io.WriteString(w, "ok")
		}))
		srv := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), key{}, "trace"), time.Minute)
			defer cancel()
			inner.ServeHTTP(w, r.WithContext(ctx))
		}))
		wantReply(t, get(t, srv), http.StatusOK, "ok")
		select {
		case <-ended:
			t.Error("the response waited for the background task")
		default:
		}
		srv.Close()
		<-ended
		synctest.Wait()
		seen.wantOnce(t)
	})
}

// tracked is a body whose end the garbage collector can tell.
type tracked struct{ _ [1 << 10]byte }

func (*tracked) Read([]byte) (int, error) { return 0, io.EOF }
func (*tracked) Close() error             { return nil }

// R10
func TestBackgroundTaskKeepsNoRequestAlive(t *testing.T) {
	app, _ := watched(creche.Options{Errors: []errorhandlers.Rule{conflict}})
	release, ended := make(chan struct{}), make(chan struct{})
	request, body, recorder := collectable(t, app.Middleware(app.Errors(says("group"))(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		return creche.Go(r.Context(), "mail", func(ctx context.Context) error {
			defer close(ended)
			<-release
			runtime.KeepAlive(ctx)
			return nil
		})
	}))))
	for range 100 {
		runtime.GC()
		if request.Value() == nil && body.Value() == nil && recorder.Value() == nil {
			break
		}
	}
	if request.Value() != nil {
		t.Error("the request is alive")
	}
	if body.Value() != nil {
		t.Error("the request's body is alive")
	}
	if recorder.Value() != nil {
		t.Error("the response writer is alive")
	}
	close(release)
	<-ended
}

// collectable serves a request, of which nothing but weak pointers is left.
func collectable(t *testing.T, h http.Handler) (weak.Pointer[http.Request], weak.Pointer[tracked], weak.Pointer[httptest.ResponseRecorder]) {
	t.Helper()
	body, rec := new(tracked), httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/", body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	h.ServeHTTP(rec, r)
	if rec.Code != http.StatusOK {
		t.Errorf("got %d, want 200", rec.Code)
	}
	return weak.Make(r), weak.Make(body), weak.Make(rec)
}

// A closure that kept the request's context instead of taking its own must
// not be given what the router has recycled by then.
//
// B1
func TestTheContextOfARequestThatIsOverHasNoValues(t *testing.T) {
	type key struct{}
	app, _ := watched(creche.Options{})
	var kept context.Context
	h := app.Through(recycling{t: t})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		kept = context.WithValue(r.Context(), key{}, "mine")
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	got := make(chan any, 1)
	err := creche.Go(kept, "late", func(ctx context.Context) error {
		got <- ctx.Value(key{})
		return nil
	})
	if v := <-got; err != nil || v != nil {
		t.Errorf("got %v, %v, want no value", v, err)
	}
}

// recycling is a router whose context is another's when a request is over.
type recycling struct {
	creche.PlainRouter
	t *testing.T
}

func (r recycling) Detach(ctx context.Context) context.Context {
	r.t.Error("Detach was called after the request")
	return ctx
}
