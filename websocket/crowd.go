package websocket

import (
	"context"
	"net/http"

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

// crowdKey finds a crowd in its application: that of the server whose nursery
// is around the requests.
type crowdKey struct{ around *nursery.Nursery }

// crowdOf returns the crowd of the connections that r may become one of. Outside
// any middleware, and where the handler has put a nursery of its own around the
// connection, which may drain by itself, each is a crowd of its own.
func crowdOf(x *creche.Exchange, r *http.Request, detach bool) *crowd {
	if x == nil {
		draining := nursery.Draining(r.Context())
		return newCrowd(draining, newAccount(context.WithoutCancel(r.Context()), draining, nil))
	}
	a, around := x.App(), x.Around()
	if !detach && nursery.From(r.Context()) != nursery.From(x.Request().Context()) {
		return newCrowd(nursery.Draining(r.Context()), accountOf(around, a), a.Observer())
	}
	return a.Shared(crowdKey{nursery.From(around)}, func() any {
		return newCrowd(nursery.Draining(around), accountOf(around, a), a.Observer())
	}).(*crowd)
}

func newCrowd(draining <-chan struct{}, a *account, opts ...nursery.Option) *crowd {
	d := &crowd{account: a, scope: nursery.Bundle(append(opts, scope)...)}
	d.sweeper.open(draining)
	return d
}
