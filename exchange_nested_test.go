package creche_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// says makes a rule for errSoldOut that answers 418 with text.
func says(text string) errorhandlers.Rule {
	return errorhandlers.OnIs(errSoldOut, func(w http.ResponseWriter, _ *http.Request, _ error) error {
		w.WriteHeader(http.StatusTeapot)
		_, err := io.WriteString(w, text)
		return err
	})
}

// lateSoldOut has a task fail when all handlers have returned.
var lateSoldOut = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	startTask(r, soldOutLater)
	io.WriteString(w, "ok")
})

// R8
func TestRulesOfGroups(t *testing.T) {
	app, _ := watched(creche.Options{Errors: []errorhandlers.Rule{says("app")}})
	other, _ := watched(creche.Options{Errors: []errorhandlers.Rule{says("other")}})
	bare, _ := watched(creche.Options{})
	a, b := app.Errors(says("a")), app.Errors(says("b"))
	none := app.Errors()
	tests := []struct {
		name string
		wrap func(h http.Handler) http.Handler
		want string
	}{
		{"the application's own", func(h http.Handler) http.Handler { return app.Middleware(h) }, "app"},
		{"a group's before the application's", func(h http.Handler) http.Handler { return app.Middleware(a(h)) }, "a"},
		{"an inner group's before an outer's", func(h http.Handler) http.Handler { return app.Middleware(a(b(h))) }, "b"},
		{"the other way round", func(h http.Handler) http.Handler { return app.Middleware(b(a(h))) }, "a"},
		{"an empty group", func(h http.Handler) http.Handler { return app.Middleware(none(h)) }, "app"},
		{"an empty group in a group", func(h http.Handler) http.Handler { return app.Middleware(a(none(h))) }, "a"},
		{"a group without middleware", func(h http.Handler) http.Handler { return a(h) }, "a"},
		{"groups without middleware", func(h http.Handler) http.Handler { return a(b(h)) }, "b"},
		{"an empty group without middleware", func(h http.Handler) http.Handler { return none(h) }, "app"},
		{"middleware inside a group", func(h http.Handler) http.Handler { return a(app.Middleware(h)) }, "a"},
		{"middleware between groups", func(h http.Handler) http.Handler { return a(app.Middleware(b(h))) }, "b"},
		{"middleware twice", func(h http.Handler) http.Handler { return app.Middleware(app.Middleware(h)) }, "app"},
		{"an inner application's", func(h http.Handler) http.Handler { return app.Middleware(other.Middleware(h)) }, "other"},
		{"an outer application's, for an inner that has none", func(h http.Handler) http.Handler { return app.Middleware(bare.Middleware(h)) }, "app"},
		{"an outer group's, for an inner application that has none", func(h http.Handler) http.Handler { return app.Middleware(a(bare.Middleware(h))) }, "a"},
		{"an inner application's before an outer group's", func(h http.Handler) http.Handler { return app.Middleware(a(other.Middleware(h))) }, "other"},
	}
	handlers := map[string]http.Handler{"for the handler": failing(errSoldOut), "for a task that fails late": lateSoldOut}
	for _, tt := range tests {
		for name, h := range handlers {
			t.Run(tt.name+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					got := get(t, nurserytest.NewServer(t, tt.wrap(h)))
					if got.status != http.StatusTeapot || got.body != tt.want {
						t.Errorf("got %v, want the answer of %s", got, tt.want)
					}
				})
			})
		}
	}
}

// R8: a group's rules are none of its neighbours' business, nor of the next
// request's.
func TestGroupsDoNotMeet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := watched(creche.Options{Errors: []errorhandlers.Rule{says("app")}})
		mux := http.NewServeMux()
		mux.Handle("/a/", app.Errors(says("a"))(failing(errSoldOut)))
		mux.Handle("/b/", app.Errors(says("b"))(lateSoldOut))
		mux.Handle("/", failing(errSoldOut))
		srv := nurserytest.NewServer(t, app.Middleware(mux))
		for range 3 {
			for path, want := range map[string]string{"/a/": "a", "/b/": "b", "/": "app"} {
				if got := ask(t, srv.Client(), http.MethodGet, srv.URL+path); got.body != want {
					t.Errorf("%s: got %v, want %s", path, got, want)
				}
			}
		}
	})
}

// E1: a translation of a group, matched again by the application's rules.
func TestTranslationOfAGroupIsMatchedByTheApp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := errorhandlers.OnStatus(http.StatusGone, func(w http.ResponseWriter, _ *http.Request, err error) error {
			w.WriteHeader(http.StatusGone)
			_, werr := io.WriteString(w, "page")
			return werr
		})
		app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{page}})
		group := app.Errors(errorhandlers.TranslateIs(errSoldOut, func(error) error { return &errorhandlers.Problem{Status: http.StatusGone} }))
		wantReply(t, get(t, nurserytest.NewServer(t, app.Middleware(group(lateSoldOut)))), http.StatusGone, "page")
		seen.wantOnce(t)
	})
}

// R7: each level joins its own tasks, and answers for them.
func TestEveryLevelJoinsItsOwnTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{says("app")}})
		began := time.Now()
		var inner, outer time.Duration
		h := app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			startTask(r, func(context.Context) error {
				time.Sleep(2 * time.Hour)
				return nil
			})
			app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				startTask(r, func(context.Context) error {
					time.Sleep(time.Hour)
					return nil
				})
				io.WriteString(w, "ok")
			})).ServeHTTP(w, r)
			inner = time.Since(began)
		}))
		wantReply(t, get(t, nurserytest.NewServer(t, h)), http.StatusOK, "ok")
		if outer = time.Since(began); inner != time.Hour || outer != 2*time.Hour {
			t.Errorf("got the inner join after %v and the outer after %v, want 1h and 2h", inner, outer)
		}
		seen.wantOnce(t)
	})
}

// R7: what the inner level answered is held by the outer one.
func TestOuterLevelReplacesTheInnerAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{says("app"), conflictOn(errFirst)}})
		h := app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			startTask(r, func(context.Context) error {
				time.Sleep(time.Hour)
				return errFirst
			})
			app.Middleware(failing(errSoldOut)).ServeHTTP(w, r)
		}))
		got := get(t, nurserytest.NewServer(t, h))
		wantReply(t, got, http.StatusConflict, "Conflict")
		if strings.Contains(got.body, "app") {
			t.Errorf("got %v, with something of the inner answer", got)
		}
		seen.wantOnce(t)
	})
}

func conflictOn(target error) errorhandlers.Rule {
	return errorhandlers.TranslateIs(target, func(error) error { return &errorhandlers.Problem{Status: http.StatusConflict} })
}

// R3, R7
func TestInnerCommitCutsAllLevels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		app, seen := watched(creche.Options{})
		srv := nurserytest.NewServer(t, app.Middleware(app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
			if r.URL.Path == "/warm" {
				return nil
			}
			runs.Add(1)
			io.WriteString(w, repeat(2049))
			return errSoldOut
		}))))
		wantReply(t, ask(t, srv.Client(), http.MethodGet, srv.URL+"/warm"), http.StatusOK, "")
		if got := get(t, srv); got.err == nil || runs.Load() != 1 {
			t.Errorf("got %v after %d runs, want a cut response after one", got, runs.Load())
		}
		seen.wantOnce(t, errSoldOut)
	})
}

// R7
func TestHandlerWithoutMiddleware(t *testing.T) {
	h := creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		startTask(r, func(context.Context) error {
			time.Sleep(time.Minute)
			return nil
		})
		if err := creche.Go(r.Context(), "mail", func(context.Context) error { return nil }); err != nil {
			t.Errorf("got %v from creche.Go, want nil", err)
		}
		io.WriteString(w, "ok")
		if r.URL.Path == "/fail" {
			return errSoldOut
		}
		return nil
	})
	t.Run("served by an App it finds its rules", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			app, seen := watched(creche.Options{Logger: muted, IgnoreSignals: true, Errors: []errorhandlers.Rule{says("app")}})
			ln := nurserytest.Listen()
			n := new(nursery.Nursery)
			n.Open(t.Context())
			n.Go(func(ctx context.Context) error { return app.Serve(ctx, ln, h) })
			client := ln.Client()
			wantReply(t, ask(t, client, http.MethodGet, "http://x/"), http.StatusOK, "ok")
			wantReply(t, ask(t, client, http.MethodGet, "http://x/fail"), http.StatusTeapot, "app")
			client.CloseIdleConnections()
			app.Stop(nil)
			if err := n.Join(); err != nil {
				t.Error(err)
			}
			seen.wantOnce(t)
		})
	})
	t.Run("served by nobody it answers plainly", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			srv := nurserytest.NewServer(t, h)
			wantReply(t, get(t, srv), http.StatusOK, "ok")
			problem := failing(&errorhandlers.Problem{Status: http.StatusConflict})
			wantReply(t, get(t, nurserytest.NewServer(t, problem)), http.StatusConflict, "Conflict")
		})
	})
	t.Run("inside a test's recorder it needs no server", func(t *testing.T) {
		rec := httptest.NewRecorder()
		failing(&errorhandlers.Problem{Status: http.StatusConflict}).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
		if rec.Code != http.StatusConflict {
			t.Errorf("got %d, want 409", rec.Code)
		}
	})
}

// R7: Go and the exchange belong to the innermost application.
func TestInnermostApplicationIsAsked(t *testing.T) {
	outer, _ := watched(creche.Options{})
	inner, _ := watched(creche.Options{})
	h := outer.Middleware(inner.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if got := creche.ExchangeOf(r.Context()).App(); got != inner {
			t.Error("got the outer application's exchange, want the inner's")
		}
	})))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
}

// R7: a handler that http.TimeoutHandler gave up on keeps running, which no
// join can help. Nothing races, and nothing it says is lost.
func TestTimeoutHandlerInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{Logger: muted})
		ended := make(chan struct{})
		slow := app.Errors(says("late"))(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
			defer close(ended)
			if _, err := io.ReadAll(r.Body); err == nil {
				t.Error("got the body of a request that is over")
			}
			if _, err := io.WriteString(w, "late"); err == nil {
				t.Error("wrote to a response that is over")
			}
			if err := nursery.From(r.Context()).TryGo(soldOutLater); err != nursery.ErrClosed {
				t.Errorf("got %v from TryGo, want ErrClosed", err)
			}
			if err := creche.Go(r.Context(), "mail", func(context.Context) error { return nil }); err != nil {
				t.Errorf("got %v from creche.Go, want nil", err)
			}
			return errSoldOut
		}))
		sleepy := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(2 * time.Second)
			slow.ServeHTTP(w, r)
		})
		srv := nurserytest.NewServer(t, app.Middleware(http.TimeoutHandler(sleepy, time.Second, "too slow")))
		req, err := http.NewRequest(http.MethodPost, srv.URL, strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		wantReply(t, sent(srv.Client(), req), http.StatusServiceUnavailable, "too slow")
		<-ended
		synctest.Wait()
		seen.wantOnce(t, errSoldOut)
	})
}

// R7
func TestTimeoutHandlerInsideThatIsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{says("app")}})
		srv := nurserytest.NewServer(t, app.Middleware(http.TimeoutHandler(app.Errors(says("group"))(lateSoldOut), time.Second, "too slow")))
		wantReply(t, get(t, srv), http.StatusTeapot, "group")
		seen.wantOnce(t)
	})
}

// R7
func TestTimeoutHandlerAround(t *testing.T) {
	tests := []struct {
		name    string
		handler func(w http.ResponseWriter, r *http.Request) error
		status  int
		text    string
		told    []error
	}{
		{"in time", func(w http.ResponseWriter, _ *http.Request) error {
			_, err := io.WriteString(w, "ok")
			return err
		}, http.StatusOK, "ok", nil},
		{"in time, with an error", func(http.ResponseWriter, *http.Request) error { return errSoldOut }, http.StatusTeapot, "app", nil},
		{"in time, with a panic", func(_ http.ResponseWriter, r *http.Request) error { return boom(r.Context()) },
			http.StatusInternalServerError, "Internal", []error{errBoom}},
		{"too late", func(_ http.ResponseWriter, r *http.Request) error {
			<-r.Context().Done()
			if cause := context.Cause(r.Context()); !errors.Is(cause, creche.ErrRequestTimeout) {
				t.Errorf("got cause %v, want ErrRequestTimeout", cause)
			}
			return r.Context().Err()
		}, http.StatusServiceUnavailable, "too slow", nil},
		{"too late, with an error", func(_ http.ResponseWriter, r *http.Request) error {
			<-r.Context().Done()
			return errFirst
		}, http.StatusServiceUnavailable, "too slow", []error{errFirst}},
		{"far too late, with a panic", func(_ http.ResponseWriter, r *http.Request) error {
			time.Sleep(time.Hour)
			return boom(r.Context())
		}, http.StatusServiceUnavailable, "too slow", []error{errBoom}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{says("app")}})
				ended := make(chan struct{})
				inner := app.Middleware(creche.Handler(tt.handler))
				srv := nurserytest.NewServer(t, http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer close(ended)
					inner.ServeHTTP(w, r)
				}), time.Second, "too slow"))
				wantReply(t, get(t, srv), tt.status, tt.text)
				<-ended
				seen.wantOnce(t, tt.told...)
			})
		})
	}
}
