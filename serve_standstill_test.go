package creche_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
)

// standing is a logger that stands still for a while at one message: to the stop
// that is the same as a machine that does, for it logs between the stages.
type standing struct {
	slog.Handler
	before string
	still  time.Duration
}

const cancelling = "creche: cancelling requests"

func (h standing) Enabled(context.Context, slog.Level) bool { return true }

func (h standing) Handle(_ context.Context, r slog.Record) error {
	if r.Message == h.before {
		time.Sleep(h.still)
	}
	return nil
}

// What heeds its cancellation is not cut off, nor named as if it had not, because
// the process stood still until the budget for that was spent. What does not is,
// after a moment.
//
// B5, B7
func TestAStopThatStoodStill(t *testing.T) {
	heeds := func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(time.Millisecond) // to end what it does
		return context.Cause(ctx)
	}
	for name, still := range map[string]time.Duration{
		"not at all":                  0,
		"beyond the time to be ended": 3*time.Second + time.Millisecond,
		"beyond that of background":   9 * time.Second,
		"beyond the whole stop":       time.Hour,
	} {
		in(t, name, func(t *testing.T) {
			s := prepared(creche.Options{})
			s.App, s.seen = watched(creche.Options{
				IgnoreSignals: true, Stopping: withServices,
				Logger: slog.New(standing{Handler: slog.DiscardHandler, before: cancelling, still: still}),
			})
			for _, name := range []string{"first", "second"} {
				s.Service(name, creche.Service{Run: heeds, Stop: func(ctx context.Context) error { time.Sleep(time.Millisecond); return ctx.Err() }})
			}
			s.start(t, s.listener, s.Middleware(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error { return heeds(r.Context()) })))
			wantErr(t, s.Go(t.Context(), "job", heeds), nil)
			answer := s.ask(t)
			s.leave()
			wantErr(t, s.end(), nil)
			wantReply(t, <-answer, http.StatusServiceUnavailable, "")
		})
	}
	in(t, "and somebody clings all the same", func(t *testing.T) {
		s := prepared(creche.Options{})
		s.App, s.seen = watched(creche.Options{
			IgnoreSignals: true, Stopping: withServices,
			Logger: slog.New(standing{Handler: slog.DiscardHandler, before: cancelling, still: time.Minute}),
		})
		s.start(t, s.listener, s.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { clings(r.Context()) })))
		s.ask(t)
		s.begin(s.leave)
		wantTexts(t, s.end(), "without waiting any longer for request GET /")
		if s.took > 10*time.Second+time.Minute+400*time.Millisecond {
			t.Errorf("took %v, want no more than a moment for each stage that was missed", s.took)
		}
		synctest.Wait()
		time.Sleep(time.Hour)
	})
}
