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
	shut  bool
}

func (g *gauge) enter() { g.add(1) }

func (g *gauge) leave() { g.add(-1) }

// admit counts one more, and returns true, unless g has been shut.
func (g *gauge) admit() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return false
	}
	g.count++
	return true
}

// shutOut has g admit nothing more.
func (g *gauge) shutOut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
}

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
