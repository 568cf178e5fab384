package creche_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// B3
func TestBackgroundIsBounded(t *testing.T) {
	tests := []struct {
		name       string
		bounds     creche.Background
		runs, fits int
	}{
		{"a limit and a queue", creche.Background{Limit: 3, Queue: 5}, 3, 8},
		{"one at a time and no queue", creche.Background{Limit: 1, Queue: -1}, 1, 1},
		{"a limit and the default queue", creche.Background{Limit: 2}, 2, 10_002},
		{"the defaults", creche.Background{}, 10_000, 20_000},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			s := serving(t, creche.Options{Background: tt.bounds}, slow)
			var running, most, ended atomic.Int32
			job := func(context.Context) error {
				if n := running.Add(1); n > most.Load() {
					most.Store(n)
				}
				time.Sleep(time.Second)
				running.Add(-1)
				ended.Add(1)
				return nil
			}
			for i := range tt.fits {
				if err := s.Go(t.Context(), "job", job); err != nil {
					t.Fatalf("task %d: got %v, want nil", i, err)
				}
			}
			for range 3 {
				wantErr(t, s.Go(t.Context(), "one too many", job), nursery.ErrFull)
			}
			synctest.Wait()
			if got := int(running.Load()); got != tt.runs {
				t.Errorf("got %d running, want %d", got, tt.runs)
			}
			time.Sleep(1001 * time.Millisecond) // the first ones have ended
			wantErr(t, s.Go(t.Context(), "one more", job), nil)
			time.Sleep(time.Duration(tt.fits+1) * time.Second)
			if got, want := int(ended.Load()), tt.fits+1; got != want || int(most.Load()) > tt.runs {
				t.Errorf("got %d ended and %d at once, want %d and %d", got, most.Load(), want, tt.runs)
			}
			s.leave()
			wantErr(t, s.end(), nil)
			s.seen.wantOnce(t)
		})
	}
}

// Queued tasks run in the order they came, also in the grace of a stop.
//
// B3, B7
func TestQueuedTasksRunDuringTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, creche.Options{Stopping: stages, Background: creche.Background{Limit: 1}}, slow)
		for i := range 4 {
			wantErr(t, s.Go(t.Context(), "job", func(context.Context) error {
				time.Sleep(time.Second)
				s.note(fmt.Sprint("task ", i))
				return nil
			}), nil)
		}
		s.begin(s.leave)
		wantErr(t, s.end(), nil)
		s.wantEvents(t, "1s task 0", "2s task 1", "3s task 2", "4s task 3", "4s stopped")
	})
}

// Accepted tasks that the hard cancel finds in the queue never run. Serve does
// not keep that to itself: it names them.
//
// B7
func TestQueuedTasksThatNeverRanAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, creche.Options{Stopping: stages, Background: creche.Background{Limit: 1}}, slow)
		ran := 0
		for _, name := range []string{"runs", "mail", "index", "", "mail"} {
			wantErr(t, s.Go(t.Context(), name, func(ctx context.Context) error {
				ran++
				<-ctx.Done()
				return nil
			}), nil)
		}
		s.begin(s.leave)
		err := s.end()
		if got, want := text(err), "creche: stopped without waiting any longer for 4 background tasks still queued (mail ×2, index, without a name)"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if left, ok := errors.AsType[*creche.UnfinishedError](err); !ok || len(left.Dropped) != 4 || ran != 1 {
			t.Errorf("got %+v and %d tasks run, want 4 dropped and 1 run", left, ran)
		}
		s.wantEvents(t, "18s stopped")
	})
}

// Who is refused is told by the status, too.
//
// B3, E6
func TestRefusedTasksAnswer503(t *testing.T) {
	tests := []struct {
		name   string
		refuse func(t *testing.T, s, front *served)
	}{
		{"a full background", func(t *testing.T, _, front *served) {
			wantErr(t, front.Go(t.Context(), "job", func(ctx context.Context) error { <-ctx.Done(); return nil }), nil)
		}},
		{"one that drains", func(t *testing.T, s, _ *served) {
			s.Stop(nil)
			wantErr(t, s.Serve(t.Context(), s.listener, nil), nil)
		}},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			s := prepared(creche.Options{})
			front := prepared(creche.Options{Background: creche.Background{Limit: 1, Queue: -1}}) // serves, whatever s does
			front.start(t, front.listener, s.Middleware(creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
				return creche.Go(r.Context(), "job", func(context.Context) error { return errors.New("must not run") })
			})))
			tt.refuse(t, s, front)
			synctest.Wait()
			wantReply(t, <-front.ask(t), http.StatusServiceUnavailable, "")
			front.leave()
			wantErr(t, front.end(), nil)
			s.seen.wantOnce(t)
			s.Stop(nil)
			_ = s.Serve(t.Context(), s.listener, nil)
		})
	}
}

// Submitters race with the stop: a task that was accepted runs, once, and one
// that was not never does.
//
// B3, B7
func TestAcceptedTasksRun(t *testing.T) {
	for range rounds(t, 50, 1000) {
		synctest.Test(t, func(t *testing.T) {
			s := serving(t, creche.Options{Background: creche.Background{Limit: 3, Queue: 8}}, slow)
			var ran, accepted, closed atomic.Int32
			var submitters sync.WaitGroup
			for range 8 {
				submitters.Go(func() {
					for {
						err := s.Go(t.Context(), "job", func(context.Context) error { ran.Add(1); return nil })
						switch err {
						case nil:
							accepted.Add(1)
						case nursery.ErrFull:
						case nursery.ErrClosed:
							closed.Add(1)
							return
						default:
							t.Errorf("got %v, want nil, ErrFull or ErrClosed", err)
							return
						}
					}
				})
			}
			s.leave()
			wantErr(t, s.end(), nil)
			submitters.Wait()
			if ran.Load() != accepted.Load() || closed.Load() != 8 {
				t.Errorf("got %d tasks run of %d accepted, %d of 8 told that it is closed", ran.Load(), accepted.Load(), closed.Load())
			}
			s.seen.wantOnce(t)
		})
	}
}

// B3
func TestAStuckBackgroundStaysSmall(t *testing.T) {
	submits := rounds(t, 200_000, 10_000_000)
	app, seen := watched(creche.Options{Background: creche.Background{Limit: 1000}})
	release := make(chan struct{})
	ctx := context.WithValue(t.Context(), traceKey{}, "trace-1")
	before := heap()
	accepted := 0
	for range submits {
		switch err := app.Go(ctx, "job", func(context.Context) error { <-release; return nil }); err {
		case nil:
			accepted++
		case nursery.ErrFull:
		default:
			t.Fatal(err)
		}
	}
	if after := heap(); after > before+10<<20 {
		t.Errorf("got %d KiB more on the heap, want less than 10 MiB", (after-before)>>10)
	} else {
		t.Attr("did", fmt.Sprintf("%d submits: %d KiB more on the heap", submits, (int64(after)-int64(before))>>10))
	}
	if accepted != 11_000 {
		t.Errorf("got %d accepted, want the limit and the queue", accepted)
	}
	close(release)
	app.Stop(nil)
	s := prepared(creche.Options{})
	wantErr(t, app.Serve(t.Context(), s.listener, nil), nil)
	seen.wantOnce(t)
}

// The tasks of an application inside one that serves are the latter's: its stop
// waits for them, and a critical one of them begins it.
//
// B1, B2, B7
func TestBackgroundTasksOfAnApplicationInsideAnother(t *testing.T) {
	handlers := map[string]func(outer, inner *creche.App, h http.Handler) http.Handler{
		"with an exchange of each": func(outer, inner *creche.App, h http.Handler) http.Handler {
			return outer.Middleware(inner.Middleware(h))
		},
		"with one of the inner only": func(_, inner *creche.App, h http.Handler) http.Handler { return inner.Middleware(h) },
		"of a connection that it has adopted": func(outer, inner *creche.App, h http.Handler) http.Handler {
			return outer.Middleware(inner.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				done := make(chan bool)
				if !creche.ExchangeOf(r.Context()).Adopt(r.Context(), func(ctx context.Context, _ *creche.Adopted) {
					defer close(done)
					h.ServeHTTP(w, r.WithContext(ctx))
				}) {
					panic("got no task")
				}
				<-done
			})))
		},
	}
	for name, handler := range handlers {
		in(t, name, func(t *testing.T) {
			s := prepared(creche.Options{Stopping: stages})
			inner, seen := watched(creche.Options{IgnoreSignals: true, Logger: quiet})
			s.start(t, s.listener, handler(s.App, inner, creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
				if s.Stats().Background == 0 {
					return creche.Go(r.Context(), "mail", func(ctx context.Context) error {
						return creche.Go(ctx, "receipt", func(ctx context.Context) error { return s.untilCancelled(ctx, "receipt") })
					})
				}
				return inner.Go(r.Context(), "consumer", func(context.Context) error { return errJob }, nursery.Critical())
			})))
			wantReply(t, <-s.ask(t), http.StatusOK, "")
			synctest.Wait()
			if got, inside := s.Stats().Background, inner.Stats().Background; got != 1 || inside != 0 {
				t.Errorf("got %d background tasks and %d inside, want 1 and none", got, inside)
			}
			s.begin(func() { s.ask(t) })
			wantErr(t, s.end(), errJob)
			s.wantEvents(t, "0s receipt is to finish", "18s receipt cancelled for the shutdown", "18s stopped")
			s.seen.wantOnce(t, errJob)
			seen.wantOnce(t)
		})
	}
}

// An application that is used for its background only keeps to its own bounds.
//
// B3
func TestBackgroundTasksOfAnApplicationBesideAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jobs := creche.New(creche.Options{Background: creche.Background{Limit: 1, Queue: -1}})
		s := serving(t, creche.Options{}, creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			return jobs.Go(r.Context(), "job", func(context.Context) error { time.Sleep(time.Second); return nil })
		}))
		wantReply(t, <-s.ask(t), http.StatusOK, "")
		wantReply(t, <-s.ask(t), http.StatusServiceUnavailable, "")
		s.leave()
		wantErr(t, s.end(), nil)
		time.Sleep(time.Second)
	})
}
