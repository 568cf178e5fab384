package creche_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// mortal is a service that dies at once, and counts.
func mortal(runs *int, opts nursery.RestartOptions) creche.Service {
	opts.Name = "mortal"
	return creche.Daemon(nursery.Restart(func(context.Context) error {
		*runs++
		return errService
	}, opts))
}

// A service that dies at once, for ever, is restarted at growing distances:
// 24 hours cost next to nothing, and the requests do not notice.
//
// B4
func TestAServiceThatDiesForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := prepared(creche.Options{})
		runs := 0
		s.Service("mortal", mortal(&runs, nursery.RestartOptions{Failures: -1}))
		s.start(t, s.listener, s.Middleware(http.HandlerFunc(slow)))
		began := time.Now()
		for time.Since(began) < 24*time.Hour {
			time.Sleep(time.Hour)
			wantReply(t, <-s.ask(t), http.StatusOK, "done")
		}
		s.begin(s.leave)
		wantErr(t, s.end(), nil)
		s.wantEvents(t, "0s stopped") // also in the middle of a wait
		t.Attr("did", fmt.Sprintf("%d restarts in 24 hours of a bubble", runs-1))
		// Waits of 30 s at most, of which jitter leaves a half on average.
		if most := int(24*time.Hour/(10*time.Second)) + 20; runs < 1000 || runs > most {
			t.Errorf("got %d runs in a day, want between 1000 and %d", runs, most)
		}
		if got := s.seen.counts(errService); got < runs-1 {
			t.Errorf("got %d reports of %d deaths, want each told", got, runs)
		}
	})
}

// With a budget it escalates: the application stops, and says who gave up.
//
// B2, B4
func TestAServiceThatGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := prepared(creche.Options{})
		runs := 0
		s.Service("base", s.engine("base"))
		s.Service("mortal", mortal(&runs, nursery.RestartOptions{}))
		s.start(t, s.listener, http.NotFoundHandler())
		err := s.end()
		wantServiceError(t, err, "mortal", "run", errService)
		gaveUp, ok := errors.AsType[*nursery.GaveUp](err)
		if !ok || gaveUp.Runs != 6 || runs != 6 {
			t.Errorf("got %v after %d runs, want the sixth to be one too many", err, runs)
		}
	})
}

// The decorators work in the background as anywhere.
//
// B1
func TestDecoratedBackgroundTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, creche.Options{}, slow)
		attempts, ticks := 0, 0
		wantErr(t, s.Go(t.Context(), "retried", nursery.Retry(func(context.Context) error {
			if attempts++; attempts < 4 {
				return errJob
			}
			return nil
		}, nursery.RetryOptions{})), nil)
		wantErr(t, s.Go(t.Context(), "every", nursery.Every(time.Minute, func(context.Context) error { ticks++; return nil })), nil)
		time.Sleep(10*time.Minute + time.Second)
		s.begin(s.leave)
		wantErr(t, s.end(), nil)
		s.wantEvents(t, "0s stopped")
		s.seen.wantOnce(t)
		if attempts != 4 || ticks < 10 || ticks > 11 {
			t.Errorf("got %d attempts and %d ticks, want 4 and one each minute", attempts, ticks)
		}
	})
}

// One at a time per key, with a time-out each; who waits for its turn when the
// rest is cancelled never runs, and is named.
//
// B1, B7
func TestBackgroundTasksInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, creche.Options{Stopping: stages}, slow)
		var tenants nursery.Turns
		for _, name := range []string{"first", "second", "third"} {
			wantErr(t, s.Go(t.Context(), name, tenants.Take("tenant", nursery.Timeout(untilCancelled, time.Minute))), nil)
			synctest.Wait()
		}
		time.Sleep(61 * time.Second) // the second has its turn
		s.seen.wantOnce(t, context.DeadlineExceeded)
		s.begin(s.leave)
		err := s.end()
		if got, want := text(err), "creche: stopped without waiting any longer for 1 background task still queued (third)"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		s.wantEvents(t, "18s stopped")
	})
}
