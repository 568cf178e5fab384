package httpcreche_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/httpcreche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

var errSoldOut = errors.New("sold out: secret")

// witness keeps what an App reports.
type witness struct {
	mu   sync.Mutex
	seen []error
}

func newApp(rules ...errorhandlers.Rule) (*creche.App, *witness) {
	s := new(witness)
	return creche.New(creche.Options{Errors: rules, Observe: func(_ context.Context, r nursery.Report) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.seen = append(s.seen, r.Err)
	}}), s
}

func (s *witness) wantNone(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) > 0 {
		t.Errorf("got reports %v, want none", s.seen)
	}
}

// page answers errors of a status with text.
func page(status int, text string) errorhandlers.Rule {
	return errorhandlers.OnStatus(status, func(w http.ResponseWriter, _ *http.Request, _ error) error {
		w.WriteHeader(status)
		_, err := io.WriteString(w, text)
		return err
	})
}

// soldOut answers errSoldOut with text.
func soldOut(text string) errorhandlers.Rule {
	return errorhandlers.OnIs(errSoldOut, func(w http.ResponseWriter, _ *http.Request, _ error) error {
		w.WriteHeader(http.StatusConflict)
		_, err := io.WriteString(w, text)
		return err
	})
}

func failing(err error) http.Handler {
	return creche.Handler(func(http.ResponseWriter, *http.Request) error { return err })
}

func text(s string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, s) })
}

// reply is what a client sees.
type reply struct {
	status int
	header http.Header
	body   string
}

func ask(t *testing.T, srv *nurserytest.Server, method, path string) reply {
	t.Helper()
	req, err := http.NewRequest(method, srv.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := *srv.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(body)}
}

// R9
func TestTheMuxsOwnAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := newApp(page(http.StatusNotFound, "our 404"), page(http.StatusMethodNotAllowed, "our 405"))
		mux := http.NewServeMux()
		mux.Handle("GET /quote/{sku}", text("quote"))
		mux.Handle("DELETE /quote/{sku}", text("deleted"))
		mux.Handle("GET /tree/", text("tree"))
		mux.HandleFunc("/own/404", http.NotFound)
		mux.HandleFunc("/own/405", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "own 405", http.StatusMethodNotAllowed)
		})
		mux.HandleFunc("/own/both", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, "404 page not found\n")
		})
		mux.Handle("/error/404", failing(&errorhandlers.Problem{Status: http.StatusNotFound}))
		srv := nurserytest.NewServer(t, httpcreche.Wrap(mux, app))
		tests := []struct {
			name, method, path string
			status             int
			body               string
			header             string // Name: value
		}{
			{"a route", "GET", "/quote/tea", 200, "quote", ""},
			{"no route", "GET", "/none", 404, "our 404", ""},
			{"no route, with POST", "POST", "/none", 404, "our 404", ""},
			{"another method", "POST", "/quote/tea", 405, "our 405", "Allow: DELETE, GET, HEAD"},
			{"a redirect to a directory", "GET", "/tree", 307, "", "Location: /tree/"},
			{"a redirect to a clean path", "GET", "/tree/../quote/tea", 307, "", "Location: /quote/tea"},
			{"the application's own 404", "GET", "/own/404", 404, "404 page not found\n", ""},
			{"the application's own 404, written by hand", "GET", "/own/both", 404, "404 page not found\n", ""},
			{"the application's own 405", "GET", "/own/405", 405, "own 405\n", ""},
			{"an error of a handler", "GET", "/error/404", 404, "our 404", ""},
		}
		for _, tt := range tests {
			got := ask(t, srv, tt.method, tt.path)
			if got.status != tt.status || tt.status != 307 && got.body != tt.body {
				t.Errorf("%s: got %d %q, want %d %q", tt.name, got.status, got.body, tt.status, tt.body)
			}
			if name, value, ok := strings.Cut(tt.header, ": "); ok && got.header.Get(name) != value {
				t.Errorf("%s: got %s %q, want %q", tt.name, name, got.header.Get(name), value)
			}
		}
		if got := ask(t, srv, "HEAD", "/none"); got.status != 404 {
			t.Errorf("HEAD of no route: got %d, want 404", got.status)
		}
		seen.wantNone(t)
	})
}

// R9, E6: without rules they are problems like any other.
func TestTheMuxsOwnAnswersByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := newApp()
		mux := http.NewServeMux()
		mux.Handle("GET /quote", text("quote"))
		srv := nurserytest.NewServer(t, httpcreche.Wrap(mux, app), nurserytest.HTTP2())
		for path, want := range map[string]int{"/none": 404, "/quote": 405} {
			got := ask(t, srv, "POST", path)
			if got.status != want || got.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: got %d of type %q, want the problem %d", path, got.status, got.header.Get("Content-Type"), want)
			}
			if allow := got.header.Get("Allow"); (allow == "GET, HEAD") != (want == 405) {
				t.Errorf("%s: got Allow %q", path, allow)
			}
		}
		seen.wantNone(t)
	})
}

// R9: a page that the application makes of a mux's refusal is its own.
func TestPagesOfTheApplicationAreNeverReplaced(t *testing.T) {
	sub := http.NewServeMux()
	sub.Handle("/sub/known", text("known"))
	synctest.Test(t, func(t *testing.T) {
		app, _ := newApp(page(http.StatusNotFound, "our 404"))
		mux := http.NewServeMux()
		mux.HandleFunc("/sub/", func(w http.ResponseWriter, r *http.Request) {
			refused := &statusOnly{header: make(http.Header)}
			sub.ServeHTTP(refused, r)
			w.WriteHeader(refused.status)
			io.WriteString(w, "the shop's own page")
		})
		srv := nurserytest.NewServer(t, httpcreche.Wrap(mux, app))
		if got := ask(t, srv, "GET", "/sub/none"); got.status != 404 || got.body != "the shop's own page" {
			t.Errorf("got %d %q, want the application's page", got.status, got.body)
		}
	})
}

// statusOnly is a writer that remembers the status.
type statusOnly struct {
	header http.Header
	status int
}

func (w *statusOnly) Header() http.Header         { return w.header }
func (w *statusOnly) WriteHeader(status int)      { w.status = status }
func (w *statusOnly) Write(p []byte) (int, error) { return len(p), nil }

// R9: however little is held.
func TestTheMuxsOwnAnswersWhenLittleIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := creche.New(creche.Options{Hold: 1, Errors: []errorhandlers.Rule{page(http.StatusNotFound, "our 404")}})
		srv := nurserytest.NewServer(t, httpcreche.Wrap(http.NewServeMux(), app))
		if got := ask(t, srv, "GET", "/none"); got.status != 404 || got.body != "our 404" {
			t.Errorf("got %d %q, want the rule's answer", got.status, got.body)
		}
	})
}

// R8
func TestRulesOfASubtree(t *testing.T) {
	late := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nursery.From(r.Context()).Go(func(context.Context) error {
			time.Sleep(time.Hour)
			return errSoldOut
		})
		w.WriteHeader(http.StatusCreated)
	})
	synctest.Test(t, func(t *testing.T) {
		app, seen := newApp(soldOut("app"), page(http.StatusNotFound, "app 404"))
		admin := http.NewServeMux()
		admin.Handle("/admin/stock", failing(errSoldOut))
		admin.Handle("/admin/late", late)
		stripped := http.NewServeMux()
		stripped.Handle("/stock", failing(errSoldOut))
		mux := http.NewServeMux()
		mux.Handle("/admin/", app.Errors(soldOut("admin"), page(http.StatusNotFound, "admin 404"))(admin))
		mux.Handle("/plain/", http.StripPrefix("/plain", app.Errors(soldOut("plain"))(stripped)))
		mux.Handle("/wrapped/", http.StripPrefix("/wrapped", app.Errors(soldOut("wrapped"), page(http.StatusNotFound, "wrapped 404"))(httpcreche.Wrap(stripped, app))))
		mux.Handle("/late", late)
		srv := nurserytest.NewServer(t, httpcreche.Wrap(mux, app))
		for path, want := range map[string]string{
			"/late":          "app",
			"/admin/stock":   "admin",
			"/admin/late":    "admin",
			"/plain/stock":   "plain",
			"/wrapped/stock": "wrapped",
			"/none":          "app 404",
			"/admin/none":    "admin 404",            // the mux inside is seen through
			"/plain/none":    "404 page not found\n", // but not behind StripPrefix
			"/wrapped/none":  "wrapped 404",          // unless it is wrapped
		} {
			if got := ask(t, srv, "GET", path); got.body != want {
				t.Errorf("%s: got %d %q, want %q", path, got.status, got.body, want)
			}
		}
		seen.wantNone(t)
	})
}

// R7, R9: an answer of a wrapped mux is not answered again by the one around.
func TestWrappedMuxInAWrappedMux(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		outer, outerSeen := newApp(page(http.StatusNotFound, "outer 404"), page(http.StatusMethodNotAllowed, "outer 405"))
		inner, innerSeen := newApp(errorhandlers.OnStatus(http.StatusNotFound, func(w http.ResponseWriter, _ *http.Request, _ error) error {
			calls++
			w.WriteHeader(http.StatusNotFound)
			_, err := io.WriteString(w, "inner 404")
			return err
		}))
		sub := http.NewServeMux()
		sub.Handle("GET /sub/known", text("known"))
		mux := http.NewServeMux()
		mux.Handle("/sub/", httpcreche.Wrap(sub, inner))
		srv := nurserytest.NewServer(t, httpcreche.Wrap(mux, outer))
		for path, want := range map[string]string{"/sub/known": "known", "/sub/none": "inner 404", "/none": "outer 404"} {
			if got := ask(t, srv, "GET", path); got.body != want {
				t.Errorf("%s: got %d %q, want %q", path, got.status, got.body, want)
			}
		}
		// The inner application has no rule for 405, so the outer's is asked.
		if got := ask(t, srv, "POST", "/sub/known"); got.status != 405 || got.body != "outer 405" || got.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("got %d %q with Allow %q, want the outer 405", got.status, got.body, got.header.Get("Allow"))
		}
		if calls != 1 {
			t.Errorf("got %d calls of the inner rule, want 1", calls)
		}
		outerSeen.wantNone(t)
		innerSeen.wantNone(t)
	})
}

// R9: also an answer that looks like a refusal of the mux.
func TestAnswerOfAWrappedMuxInAWrappedMux(t *testing.T) {
	asked := 0
	plain := errorhandlers.OnStatus(http.StatusNotFound, func(w http.ResponseWriter, r *http.Request, _ error) error {
		asked++
		http.NotFound(w, r)
		return nil
	})
	api, _ := newApp(plain)
	same, _ := newApp(plain)
	fancy, _ := newApp(page(http.StatusNotFound, "fancy"))
	in := func(outer, inner *creche.App, between func(http.Handler) http.Handler) http.Handler {
		around := http.NewServeMux()
		around.Handle("/api/", between(httpcreche.Wrap(http.NewServeMux(), inner)))
		return httpcreche.Wrap(around, outer)
	}
	alone := func(next http.Handler) http.Handler { return next }
	for name, h := range map[string]http.Handler{
		"of another application":   in(fancy, api, alone),
		"of the same":              in(same, same, alone),
		"with an exchange between": in(fancy, api, fancy.Timeout(time.Minute)),
	} {
		asked = 0
		got := httptest.NewRecorder()
		h.ServeHTTP(got, httptest.NewRequest(http.MethodGet, "/api/none", nil))
		if got.Code != http.StatusNotFound || got.Body.String() != "404 page not found\n" || asked != 1 {
			t.Errorf("%s: got %d %q and the rule asked %d times, want the inner answer, once", name, got.Code, got.Body, asked)
		}
		got = httptest.NewRecorder()
		h.ServeHTTP(got, httptest.NewRequest(http.MethodGet, "/none", nil)) // which is the outer's to refuse
		if name != "of the same" && got.Body.String() != "fancy" {
			t.Errorf("%s: got %q beside it, want the outer answer", name, got.Body)
		}
	}
}

// R10: net/http and middleware outside see the pattern.
func TestPatternOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := newApp()
		mux := http.NewServeMux()
		mux.HandleFunc("GET /quote/{sku}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.PathValue("sku")) })
		wrapped := httpcreche.Wrap(mux, app)
		var pattern string
		srv := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			wrapped.ServeHTTP(w, r)
			pattern = r.Pattern
		}))
		if got := ask(t, srv, "GET", "/quote/tea"); got.body != "tea" || pattern != "GET /quote/{sku}" {
			t.Errorf("got %q and pattern %q", got.body, pattern)
		}
	})
}

// B1: path values stay with a background task.
func TestBackgroundTaskKeepsPathValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := newApp()
		values := make(chan string, 1)
		mux := http.NewServeMux()
		mux.Handle("POST /quote/{sku}", creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			return creche.Go(r.Context(), "index", func(context.Context) error {
				time.Sleep(time.Hour)
				values <- r.PathValue("sku")
				return nil
			})
		}))
		srv := nurserytest.NewServer(t, httpcreche.Wrap(mux, app))
		ask(t, srv, "POST", "/quote/tea")
		ask(t, srv, "POST", "/none")
		if got := <-values; got != "tea" {
			t.Errorf("got %q, want the request's own value", got)
		}
		synctest.Wait()
	})
}

func TestWrapMisuse(t *testing.T) {
	app, _ := newApp()
	for want, call := range map[string]func(){
		"httpcreche: Wrap: nil mux": func() { httpcreche.Wrap(nil, app) },
		"httpcreche: Wrap: nil app": func() { httpcreche.Wrap(http.NewServeMux(), nil) },
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("got panic %v, want %q", got, want)
				}
			}()
			call()
		}()
	}
}
