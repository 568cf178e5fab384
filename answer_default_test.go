package creche_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
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

// upstreamError is what a client of another service returns: its status is
// none of ours.
type upstreamError struct{ status int }

func (e *upstreamError) Error() string   { return "upstream: secret" }
func (e *upstreamError) StatusCode() int { return e.status }

// carrier is an error of the application that says its status.
type carrier struct{ status int }

func (e carrier) Error() string   { return "carrier: secret" }
func (e carrier) HTTPStatus() int { return e.status }

type typedNil struct{}

func (*typedNil) Error() string { return "typed nil: secret" }

type uncomparable struct{ parts []string }

func (e uncomparable) Error() string { return "uncomparable: secret" }

// E6, E7: each row is an error that no rule is for.
func TestDefaultAnswers(t *testing.T) {
	dump := fmt.Errorf("read %w", &url.Error{Op: "Get", URL: "http://10.0.0.1/secret", Err: io.ErrUnexpectedEOF})
	tests := []struct {
		name   string
		err    error
		status int
		header string // Name: value
		told   bool   // reported
	}{
		{"an ordinary error", errors.New("pq: secret"), 500, "", true},
		{"an error with an address in it", dump, 500, "", true},
		{"a problem", &errorhandlers.Problem{Status: 422, Err: errFirst}, 422, "", false},
		{"a problem that is wrapped", fmt.Errorf("secret: %w", &errorhandlers.Problem{Status: 422}), 422, "", false},
		{"a problem with a header", &errorhandlers.Problem{Status: 429, Header: http.Header{"Retry-After": {"7"}}}, 429, "Retry-After: 7", false},
		{"a problem with a header that breaks lines", &errorhandlers.Problem{Status: 400, Header: http.Header{"X-A": {"1\r\nSet-Cookie: a=b"}}}, 400, "X-A: 1  Set-Cookie: a=b", false},
		{"a problem that is ours", &errorhandlers.Problem{Status: 502, Err: errFirst}, 502, "", true},
		{"a problem of no status", &errorhandlers.Problem{}, 500, "", true},
		{"a problem of a good status", &errorhandlers.Problem{Status: 200}, 500, "", true},
		{"a carrier", carrier{403}, 403, "", false},
		{"a carrier of a status that is no error's", carrier{200}, 500, "", true},
		{"a carrier of a 503", carrier{503}, 503, "", false},
		{"a carrier of a 504", carrier{504}, 504, "", true},
		{"a request timeout", creche.ErrRequestTimeout, 503, "", false},
		{"an upstream's status", &upstreamError{404}, 500, "", true},
		{"a body that is too large", &http.MaxBytesError{Limit: 1}, 413, "Connection: close", false},
		{"a body that is too slow", &errorhandlers.BodyTimeoutError{}, 408, "Connection: close", false},
		{"a deadline", fmt.Errorf("secret: %w", context.DeadlineExceeded), 503, "", false},
		{"a shutdown", creche.ErrShutdown, 503, "Retry-After: 2", false},
		{"a full background", nursery.ErrFull, 503, "Retry-After: 2", false},
		{"a closed background", fmt.Errorf("secret: %w", nursery.ErrClosed), 503, "Retry-After: 2", false},
		{"a cancellation that is nobody's", context.Canceled, 500, "", true},
		{"a typed nil", (*typedNil)(nil), 500, "", true},
		{"a typed nil problem", (*errorhandlers.Problem)(nil), 500, "", true},
		{"an error that cannot be compared", uncomparable{[]string{"x"}}, 500, "", true},
		{"joined errors", errors.Join(errFirst, carrier{404}), 404, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, seen := watched(creche.Options{})
				srv := nurserytest.NewServer(t, app.Middleware(failing(tt.err)))
				got := get(t, srv)
				wantReply(t, got, tt.status, "")
				if name, value, ok := strings.Cut(tt.header, ": "); ok && !hasHeader(got, name, value) {
					t.Errorf("got header %v, want %s", got.header, tt.header)
				}
				if n := len(seen.reports()); (n == 1) != tt.told {
					t.Errorf("got %d reports, want one: %v", n, tt.told)
				}
				wantProblem(t, got)
				wantNoSecrets(t, got)

				text := ask(t, srv.Client(), http.MethodGet, srv.URL, func(r *http.Request) { r.Header.Set("Accept", "text/plain") })
				if want := http.StatusText(tt.status) + "\n"; text.body != want || !strings.HasPrefix(text.header.Get("Content-Type"), "text/plain") {
					t.Errorf("got %q of type %q for a client that wants text, want %q", text.body, text.header.Get("Content-Type"), want)
				}
				wantNoSecrets(t, text)
			})
		})
	}
}

// E6: on HTTP/2 what is left of a body is in nobody's way, and others use the
// connection. A Problem's own header is its author's word.
func TestAnswersThatCloseTheConnection(t *testing.T) {
	tests := []struct {
		name         string
		err          error
		http1, http2 bool // closed
	}{
		{"a body that is too large", &http.MaxBytesError{Limit: 1}, true, false},
		{"a body that is too slow", fmt.Errorf("read: %w", &errorhandlers.BodyTimeoutError{}), true, false},
		{"a problem that says so", &errorhandlers.Problem{Status: 403, Header: http.Header{"Connection": {"close"}}}, true, true},
		{"a problem", &errorhandlers.Problem{Status: 403}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			protocols(t, func(t *testing.T, opts ...nurserytest.ServerOption) {
				t.Helper()
				want := tt.http1
				if len(opts) > 0 {
					want = tt.http2
				}
				synctest.Test(t, func(t *testing.T) {
					app, _ := watched(creche.Options{})
					srv := nurserytest.NewServer(t, app.Middleware(failing(tt.err)), opts...)
					var reused bool
					trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }}
					for range 2 {
						got := ask(t, srv.Client(), http.MethodGet, srv.URL, func(r *http.Request) {
							*r = *r.WithContext(httptrace.WithClientTrace(r.Context(), trace))
						})
						wantProblem(t, got)
						synctest.Wait()
					}
					if reused == want {
						t.Errorf("got the connection kept %v, want %v", reused, !want)
					}
				})
			})
		})
	}
}

func hasHeader(got reply, name, value string) bool {
	if name == "Connection" { // the client makes a field of it, and no header
		return got.close == (value == "close")
	}
	return got.header.Get(name) == value
}

func wantProblem(t *testing.T, got reply) {
	t.Helper()
	var problem struct {
		Title  string
		Status int
	}
	if err := json.Unmarshal([]byte(got.body), &problem); err != nil {
		t.Fatal(err)
	}
	if problem.Status != got.status || problem.Title == "" || got.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %+v of type %q, want a problem of status %d", problem, got.header.Get("Content-Type"), got.status)
	}
	if got.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Error("got an error that browsers may take for a page")
	}
}

// wantNoSecrets fails t if the response says more than that it is an error.
// The errors of these tests say "secret".
func wantNoSecrets(t *testing.T, got reply) {
	t.Helper()
	if strings.Contains(got.body, "secret") {
		t.Errorf("got body %q, with the error's text", got.body)
	}
	for _, name := range slices.Sorted(maps.Keys(got.header)) {
		if strings.Contains(strings.Join(got.header[name], ","), "secret") || name == "Set-Cookie" {
			t.Errorf("got header %s: %q", name, got.header[name])
		}
	}
}

// A Problem is one also when some of what it wraps was an echo of the cancellation,
// which the nursery has taken out.
//
// E6
func TestAProblemWithAnEchoInIt(t *testing.T) {
	in(t, "", func(t *testing.T) {
		app, seen := watched(creche.Options{})
		srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			nursery.From(r.Context()).Cancel(errStop)
			return &errorhandlers.Problem{Status: http.StatusConflict, Err: errors.Join(errJob, context.Cause(r.Context()))}
		})))
		wantReply(t, get(t, srv), http.StatusConflict, "Conflict")
		if got := seen.reports(); len(got) != 0 {
			t.Errorf("got reports %v, want none", got)
		}
	})
}

// E7: a cut or failing response says as little in every way to fail.
func TestNoAnswerTellsWhatFailed(t *testing.T) {
	ways := map[string]func(w http.ResponseWriter, r *http.Request) error{
		"a panic": func(_ http.ResponseWriter, r *http.Request) error { return boom(r.Context()) },
		"a named task": func(_ http.ResponseWriter, r *http.Request) error {
			nursery.From(r.Context()).Go(boom, nursery.Name("secret"))
			return nil
		},
		"several errors": failBoth,
		"an error that breaks lines": func(http.ResponseWriter, *http.Request) error {
			return errors.New("secret\r\nSet-Cookie: a=b\r\n\r\n<script>")
		},
		"an error after headers were set": func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("X-Query", "select secret")
			io.WriteString(w, "secret")
			return errFirst
		},
	}
	for name, handler := range ways {
		t.Run(name, func(t *testing.T) {
			protocols(t, func(t *testing.T, opts ...nurserytest.ServerOption) {
				t.Helper()
				synctest.Test(t, func(t *testing.T) {
					app, _ := watched(creche.Options{})
					got := get(t, nurserytest.NewServer(t, app.Middleware(creche.Handler(handler)), opts...))
					wantReply(t, got, http.StatusInternalServerError, "")
					wantNoSecrets(t, got)
				})
			})
		})
	}
}

// E6: StatusOf opts in to what other packages' errors carry.
func TestForeignStatusIsOptedInto(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := watched(creche.Options{StatusOf: errorhandlers.ForeignStatus})
		srv := nurserytest.NewServer(t, app.Middleware(failing(&upstreamError{404})))
		wantReply(t, get(t, srv), http.StatusNotFound, "Not Found")
	})
}

// E6: the deadline of a request is a 503, and a cause that says so.
func TestRequestDeadlineIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{})
		var cause error
		inner := app.Middleware(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			<-r.Context().Done()
			cause = context.Cause(r.Context())
			return fmt.Errorf("look up: %w", r.Context().Err())
		}))
		srv := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
			defer cancel()
			inner.ServeHTTP(w, r.WithContext(ctx))
		}))
		wantReply(t, get(t, srv), http.StatusServiceUnavailable, "Service Unavailable")
		if !errors.Is(cause, creche.ErrRequestTimeout) || !errors.Is(cause, context.DeadlineExceeded) {
			t.Errorf("got cause %v, want ErrRequestTimeout", cause)
		}
		seen.wantOnce(t)
	})
}

// A HEAD request gets the header of the error that GET would, and no body.
//
// R4, E7
func TestHeadOfAnError(t *testing.T) {
	protocols(t, func(t *testing.T, opts ...nurserytest.ServerOption) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			app, _ := watched(creche.Options{Errors: []errorhandlers.Rule{conflict}})
			srv := nurserytest.NewServer(t, app.Middleware(failing(errSoldOut)), opts...)
			body := get(t, srv)
			head := ask(t, srv.Client(), http.MethodHead, srv.URL)
			wantReply(t, head, http.StatusConflict, "")
			if !maps.EqualFunc(head.header, body.header, slices.Equal) || head.body != "" {
				t.Errorf("got %v %q, want the header %v alone", head.header, head.body, body.header)
			}
		})
	})
}
