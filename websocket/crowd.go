package websocket

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// crowd is what the connections have in common that an application has on one
// server.
type crowd struct {
	sweeper sweeper
	scope   nursery.Option // how a connection's nursery is opened
	log     func() *slog.Logger

	mu     sync.Mutex // never held across a wait
	open   int
	told   bool          // the server has begun to drain
	counts [outcomes]int // of those that ended since then
}

// outcome is how a connection came to its end.
type outcome int

const (
	answered outcome = iota // the closes were exchanged
	vanished                // the peer's socket closed, or could not be reached, without one
	silent                  // our close left, and nothing came until the close timeout
	stalled                 // not even that could be written
	outcomes
)

// crowdKey finds a crowd in its application: that of the server whose nursery
// is around the requests.
type crowdKey struct{ around *nursery.Nursery }

// crowdOf returns the crowd of the connections that r may become one of. Outside
// any middleware, and where the handler has put a nursery of its own around the
// connection, which may drain by itself, each is a crowd of its own.
func crowdOf(x *creche.Exchange, r *http.Request, detach bool) *crowd {
	if x == nil {
		return newCrowd(nursery.Draining(r.Context()), slog.Default)
	}
	a, around := x.App(), x.Around()
	if !detach && nursery.From(r.Context()) != nursery.From(x.Request().Context()) {
		return newCrowd(nursery.Draining(r.Context()), a.Log, a.Observer())
	}
	return a.Shared(crowdKey{nursery.From(around)}, func() any {
		return newCrowd(nursery.Draining(around), a.Log, a.Observer())
	}).(*crowd)
}

func newCrowd(draining <-chan struct{}, log func() *slog.Logger, opts ...nursery.Option) *crowd {
	d := &crowd{log: log, scope: nursery.Bundle(append(opts, scope)...)}
	d.sweeper.open(draining)
	return d
}

func (d *crowd) enter() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open++
}

// leave counts a connection out. When the last one has ended of a server that
// drains, how they did is logged.
func (d *crowd) leave(ctx context.Context, how outcome, draining bool) {
	d.mu.Lock()
	d.open--
	d.told = d.told || draining
	if d.told {
		d.counts[how]++
	}
	over, counts := d.told && d.open == 0, d.counts
	d.mu.Unlock()
	if over {
		d.log().InfoContext(ctx, "websocket: all connections have ended",
			"answered", counts[answered], "vanished", counts[vanished],
			"silent", counts[silent], "stalled", counts[stalled])
	}
}
