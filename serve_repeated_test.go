package creche_test

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// told is a signal, and how long after the one before it comes.
type told struct {
	after time.Duration
	sig   os.Signal
}

// burst is count signals, each so long after the one before.
func burst(count int, every time.Duration, sig os.Signal) (all []told) {
	for range count {
		all = append(all, told{every, sig})
	}
	return all
}

// A signal that comes twice is one wish, as long as it comes at once; whatever
// else comes is a second one.
//
// B8
func TestRepeatedSignals(t *testing.T) {
	const term, ms, never = syscall.SIGTERM, time.Millisecond, 0
	tests := []struct {
		name  string
		stop  bool // by Stop, before the signals
		told  []told
		after time.Duration // of the first signal, the request is cancelled
	}{
		{name: "one", told: []told{{0, term}}, after: never},
		{name: "two at once", told: burst(2, 0, term), after: never},
		{name: "two interrupts at once", told: burst(2, 0, os.Interrupt), after: never},
		{name: "two, just too close", told: []told{{0, term}, {99 * ms, term}}, after: never},
		{name: "two, just far enough from each other", told: []told{{0, term}, {100 * ms, term}}, after: 100 * ms},
		{name: "two interrupts, far enough from each other", told: []told{{0, os.Interrupt}, {time.Second, os.Interrupt}}, after: time.Second},
		{name: "one of each at once", told: []told{{0, term}, {0, os.Interrupt}}, after: 1},
		{name: "one of each, soon", told: []told{{0, os.Interrupt}, {5 * ms, term}}, after: 5 * ms},
		{name: "two pairs, as two calls of timeout send them", told: []told{{0, term}, {ms, term}, {time.Second, term}, {ms, term}}, after: 1001 * ms},
		{name: "a burst of a hundred", told: burst(100, 0, term), after: never},
		{name: "a key that is held down for three seconds", told: burst(100, 30*ms, os.Interrupt), after: never},
		{
			name: "and pressed again", told: append(burst(100, 30*ms, os.Interrupt), told{150 * ms, os.Interrupt}),
			after: 99*30*ms + 150*ms,
		},
		{name: "the other one in the middle of a burst", told: append(burst(10, 10*ms, term), told{ms, os.Interrupt}), after: 91 * ms},
		{name: "after Stop, one", stop: true, told: []told{{0, term}}, after: never},
		{name: "after Stop, two at once", stop: true, told: burst(2, ms, term), after: never},
		{name: "after Stop, two", stop: true, told: burst(2, time.Second, term), after: time.Second},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			var began time.Time
			var took time.Duration
			s := serving(t, creche.Options{Stopping: creche.Stopping{Total: 2 * time.Hour}}, func(_ http.ResponseWriter, r *http.Request) {
				<-nursery.Draining(r.Context())
				select {
				case <-r.Context().Done():
					took = max(time.Since(began), 1)
				case <-time.After(time.Minute):
				}
			})
			answer := s.ask(t)
			if tt.stop {
				s.Stop(nil)
				synctest.Wait()
			}
			for i, told := range tt.told {
				time.Sleep(told.after)
				if i == 0 {
					began = time.Now()
				}
				s.Signal(told.sig)
				synctest.Wait()
			}
			<-answer
			if took != tt.after {
				t.Errorf("got the request cancelled after %v, want %v (0: never)", took, tt.after)
			}
			wantErr(t, s.end(), nil)
		})
	}
}

// When signals were sent is not known to a process that stood still meanwhile: the
// same one again is the same wish then, too, and another one later is a second.
//
// B8
func TestRepeatedSignalsAfterAStandstill(t *testing.T) {
	for name, tt := range map[string]struct {
		told []told // the first begins the stop, those after it come while the process stands still
		last time.Duration
		want string
	}{
		"the same again":           {told: burst(2, 10*time.Millisecond, syscall.SIGTERM), want: "60s"},
		"and once more much later": {told: burst(2, 10*time.Millisecond, syscall.SIGTERM), last: 2 * time.Second, want: "2s"},
		"the other one":            {told: []told{{0, syscall.SIGTERM}, {0, os.Interrupt}}, want: "0.5s"},
	} {
		in(t, name, func(t *testing.T) {
			s := prepared(creche.Options{})
			s.App, s.seen = watched(creche.Options{
				IgnoreSignals: true, Stopping: creche.Stopping{Total: 2 * time.Hour},
				Logger: slog.New(standing{Handler: slog.DiscardHandler, before: "creche: stopping", still: 500 * time.Millisecond}),
			})
			s.start(t, s.listener, s.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				select {
				case <-r.Context().Done():
				case <-time.After(time.Minute):
				}
			})))
			answer := s.ask(t)
			began := time.Now()
			for _, told := range tt.told {
				time.Sleep(told.after)
				s.Signal(told.sig)
				synctest.Wait()
			}
			if tt.last > 0 {
				time.Sleep(tt.last - time.Since(began))
				s.Signal(syscall.SIGTERM)
			}
			<-answer
			if want, _ := time.ParseDuration(tt.want); (time.Since(began) - want).Abs() > 20*time.Millisecond {
				t.Errorf("got the request ended after %v, want %v", time.Since(began), want)
			}
			wantErr(t, s.end(), nil)
		})
	}
}

// What comes while nobody has taken note of what came before is not counted twice,
// and loses nothing of the other signal.
//
// B8
func TestSignalsBeforeServe(t *testing.T) {
	tests := []struct {
		name      string
		sigs      []os.Signal
		cancelled bool
	}{
		{"a burst", []os.Signal{syscall.SIGTERM, syscall.SIGTERM, syscall.SIGTERM}, false},
		{"a burst, and the other one", []os.Signal{syscall.SIGTERM, syscall.SIGTERM, syscall.SIGTERM, os.Interrupt}, true},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			s, cancelled := prepared(creche.Options{Stopping: stages}), false
			err := s.Go(t.Context(), "job", func(ctx context.Context) error {
				select {
				case <-ctx.Done():
					cancelled = true
				case <-time.After(time.Second):
				}
				return nil
			})
			wantErr(t, err, nil)
			for _, sig := range tt.sigs {
				s.Signal(sig)
			}
			s.start(t, s.listener, nil)
			wantErr(t, s.end(), nil)
			if cancelled != tt.cancelled {
				t.Errorf("got the task cancelled: %v, want %v", cancelled, tt.cancelled)
			}
		})
	}
}
