package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/errorhandlers"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
	"github.com/creche-go/creche/websocket"
)

var errTicker = errors.New("broker gone")

// ticks has a task with a name fail, and then one that ends later.
func ticks(ctx context.Context, c *websocket.Conn) error {
	c.Go(func(context.Context) error { return errTicker }, nursery.Name("ticker"))
	c.Go(func(ctx context.Context) error { <-ctx.Done(); return errPlain }, nursery.Name("late"))
	<-ctx.Done()
	return nil
}

// N3, W3
func TestReportsOfAConnectionNameTheTask(t *testing.T) {
	inBubbles(t, "in an application", func(t *testing.T, o *websocket.Options) {
		s := serve(t, o, ticks)
		dial(t, s.Server).end()
		s.finish()
		var got []string
		for _, r := range s.full {
			got = append(got, r.Nursery+"/"+r.Task+": "+r.Err.Error())
		}
		want := "websocket/ticker: broker gone, websocket/late: " + errPlain.Error()
		if got := strings.Join(got, ", "); got != want {
			t.Errorf("got reports %q, want %q", got, want)
		}
	})
	t.Run("outside any", func(t *testing.T) {
		out := logged(t)
		srv := bare(t, ticks)
		dial(t, srv).end()
		srv.Close()
		for _, want := range []string{"task=ticker error=\"broker gone\"", "task=late"} {
			if got := out.String(); !strings.Contains(got, want) {
				t.Errorf("got log %q, want %q in it", got, want)
			}
		}
	})
}

// However somebody has ended the connection, what fails at that is reported.
//
// N3, W3
func TestAFailureAfterACancellationIsReported(t *testing.T) {
	for name, end := range map[string]func(n *nursery.Nursery){
		"cancelled": func(n *nursery.Nursery) { n.Cancel(context.DeadlineExceeded) },
		"drained":   func(n *nursery.Nursery) { n.Drain(time.Second) },
	} {
		inBubbles(t, name, func(t *testing.T, o *websocket.Options) {
			s := serve(t, o, func(ctx context.Context, c *websocket.Conn) error {
				end(nursery.From(ctx))
				<-ctx.Done()
				return errPlain
			})
			dial(t, s.Server).wantEnd(websocket.InternalError)
			s.finish()
			if got := s.reports(); len(got) != 1 || got[0] != errPlain {
				t.Errorf("got reports %q, want what the function returned", got)
			}
		})
	}
}

// A nil pointer that a connection's function or a task of it returns as an error
// is called that.
//
// W3
func TestTheLogSaysThatANilPointerWasReturned(t *testing.T) {
	returnsNil := func(context.Context) error { return (*errorhandlers.Problem)(nil) }
	for name, f := range map[string]connFunc{
		"the function": func(ctx context.Context, _ *websocket.Conn) error { return returnsNil(ctx) },
		"a task": func(ctx context.Context, c *websocket.Conn) error {
			c.Go(returnsNil)
			<-ctx.Done()
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				app := creche.New(creche.Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
				srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
					return websocket.Serve(w, r, nil, f)
				})))
				dial(t, srv).wantEnd(websocket.InternalError)
				srv.Close()
				if got, want := out.String(), `error="a nil *errorhandlers.Problem was returned as an error"`; !strings.Contains(got, want) {
					t.Errorf("got log %q, want %s in it", got, want)
				}
			})
		})
	}
}

// What HTTP would answer with a 503 is not reported, but the peer is told no
// reason: the log has it, once.
//
// W3
func TestTheLogSaysWhyAConnectionIsClosedWithAnInternalError(t *testing.T) {
	tests := []struct {
		name string
		f    connFunc
		want string
	}{
		{"a deadline", forget, "creche: request timed out after 1s"},
		{"a 503", func(context.Context, *websocket.Conn) error {
			return &errorhandlers.Problem{Status: http.StatusServiceUnavailable, Err: errTicker}
		}, errTicker.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				app := creche.New(creche.Options{
					Logger:  slog.New(slog.NewTextHandler(&out, nil)),
					Observe: func(_ context.Context, r nursery.Report) { t.Errorf("got a report of %v, want none", r) },
				})
				h := app.Timeout(time.Second)(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
					return websocket.Serve(w, r, nil, tt.f)
				}))
				srv := nurserytest.NewServer(t, h)
				dial(t, srv).wantEnd(websocket.InternalError)
				srv.Close()
				if got := out.String(); strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, tt.want+`" method=GET path=/ws`) {
					t.Errorf("got log %q, want one line with %q, method and path", got, tt.want)
				}
			})
		})
	}
}

// logOf serves f with a log, of which it returns what is in it when all has
// ended that dial has begun.
func logOf(t *testing.T, o *websocket.Options, f connFunc, rules ...errorhandlers.Rule) string {
	t.Helper()
	var out bytes.Buffer
	app := creche.New(creche.Options{Logger: slog.New(slog.NewTextHandler(&out, nil)), Errors: rules})
	var around nursery.Nursery
	base := around.Open(context.Background())
	srv := nurserytest.NewServer(t, app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return upgrade(w, r, o, f)
	})), nurserytest.Configure(func(srv *http.Server) {
		srv.BaseContext = func(net.Listener) context.Context { return base }
	}))
	dial(t, srv).wantEnd(websocket.InternalError)
	srv.Close()
	if err := around.Join(); err != nil {
		t.Error(err)
	}
	synctest.Wait()
	return out.String()
}

// Whatever the log says of a connection, it says of which request it came.
//
// W3, W13
func TestTheLogNamesTheRequestOfAConnection(t *testing.T) {
	tests := []struct {
		name string
		f    connFunc
		want string
	}{
		{"a 503", func(context.Context, *websocket.Conn) error {
			return &errorhandlers.Problem{Status: http.StatusServiceUnavailable}
		}, "level=WARN"},
		{"a failure", func(context.Context, *websocket.Conn) error { return errPlain }, "level=ERROR"},
		{"a panic", func(context.Context, *websocket.Conn) error { panic(errPlain) }, "level=ERROR"},
		{"a panic of a task", func(ctx context.Context, c *websocket.Conn) error {
			c.Go(func(context.Context) error { panic(errPlain) })
			return forget(ctx, c)
		}, "level=ERROR"},
	}
	for _, tt := range tests {
		inBubbles(t, tt.name, func(t *testing.T, o *websocket.Options) {
			got := logOf(t, o, tt.f)
			if strings.Count(got, "level=") != 1 || !strings.Contains(got, tt.want) || !strings.Contains(got, " method=GET path=/ws") {
				t.Errorf("got log %q, want one line with %s, method and path", got, tt.want)
			}
		})
	}
}

// After the upgrade no handler of HTTP runs. The log says so of the rule that would
// have answered the failure.
//
// W3, E4
func TestTheLogNamesTheHandlersOfHTTPThatAreNotRun(t *testing.T) {
	answer := func(http.ResponseWriter, *http.Request, error) error { return nil }
	tests := []struct {
		name string
		rule errorhandlers.Rule
		want string
	}{
		{"for the error", errorhandlers.OnIs(errPlain, answer), "OnIs("},
		{"for what is left", errorhandlers.OnAny(answer), "OnAny ("},
		{"for something else", errorhandlers.OnIs(errTicker, answer), ""},
	}
	for _, tt := range tests {
		inBubbles(t, tt.name, func(t *testing.T, o *websocket.Options) {
			got := logOf(t, o, func(context.Context, *websocket.Conn) error { return errPlain }, tt.rule)
			_, skipped, has := strings.Cut(got, " skipped=\""+tt.want)
			if has != (tt.want != "") || has && !strings.Contains(skipped, "report_test.go:") || has && !strings.Contains(skipped, ": handlers of HTTP are not run here") {
				t.Errorf("got log %q, want the rule %q and that it is not run", got, tt.want)
			}
		})
	}
}
