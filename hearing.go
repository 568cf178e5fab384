package creche

import (
	"sync"

	"github.com/creche-go/creche/nursery"
)

// hearing is told how what runs of a service ends, and which critical tasks fail
// that it starts. What it hears it keeps until that has been judged, and then
// passes on: so none of it is lost, whichever comes first.
type hearing struct {
	some chan struct{} // closed when something was heard
	once sync.Once

	mu     sync.Mutex
	heard  []nursery.Failure
	passOn func(nursery.Failure) // nil until it was judged
}

func newHearing() *hearing { return &hearing{some: make(chan struct{})} }

// hear is told of f. Its Err is nil where something has ended well.
func (h *hearing) hear(f nursery.Failure) {
	if passOn := h.keep(f); passOn != nil {
		passOn(f)
	}
}

// keep keeps f, or returns to whom it is to be passed on.
func (h *hearing) keep(f nursery.Failure) (passOn func(nursery.Failure)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.passOn != nil {
		return h.passOn
	}
	h.heard = append(h.heard, f)
	h.once.Do(func() { close(h.some) })
	return nil
}

// first takes what was heard first. It must not be called before some is closed.
func (h *hearing) first() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.heard[0]
	h.heard = h.heard[1:]
	return f.Err
}

// judged returns what was heard and not taken, and has what comes passed on.
func (h *hearing) judged(passOn func(nursery.Failure)) []nursery.Failure {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.passOn = passOn
	return h.heard
}
