package creche_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// R5: a handler that the stop cancels and that returns nil as if nothing had
// happened has completed its work only if it has said so.
func TestStopOfAHandlerThatSaysNothing(t *testing.T) {
	cancelled := func(then func(w http.ResponseWriter)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			then(w)
		}
	}
	nothing := func(http.ResponseWriter) {}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		want    int
	}{
		{"the handler", cancelled(nothing), http.StatusServiceUnavailable},
		{"a task", func(_ http.ResponseWriter, r *http.Request) {
			startTask(r, func(ctx context.Context) error { <-ctx.Done(); return nil })
		}, http.StatusServiceUnavailable},
		{"a handler in an exchange in an exchange", func(w http.ResponseWriter, r *http.Request) {
			creche.New(creche.Options{}).Middleware(cancelled(nothing)).ServeHTTP(w, r)
		}, http.StatusServiceUnavailable},
		{"after an informational status", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			<-r.Context().Done()
		}, http.StatusServiceUnavailable},
		{"a handler that ends with the drain", func(_ http.ResponseWriter, r *http.Request) { <-nursery.Draining(r.Context()) }, http.StatusOK},
		{"a status", cancelled(func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }), http.StatusNoContent},
		{"an empty body", cancelled(func(w http.ResponseWriter) { _, _ = w.Write(nil) }), http.StatusOK},
		{"what was flushed", func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, http.StatusOK},
		{"a connection of its own", func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			<-r.Context().Done()
			_, _ = io.WriteString(conn, "HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		}, http.StatusAccepted},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			s := serving(t, creche.Options{Stopping: stages}, tt.handler)
			replies := s.ask(t)
			s.leave()
			got := <-replies
			wantReply(t, got, tt.want, "")
			if stopped := tt.want == http.StatusServiceUnavailable; stopped != (got.header.Get("Retry-After") != "") {
				t.Errorf("got Retry-After %q with %d", got.header.Get("Retry-After"), got.status)
			}
			wantErr(t, s.end(), nil)
			s.seen.wantOnce(t)
		})
	}
}

// R5: so it is with every end that has a cause, but for the client's.
func TestOtherEndsOfAHandlerThatSaysNothing(t *testing.T) {
	errQuota := errors.New("quota used up")
	tests := []struct {
		name  string
		cause error
		asked error // what the rules are asked for, or nil
	}{
		{"a cause of middleware", errQuota, errQuota},
		{"the stop", creche.ErrShutdown, creche.ErrShutdown},
		{"a deadline", context.DeadlineExceeded, creche.ErrRequestTimeout},
		{"the client's leaving", nil, nil},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			var asked []error
			app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{errorhandlers.OnMatch(func(error) bool { return true }, func(w http.ResponseWriter, _ *http.Request, err error) error {
				asked = append(asked, err)
				w.WriteHeader(http.StatusTeapot)
				return nil
			})}})
			h := app.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(tt.cause) })
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
			if tt.asked == nil && len(asked) != 0 || tt.asked != nil && (len(asked) != 1 || !errors.Is(asked[0], tt.asked)) {
				t.Errorf("got rules that were asked for %v, want %v", asked, tt.asked)
			}
			seen.wantOnce(t)
		})
	}
}

// R5, R7: a failure of the exchange around it is answered there.
func TestEndOfTheExchangeAroundAHandlerThatSaysNothing(t *testing.T) {
	in(t, "a failure outside", func(t *testing.T) {
		asked := 0
		app, seen := watched(creche.Options{Errors: []errorhandlers.Rule{errorhandlers.OnIs(errSoldOut, func(w http.ResponseWriter, _ *http.Request, _ error) error {
			asked++
			w.WriteHeader(http.StatusConflict)
			return nil
		})}})
		inner, innerSeen := watched(creche.Options{})
		silent := inner.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		srv := nurserytest.NewServer(t, app.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			startTask(r, soldOutLater)
			silent.ServeHTTP(w, r)
		})))
		wantReply(t, get(t, srv), http.StatusConflict, "")
		if asked != 1 {
			t.Errorf("got the rule asked %d times, want 1", asked)
		}
		seen.wantOnce(t)
		innerSeen.wantOnce(t)
	})
}
