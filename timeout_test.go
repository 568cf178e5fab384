package creche_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// waitHandler waits for the end of its context, with a task that does too.
func waitHandler(t *testing.T, want error) http.Handler {
	return creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
		nursery.From(r.Context()).Go(func(ctx context.Context) error {
			<-ctx.Done()
			if got := context.Cause(ctx); !errors.Is(got, want) {
				t.Errorf("why the task was cancelled: got %v, want %v", got, want)
			}
			return ctx.Err()
		})
		<-r.Context().Done()
		return r.Context().Err()
	})
}

// R13
func TestTimeout(t *testing.T) {
	for _, tc := range []struct {
		name string
		wrap func(app *creche.App, h http.Handler) http.Handler
		took time.Duration
	}{
		{"in the middleware", func(app *creche.App, h http.Handler) http.Handler { return app.Middleware(app.Timeout(time.Second)(h)) }, time.Second},
		{"without any", func(app *creche.App, h http.Handler) http.Handler { return app.Timeout(time.Second)(h) }, time.Second},
		{"around the middleware", func(app *creche.App, h http.Handler) http.Handler { return app.Timeout(time.Second)(app.Middleware(h)) }, time.Second},
		{"the shorter inside", func(app *creche.App, h http.Handler) http.Handler {
			return app.Timeout(time.Minute)(app.Timeout(time.Second)(h))
		}, time.Second},
		{"the longer inside", func(app *creche.App, h http.Handler) http.Handler {
			return app.Timeout(time.Second)(app.Timeout(time.Minute)(h))
		}, time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, seen := watched(creche.Options{})
				srv := nurserytest.NewServer(t, tc.wrap(app, waitHandler(t, creche.ErrRequestTimeout)))
				began := time.Now()
				wantReply(t, get(t, srv), http.StatusServiceUnavailable, "Service Unavailable")
				if took := time.Since(began); took != tc.took {
					t.Errorf("took %v, want %v", took, tc.took)
				}
				seen.wantOnce(t)
				if err := app.Check(); err != nil {
					t.Errorf("Check: got %v, want nil", err)
				}
			})
		})
	}
}

// R13: a route that is too slow is no failure, but somebody has to know of it.
func TestTheLogOfATimeout(t *testing.T) {
	const line = `WARN msg="creche: request timed out" method=GET path=/report`
	late := creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		<-r.Context().Done()
		return fmt.Errorf("query: %w", r.Context().Err())
	})
	silent := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	within := func(h http.Handler) func(*creche.App) http.Handler {
		return func(a *creche.App) http.Handler { return a.Middleware(a.Timeout(2 * time.Second)(h)) }
	}
	for _, tt := range []struct {
		name  string
		h     func(a *creche.App) http.Handler
		rules []errorhandlers.Rule
		want  []string
	}{
		{"of a handler that returns an error", within(late), nil, []string{line + " limit=2s"}},
		{"of one that returns without a word", within(silent), nil, []string{line + " limit=2s"}},
		{"of the shorter of two", func(a *creche.App) http.Handler { return a.Timeout(time.Minute)(within(late)(a)) }, nil, []string{line + " limit=2s"}},
		{"of a deadline from elsewhere", func(a *creche.App) http.Handler {
			h := a.Middleware(late)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
				defer cancel()
				h.ServeHTTP(w, r.WithContext(ctx))
			})
		}, nil, []string{line}},
		{"of one that a rule answers", within(late), []errorhandlers.Rule{
			errorhandlers.OnIs(creche.ErrRequestTimeout, func(w http.ResponseWriter, _ *http.Request, _ error) error {
				w.WriteHeader(http.StatusServiceUnavailable)
				return nil
			}),
		}, nil},
		{"of one that has begun to answer", within(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return r.Context().Err()
		})), nil, []string{`ERROR msg="creche: failure" nursery=request error="creche: request timed out after 2s" method=GET path=/report`}},
		{"of one that is done all the same", within(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			w.WriteHeader(http.StatusOK)
		})), nil, nil},
		{"of no request", within(creche.Handler(func(http.ResponseWriter, *http.Request) error { return context.DeadlineExceeded })), nil, nil},
	} {
		in(t, tt.name, func(t *testing.T) {
			var log journal
			app := creche.New(creche.Options{Logger: log.logger(), Errors: tt.rules})
			srv := nurserytest.NewServer(t, tt.h(app))
			if res, err := srv.Client().Get(srv.URL + "/report?secret"); err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
			synctest.Wait()
			if got := log.lines(); !slices.Equal(got, tt.want) {
				t.Errorf("got log %q, want %q", got, tt.want)
			}
		})
	}
}

// R13: a real failure beside the timeout answers, and is not lost.
func TestTimeoutBesideAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{})
		srv := nurserytest.NewServer(t, app.Middleware(app.Timeout(time.Second)(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			<-r.Context().Done()
			return errors.Join(errFirst, r.Context().Err())
		}))))
		wantReply(t, get(t, srv), http.StatusServiceUnavailable, "")
		seen.wantOnce(t, errFirst)
	})
}

// R13: a handler that returns nil as if nothing had happened has completed its
// work only if it has said so, if only with a status.
func TestTimeoutOfAHandlerThatSaysNothing(t *testing.T) {
	says := func(write func(w http.ResponseWriter)) func(d time.Duration) http.HandlerFunc {
		return func(d time.Duration) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Handler", "yes")
				time.Sleep(d)
				write(w)
			}
		}
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		method  string
		want    int
	}{
		{"nothing, in time", says(func(http.ResponseWriter) {})(time.Second - 1), http.MethodGet, http.StatusOK},
		{"nothing, too late", says(func(http.ResponseWriter) {})(time.Second + 1), http.MethodGet, http.StatusServiceUnavailable},
		{"nothing to HEAD, too late", says(func(http.ResponseWriter) {})(time.Second + 1), http.MethodHead, http.StatusServiceUnavailable},
		{"nothing, with a task that is too late", func(_ http.ResponseWriter, r *http.Request) {
			startTask(r, func(context.Context) error { time.Sleep(2 * time.Second); return nil })
		}, http.MethodGet, http.StatusServiceUnavailable},
		{"a status, too late", says(func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) })(2 * time.Second), http.MethodGet, http.StatusOK},
		{"no content", says(func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) })(2 * time.Second), http.MethodGet, http.StatusNoContent},
		{"not modified", says(func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotModified) })(2 * time.Second), http.MethodGet, http.StatusNotModified},
		{"a redirect", says(func(w http.ResponseWriter) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusSeeOther)
		})(2 * time.Second), http.MethodPost, http.StatusSeeOther},
		{"an empty body", says(func(w http.ResponseWriter) { _, _ = w.Write(nil) })(2 * time.Second), http.MethodGet, http.StatusOK},
		{"a header that is flushed", says(func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() })(2 * time.Second), http.MethodGet, http.StatusOK},
		{"an informational status", says(func(w http.ResponseWriter) { w.WriteHeader(http.StatusEarlyHints) })(2 * time.Second), http.MethodGet, http.StatusServiceUnavailable},
	}
	wraps := map[string]func(app *creche.App, h http.Handler) http.Handler{
		"inside":  func(app *creche.App, h http.Handler) http.Handler { return app.Middleware(app.Timeout(time.Second)(h)) },
		"outside": func(app *creche.App, h http.Handler) http.Handler { return app.Timeout(time.Second)(app.Middleware(h)) },
	}
	for where, wrap := range wraps {
		for _, tt := range tests {
			in(t, tt.name+", "+where, func(t *testing.T) {
				var answered error
				app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{errorhandlers.OnIs(creche.ErrRequestTimeout, func(_ http.ResponseWriter, _ *http.Request, err error) error {
					answered = err
					return errorhandlers.ErrDecline
				})}})
				srv := nurserytest.NewServer(t, wrap(app, tt.handler))
				client := srv.Client()
				client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
				got := ask(t, client, tt.method, srv.URL)
				wantReply(t, got, tt.want, "")
				if timedOut := tt.want == http.StatusServiceUnavailable; timedOut != errors.Is(answered, creche.ErrRequestTimeout) || timedOut != (got.header.Get("X-Handler") == "") {
					t.Errorf("got the header %v, and rules that were asked for %v", got.header, answered)
				}
				seen.wantOnce(t)
			})
		}
	}
}

// R13: the body is not what the deadline is for, and a client that dribbles
// it is cut off by a read deadline.
func TestTimeoutWhileABodyDribbles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{})
		srv := nurserytest.NewServer(t, app.Middleware(app.Timeout(time.Minute)(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
			if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second)); err != nil {
				return err
			}
			_, err := io.ReadAll(r.Body)
			return err
		}))))
		conn, err := srv.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: creche.test\r\nContent-Length: 9\r\n\r\nbeg"); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn) // the connection is closed
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") {
			t.Errorf("got %q, %v, want a 408", answer, err)
		}
		seen.wantOnce(t)
	})
}

// E1, R13
func TestTimeoutsThatMakeNoSense(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := creche.New(creche.Options{})
		_, file, line, _ := runtime.Caller(0)
		h := app.Timeout(0)(app.Timeout(-time.Second)(says200))
		place := fmt.Sprintf(" (%s:%d): want more than 0", file, line+1)
		wantTexts(t, app.Check(), "Timeout of 0s"+place, "Timeout of -1s"+place)
		wantReply(t, get(t, nurserytest.NewServer(t, h)), http.StatusOK, "fine")
	})
	defer func() {
		if v := recover(); v != "creche: Timeout: nil handler" {
			t.Errorf("got panic %v", v)
		}
	}()
	creche.New(creche.Options{}).Timeout(time.Second)(nil)
}

var says200 = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") })
