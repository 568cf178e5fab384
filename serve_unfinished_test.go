package creche_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// clings ignores its cancellation for an hour.
func clings(context.Context) error {
	time.Sleep(time.Hour)
	return nil
}

// firstLines returns what err says before the stacks of what was left, and checks
// that those are there for whoever is named with an age.
func firstLines(t *testing.T, err error) string {
	t.Helper()
	says, stacks, _ := strings.Cut(text(err), "\n\n")
	stuck := strings.Count(says, " old)")
	if got := strings.Count(stacks, ":\n") + strings.Count(stacks, "time.Sleep"); got < 2*stuck || stuck == 0 && stacks != "" {
		t.Errorf("got stacks\n%s\nof %d that are stuck", stacks, stuck)
	}
	return says
}

// Whatever is left behind, the stop ends in time and says so.
//
// B5, B7
func TestAStopEndsWhateverIsLeft(t *testing.T) {
	const gaveUp = "creche: stopped without waiting any longer for "
	tests := []struct {
		name  string
		start func(t *testing.T, s *served)
		want  string
	}{
		{
			name:  "a task without a name",
			start: func(t *testing.T, s *served) { wantErr(t, s.Go(t.Context(), "", clings), nil) },
			want:  gaveUp + "background task without a name (github.com/creche-go/creche_test.clings)",
		},
		{
			name: "several of one name, and without",
			start: func(t *testing.T, s *served) {
				for _, name := range []string{"a", "b", "", "a", "", "a"} {
					wantErr(t, s.Go(t.Context(), name, clings), nil)
				}
			},
			want: gaveUp + "3 background tasks a (the oldest 1m20s old), background task b (1m20s old), " +
				"2 background tasks without a name (github.com/creche-go/creche_test.clings)",
		},
		{
			name: "a child of a background task",
			start: func(t *testing.T, s *served) {
				wantErr(t, s.Go(t.Context(), "parent", func(ctx context.Context) error {
					nursery.From(ctx).Go(clings)
					nursery.From(ctx).Go(clings, nursery.Name("child"))
					return nil
				}), nil)
			},
			want: gaveUp + "background task without a name (github.com/creche-go/creche_test.clings), background task child (1m20s old)",
		},
		{
			name: "a task with a nursery of its own",
			start: func(t *testing.T, s *served) {
				wantErr(t, s.Go(t.Context(), "parent", func(ctx context.Context) error {
					return nursery.All(ctx, clings, clings)
				}), nil)
			},
			want: gaveUp + "background task parent (1m20s old)",
		},
		{
			name: "a critical task",
			start: func(t *testing.T, s *served) {
				wantErr(t, s.Go(t.Context(), "vital", clings, nursery.Critical()), nil)
			},
			want: gaveUp + "background task vital (1m20s old)",
		},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			s := serving(t, creche.Options{Stopping: stages}, slow)
			tt.start(t, s)
			time.Sleep(time.Minute)
			s.begin(func() { s.Stop(errStop) })
			err := s.end()
			wantErr(t, err, errStop)
			if got, want := firstLines(t, err), errStop.Error()+"\n"+tt.want; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			s.wantEvents(t, "20s stopped")
			time.Sleep(time.Hour)
			s.seen.wantOnce(t)
		})
	}
	t.Attr("did", fmt.Sprintf("%d kinds of what does not end", len(tests)))
}

// What a task that was left behind ends with is still told, also if it is
// critical and the application beyond stopping.
//
// B2
func TestFailuresAfterTheStopAreReported(t *testing.T) {
	for _, opts := range [][]nursery.TaskOption{nil, {nursery.Critical()}} {
		synctest.Test(t, func(t *testing.T) {
			s := serving(t, creche.Options{Stopping: stages}, slow)
			late := errors.New("late")
			wantErr(t, s.Go(t.Context(), "job", func(context.Context) error { time.Sleep(time.Hour); return late }, opts...), nil)
			s.leave()
			if left, ok := errors.AsType[*creche.UnfinishedError](s.end()); !ok || len(left.Tasks) != 1 || left.Tasks[0].Name != "job" {
				t.Errorf("got %v, want the job", left)
			}
			s.seen.wantOnce(t)
			time.Sleep(time.Hour)
			synctest.Wait()
			s.seen.wantOnce(t, late)
		})
	}
}

// A handler without any middleware has no nursery of its own but can reach the
// server's. What it starts there must not harm the others' requests.
//
// R7, B5
func TestTasksOfBareHandlers(t *testing.T) {
	tests := []struct {
		name    string
		task    func(ctx context.Context) error
		opts    []nursery.TaskOption
		want    error // of Serve
		reports int
	}{
		{name: "that fail are reported", task: func(context.Context) error { return errStop }, reports: 1},
		{name: "that panic are reported", task: func(context.Context) error { panic(errStop) }, reports: 1},
		{name: "that run on are cancelled and joined", task: func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}},
		{
			name: "that are critical stop the server", task: func(context.Context) error { return errStop },
			opts: []nursery.TaskOption{nursery.Critical()}, want: errStop, reports: 1,
		},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			s := prepared(creche.Options{Stopping: stages})
			mux := http.NewServeMux()
			mux.HandleFunc("/bare", func(_ http.ResponseWriter, r *http.Request) {
				nursery.From(r.Context()).Go(tt.task, tt.opts...)
			})
			mux.Handle("/", s.Middleware(http.HandlerFunc(slow)))
			s.start(t, s.listener, mux)
			answer := s.ask(t)
			wantReply(t, ask(t, s.client, http.MethodGet, "http://creche.test/bare"), http.StatusOK, "")
			synctest.Wait()
			s.begin(s.leave)
			wantErr(t, s.end(), tt.want)
			wantReply(t, <-answer, http.StatusOK, "done")
			s.wantEvents(t, "1s stopped")
			if got := s.seen.counts(errStop); got != tt.reports || len(s.seen.reports()) > got {
				t.Errorf("got reports %v, want %d", s.seen.reports(), tt.reports)
			}
		})
	}
}

// The values of Serve's context are seen by the requests, its end is not.
//
// B8
func TestRequestsSeeTheValuesOfServesContext(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		s := prepared(creche.Options{})
		ctx, leave := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
		defer leave()
		defer s.client.CloseIdleConnections()
		go func() {
			s.ended <- s.Serve(ctx, s.listener, s.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				<-ctx.Done()
				time.Sleep(time.Second)
				if err := r.Context().Err(); err != nil {
					t.Errorf("got %v, want a request that has its grace", err)
				}
				_, _ = w.Write([]byte(r.Context().Value(key{}).(string)))
			})))
		}()
		answer := s.ask(t)
		leave()
		wantErr(t, <-s.ended, nil)
		wantReply(t, <-answer, http.StatusOK, "value")
	})
}
