package creche

import (
	"context"
	"sync"
)

// gauge counts what is under way, and lets one wait until nothing is.
type gauge struct {
	mu    sync.Mutex
	count int
	empty chan struct{} // closed when count falls to 0; nil unless awaited
}

func (g *gauge) enter() { g.add(1) }

func (g *gauge) leave() { g.add(-1) }

// follow counts something that was under way, or not, and now is, or not.
func (g *gauge) follow(was, is bool) {
	switch {
	case is && !was:
		g.enter()
	case was && !is:
		g.leave()
	}
}

func (g *gauge) add(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.change(n)
}

// change is add for who holds the lock.
func (g *gauge) change(n int) {
	g.count += n
	if g.count == 0 && g.empty != nil {
		close(g.empty)
		g.empty = nil
	}
}

func (g *gauge) len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.count
}

// wait returns true when the count has been 0, false if ctx ended first.
func (g *gauge) wait(ctx context.Context) bool {
	g.mu.Lock()
	if g.count == 0 {
		g.mu.Unlock()
		return true
	}
	if g.empty == nil {
		g.empty = make(chan struct{})
	}
	empty := g.empty
	g.mu.Unlock()
	select {
	case <-empty:
		return true
	case <-ctx.Done():
		return false
	}
}
