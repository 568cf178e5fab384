package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
	"github.com/creche-go/creche/nursery/nurserytest"
	"github.com/creche-go/creche/websocket"
)

// wantCodes checks that all of g were told code.
func (f *farewell) wantCodes(t *testing.T, code websocket.Code, groups ...group) {
	t.Helper()
	for _, g := range groups {
		if got := f.codes[g.name]; len(got) != 1 || got[code] != g.n {
			t.Errorf("of %d, each of which %s: told %v, want %v", g.n, g.name, got, code)
		}
	}
}

// wantReport checks that want is all that was reported.
func (f *farewell) wantReport(t *testing.T, want websocket.AbortedError) {
	t.Helper()
	if len(f.reports) != 1 {
		t.Fatalf("got reports %q, want one", f.reports)
	}
	if got, ok := errors.AsType[*websocket.AbortedError](f.reports[0]); !ok || *got != want {
		t.Errorf("got report %q, want %+v", f.reports[0], want)
	}
}

// inMemory returns a listener in memory and what dials it.
func inMemory(t *testing.T) (net.Listener, func() net.Conn) {
	ln := nurserytest.Listen()
	return ln, func() net.Conn {
		conn, err := ln.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
}

// Of a thousand and more, each that answers is told 1001, and how the others
// ended is said by number.
//
// W2, W9
func TestAStopTellsAllConnections(t *testing.T) {
	good := []group{{answers, 980}, {between, 20}, {inside, 10}}
	bad := []group{{hangsUp, 5}, {silent, 10}, {muffled, 15}}
	stalled := group{stalls, 5}
	for _, detach := range []bool{false, true} {
		t.Run(fmt.Sprintf("detached: %v", detach), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln, dial := inMemory(t)
				f := stopUnder(t, ln, dial, &websocket.Options{Detach: detach}, flooded, append(append(good, bad...), stalled))
				if f.err != nil || f.took != 2*time.Second {
					t.Errorf("Serve returned %v after %v, want nil when the silent ones were aborted after 2s", f.err, f.took)
				}
				f.wantCodes(t, websocket.GoingAway, append(good, bad...)...)
				f.wantReport(t, websocket.AbortedError{Answered: 1010, Vanished: 5, Silent: 25, Stalled: 5})
				const text = "websocket: 30 connections were aborted at the stop: 25 silent, 5 stalled (1010 answered, 5 vanished)"
				if got := f.reports[0].Error(); got != text {
					t.Errorf("got %q, want %q", got, text)
				}
				if strings.Contains(f.log, "all connections have ended") {
					t.Errorf("logged %q, want nothing of what is reported", f.log)
				}
			})
		})
	}
}

// W9
func TestAStopThatAbortsNobodyIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, dial := inMemory(t)
		f := stopUnder(t, ln, dial, nil, flooded, []group{{answers, 3}, {hangsUp, 2}})
		if f.err != nil || f.took != 0 || len(f.reports) > 0 {
			t.Errorf("Serve returned %v after %v, with reports %q", f.err, f.took, f.reports)
		}
		const line = `msg="websocket: all connections have ended" answered=3 vanished=2`
		if strings.Count(f.log, line) != 1 {
			t.Errorf("logged %q, want once %q", f.log, line)
		}
	})
}

// Outside any middleware nobody knows of all connections, and each would say that
// all have ended.
//
// W9
func TestAStopOutsideAnyMiddlewareLogsOnlyWhatItAborts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := logged(t)
		var around nursery.Nursery
		base := around.Open(t.Context())
		s := nurserytest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = websocket.Serve(w, r, nil, echo)
		}), nurserytest.Configure(func(srv *http.Server) {
			srv.BaseContext = func(net.Listener) context.Context { return base }
		}))
		answering := []*peer{dial(t, s), dial(t, s), dial(t, s)}
		dial(t, s) // and is silent
		synctest.Wait()
		around.Drain(-1)
		for _, p := range answering {
			p.wantEnd(websocket.GoingAway)
		}
		s.Close()
		if err := around.Join(); err != nil {
			t.Error(err)
		}
		if got := log.String(); strings.Count(got, "msg=") != 1 || strings.Count(got, "level=WARN msg=\"websocket: 1 connection was aborted at the stop: 1 stalled\"") != 1 {
			t.Errorf("logged %q, want a line for the one that was aborted", got)
		}
	})
}

// Somebody is out of reach at every stop of a large server, and nobody is to be
// woken for it.
//
// W9
func TestAbortsAtTheStopAreLoggedAsAWarning(t *testing.T) {
	for name, observe := range map[string]func(context.Context, nursery.Report){
		"without an observer": nil, "by an observer that logs": creche.LogReport,
	} {
		inBubbles(t, name, func(t *testing.T, o *websocket.Options) {
			var log journal
			app := creche.New(creche.Options{IgnoreSignals: true, Observe: observe, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			ln, dial := inMemory(t)
			served := make(chan error, 1)
			go func() {
				served <- app.Serve(t.Context(), ln, app.Middleware(creche.Handler(func(w http.ResponseWriter, r *http.Request) error {
					return upgrade(w, r, o, echo)
				})))
			}()
			p := join(t, dial())
			silent.prepare(p)
			app.Stop(nil)
			silent.stop(p)
			if err := <-served; err != nil {
				t.Error(err)
			}
			const want = `level=WARN msg="creche: failure" nursery=websocket error="websocket: 1 connection was aborted at the stop: 1 silent"`
			if got := log.String(); strings.Count(got, want) != 1 || strings.Contains(got, "level=ERROR") {
				t.Errorf("logged %q, want once %q and no error", got, want)
			}
		})
	}
}

// Functions that ignore their cancellation are work left undone: Serve says how
// many. Their peers are told and closed all the same.
//
// W1, W9
func TestAStopWithFunctionsThatAreDeaf(t *testing.T) {
	inBubbles(t, "", func(t *testing.T, o *websocket.Options) {
		ln, dial := inMemory(t)
		f := stopUnder(t, ln, dial, o, func(ctx context.Context, c *websocket.Conn) error {
			m, err := c.Receive(ctx)
			if err == nil {
				err = c.Send(ctx, m)
			}
			time.Sleep(time.Hour)
			return err
		}, []group{{answers, 3}, {silent, 2}})
		if e, ok := errors.AsType[*creche.UnfinishedError](f.err); !ok || len(e.Connections) != 5 || len(e.Tasks)+len(e.Requests) > 0 {
			t.Errorf("Serve returned %v, want five connections unfinished", f.err)
		}
		f.wantCodes(t, websocket.GoingAway, group{answers, 3}, group{silent, 2})
		f.wantReport(t, websocket.AbortedError{Answered: 3, Silent: 2})
		time.Sleep(time.Hour)
	})
}

// That all have ended is said when it is true, of functions too and of what is
// called at the very end.
//
// W9
func TestTheLogSaysThatAllHaveEndedWhenTheyHave(t *testing.T) {
	const line = `msg="websocket: all connections have ended" answered=3`
	for name, hang := range map[string]struct {
		function, atTheEnd time.Duration
	}{"a function hangs": {time.Hour, 0}, "OnClose hangs": {0, time.Hour}} {
		inBubbles(t, name, func(t *testing.T, o *websocket.Options) {
			ln, dial := inMemory(t)
			o.OnClose = func(*websocket.Conn, *websocket.CloseError) { time.Sleep(hang.atTheEnd) }
			f := stopUnder(t, ln, dial, o, func(ctx context.Context, c *websocket.Conn) error {
				defer time.Sleep(hang.function)
				return echo(ctx, c)
			}, []group{{answers, 3}})
			if e, ok := errors.AsType[*creche.UnfinishedError](f.err); !ok || len(e.Connections) != 3 || len(f.reports) > 0 {
				t.Errorf("Serve returned %v, with reports %q; want three connections unfinished", f.err, f.reports)
			}
			if strings.Contains(f.log, "have ended") {
				t.Errorf("logged %q when three still ran", f.log)
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			if got := f.later(); strings.Count(got, line) != 1 {
				t.Errorf("logged %q, want once %q", got, line)
			}
		})
	}
}

// W9
func TestAnAbortedErrorNamesItsFields(t *testing.T) {
	for want, e := range map[string]websocket.AbortedError{
		"1 connection was aborted at the stop: 1 stalled (2 answered)":                         {Answered: 2, Stalled: 1},
		"1 connection was aborted at the stop: 1 silent":                                       {Silent: 1},
		"2 connections were aborted at the stop: 1 silent, 1 stalled (3 vanished)":             {Silent: 1, Stalled: 1, Vanished: 3},
		"5 connections were aborted at the stop: 2 silent, 3 stalled (7 answered, 1 vanished)": {Answered: 7, Vanished: 1, Silent: 2, Stalled: 3},
		"0 connections were aborted at the stop":                                               {},
	} {
		if got := e.Error(); got != "websocket: "+want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// smallBuffers is a listener whose sockets take little that nobody reads.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		_ = conn.(*net.TCPConn).SetWriteBuffer(16 << 10)
	}
	return conn, err
}

// A thousand real sockets, with all that peers do when a server stops.
//
// W2, W9
func TestAStopOverTCP(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 100
	}
	needDescriptors(t, 2*n+100) // both ends are here
	nurserytest.CheckLeaks(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		return conn
	}
	answering := []group{{answers, n * 6 / 10}, {between, n / 10}, {inside, n / 10}}
	others := []group{{hangsUp, n / 20}, {silent, n / 20}, {muffled, n / 20}}
	stalled := group{stalls, n / 20}
	const timeout = 6 * time.Second // for a machine that is busy with other things, too
	f := stopUnder(t, smallBuffers{ln}, dial, &websocket.Options{CloseTimeout: timeout}, flooded, append(append(answering, others...), stalled))
	if f.err != nil {
		t.Errorf("Serve returned %v, want nil", f.err)
	}
	f.wantCodes(t, websocket.GoingAway, append(answering, others...)...)
	f.wantReport(t, websocket.AbortedError{Answered: n * 8 / 10, Vanished: n / 20, Silent: n / 10, Stalled: n / 20})
	told := make(map[websocket.Code]int)
	for _, codes := range f.codes {
		for code, n := range codes {
			told[code] += n
		}
	}
	t.Attr("did", fmt.Sprintf("%d sockets, a fifth of which do not answer; %d were told 1001, the %d that stall 1006; the stop took %v, of which %v are the close timeout",
		n, told[websocket.GoingAway], told[websocket.Abnormal], f.took.Round(time.Millisecond), timeout))
}
