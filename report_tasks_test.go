package creche_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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

var errOne, errTwo = errors.New("one failed"), errors.New("two failed")

func fails(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// bothFail runs two tasks that fail, one after the other.
func bothFail(ctx context.Context, opts ...nursery.Option) error {
	return nursery.Run(ctx, func(_ context.Context, n *nursery.Nursery) error {
		n.Go(fails(errOne), nursery.Name("one"))
		n.Go(func(ctx context.Context) error { <-ctx.Done(); return errTwo }, nursery.Name("two"))
		return nil
	}, opts...)
}

// N3: whoever is told of a failure is told of which task it is.
func TestReportsOfARequestNameTheTask(t *testing.T) {
	tests := []struct {
		name string
		f    func(ctx context.Context) error
		want []string // nursery, task and place
	}{
		{"the handler", func(context.Context) error { return errOne }, []string{"request//0"}},
		{"a task of the request", func(ctx context.Context) error {
			nursery.From(ctx).Go(fails(errOne), nursery.Name("one"))
			return nil
		}, []string{"request/one/1"}},
		{"several of a nursery inside", func(ctx context.Context) error { return bothFail(ctx) },
			[]string{"request/one/1", "request/two/2"}},
		{"several of a nursery with a name, inside a task", func(ctx context.Context) error {
			nursery.From(ctx).Go(func(ctx context.Context) error {
				return fmt.Errorf("wrapped: %w", bothFail(ctx, nursery.Title("prices")))
			}, nursery.Name("outer"))
			return nil
		}, []string{"prices/one/1", "prices/two/2"}},
		{"several tasks without a name, of one with one", func(ctx context.Context) error {
			nursery.From(ctx).Go(func(ctx context.Context) error {
				return nursery.All(ctx, fails(errOne), func(ctx context.Context) error { <-ctx.Done(); return errTwo })
			}, nursery.Name("outer"))
			return nil
		}, []string{"request/outer/1", "request/outer/1"}},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			app, seen := watched(creche.Options{})
			srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
				return tt.f(r.Context())
			})))
			wantReply(t, get(t, srv), http.StatusInternalServerError, "")
			wantTasks(t, seen, tt.want...)
		})
	}
}

// wantTasks checks nursery, task and place of all that was reported.
func wantTasks(t *testing.T, seen *witness, want ...string) {
	t.Helper()
	var got []string
	for _, r := range seen.reports() {
		got = append(got, fmt.Sprintf("%s/%s/%d", r.Nursery, r.Task, r.Index))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got reports of %q, want %q", got, want)
	}
}

// N3
func TestReportsOfARequestWhoseClientLeftNameTheTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, seen := watched(creche.Options{})
		srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			nursery.From(r.Context()).Go(func(ctx context.Context) error { <-ctx.Done(); return errOne }, nursery.Name("one"))
			return nil
		})))
		ctx, leave := context.WithCancel(t.Context())
		go func() { synctest.Wait(); leave() }()
		ask(t, srv.Client(), http.MethodGet, srv.URL, func(r *http.Request) { *r = *r.WithContext(ctx) })
		srv.Close()
		wantTasks(t, seen, "request/one/1")
		seen.wantOnce(t, errOne)
	})
}

// Of a failure that ends the application both the report and Serve say of which
// task it is; what it is can still be asked for.
//
// B2, N3
func TestTheFailureOfACriticalTaskNamesIt(t *testing.T) {
	tests := []struct {
		name, task string
		f          func(context.Context) error
		want       string
		reported   string
	}{
		{"an error", "vital", fails(errOne), "creche: critical task vital: one failed", "background/vital/1"},
		{"an error of a task without a name", "", fails(errOne), "one failed", "background//1"},
		{"a panic, which has it", "vital", func(context.Context) error { panic(errOne) },
			"nursery: panic in task vital: one failed", "background/vital/1"},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			s := serving(t, creche.Options{}, slow)
			wantErr(t, s.Go(t.Context(), tt.task, tt.f, nursery.Critical()), nil)
			err := s.end()
			wantErr(t, err, errOne)
			if got, _, _ := strings.Cut(err.Error(), "\n"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			wantTasks(t, s.seen, tt.reported)
			if got := s.seen.reports()[0].Err.Error(); !strings.HasPrefix(got, errOne.Error()) && !strings.HasPrefix(got, tt.want) {
				t.Errorf("got a report of %q, want the task's own error", got)
			}
		})
	}
}

// B4, N9: each thing is said once.
func TestThePanicOfAServiceIsToldInALine(t *testing.T) {
	panics := func(context.Context) error { panic("the wheel") }
	for doing, svc := range map[string]creche.Service{"start": {Start: panics}, "run": {Run: panics}, "stop": {Stop: panics}} {
		in(t, doing, func(t *testing.T) {
			s := prepared(creche.Options{})
			s.Service("engine", svc)
			s.start(t, s.listener, http.NotFoundHandler())
			s.leave()
			err := s.end()
			line, stack, _ := strings.Cut(err.Error(), "\n\n")
			if want := "creche: service engine: " + doing + ": panic: the wheel"; line != want || !strings.Contains(stack, "report_tasks_test.go") {
				t.Errorf("got %q, want %q and the stack", err, want)
			}
		})
	}
}

// B4, N3
func TestTheFailureOfACriticalTaskOfAServiceIsReportedWithItsName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := prepared(creche.Options{})
		s.Service("parent", creche.Service{Start: func(ctx context.Context) error {
			nursery.From(ctx).Go(func(context.Context) error { time.Sleep(time.Second); return errService },
				nursery.Critical(), nursery.Name("vital"))
			return nil
		}})
		s.start(t, s.listener, http.NotFoundHandler())
		wantServiceError(t, s.end(), "parent", "run", errService)
		wantTasks(t, s.seen, "service parent/vital/2")
	})
}

// What a rule's handler answers is the application's to log, whatever the status;
// a panic is reported all the same. An observer can ask for the request.
//
// E4
func TestWhatARulesHandlerAnswersIsNotReported(t *testing.T) {
	tests := []struct {
		name string
		h    func() error
		want []string
	}{
		{"an error", func() error { return errOne }, nil},
		{"a panic", func() error { panic(errOne) }, []string{"GET /"}},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			var got []string
			app := creche.New(creche.Options{
				Errors: []errorhandlers.Rule{errorhandlers.OnAny(func(w http.ResponseWriter, _ *http.Request, _ error) error {
					w.WriteHeader(http.StatusInternalServerError)
					return nil
				})},
				Observe: func(ctx context.Context, _ nursery.Report) {
					r := creche.ExchangeOf(ctx).Request()
					got = append(got, r.Method+" "+r.URL.Path)
				},
			})
			srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(http.ResponseWriter, *http.Request) error { return tt.h() })))
			wantReply(t, get(t, srv), http.StatusInternalServerError, "")
			srv.Close()
			if !slices.Equal(got, tt.want) {
				t.Errorf("got reports of %q, want %q", got, tt.want)
			}
		})
	}
}
