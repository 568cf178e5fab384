package websocket

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// AbortedError is reported, to [creche.Options.Observe] or else the log, when the
// last connection of a server that stops has ended and some of them had to be
// aborted. It is reported once, before [creche.App.Serve] returns, and is no
// error of Serve: peers that are out of reach are no work left undone. (Functions
// that ignore their cancellation are, and are named in a
// [creche.UnfinishedError].) If none was aborted, a line in the log has the
// numbers.
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

// Error returns how many were aborted, and the other numbers.
func (e *AbortedError) Error() string {
	return fmt.Sprintf("websocket: %d connections were aborted at the stop: %d did not answer the close and %d did not take it (%d answered, %d vanished)",
		e.Silent+e.Stalled, e.Silent, e.Stalled, e.Answered, e.Vanished)
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
	ctx      context.Context // of the server

	mu     sync.Mutex // never held across a wait
	open   int
	counts [outcomes]int // of those that ended since then
}

type accountKey struct{ around *nursery.Nursery }

func accountOf(around context.Context, a *creche.App) *account {
	return a.Shared(accountKey{nursery.From(around)}, func() any {
		return newAccount(around, nursery.Draining(around), a)
	}).(*account)
}

func newAccount(ctx context.Context, draining <-chan struct{}, a *creche.App) *account {
	return &account{draining: draining, app: a, ctx: ctx}
}

func (a *account) enter() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open++
}

// leave counts a connection out. When the last one has ended of a server that
// drains, how they did is told.
func (a *account) leave(how outcome) {
	a.mu.Lock()
	a.open--
	drains := isClosed(a.draining)
	if drains {
		a.counts[how]++
	}
	over, counts := drains && a.open == 0, a.counts
	if over {
		a.counts = [outcomes]int{} // one that was just being upgraded may yet come
	}
	a.mu.Unlock()
	if over {
		a.tell(&AbortedError{counts[answered], counts[vanished], counts[silent], counts[stalled]})
	}
}

func (a *account) tell(e *AbortedError) {
	switch aborted := e.Silent+e.Stalled > 0; {
	case a.app != nil && aborted:
		a.app.Report(a.ctx, title, e)
	case a.app != nil:
		a.app.Log().InfoContext(a.ctx, "websocket: all connections have ended", "answered", e.Answered, "vanished", e.Vanished)
	case aborted: // without an application this is one connection, of perhaps thousands
		slog.ErrorContext(a.ctx, e.Error())
	}
}
