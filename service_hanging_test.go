package creche_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// A start that fails stops what had started, in reverse, cancels the
// background tasks, and says which service it was. The one that failed is not
// stopped, for it has not started.
//
// B4, B8
func TestAFailedStartUnwinds(t *testing.T) {
	for _, tt := range hookFailures {
		in(t, tt.name, func(t *testing.T) {
			s := prepared(creche.Options{Stopping: stages})
			s.Service("base", s.engine("base"))
			s.Service("second", s.engine("second"))
			s.Service("bad", creche.Service{Start: tt.fail, Run: s.runs("bad"), Stop: s.notes("stop bad", 0)})
			s.Service("never", s.engine("never"))
			wantErr(t, s.Go(t.Context(), "job", func(ctx context.Context) error { return s.untilCancelled(ctx, "task") }), nil)
			s.begin(func() { s.start(t, s.listener, http.NotFoundHandler()) })
			err := s.end()
			wantServiceError(t, err, "bad", "start", tt.want)
			if left, ok := errors.AsType[*creche.UnfinishedError](err); ok {
				t.Errorf("got %v, want nothing left", left)
			}
			wantErr(t, s.Go(t.Context(), "late", clings), nursery.ErrClosed)
			s.events = s.events[:len(s.events)-1]
			s.wantLast(t, "0s stop second", "0s end second", "0s stop base", "0s end base")
		})
	}
}

// wantLast fails t unless these are the last events.
func (s *served) wantLast(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	s.events = s.events[max(0, len(s.events)-len(want)):]
	s.mu.Unlock()
	s.wantEvents(t, want...)
}

// A start that hangs is cancelled when its time is over, and left behind if
// it does not heed that.
//
// B4, B8
func TestAStartThatHangs(t *testing.T) {
	tests := []struct {
		name     string
		starting time.Duration
		start    func(s *served) hook
		want     []string
		text     string
	}{
		{
			name:  "and ends when it is cancelled",
			start: func(*served) hook { return untilCancelled },
			want:  []string{"1m0s stop base", "1m0s stopped"},
			text:  "creche: service stuck: start: takes longer than 1m0s: context deadline exceeded",
		},
		{
			name: "within a time that is given", starting: 5 * time.Second,
			start: func(*served) hook { return untilCancelled },
			want:  []string{"5s stop base", "5s stopped"},
			text:  "creche: service stuck: start: takes longer than 5s: context deadline exceeded",
		},
		{
			name: "and has started in the end", starting: 5 * time.Second,
			start: func(*served) hook { return func(ctx context.Context) error { <-ctx.Done(); return nil } },
			want:  []string{"5s stop stuck", "5s stop base", "5s stopped"},
			text:  "creche: service stuck: start: takes longer than 5s: context deadline exceeded",
		},
		{
			name: "and does not end", starting: 5 * time.Second,
			start: func(*served) hook { return clings },
			want:  []string{"7.1s stop base", "7.1s stopped"},
			text: "creche: service stuck: start: takes longer than 5s: context deadline exceeded\n" +
				"creche: stopped without waiting any longer for service stuck: start (7.1s old)",
		},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			s := prepared(creche.Options{Stopping: withServices, Starting: tt.starting})
			s.Service("base", creche.Service{Stop: s.notes("stop base", 0)})
			s.Service("stuck", creche.Service{Start: tt.start(s), Stop: s.notes("stop stuck", 0)})
			s.Service("never", s.engine("never"))
			s.begin(func() { s.start(t, s.listener, http.NotFoundHandler()) })
			err := s.end()
			if got := firstLines(t, err); got != tt.text {
				t.Errorf("got error %q, want %q", got, tt.text)
			}
			s.wantEvents(t, tt.want...)
			time.Sleep(time.Hour)
		})
	}
}

// withServices has 3 s for the services and 2 s for what is abandoned.
var withServices = creche.Stopping{
	Requests: 10 * time.Second, Cancelled: 3 * time.Second, Background: 5 * time.Second, Abandoned: 2 * time.Second,
	Services: 3 * time.Second,
}

// A stop that comes while services start cancels the start; that is no
// failure.
//
// B4, B8
func TestAStopWhileServicesStart(t *testing.T) {
	for name, stop := range map[string]func(s *served){
		"by the context": func(s *served) { s.leave() },
		"by Stop":        func(s *served) { s.Stop(nil) },
	} {
		in(t, name, func(t *testing.T) {
			s := prepared(creche.Options{Stopping: creche.Stopping{Delay: 10 * time.Second}})
			s.Service("base", s.engine("base"))
			s.Service("slow", creche.Service{Start: untilCancelled, Stop: s.notes("stop slow", 0)})
			s.Service("never", s.engine("never"))
			s.start(t, s.listener, http.NotFoundHandler())
			time.Sleep(time.Second)
			s.events = nil
			s.begin(func() { stop(s) })
			wantErr(t, s.end(), nil)
			s.wantEvents(t, "0s stop base", "0s end base", "0s stopped")
		})
	}
}

// One that hangs has all the time but the last moments of the others, and is
// named.
//
// B4, B5, B7
func TestAStopThatHangs(t *testing.T) {
	tests := []struct {
		name  string
		stuck func(s *served) creche.Service
		want  []string
		text  string
	}{
		{
			name: "and ends with its context",
			stuck: func(s *served) creche.Service {
				return creche.Service{Stop: func(ctx context.Context) error { <-ctx.Done(); s.note("stuck"); return ctx.Err() }}
			},
			want: []string{"22.7s stuck", "22.7s stop second", "22.7s stop first", "22.7s stopped"},
			text: "creche: service stuck: stop: context deadline exceeded",
		},
		{
			name:  "and does not end",
			stuck: func(*served) creche.Service { return creche.Service{Stop: clings} },
			want:  []string{"22.8s stop second", "22.8s stop first", "22.8s stopped"},
			text:  "creche: stopped without waiting any longer for service stuck: stop (22.8s old)",
		},
		{
			name:  "as does its Run",
			stuck: func(*served) creche.Service { return creche.Service{Run: clings, Stop: clings} },
			want:  []string{"22.8s stop second", "22.8s stop first", "22.8s stopped"},
			text:  "creche: stopped without waiting any longer for service stuck: run (22.8s old), service stuck: stop (22.8s old)",
		},
		{
			name:  "or only its Run",
			stuck: func(*served) creche.Service { return creche.Daemon(clings) },
			want:  []string{"22.8s stop second", "22.8s stop first", "22.8s stopped"},
			text:  "creche: stopped without waiting any longer for service stuck: run (22.8s old)",
		},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			s := prepared(creche.Options{Stopping: withServices})
			for _, name := range []string{"first", "second"} {
				s.Service(name, creche.Service{Stop: s.notes("stop "+name, 0)})
			}
			s.Service("stuck", tt.stuck(s))
			s.start(t, s.listener, http.NotFoundHandler())
			s.begin(s.leave)
			err := s.end()
			if got := firstLines(t, err); got != tt.text {
				t.Errorf("got error %q, want %q", got, tt.text)
			}
			s.wantEvents(t, tt.want...)
			time.Sleep(time.Hour)
		})
	}
}

// Where all of them hang each has had its part, and the whole is no longer.
//
// B5, B7
func TestAllServicesHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := prepared(creche.Options{Stopping: withServices})
		for _, name := range []string{"a", "b", "c"} {
			s.Service(name, creche.Service{Stop: func(ctx context.Context) error {
				s.note("stop " + name)
				return clings(ctx)
			}})
		}
		s.start(t, s.listener, http.NotFoundHandler())
		s.begin(s.leave)
		left, _ := errors.AsType[*creche.UnfinishedError](s.end())
		if left == nil || len(left.Services) != 3 {
			t.Errorf("got %v, want three services left", left)
		}
		s.wantEvents(t, "0s stop c", "22.8s stop b", "22.9s stop a", "23s stopped")
		time.Sleep(time.Hour)
	})
}
