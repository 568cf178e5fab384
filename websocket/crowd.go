package websocket

import (
	"context"
	"log/slog"
	"sync"

	"github.com/creche-go/creche"
)

// crowd is what the connections of an application have in common.
type crowd struct {
	sweeper *sweeper
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

type crowdKey struct{}

// crowdOf returns the crowd of the application that x belongs to. Outside any
// middleware there is none, and each connection is one of its own.
func crowdOf(x *creche.Exchange) *crowd {
	if x == nil {
		return newCrowd(slog.Default)
	}
	a := x.App()
	return a.Shared(crowdKey{}, func() any { return newCrowd(a.Log) }).(*crowd)
}

func newCrowd(log func() *slog.Logger) *crowd { return &crowd{sweeper: newSweeper(), log: log} }

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
