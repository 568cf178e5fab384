package chicreche_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/chicreche"
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

func failing(err error) http.HandlerFunc {
	return creche.Handler(func(http.ResponseWriter, *http.Request) error { return err })
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, s) }
}

// late has a task fail when the handler has returned.
func late(w http.ResponseWriter, r *http.Request) {
	nursery.From(r.Context()).Go(func(context.Context) error {
		time.Sleep(time.Hour)
		return errSoldOut
	})
	w.WriteHeader(http.StatusCreated)
}

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
	res, err := srv.Client().Do(req)
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

// shop has routes of all kinds.
func shop(app *creche.App) chi.Router {
	r := chi.NewRouter()
	chicreche.Use(r, app)
	r.Get("/quote/{sku}", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, chi.URLParam(r, "sku")) })
	r.Delete("/quote/{sku}", text("deleted"))
	r.Query("/search", text("found"))
	r.Get("/late", late)
	r.Get("/own/404", http.NotFound)
	r.Get("/own/405", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "own 405", http.StatusMethodNotAllowed) })
	r.Route("/admin", func(r chi.Router) {
		r.Use(app.Errors(soldOut("admin"), page(http.StatusNotFound, "admin 404")))
		r.Get("/stock", failing(errSoldOut))
		r.Get("/late", late)
		r.Route("/deep", func(r chi.Router) {
			r.Use(app.Errors(soldOut("deep")))
			r.Post("/late", late)
		})
	})
	r.Group(func(r chi.Router) {
		r.Use(app.Errors(soldOut("group")))
		r.Get("/group/late", late)
	})
	r.With(app.Errors(soldOut("with"))).Get("/with/late", late)
	mounted := chi.NewRouter()
	mounted.Use(app.Errors(soldOut("mounted")))
	mounted.Get("/late", late)
	r.Mount("/mounted", mounted)
	own := chi.NewRouter()
	own.NotFound(text("own 404"))
	own.MethodNotAllowed(text("own 405"))
	own.Get("/", text("own"))
	r.Mount("/own-pages", own)
	return r
}

// R8, R9
func TestRoutesRulesAndRefusals(t *testing.T) {
	tests := []struct {
		name, method, path string
		status             int
		body, allow        string
	}{
		{"a parameter", "GET", "/quote/tea", 200, "tea", ""},
		{"no route", "GET", "/none", 404, "our 404", ""},
		{"another method", "POST", "/quote/tea", 405, "our 405", "DELETE, GET"},
		{"another method than QUERY", "GET", "/search", 405, "our 405", "QUERY"},
		{"a method nobody knows", "BREW", "/quote/tea", 405, "our 405", "DELETE, GET"},
		{"another method of a mounted router", "PUT", "/mounted/late", 405, "our 405", "GET"},
		{"another method, two routers down", "GET", "/admin/deep/late", 405, "our 405", "POST"},
		{"no route of a group with a rule for it", "GET", "/admin/none", 404, "admin 404", ""},
		{"no route, two routers down", "GET", "/admin/deep/none", 404, "admin 404", ""},
		{"no route of a mounted router", "GET", "/mounted/none", 404, "our 404", ""},
		{"the application's own 404", "GET", "/own/404", 404, "404 page not found\n", ""},
		{"the application's own 405", "GET", "/own/405", 405, "own 405\n", ""},
		{"a mounted router's own 404", "GET", "/own-pages/none", 200, "own 404", ""},
		{"a mounted router's own 405", "POST", "/own-pages/", 200, "own 405", ""},
		{"the application's rule for a late failure", "GET", "/late", 409, "app", ""},
		{"a Route's rule", "GET", "/admin/stock", 409, "admin", ""},
		{"a Route's rule for a late failure", "GET", "/admin/late", 409, "admin", ""},
		{"the inner of two rules", "POST", "/admin/deep/late", 409, "deep", ""},
		{"a Group's rule", "GET", "/group/late", 409, "group", ""},
		{"a rule of With", "GET", "/with/late", 409, "with", ""},
		{"a mounted router's rule", "GET", "/mounted/late", 409, "mounted", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, seen := newApp(soldOut("app"), page(http.StatusNotFound, "our 404"), page(http.StatusMethodNotAllowed, "our 405"))
				got := ask(t, nurserytest.NewServer(t, shop(app)), tt.method, tt.path)
				if got.status != tt.status || got.body != tt.body {
					t.Errorf("got %d %q, want %d %q", got.status, got.body, tt.status, tt.body)
				}
				if allow := strings.Join(got.header["Allow"], ", "); allow != tt.allow {
					t.Errorf("got Allow %q, want %q", allow, tt.allow)
				}
				seen.wantNone(t)
			})
		})
	}
}

// R9: the methods are those that chi itself tells.
func TestAllowIsWhatChiTells(t *testing.T) {
	app, _ := newApp()
	routes := func(r chi.Router) {
		r.Get("/x", text("x"))
		r.Put("/x", text("x"))
		r.Get("/sub/{id}/x", text("root"))
		r.Route("/sub/{id}", func(r chi.Router) {
			r.Use(middleware.StripSlashes)
			r.Post("/y", text("y"))
			r.Patch("/x/{any}", text("x"))
		})
		r.Get("/a%2Fb", text("raw"))
	}
	for name, before := range map[string]func(http.Handler) http.Handler{
		"alone":             func(next http.Handler) http.Handler { return next },
		"with StripSlashes": middleware.StripSlashes,
		"with CleanPath":    middleware.CleanPath,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				plain, ours := chi.NewRouter(), chi.NewRouter()
				plain.Use(before)
				routes(plain)
				chicreche.Use(ours, app)
				ours.Use(before)
				routes(ours)
				plainServer, server := nurserytest.NewServer(t, plain), nurserytest.NewServer(t, ours)
				for _, path := range []string{"/x", "/x/", "//x", "/sub/1/y", "/sub/1/y/", "/sub/1/x", "/sub/1/x/2", "/sub/1/x/2/", "/a%2Fb", "/none"} {
					want, got := ask(t, plainServer, "DELETE", path), ask(t, server, "DELETE", path)
					w, g := strings.Join(want.header["Allow"], ", "), strings.Join(got.header["Allow"], ", ")
					if got.status != want.status || !sameMethods(g, w) {
						t.Errorf("%s: got %d with Allow %q, want %d with %q", path, got.status, g, want.status, w)
					}
				}
			})
		})
	}
}

// sameMethods compares two lists whatever their order.
func sameMethods(a, b string) bool {
	set := func(list string) map[string]bool {
		m := make(map[string]bool)
		for method := range strings.SplitSeq(list, ", ") {
			m[method] = true
		}
		return m
	}
	as, bs := set(a), set(b)
	for method := range as {
		if !bs[method] {
			return false
		}
	}
	return len(as) == len(bs)
}

// R9
func TestRouterWithoutRoutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		values := make(chan string, 1)
		app, seen := newApp(errorhandlers.OnStatus(http.StatusNotFound, func(w http.ResponseWriter, r *http.Request, _ error) error {
			w.WriteHeader(http.StatusNotFound)
			return creche.Go(r.Context(), "log", func(ctx context.Context) error {
				time.Sleep(time.Hour)
				values <- chi.URLParamFromCtx(ctx, "none")
				return nil
			})
		}))
		r := chi.NewRouter()
		chicreche.Use(r, app)
		srv := nurserytest.NewServer(t, r)
		if got := ask(t, srv, "GET", "/none"); got.status != 404 {
			t.Errorf("got %d, want the rule's 404", got.status)
		}
		if got := <-values; got != "" {
			t.Errorf("got %q, want no parameter", got)
		}
		synctest.Wait()
		seen.wantNone(t)
	})
}

// R9: what the user registers after Use wins.
func TestOwnNotFoundWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := newApp(page(http.StatusNotFound, "our 404"), soldOut("app"))
		r := chi.NewRouter()
		chicreche.Use(r, app)
		r.NotFound(text("own 404"))
		r.MethodNotAllowed(failing(errSoldOut))
		r.Get("/x", text("x"))
		srv := nurserytest.NewServer(t, r)
		if got := ask(t, srv, "GET", "/none"); got.body != "own 404" {
			t.Errorf("got %d %q, want the user's own", got.status, got.body)
		}
		if got := ask(t, srv, "POST", "/x"); got.body != "app" {
			t.Errorf("got %d %q, want the rule for the error of the user's own", got.status, got.body)
		}
		seen.wantNone(t)
	})
}

// R7, R8
func TestRouterInsideAWrappedMux(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := newApp(soldOut("app"), page(http.StatusNotFound, "our 404"), page(http.StatusMethodNotAllowed, "our 405"))
		mux := http.NewServeMux()
		mux.Handle("/shop/", http.StripPrefix("/shop", shop(app)))
		srv := nurserytest.NewServer(t, httpcreche.Wrap(mux, app))
		for path, want := range map[string]string{
			"/shop/quote/tea": "tea", "/shop/none": "our 404", "/none": "our 404",
			"/shop/admin/late": "admin", "/shop/late": "app", "/shop/own/404": "404 page not found\n",
		} {
			if got := ask(t, srv, "GET", path); got.body != want {
				t.Errorf("%s: got %d %q, want %q", path, got.status, got.body, want)
			}
		}
		if got := ask(t, srv, "POST", "/shop/quote/tea"); got.status != 405 || got.header.Get("Allow") != "DELETE, GET" {
			t.Errorf("got %d with Allow %q, want 405 with DELETE, GET", got.status, got.header.Get("Allow"))
		}
		seen.wantNone(t)
	})
}

// R6: chi's own recoverer gets panics if it is to.
func TestRepanicReachesChisRecoverer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := creche.New(creche.Options{Repanic: true, Observe: func(context.Context, nursery.Report) {}})
		r := chi.NewRouter()
		recovered := false
		r.Use(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() {
					recovered = recover() != nil
					w.WriteHeader(http.StatusBadGateway)
				}()
				next.ServeHTTP(w, r)
			})
		})
		chicreche.Use(r, app)
		r.Get("/", func(_ http.ResponseWriter, r *http.Request) {
			nursery.From(r.Context()).Go(func(context.Context) error { panic("boom") })
		})
		if got := ask(t, nurserytest.NewServer(t, r), "GET", "/"); got.status != http.StatusBadGateway || !recovered {
			t.Errorf("got %d, recovered %v, want the recoverer's 502", got.status, recovered)
		}
	})
}

// R7: what is one exchange in the other on purpose works; what can only be a
// mistake panics.
func TestUseMisuse(t *testing.T) {
	app, _ := newApp()
	used := chi.NewRouter()
	used.Use(middleware.RequestID)
	chicreche.Use(used, app)
	group := func(first, second *creche.App) func() { // each with its own
		return func() {
			chi.NewRouter().Group(func(r chi.Router) {
				chicreche.Use(r, first)
				r.Group(func(r chi.Router) { chicreche.Use(r, second) })
			})
		}
	}
	for _, tt := range []struct {
		name, want string
		call       func()
	}{
		{"no router", "chicreche: Use: nil router", func() { chicreche.Use(nil, app) }},
		{"no app", "chicreche: Use: nil app", func() { chicreche.Use(chi.NewRouter(), nil) }},
		{"the same router", "chicreche: Use: called for this router before", func() { chicreche.Use(used, app) }},
		{"a Group in a Group", "chicreche: Use: called for this router before", group(app, app)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if got := recover(); got != tt.want {
					t.Errorf("got panic %v, want %q", got, tt.want)
				}
			}()
			tt.call()
		})
	}
}

// R7
func TestUseOfSeveralRoutersAndApps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, seen := newApp(page(http.StatusNotFound, "inner"))
		outer, also := newApp(page(http.StatusNotFound, "outer"))
		r := chi.NewRouter()
		chicreche.Use(r, outer)
		r.Group(func(r chi.Router) {
			chicreche.Use(r, outer) // a second exchange, of the same app
			r.Group(func(r chi.Router) {
				chicreche.Use(r, inner)
				r.Get("/both", creche.Handler(func(http.ResponseWriter, *http.Request) error {
					return &errorhandlers.Problem{Status: http.StatusNotFound}
				}))
			})
		})
		srv := nurserytest.NewServer(t, r)
		res, err := srv.Client().Get(srv.URL + "/both")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusNotFound || string(body) != "inner" {
			t.Errorf("got %d %q, want the answer of the inner app", res.StatusCode, body)
		}
		seen.wantNone(t)
		also.wantNone(t)
	})
}
