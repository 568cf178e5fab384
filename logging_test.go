package creche_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
)

// lines returns what was logged, without times and without what is special to
// this run.
func (j *journal) lines() (lines []string) {
	special := regexp.MustCompile(`^time=\S+ level=|127\.0\.0\.1:\d+`)
	for line := range strings.Lines(j.String()) {
		lines = append(lines, special.ReplaceAllStringFunc(strings.TrimSpace(line), func(s string) string {
			if strings.HasPrefix(s, "time") {
				return ""
			}
			return "127.0.0.1:port"
		}))
	}
	return lines
}

// B5, B7: what an operator reads of a stop.
func TestTheLogOfAStop(t *testing.T) {
	const listening = `INFO msg="creche: listening" addr=192.0.2.1:80`
	untilCancelled := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	tests := []struct {
		name string
		stop func(s *served)
		h    http.HandlerFunc
		want []string
	}{
		{"by the context", func(s *served) { s.leave() }, slow, []string{
			listening, `INFO msg="creche: stopping" cause="context canceled"`, `INFO msg="creche: stopped" cause="context canceled" took=1s`,
		}},
		{"by Stop", func(s *served) { s.Stop(nil) }, slow, []string{
			listening, `INFO msg="creche: stopping" cause=Stop`, `INFO msg="creche: stopped" cause=Stop took=1s`,
		}},
		{"by Stop, with a cause", func(s *served) { s.Stop(errStop) }, slow, []string{
			listening, `INFO msg="creche: stopping" cause="the reason to stop"`, `ERROR msg="creche: stopped" cause="the reason to stop" took=1s`,
		}},
		{"by a panic of a critical task", func(s *served) {
			_ = s.Go(context.Background(), "vital", func(context.Context) error { panic("boom") }, nursery.Critical())
		}, slow, []string{
			listening, `INFO msg="creche: stopping" cause="nursery: panic in task vital: boom"`,
			`ERROR msg="creche: stopped" cause="nursery: panic in task vital: boom" took=1s`,
		}},
		{"that has to cancel", func(s *served) { s.leave() }, untilCancelled, []string{
			listening, `INFO msg="creche: stopping" cause="context canceled"`, `WARN msg="creche: cancelling requests" requests=1 connections=0`,
			`INFO msg="creche: stopped" cause="context canceled" took=10s`,
		}},
		{"that cuts a retry short", func(s *served) {
			hourly := func() nursery.BackOff { return everyHour{} }
			_ = s.Go(context.Background(), "mail", nursery.Retry(func(context.Context) error { return errors.New("no post today") },
				nursery.RetryOptions{BackOff: hourly}))
			s.leave()
		}, slow, []string{
			listening, `INFO msg="creche: stopping" cause="context canceled"`,
			`WARN msg="creche: background task cut short" task=mail error="nursery: gave up after 1 run in 18s: no post today ` +
				`(and then: nursery background: cancelled by Cancel: creche: server is shutting down: errorhandlers: the server is shutting down)"`,
			`INFO msg="creche: stopped" cause="context canceled" took=18s`,
		}},
		{"that cuts a task short that says no more", func(s *served) {
			_ = s.Go(context.Background(), "poll", func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
			s.leave()
		}, slow, []string{
			listening, `INFO msg="creche: stopping" cause="context canceled"`,
			`WARN msg="creche: background task cut short" task=poll`, `INFO msg="creche: stopped" cause="context canceled" took=18s`,
		}},
		{"that leaves something", func(s *served) {
			_ = s.Go(context.Background(), "stubborn", func(context.Context) error { time.Sleep(time.Hour); return nil })
			s.leave()
		}, slow, []string{
			listening, `INFO msg="creche: stopping" cause="context canceled"`,
			`ERROR msg="creche: stopped" cause="context canceled" took=20s error="creche: stopped without waiting any longer for background task stubborn (20s old)"`,
		}},
		{"by Stop, with a cause, that leaves something", func(s *served) {
			_ = s.Go(context.Background(), "stubborn", func(context.Context) error { time.Sleep(time.Hour); return nil })
			s.Stop(errors.Join(errStop, errors.New("another")))
		}, slow, []string{
			listening, `INFO msg="creche: stopping" cause="the reason to stop"`,
			`ERROR msg="creche: stopped" cause="the reason to stop" took=20s error="another; creche: stopped without waiting any longer for background task stubborn (20s old)"`,
		}},
		{"by Stop, with a cause without end", func(s *served) {
			k := new(knot)
			k.kids = []error{k, k}
			s.Stop(k)
		}, slow, []string{
			listening, `INFO msg="creche: stopping" cause=knot`, `ERROR msg="creche: stopped" cause=knot took=1s`,
		}},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			var log journal
			s := prepared(creche.Options{})
			s.App = creche.New(creche.Options{
				IgnoreSignals: true, Logger: log.logger(), Stopping: stages, Observe: func(context.Context, nursery.Report) {},
			})
			s.start(t, s.listener, s.Middleware(tt.h))
			answer := s.ask(t)
			tt.stop(s)
			_ = s.end()
			<-answer
			if got := slices.DeleteFunc(log.lines(), func(line string) bool { return strings.HasPrefix(line, "DEBUG") }); !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			time.Sleep(time.Hour) // for what is stubborn
		})
	}
}

// B4, B9: of several addresses each says whose it is.
func TestTheLogNamesTheServiceThatListens(t *testing.T) {
	nurserytest.CheckLeaks(t)
	var log journal
	app := creche.New(creche.Options{IgnoreSignals: true, Logger: log.logger()})
	app.Service("probes", creche.Server(&http.Server{Addr: "127.0.0.1:0", Handler: http.NotFoundHandler()}))
	app.Service("done", creche.Service{Start: func(context.Context) error { app.Stop(nil); return nil }})
	wantErr(t, app.ListenAndServe(t.Context(), "127.0.0.1:0", http.NotFoundHandler()), nil)
	got := log.lines()
	want := []string{`INFO msg="creche: listening" addr=127.0.0.1:port`, `INFO msg="creche: listening" addr=127.0.0.1:port service=probes`}
	if len(got) < 2 || !slices.Equal(got[:2], want) {
		t.Errorf("got\n%s\nwant it to begin with\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Of thousands of tasks that the stop cuts short not each has a line.
//
// B5, B7
func TestTheLogOfManyTasksThatAreCutShort(t *testing.T) {
	for _, tt := range []struct{ tasks, lines, more int }{{3, 3, 0}, {10, 10, 0}, {11, 10, 1}, {5000, 10, 4990}} {
		in(t, fmt.Sprint(tt.tasks, " tasks"), func(t *testing.T) {
			var log journal
			s := prepared(creche.Options{})
			s.App = creche.New(creche.Options{IgnoreSignals: true, Logger: log.logger()})
			for i := range tt.tasks {
				name := "job"
				if i == tt.tasks-1 {
					name = "the last"
				}
				wantErr(t, s.Go(t.Context(), name, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }), nil)
			}
			s.start(t, s.listener, http.NotFoundHandler())
			s.leave()
			wantErr(t, s.end(), nil)
			if got := strings.Count(log.String(), `level=WARN msg="creche: background task cut short" task=`); got != tt.lines {
				t.Errorf("got %d lines of tasks, want %d", got, tt.lines)
			}
			more := fmt.Sprintf(`level=WARN msg="creche: more background tasks cut short" count=%d tasks=`, tt.more)
			if got := strings.Contains(log.String(), more); got != (tt.more > 0) {
				t.Errorf("got the line %q: %v, want %v\n%s", more, got, tt.more > 0, log.String())
			}
			for _, name := range []string{"job", "the last"} { // B7: in one line or the other
				if !strings.Contains(log.String(), name) {
					t.Errorf("got log\n%s\nwant %s named", log.String(), name)
				}
			}
		})
	}
}

// A start that fails before there is an address is told by Serve alone.
//
// B8
func TestAStartThatFailsAtOnceLogsNothing(t *testing.T) {
	var log journal
	app := creche.New(creche.Options{IgnoreSignals: true, Logger: log.logger(), Hold: -1})
	if err := app.ListenAndServe(t.Context(), "127.0.0.1:0", nil); err == nil || log.String() != "" {
		t.Errorf("got %v and log %s, want the error alone", err, log.String())
	}
}

// panics is a slog.Handler that does, where a stop is logged.
type panics struct{ slog.Handler }

func (panics) Enabled(context.Context, slog.Level) bool { return true }

func (panics) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "stop") || strings.Contains(r.Message, "second signal") {
		panic(r.Message)
	}
	return nil
}

// B5
func TestALoggerThatPanicsKeepsNothingFromStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := prepared(creche.Options{})
		s.App = creche.New(creche.Options{IgnoreSignals: true, Logger: slog.New(panics{})})
		s.start(t, s.listener, http.HandlerFunc(slow))
		s.leave()
		wantErr(t, s.end(), nil)
	})
}

// everyHour is a BackOff.
type everyHour struct{}

func (everyHour) NextBackOff() time.Duration { return time.Hour }

// An observer that hands on what it gets changes nothing of what is logged.
//
// B2, E4
func TestLogReportLogsWhatWouldBeWithoutAnObserver(t *testing.T) {
	vanishes := errorhandlers.TranslateIs(errFirst, func(error) error { return nil })
	inner := creche.New(creche.Options{Logger: slog.New(slog.DiscardHandler)})
	log := func(t *testing.T, observe func(context.Context, nursery.Report)) []string {
		var logged journal
		s := prepared(creche.Options{})
		s.App = creche.New(creche.Options{
			IgnoreSignals: true, Logger: logged.logger(), Observe: observe,
			Errors: []errorhandlers.Rule{vanishes},
		})
		s.Service("poll", creche.Daemon(func(ctx context.Context) error {
			nursery.From(ctx).Go(func(context.Context) error { return errSecond }, nursery.Name("once"), nursery.Helper())
			<-ctx.Done()
			return errJob
		}))
		mux := http.NewServeMux()
		mux.Handle("/fails", failing(errFirst))
		mux.Handle("/panics", creche.Handler(func(http.ResponseWriter, *http.Request) error { panic("boom") }))
		mux.Handle("/late", creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
			_ = http.NewResponseController(w).Flush()
			return errSecond
		}))
		mux.Handle("/background", creche.Handler(func(_ http.ResponseWriter, r *http.Request) error {
			return creche.Go(r.Context(), "job", func(context.Context) error { return errJob })
		}))
		mux.Handle("/inner", inner.Middleware(failing(errSecond)))
		mux.Handle("/several", creche.Handler(func(_ http.ResponseWriter, r *http.Request) error { return bothFail(r.Context()) }))
		s.start(t, s.listener, s.Middleware(mux))
		for _, path := range []string{"/fails", "/panics", "/late", "/background", "/inner", "/several"} {
			if reply, err := s.client.Get("http://creche.test" + path); err == nil {
				_, _ = io.Copy(io.Discard, reply.Body) // who leaves before the end is logged, too
				_ = reply.Body.Close()
			}
			synctest.Wait()
		}
		s.Stop(nil)
		_ = s.end()
		return slices.Sorted(slices.Values(logged.lines())) // for a stop and what it ends are told at once
	}
	synctest.Test(t, func(t *testing.T) {
		var seen atomic.Int64
		want, got := log(t, nil), log(t, func(ctx context.Context, r nursery.Report) {
			seen.Add(1)
			creche.LogReport(ctx, r)
		})
		if !slices.Equal(got, want) {
			t.Errorf("got log\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if all := strings.Join(want, "\n"); seen.Load() < 6 || !strings.Contains(all, "skipped=") || !strings.Contains(all, "path=/late") {
			t.Errorf("got %d reports, and log\n%s\nwant more", seen.Load(), all)
		}
	})
}

// Middleware inside may rewrite the request in place while a task is reported. What
// the log has is what the client asked for, and nothing that changes meanwhile.
func TestTheLogHasWhatTheClientAskedFor(t *testing.T) {
	rewriting := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			startTask(r, func(context.Context) error { panic("boom") })
			r.Method, r.URL.Path, r.URL.RawQuery = http.MethodPut, "/rewritten", ""
			next.ServeHTTP(w, r)
			synctest.Wait() // for the report
		})
	}
	tests := []struct {
		name   string
		method string
		target string // of the request
		want   string
	}{
		{"a path", http.MethodGet, "/tea/green?secret=1", "method=GET path=/tea/green"},
		{"an escaped path", http.MethodPost, "/tea%20time", `method=POST path="/tea time"`},
		{"a whole URL", http.MethodGet, "http://creche.test/tea?secret=1", "method=GET path=/tea"},
		{"a host, of CONNECT", http.MethodConnect, "creche.test:443", `method=CONNECT path=""`},
		{"the server", http.MethodOptions, "*", "method=OPTIONS path=*"},
	}
	for _, tt := range tests {
		in(t, tt.name, func(t *testing.T) {
			var logged journal
			app := creche.New(creche.Options{Logger: logged.logger()})
			h := app.Middleware(rewriting(says200))
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(tt.method, tt.target, nil))
			if got := logged.String(); !strings.HasSuffix(got, tt.want+"\n") {
				t.Errorf("got log %q, want %q at its end", got, tt.want)
			}
		})
	}
	t.Run("a request of no server", func(t *testing.T) {
		var logged journal
		r, err := http.NewRequest(http.MethodGet, "http://creche.test/tea", nil)
		if err != nil {
			t.Fatal(err)
		}
		app := creche.New(creche.Options{Logger: logged.logger()})
		app.Middleware(failing(errFirst)).ServeHTTP(httptest.NewRecorder(), r)
		if got := logged.String(); !strings.HasSuffix(got, "method=GET path=/tea\n") {
			t.Errorf("got log %q", got)
		}
	})
}

func TestLogReportOutsideOfAnyApplication(t *testing.T) {
	var logged journal
	before := slog.Default()
	slog.SetDefault(logged.logger())
	defer slog.SetDefault(before)
	creche.LogReport(t.Context(), nursery.Report{Nursery: "mine", Failure: nursery.Failure{Err: errJob, Task: "job"}})
	if got, want := logged.lines(), `ERROR msg="creche: failure" nursery=mine task=job error="the job failed"`; len(got) != 1 || got[0] != want {
		t.Errorf("got log %q, want %s", got, want)
	}
}

// mild is an error that is no cause for alarm. Its nil pointer has no level.
type mild struct{ level slog.Level }

func (*mild) Error() string       { return "mild" }
func (m *mild) Level() slog.Level { return m.level }

func TestAnErrorMaySayAtWhatLevelItIsLogged(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"one that does", &mild{slog.LevelWarn}, `WARN msg="creche: failure" error=mild`},
		{"one that does not", errJob, `ERROR msg="creche: failure" error="the job failed"`},
		{"one around it", fmt.Errorf("not so %w", &mild{slog.LevelWarn}), `ERROR msg="creche: failure" error="not so mild"`},
		{"one that cannot", (*mild)(nil), `ERROR msg="creche: failure" error=mild`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var logged journal
			app := creche.New(creche.Options{Logger: logged.logger()})
			app.Report(t.Context(), "", tt.err)
			if got := logged.lines(); len(got) != 1 || got[0] != tt.want {
				t.Errorf("got log %q, want %s", got, tt.want)
			}
		})
	}
}
