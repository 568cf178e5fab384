package creche_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// R1
func TestRequestIsANursery(t *testing.T) {
	app, seen := watched(creche.Options{})
	type key struct{}
	var scope context.Context
	h := app.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		scope = r.Context()
		if nursery.From(scope) == nil {
			t.Error("got no nursery from the request's context")
		}
		if x := creche.ExchangeOf(scope); x == nil || x.App() != app || x.Request() != r {
			t.Errorf("got exchange %v, want the request's", x)
		}
		if got := scope.Value(key{}); got != "outer" {
			t.Errorf("got value %v, want the outer context's", got)
		}
		if err := scope.Err(); err != nil {
			t.Errorf("got %v while the handler runs", err)
		}
	}))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	h.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithValue(r.Context(), key{}, "outer")))
	if err := context.Cause(scope); !errors.Is(err, nursery.ErrClosed) {
		t.Errorf("got cause %v after the request, want ErrClosed", err)
	}
	if err := nursery.From(scope).TryGo(func(context.Context) error { return nil }); err != nursery.ErrClosed {
		t.Errorf("got %v for a task after the request, want ErrClosed", err)
	}
	seen.wantOnce(t)
}

// R1
func TestTasksAreJoinedBeforeTheResponseIsComplete(t *testing.T) {
	protocols(t, func(t *testing.T, opts ...nurserytest.ServerOption) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			app, seen := watched(creche.Options{})
			began, left := time.Now(), 0
			inner := app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n := nursery.From(r.Context())
				for i := range 10 {
					n.Go(func(ctx context.Context) error {
						time.Sleep(time.Duration(i) * time.Minute)
						nursery.From(ctx).Go(func(context.Context) error {
							time.Sleep(time.Hour)
							return nil
						})
						return nil
					})
				}
				io.WriteString(w, "ok")
			}))
			srv := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				inner.ServeHTTP(w, r)
				left = int(time.Since(began) / time.Minute)
			}), opts...)
			wantReply(t, get(t, srv), http.StatusOK, "ok")
			if got := int(time.Since(began) / time.Minute); got != 69 || left != 69 {
				t.Errorf("got the response after %d minutes and the middleware's end after %d, want 69", got, left)
			}
			seen.wantOnce(t)
		})
	})
}

// R1
func TestFirstFailureCancelsTheOtherTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{conflict}})
		began := time.Now()
		var cause error
		srv := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			startTask(r, func(ctx context.Context) error {
				<-ctx.Done()
				cause = context.Cause(ctx)
				return fmt.Errorf("look up: %w", ctx.Err()) // an echo
			})
			startTask(r, soldOutLater)
		})))
		wantReply(t, get(t, srv), http.StatusConflict, "all gone")
		if !errors.Is(cause, errSoldOut) {
			t.Errorf("got cause %v, want the other task's failure", cause)
		}
		if got := time.Since(began); got != time.Hour {
			t.Errorf("got the response after %v, want as soon as the task failed", got)
		}
		seen.wantOnce(t)
	})
}

// R1: a server that fans out in every request keeps no goroutine of any.
func TestManyRequestsLeaveNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{conflict}})
		srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
			for range 3 {
				startTask(r, func(ctx context.Context) error {
					select {
					case <-ctx.Done():
						return ctx.Err()
					case <-time.After(time.Second):
						return nil
					}
				})
			}
			if r.URL.Query().Has("fail") {
				return errSoldOut
			}
			_, err := io.WriteString(w, r.URL.RawQuery)
			return err
		})), nurserytest.HTTP2())
		n := new(nursery.Nursery)
		n.Open(t.Context())
		for i := range 200 {
			n.Go(func(context.Context) error {
				query, status, text := fmt.Sprintf("n=%d", i), http.StatusOK, fmt.Sprintf("n=%d", i)
				if i%3 == 0 {
					query, status, text = query+"&fail", http.StatusConflict, "all gone"
				}
				wantReply(t, ask(t, srv.Client(), http.MethodGet, srv.URL+"/?"+query), status, text)
				return nil
			})
		}
		if err := n.Join(); err != nil {
			t.Error(err)
		}
		seen.wantOnce(t)
	})
}

// R10
func TestOuterRequestGetsItsPatternBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := watched(creche.Options{})
		mux := http.NewServeMux()
		mux.HandleFunc("GET /quote/{sku}", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, r.PathValue("sku")+" "+r.Pattern)
		})
		var pattern string
		inner := app.Middleware(mux)
		srv := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			inner.ServeHTTP(w, r)
			pattern = r.Pattern
		}))
		wantReply(t, ask(t, srv.Client(), http.MethodGet, srv.URL+"/quote/tea"), http.StatusOK, "tea GET /quote/{sku}")
		if want := "GET /quote/{sku}"; pattern != want {
			t.Errorf("got pattern %q outside, want %q", pattern, want)
		}
	})
}

// An error that was returned to a handler which does nothing about it is answered,
// if nothing else is.
//
// R2, E2
func TestOtherwiseIsForWhatNobodyAnswers(t *testing.T) {
	errMissed := &errorhandlers.Problem{Status: http.StatusForbidden}
	tests := []struct {
		name    string
		handler func(x *creche.Exchange, w http.ResponseWriter) error
		want    int
		reports []error
	}{
		{"nothing was written", func(*creche.Exchange, http.ResponseWriter) error { return nil }, http.StatusForbidden, nil},
		{"a header was set", func(_ *creche.Exchange, w http.ResponseWriter) error { w.Header().Set("X", "y"); return nil }, http.StatusForbidden, nil},
		{"the handler has answered", func(_ *creche.Exchange, w http.ResponseWriter) error { w.WriteHeader(http.StatusTeapot); return nil }, http.StatusTeapot, nil},
		{"the handler hands it on", func(*creche.Exchange, http.ResponseWriter) error { return errMissed }, http.StatusForbidden, nil},
		{"the handler fails", func(*creche.Exchange, http.ResponseWriter) error { return errFirst }, http.StatusInternalServerError, []error{errFirst}},
		{"it is taken back", func(x *creche.Exchange, _ http.ResponseWriter) error { x.Otherwise(nil); return nil }, http.StatusOK, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			app, seen := watched(creche.Options{})
			var kept *creche.Exchange
			h := app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
				kept = creche.ExchangeOf(r.Context())
				kept.Otherwise(errMissed)
				return tt.handler(kept, w)
			}))
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			if w.Code != tt.want {
				t.Errorf("got %d, want %d", w.Code, tt.want)
			}
			seen.wantOnce(t, tt.reports...)
			kept.Otherwise(errMissed) // too late
			w = httptest.NewRecorder()
			app.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			if w.Code != http.StatusOK {
				t.Errorf("the next request: got %d, want 200", w.Code)
			}
		})
	}
}
