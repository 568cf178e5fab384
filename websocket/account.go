package websocket

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// AbortedError is reported, to [creche.Options.Observe] or else the log, at level
// warn, when the last connection of a server that stops is closed and some of them
// had to be aborted. It is reported once, before [creche.App.Serve] returns, and is
// no error of Serve: peers that are out of reach are no work left undone.
// (Functions that ignore their cancellation are, and are named in a
// [creche.UnfinishedError].) If none was aborted, a line in the log has the
// numbers, when the functions of all have returned and their
// [Options.OnClose], too.
//
// The numbers are those of the connections of the application that have ended
// since the server began to drain. One that is just being upgraded then, and ends
// after all others, is told by itself. Outside any middleware of an application
// each connection is, in the log, and only if it was aborted.
//
// [creche.App.Serve]: https://pkg.go.dev/github.com/creche-go/creche#App.Serve
// [creche.Options.Observe]: https://pkg.go.dev/github.com/creche-go/creche#Options
// [creche.UnfinishedError]: https://pkg.go.dev/github.com/creche-go/creche#UnfinishedError
type AbortedError struct {
	// Answered have exchanged close frames. The server's had [GoingAway], unless
	// the connection's function ended with something else.
	Answered int
	// Vanished are those whose peer hung up, or could not be reached, without an
	// answer.
	Vanished int
	// Silent were sent the close frame, and aborted when nothing had come back
	// within [Options.CloseTimeout].
	Silent int
	// Stalled were aborted because not even that could be written in that time.
	Stalled int
}

// Error returns how many were aborted, and each number that is not 0 under the
// name of its field.
func (e *AbortedError) Error() string {
	were := "connections were"
	if e.aborted() == 1 {
		were = "connection was"
	}
	text := fmt.Sprintf("websocket: %d %s aborted at the stop", e.aborted(), were)
	if how := counted(counted(nil, e.Silent, "silent"), e.Stalled, "stalled"); how != nil {
		text += ": " + strings.Join(how, ", ")
	}
	if others := counted(counted(nil, e.Answered, "answered"), e.Vanished, "vanished"); others != nil {
		text += " (" + strings.Join(others, ", ") + ")"
	}
	return text
}

// Level returns [slog.LevelWarn], for [creche.LogReport]: that phones are in tunnels
// when a server stops is nobody's failure.
//
// [creche.LogReport]: https://pkg.go.dev/github.com/creche-go/creche#LogReport
func (e *AbortedError) Level() slog.Level { return slog.LevelWarn }

func (e *AbortedError) aborted() int { return e.Silent + e.Stalled }

// counted appends n with what it counts, unless it is 0.
func counted(list []string, n int, what string) []string {
	if n == 0 {
		return list
	}
	return append(list, fmt.Sprintf("%d %s", n, what))
}

// outcome is how a connection came to its end.
type outcome int

const (
	answered outcome = iota // see AbortedError
	vanished
	silent
	stalled
	outcomes
)

// account counts how the connections end that an application has on one server,
// once that begins to drain.
type account struct {
	draining <-chan struct{} // of the server
	app      *creche.App     // nil outside any middleware
	ctx      context.Context // of the server, without end

	crowds *crowds          // where it is found; nil outside any middleware
	around *nursery.Nursery // by which
	users  int              // who need it, under crowds.mu: see crowd.count

	mu     sync.Mutex    // never held across a wait
	open   int           // whose socket is
	alive  int           // those, and those whose function still runs
	counts [outcomes]int // how those were closed that were since then
}

func newAccount(ctx context.Context, draining <-chan struct{}, a *creche.App) *account {
	return &account{draining: draining, app: a, ctx: context.WithoutCancel(ctx)}
}

func (a *account) enter() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open++
	a.alive++
}

// leave counts a connection's socket out. When the last one is closed of a
// server that drains, and some were aborted, that is told: functions that are
// deaf must not keep it from whoever looks after the server.
func (a *account) leave(how outcome) {
	a.mu.Lock()
	a.open--
	var e AbortedError
	if isClosed(a.draining) {
		a.counts[how]++
		if a.open == 0 && a.counts[silent]+a.counts[stalled] > 0 {
			e = a.settle()
		}
	}
	a.mu.Unlock()
	if e.aborted() > 0 {
		a.report(&e)
	}
}

// finish counts a connection out of which nothing is left. When it was the last
// one of a server that drains, what was not told before is logged.
func (a *account) finish() {
	a.mu.Lock()
	a.alive--
	var e AbortedError
	if a.alive == 0 {
		e = a.settle()
	}
	a.mu.Unlock()
	if a.app != nil && e != (AbortedError{}) {
		a.app.Log().InfoContext(a.ctx, "websocket: all connections have ended", "answered", e.Answered, "vanished", e.Vanished)
	}
}

// settle returns the numbers and begins anew: a connection that was just being
// upgraded may yet come.
func (a *account) settle() AbortedError {
	n := a.counts
	a.counts = [outcomes]int{}
	return AbortedError{n[answered], n[vanished], n[silent], n[stalled]}
}

func (a *account) report(e *AbortedError) {
	if a.app != nil {
		a.app.Report(a.ctx, title, e)
		return
	}
	// Without an application this is one connection, of perhaps thousands.
	slog.LogAttrs(a.ctx, e.Level(), e.Error())
}
