package creche_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// work is what a request or a background task does.
type work func(ctx context.Context, s *served, who string) error

func finishes(while time.Duration) work {
	return func(ctx context.Context, s *served, who string) error {
		s.untilDraining(ctx, who, while)
		return nil
	}
}

func mustBeCancelled(ctx context.Context, s *served, who string) error {
	return s.untilCancelled(ctx, who)
}

func clingsOn(while time.Duration) work {
	return func(ctx context.Context, s *served, who string) error {
		err := s.untilCancelled(ctx, who)
		time.Sleep(while)
		s.note(who + " done")
		return err
	}
}

// stageTests say how the stages of a stop follow each other.
var stageTests = []struct {
	name                string
	request, background work
	want                []string
	err                 string
}{
	{
		name: "nothing to wait for",
		want: []string{"0s stopped"},
	},
	{
		name: "a request that finishes", request: finishes(2 * time.Second),
		want: []string{"0s request is to finish", "2s request done", "2s stopped"},
	},
	{
		name: "a request that finishes at the last moment", request: finishes(10*time.Second - 1),
		want: []string{"0s request is to finish", "9.999999999s request done", "9.999999999s stopped"},
	},
	{
		name: "a request that has to be cancelled", request: mustBeCancelled,
		want: []string{"0s request is to finish", "10s request cancelled for the shutdown", "10s stopped"},
	},
	{
		name: "a request that takes its time when cancelled", request: clingsOn(3*time.Second - 1),
		want: []string{
			"0s request is to finish", "10s request cancelled for the shutdown",
			"12.999999999s request done", "12.999999999s stopped",
		},
	},
	{
		name: "a background task that finishes", background: finishes(2 * time.Second),
		want: []string{"0s task is to finish", "2s task done", "2s stopped"},
	},
	{
		name: "a background task gets what the requests did not need", background: mustBeCancelled,
		want: []string{"0s task is to finish", "18s task cancelled for the shutdown", "18s stopped"},
	},
	{
		name: "a background task is told when the last request is done", request: finishes(2 * time.Second), background: finishes(time.Second),
		want: []string{"0s request is to finish", "2s request done", "2s task is to finish", "3s task done", "3s stopped"},
	},
	{
		name: "both have to be cancelled", request: mustBeCancelled, background: mustBeCancelled,
		want: []string{
			"0s request is to finish", "10s request cancelled for the shutdown", "10s task is to finish",
			"18s task cancelled for the shutdown", "18s stopped",
		},
	},
	{
		name: "a background task that takes its time when cancelled", background: clingsOn(2*time.Second - 1),
		want: []string{
			"0s task is to finish", "18s task cancelled for the shutdown", "19.999999999s task done", "19.999999999s stopped",
		},
	},
	{
		name: "a background task that does not end", background: clingsOn(time.Hour),
		want: []string{"0s task is to finish", "18s task cancelled for the shutdown", "20s stopped"},
		err:  "creche: stopped without waiting any longer for background task stuck (1m20s old)",
	},
	{
		name: "a request that does not end", request: clingsOn(time.Hour), background: finishes(time.Second),
		want: []string{
			"0s request is to finish", "10s request cancelled for the shutdown", "13.1s task is to finish", "14.1s task done", "14.1s stopped",
		},
		err: "creche: stopped without waiting any longer for request GET / (14.1s old)",
	},
	{
		name: "a request that ends while the background is waited for", request: clingsOn(4 * time.Second), background: finishes(time.Second),
		want: []string{
			"0s request is to finish", "10s request cancelled for the shutdown", "13.1s task is to finish",
			"14s request done", "14.1s task done", "14.1s stopped",
		},
	},
	{
		name: "nothing ends", request: clingsOn(time.Hour), background: clingsOn(time.Hour),
		want: []string{
			"0s request is to finish", "10s request cancelled for the shutdown", "13.1s task is to finish",
			"18s task cancelled for the shutdown", "20s stopped",
		},
		err: "creche: stopped without waiting any longer for request GET / (20s old), background task stuck (1m20s old)",
	},
}

// Each stage begins when the one before is over, takes what that left of its
// budget, and no more.
//
// B5
func TestTheStagesOfAStop(t *testing.T) {
	for _, tt := range stageTests {
		in(t, tt.name, func(t *testing.T) {
			var s *served
			s = serving(t, creche.Options{Stopping: stages}, func(_ http.ResponseWriter, r *http.Request) {
				_ = tt.request(r.Context(), s, "request")
			})
			if tt.background != nil {
				wantErr(t, s.Go(t.Context(), "stuck", func(ctx context.Context) error { return tt.background(ctx, s, "task") }), nil)
			}
			time.Sleep(time.Minute) // the task's age is not the stop's
			if tt.request != nil {
				s.ask(t)
			}
			s.begin(s.leave)
			err := s.end()
			s.wantEvents(t, tt.want...)
			if got := firstLines(t, err); got != tt.err {
				t.Errorf("got error %q, want %q", got, tt.err)
			}
			time.Sleep(time.Hour) // what was left ends with the bubble
			s.seen.wantOnce(t)
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A request that was cancelled by the stop is answered all the same.
//
// R5, B5
func TestACancelledRequestIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := prepared(creche.Options{Stopping: stages})
		s.start(t, s.listener, s.Middleware(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			return nursery.All(r.Context(), func(ctx context.Context) error {
				<-ctx.Done()
				return context.Cause(ctx)
			})
		})))
		answer := s.ask(t)
		s.leave()
		wantErr(t, s.end(), nil)
		got := <-answer
		wantReply(t, got, http.StatusServiceUnavailable, "")
		if got.header.Get("Retry-After") == "" {
			t.Errorf("got header %v, want Retry-After", got.header)
		}
		s.seen.wantOnce(t)
	})
}

// A budget of no time at all is none, not the default.
//
// B5
func TestAStopWithoutGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *served
		none := creche.Stopping{Requests: -1, Cancelled: -1, Background: -1, Abandoned: -1}
		s = serving(t, creche.Options{Stopping: none}, func(_ http.ResponseWriter, r *http.Request) {
			_ = s.untilCancelled(r.Context(), "request")
			time.Sleep(time.Hour)
		})
		wantErr(t, s.Go(t.Context(), "job", func(context.Context) error { time.Sleep(time.Hour); return nil }), nil)
		s.ask(t)
		s.begin(s.leave)
		err := s.end()
		if left, ok := errors.AsType[*creche.UnfinishedError](err); !ok || len(left.Requests) != 1 || len(left.Tasks) != 1 || len(left.Server) > 0 {
			t.Errorf("got %v, want a request and a task left, and nothing else", err)
		}
		if s.took != 0 {
			t.Errorf("the stop took %v, want no time", s.took)
		}
		time.Sleep(2 * time.Hour)
	})
}

// The defaults leave Kubernetes, which kills after 30 s, some time.
//
// B5
func TestTheDefaultBudgetsAddUpTo25Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := prepared(creche.Options{})
		s.Service("daemon", creche.Daemon(clings))
		s.start(t, s.listener, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) }))
		wantErr(t, s.Go(t.Context(), "job", clings), nil)
		s.ask(t)
		s.begin(s.leave)
		left, _ := errors.AsType[*creche.UnfinishedError](s.end())
		if left == nil || len(left.Requests) != 1 || len(left.Tasks) != 1 || len(left.Services) != 1 {
			t.Errorf("got %v, want a request, a task and a service left", left)
		}
		s.wantEvents(t, "25s stopped")
		time.Sleep(2 * time.Hour)
	})
}

// A connection that was hijacked is waited for like a request, be it by a
// handler that the application knows or by one without any middleware.
//
// B5
func TestHijackedHandlersAreJoined(t *testing.T) {
	tests := []struct {
		name string
		wrap func(a *creche.App, h http.Handler) http.Handler
	}{
		{"inside the middleware", (*creche.App).Middleware},
		{"without any", func(_ *creche.App, h http.Handler) http.Handler { return h }},
	}
	for _, tt := range tests {
		for _, stuck := range []time.Duration{0, time.Second, time.Hour} {
			in(t, tt.name+" for another "+stuck.String(), func(t *testing.T) {
				s := prepared(creche.Options{Stopping: stages})
				wantErr(t, s.Go(t.Context(), "job", func(ctx context.Context) error {
					s.untilDraining(ctx, "task", 0)
					return nil
				}), nil)
				s.start(t, s.listener, tt.wrap(s.App, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					conn, _, err := http.NewResponseController(w).Hijack()
					if err != nil {
						t.Error(err)
						return
					}
					defer conn.Close()
					_ = s.untilCancelled(r.Context(), "connection")
					time.Sleep(stuck)
				})))
				client, err := s.listener.Dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
				_, _ = io.WriteString(client, "GET / HTTP/1.1\r\nHost: creche.test\r\n\r\n")
				synctest.Wait()
				s.begin(s.leave)
				err = s.end()
				first := []string{"0s connection is to finish", "10s connection cancelled for the shutdown"}
				if stuck < time.Hour {
					wantErr(t, err, nil)
					after := (10*time.Second + stuck).String()
					s.wantEvents(t, append(first, after+" task is to finish", after+" task done", after+" stopped")...)
					return
				}
				left, _ := errors.AsType[*creche.UnfinishedError](err)
				if left == nil || len(left.Requests) != 0 || len(left.Connections) != 1 {
					t.Errorf("got %v, want one connection", err)
				}
				s.wantEvents(t, append(first, "13.1s task is to finish", "13.1s task done", "13.1s stopped")...)
				time.Sleep(stuck)
			})
		}
	}
}

// A request in its grace may hand work over; the background takes it until it
// is told to end itself.
//
// B3, B5
func TestBackgroundTakesTasksUntilItDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *served
		late := func(context.Context) error { s.note("late task"); return nil }
		s = serving(t, creche.Options{Stopping: stages}, func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done() // not even now is it too late
			wantErr(t, creche.Go(r.Context(), "late", late), nil)
			synctest.Wait()
			s.note("request done")
		})
		wantErr(t, s.Go(t.Context(), "job", func(ctx context.Context) error {
			<-nursery.Draining(ctx)
			s.note("background is to end")
			wantErr(t, creche.Go(ctx, "too late", late), nursery.ErrClosed)
			wantErr(t, s.Go(context.Background(), "too late", late), nursery.ErrClosed)
			wantErr(t, nursery.From(ctx).TryGo(late), nil) // its own children it may have
			return nil
		}), nil)
		s.ask(t)
		s.begin(s.leave)
		wantErr(t, s.end(), nil)
		s.wantEvents(t, "10s late task", "10s request done", "10s background is to end", "10s late task", "10s stopped")
		wantErr(t, s.Go(t.Context(), "after the end", late), nursery.ErrClosed)
	})
}
