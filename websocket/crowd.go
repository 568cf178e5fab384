package websocket

import (
	"context"
	"net/http"
	"sync"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/nursery"
)

// crowd is what the connections have in common that an application has on one
// server.
type crowd struct {
	sweeper sweeper
	account *account
	scope   nursery.Option // how a connection's nursery is opened
}

// crowds are those of an application, each under the nursery that is around the
// requests of its server. They are there while they are needed, and no longer, for
// where middleware opens a nursery for each request, each has a crowd of its own.
type crowds struct {
	mu sync.Mutex // never held across a wait
	of map[*nursery.Nursery]*crowd
}

type crowdsKey struct{}

// crowdOf returns the crowd of the connections that r may become one of, with the
// caller counted in: see count. Outside any middleware, and where the handler has
// put a nursery of its own around the connection, which may drain by itself, each
// is a crowd of its own.
func crowdOf(x *creche.Exchange, r *http.Request, detach bool) *crowd {
	if x == nil {
		draining := nursery.Draining(r.Context())
		return newCrowd(draining, newAccount(r.Context(), draining, nil))
	}
	a := x.App()
	all := a.Shared(crowdsKey{}, func() any { return &crowds{of: make(map[*nursery.Nursery]*crowd)} }).(*crowds)
	common := all.enter(x.Around(), a)
	if !detach && nursery.From(r.Context()) != nursery.From(x.Request().Context()) {
		return newCrowd(nursery.Draining(r.Context()), common.account, a.Observer())
	}
	return common
}

// enter returns the crowd of the server whose context is around, with the caller
// counted in.
func (cs *crowds) enter(around context.Context, a *creche.App) *crowd {
	n, draining := nursery.From(around), nursery.Draining(around)
	cs.mu.Lock()
	defer cs.mu.Unlock()
	d := cs.of[n]
	if d == nil {
		d = newCrowd(draining, newAccount(around, draining, a), a.Observer())
		d.account.crowds, d.account.around = cs, n
		cs.of[n] = d
	}
	d.account.users++
	return d
}

// count counts in and out who needs d: [Serve], while it upgrades, and each
// connection, until all that is to be said of it has been.
func (d *crowd) count(by int) {
	a := d.account
	if a.crowds == nil {
		return
	}
	a.crowds.mu.Lock()
	defer a.crowds.mu.Unlock()
	if a.users += by; a.users == 0 {
		delete(a.crowds.of, a.around)
	}
}

func newCrowd(draining <-chan struct{}, a *account, opts ...nursery.Option) *crowd {
	d := &crowd{account: a, scope: nursery.Bundle(append(opts, scope)...)}
	d.sweeper.open(draining)
	return d
}
